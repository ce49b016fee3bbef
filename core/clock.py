"""Points in time as they stand in the store and in `--json`: ISO 8601, UTC, milliseconds. And as people write them."""

import re
from datetime import UTC, datetime, timedelta

_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_LONGEST_S = 366 * 86400


def now() -> str:
    return format_timestamp(datetime.now(UTC))


def format_timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> datetime:
    return datetime.fromisoformat(text)


def seconds_between(start: str, end: str) -> float:
    return (parse_timestamp(end) - parse_timestamp(start)).total_seconds()


def format_duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 5 min`, `6 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    larger, smaller = (whole // 60, whole % 60) if whole < 3600 else (whole // 3600, whole % 3600 // 60)
    units = ("min", "s") if whole < 3600 else ("h", "min")
    return f"{larger} {units[0]}" + (f" {smaller} {units[1]}" if smaller else "")


def parse_duration(text: str) -> float:
    """Seconds from `90s`, `30 min`, `1h30m` or `2d`. Raises ValueError, which says what can be."""
    parts = _PART.findall(text.strip().lower())
    if not parts or _PART.sub("", text.strip().lower()) or any(unit not in _SECONDS for _, unit in parts):
        raise ValueError(f"{text!r} is no length of time: write 30min, 2h or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(f"{text!r} cannot be: give more than nothing and at most a year")
    return seconds


def parse_time(text: str, at: datetime | None = None) -> datetime:
    """The next `02:00` on the reader's clock, or `2026-05-01 02:00`. Raises ValueError, which says what can be."""
    here = (at or datetime.now(UTC)).astimezone()
    try:
        clock = datetime.strptime(text.strip(), "%H:%M").time()
    except ValueError:
        return _read_date(text, here)
    today = datetime.combine(here.date(), clock)
    moment = _on_the_clock(today)
    return moment if moment > here else _on_the_clock(today + timedelta(days=1))


def _read_date(text: str, here: datetime) -> datetime:
    try:
        moment = _on_the_clock(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write 02:00 or 2026-05-01 02:00") from None
    if moment <= here:
        raise ValueError(f"{text!r} is past")
    if (moment - here).total_seconds() > _LONGEST_S:
        raise ValueError(f"{text!r} is more than a year away")
    return moment


def _on_the_clock(moment: datetime) -> datetime:
    """In local time. What the clock leaves out when it is put on comes an hour later; `astimezone` has it an hour before."""
    return datetime.fromtimestamp(moment.timestamp(), UTC).astimezone()
