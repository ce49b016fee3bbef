"""Timestamps of the store and of `--json` (ISO 8601, UTC, milliseconds), and times and durations as users write them."""

import re
from datetime import UTC, datetime, timedelta

_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_MAX_S = 366 * 86400


def now() -> str:
    """Return the current time as a timestamp."""
    return format_timestamp(datetime.now(UTC))


def format_timestamp(moment: datetime) -> str:
    """Return `2026-05-01T02:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> datetime:
    """Read a timestamp of the store."""
    return datetime.fromisoformat(text)


def seconds_between(start: str, end: str) -> float:
    """Return the seconds from one timestamp to another."""
    return (parse_timestamp(end) - parse_timestamp(start)).total_seconds()


def format_duration(seconds: float) -> str:
    """Return `45 s`, `3 min 20 s`, `2 h 5 min` or `6 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    larger, smaller = (whole // 60, whole % 60) if whole < 3600 else (whole // 3600, whole % 3600 // 60)
    units = ("min", "s") if whole < 3600 else ("h", "min")
    return f"{larger} {units[0]}" + (f" {smaller} {units[1]}" if smaller else "")


def parse_duration(text: str) -> float:
    """Return the seconds of `90s`, `30 min`, `1h30m` or `2d`. Raises ValueError, which names the accepted forms."""
    parts = _PART.findall(text.strip().lower())
    if not parts or _PART.sub("", text.strip().lower()) or any(unit not in _SECONDS for _, unit in parts):
        raise ValueError(f"{text!r} is not a duration: write 30min, 2h or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not 0 < seconds <= _MAX_S:
        raise ValueError(f"{text!r} is out of range: give more than 0 and at most a year")
    return seconds


def parse_time(text: str, at: datetime | None = None) -> datetime:
    """Return the next `02:00` in local time, or `2026-05-01 02:00`. Raises ValueError, which names the accepted forms."""
    current = (at or datetime.now(UTC)).astimezone()
    try:
        clock = datetime.strptime(text.strip(), "%H:%M").time()
    except ValueError:
        return _parse_date(text, current)
    today = datetime.combine(current.date(), clock)
    moment = _to_local(today)
    return moment if moment > current else _to_local(today + timedelta(days=1))


def _parse_date(text: str, current: datetime) -> datetime:
    try:
        moment = _to_local(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time: write 02:00 or 2026-05-01 02:00") from None
    if moment <= current:
        raise ValueError(f"{text!r} is in the past")
    if (moment - current).total_seconds() > _MAX_S:
        raise ValueError(f"{text!r} is more than a year away")
    return moment


def _to_local(moment: datetime) -> datetime:
    """Return a naive local time with its offset.

    A time that is skipped when the clock goes forward becomes an hour later; `astimezone` alone makes it an hour earlier.
    """
    return datetime.fromtimestamp(moment.timestamp(), UTC).astimezone()
