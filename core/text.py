"""Text from outside (file names, model metadata, exported histories) made safe to show and to name files by."""

import re
import unicodedata

_NOT_IN_NAMES = re.compile(r"[^\w.+=-]+")
# In bytes: file systems count those, and up to 255 of them in a name; what is added to a name needs room, too.
_LONGEST_NAME = 120
_MOST_MB = 1e9
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(MB|GB)", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%?")


def escape_control(text: str) -> str:
    """The text with every control or formatting character written out, so that it cannot steer a terminal."""
    return "".join(
        char if unicodedata.category(char)[0] != "C" else char.encode("unicode_escape").decode() for char in text
    )


def truncate(value: object, limit: int = 60) -> str:
    """What a file says, to be quoted in a line."""
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def safe_name(text: str, fallback: str) -> str:
    """A name that is one plain path component: letters, digits and `. _ + = -`, neither hidden nor overlong."""
    name = _NOT_IN_NAMES.sub("-", unicodedata.normalize("NFC", text)).strip(".-")
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore") or fallback


def parse_megabytes(text: str) -> float:
    """MB (10^6 bytes) from `800 MB` or `4GB`. Raises ValueError, which says what can be."""
    match = _SIZE.fullmatch(text.strip())
    megabytes = float(match[1]) * (1000 if match[2].upper() == "GB" else 1) if match else 0
    if not 0 < megabytes <= _MOST_MB:
        raise ValueError(f"{text!r} is no amount of memory: write 800 MB or 4 GB")
    return megabytes


def parse_percent(text: str) -> float:
    """A share from `5 %` or `2.5`. Raises ValueError, which says what can be."""
    match = _PERCENT.fullmatch(text.strip())
    share = float(match[1]) / 100 if match else 0
    if not 0 < share < 1:
        raise ValueError(f"{text!r} is no share: write 5 %, more than 0 and less than 100")
    return share
