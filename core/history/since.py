"""Points in the past as people write them: `2w` ago, or `2026-05-01`."""

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"([1-9]\d{0,4})([hdwy])", re.ASCII)
_DAYS = {"h": 1 / 24, "d": 1, "w": 7, "y": 365}


def parse_since(text: str, whole_day: bool = False) -> datetime:
    """The start of a day on the reader's clock, its end with `whole_day`; or so long ago. Raises ValueError, which says what can be."""
    match = _AGO.fullmatch(text)
    try:
        if match:
            return datetime.now(UTC) - timedelta(days=int(match[1]) * _DAYS[match[2]])
        return (datetime.strptime(text, "%Y-%m-%d") + timedelta(days=whole_day)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is neither a day nor so long ago: write 2026-05-01, 12h, 90d, 2w or 1y") from None
