"""`core.clock`: points in time as they stand in the store, and lengths and points of time as people write them."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import (
    format_duration,
    format_timestamp,
    now,
    parse_duration,
    parse_time,
    parse_timestamp,
    seconds_between,
)

# As POSIX has it, so that no table of time zones is needed: one hour on at the end of March, back at the end of October.
_BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
_NEW_YORK = "EST5EDT,M3.2.0,M11.1.0"
_ZONES = ("UTC0", _BERLIN, _NEW_YORK, "<+0545>-5:45", "<+14>-14", "<-12>12")

_MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 1), timezones=st.just(UTC))
# In which the clock is put on or back.
_NIGHTS = st.one_of(
    st.datetimes(datetime(2026, 3, day), datetime(2026, 3, day + 1, 4), timezones=st.just(UTC)) for day in (7, 28)
) | st.datetimes(datetime(2026, 10, 24), datetime(2026, 10, 25, 4), timezones=st.just(UTC))
_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


@pytest.fixture
def live_in() -> Iterator[Callable[[str], None]]:
    """Sets the reader's clock by a time zone."""
    with pytest.MonkeyPatch.context() as patch:

        def move(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        yield move
    time.tzset()


@given(moment=_MOMENTS)
def test_a_stamp_is_read_as_the_moment_that_it_was_made_of(moment: datetime) -> None:
    text = format_timestamp(moment)
    assert abs(parse_timestamp(text) - moment) < timedelta(milliseconds=1)
    assert format_timestamp(moment.astimezone(timezone(timedelta(hours=-7)))) == text
    assert len(text) == len("2026-01-01T00:00:00.000Z")


@given(first=_MOMENTS, second=_MOMENTS)
def test_stamps_stand_in_the_order_of_their_moments(first: datetime, second: datetime) -> None:
    assert (format_timestamp(first) <= format_timestamp(second)) or first > second
    assert seconds_between(format_timestamp(first), format_timestamp(second)) == pytest.approx(
        (second - first).total_seconds(), abs=0.002
    )


def test_now_is_now() -> None:
    assert abs((parse_timestamp(now()) - datetime.now(UTC)).total_seconds()) < 60
    assert now().endswith("Z")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.6, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3599.7, "1 h"),
        (7500, "2 h 5 min"),
        (200_000, "55 h 33 min"),
    ],
)
def test_a_length_of_time_is_written_as_one_reads_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("90 s", 90),
        ("30sec", 30),
        ("5m", 300),
        ("30 min", 1800),
        ("30MIN", 1800),
        ("2h", 7200),
        ("1h30m", 5400),
        (" 1h 30 min ", 5400),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("366d", 31_622_400),
        ("0.5s", 0.5),
    ],
)
def test_a_length_of_time_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@given(parts=st.lists(st.tuples(st.integers(1, 30), st.sampled_from(sorted(_UNITS))), min_size=1, max_size=4))
def test_parts_of_a_length_of_time_add_up(parts: list[tuple[int, str]]) -> None:
    seconds = sum(number * _UNITS[unit] for number, unit in parts)
    for between in ("", " "):
        assert parse_duration(between.join(f"{number}{between}{unit}" for number, unit in parts)) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "30", "h", "2x", "2hours", "1h30", "-5m", "1,5h", "1e3s", "1h;2m", "nan s", "2 h\0"]
)
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write 30min, 2h or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0h0m", "367d", "9999h", f"{'9' * 400}s"])
def test_a_length_of_time_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is out of range: give more than 0 and at most a year"):
        parse_duration(text)


@given(text=st.text(st.sampled_from("0123456789.smhdinec \n٣"), max_size=12) | st.text())
def test_whatever_is_written_a_length_of_time_is_one_or_is_refused(text: str) -> None:
    try:
        assert 0 < parse_duration(text) <= 366 * 86_400
    except ValueError as error:
        assert repr(text) in str(error)


@pytest.mark.parametrize(
    ("zone", "at", "text", "moment"),
    [
        ("UTC0", "2026-05-01T01:00Z", "02:00", "2026-05-01T02:00Z"),
        ("UTC0", "2026-05-01T02:00Z", "02:00", "2026-05-02T02:00Z"),
        ("UTC0", "2026-05-01T02:00:01Z", " 2:00 ", "2026-05-02T02:00Z"),
        ("UTC0", "2026-12-31T23:59Z", "00:00", "2027-01-01T00:00Z"),
        (_BERLIN, "2026-05-01T22:30Z", "02:00", "2026-05-02T00:00Z"),
        (_NEW_YORK, "2026-05-01T22:30Z", "02:00", "2026-05-02T06:00Z"),
        ("<+14>-14", "2026-05-01T22:30Z", "13:00", "2026-05-01T23:00Z"),
        # The night in which the clock is put on is an hour shorter, the other an hour longer.
        (_BERLIN, "2026-03-28T21:00Z", "08:00", "2026-03-29T06:00Z"),
        (_BERLIN, "2026-10-24T20:00Z", "08:00", "2026-10-25T07:00Z"),
        # 02:30 is left out in the one, and comes twice in the other.
        (_BERLIN, "2026-03-28T21:00Z", "02:30", "2026-03-29T01:30Z"),
        (_BERLIN, "2026-10-24T20:00Z", "02:30", "2026-10-25T00:30Z"),
        (_BERLIN, "2026-10-25T06:00Z", "02:30", "2026-10-26T01:30Z"),
        (_BERLIN, "2026-05-01T00:00Z", "2026-05-01 03:00", "2026-05-01T01:00Z"),
        (_BERLIN, "2026-05-01T00:00Z", "2026-12-01 03:00", "2026-12-01T02:00Z"),
        (_BERLIN, "2026-05-01T00:00Z", "2026-05-02", "2026-05-01T22:00Z"),
        (_BERLIN, "2026-05-01T00:00Z", "2026-05-01T03:00:30", "2026-05-01T01:00:30Z"),
        (_BERLIN, "2026-05-01T00:00Z", "2026-05-01T03:00-02:00", "2026-05-01T05:00Z"),
        (_BERLIN, "2026-05-01T00:00Z", "2026-05-01T03:00Z", "2026-05-01T03:00Z"),
    ],
)
def test_a_time_is_the_next_one_on_the_readers_clock(
    live_in: Callable[[str], None], zone: str, at: str, text: str, moment: str
) -> None:
    live_in(zone)
    assert parse_time(text, datetime.fromisoformat(at)) == datetime.fromisoformat(moment)


@pytest.mark.parametrize("zone", _ZONES)
def test_a_time_is_ahead_by_at_most_a_day_and_reads_as_it_was_written(
    live_in: Callable[[str], None], zone: str
) -> None:
    live_in(zone)

    @given(at=_MOMENTS | _NIGHTS, hour=st.integers(0, 23), minute=st.integers(0, 59))
    def holds(at: datetime, hour: int, minute: int) -> None:
        moment = parse_time(f"{hour:02}:{minute:02}", at)
        # 25 hours where the clock is put back in between.
        assert timedelta() < moment - at <= timedelta(hours=24 + (zone in (_BERLIN, _NEW_YORK)))
        shown = moment.astimezone()
        # What the clock leaves out when it is put on comes an hour later.
        left_out = zone in (_BERLIN, _NEW_YORK) and (hour, shown.hour) == (2, 3)
        assert left_out or (shown.hour, shown.minute) == (hour, minute)

    holds()


@pytest.mark.parametrize("text", ["2026-05-01 02:00", "2026-04-30", "1969-12-31", "2025-05-01T02:00+02:00"])
def test_what_is_past_is_refused(live_in: Callable[[str], None], text: str) -> None:
    live_in("UTC0")
    with pytest.raises(ValueError, match=f"'{text}' is in the past".replace("+", "\\+")):
        parse_time(text, datetime(2026, 5, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [
        *("", "2", "24:00", "12:60", "tomorrow", "noon", "02:00 pm", "-1:00", "\ud800", "02:00\0"),
        # A year and a month are no time of the day, and the reader's clock has no zone.
        *("2026", "2026-05", "02:00Z", "02:00+02:00"),
        *("2026-13-01", "2026-02-30 02:00", "2026-05-01 25:00", "01.05.2026", "0001-01-01", "9999-12-31T23:59-12:00"),
    ],
    ids=repr,
)
def test_what_is_no_time_is_refused(live_in: Callable[[str], None], text: str) -> None:
    live_in(_BERLIN)
    with pytest.raises(ValueError, match="is not a time: write 02:00 or 2026-05-01 02:00"):
        parse_time(text, datetime(2026, 5, 1, tzinfo=UTC))


@given(text=st.text(st.sampled_from("0123456789-:TZ+ W."), max_size=20) | st.text())
def test_whatever_is_written_a_time_is_ahead_and_can_be_kept_or_is_refused(text: str) -> None:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    try:
        moment = parse_time(text, at)
    except ValueError as error:
        assert repr(text) in str(error)
    else:
        assert moment > at
        assert parse_timestamp(format_timestamp(moment)) - moment < timedelta(milliseconds=1)


def test_without_a_moment_to_count_from_it_is_this_one() -> None:
    moment = parse_time("02:00")
    assert timedelta() < moment - datetime.now(UTC) <= timedelta(hours=25)
