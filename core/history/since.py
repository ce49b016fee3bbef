"""Points in time as users write them: a day such as `2026-05-01`, or an age such as `2w`."""

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"([1-9]\d{0,4})([hdwy])", re.ASCII)
_DAYS = {"h": 1 / 24, "d": 1, "w": 7, "y": 365}


def parse_since(text: str, whole_day: bool = False) -> datetime:
    """Return the time in UTC: so long ago, or the start of a local day, its end with `whole_day`. Raises ValueError."""
    match = _AGO.fullmatch(text)
    try:
        if match:
            return datetime.now(UTC) - timedelta(days=int(match[1]) * _DAYS[match[2]])
        day = datetime.strptime(text, "%Y-%m-%d")
        if whole_day:
            day += timedelta(days=1)
        return day.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a day or an age: write 2026-05-01, 12h, 90d, 2w or 1y") from None
