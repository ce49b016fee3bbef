"""Text from outside (file names, model metadata, exported histories), made safe to show and to use in file names."""

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterable

_NOT_IN_NAMES = re.compile(r"[^\w.+=-]+")
# In bytes, as file systems count: a name has up to 255 of them, and suffixes need room.
_MAX_NAME_BYTES = 120
_MAX_MB = 1e9
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(MB|GB)", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%?")


def escape_control(text: str) -> str:
    """Escape control and formatting characters, so that text cannot control a terminal."""
    return "".join(
        char if unicodedata.category(char)[0] != "C" else char.encode("unicode_escape").decode() for char in text
    )


def truncate(value: object, limit: int = 60) -> str:
    """Return a value as text of at most `limit` characters, to be quoted in a message."""
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def enumerate_names(kind: str, names: Collection[str]) -> str:
    """Return names after what they are, in the right number: `input sid`, `inputs a, b and c`."""
    *first, last = names
    return f"{kind}s {', '.join(first)} and {last}" if first else f"{kind} {last}"


def safe_name(text: str, fallback: str) -> str:
    """Return text as one path component of letters, digits and `. _ + = -`, neither hidden nor too long."""
    name = _NOT_IN_NAMES.sub("-", unicodedata.normalize("NFC", text)).strip(".-")
    return name.encode()[:_MAX_NAME_BYTES].decode(errors="ignore") or fallback


def fold_case(name: str) -> str:
    """Return a name in a form in which two are equal if a file system that ignores case takes them for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def match_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is meant: the same one, else the only one that differs in case alone, else None."""
    names = set(known)
    if name in names:
        return name
    same = [each for each in names if fold_case(each) == fold_case(name)]
    return same[0] if len(same) == 1 else None


def free_name(name: str, suffix: str, taken: Collection[str]) -> str:
    """Return a name that is not among the `taken` ones, which are case-folded: itself, else with the suffix, else numbered.

    A name that `safe_name` returned remains one.
    """
    if fold_case(name) not in taken:
        return name
    for number in itertools.count(1):
        end = f"-{suffix}" if number == 1 else f"-{suffix}-{number}"
        start = name.encode()[: _MAX_NAME_BYTES - len(end.encode())].decode(errors="ignore")
        if fold_case(start + end) not in taken:
            return start + end
    raise AssertionError("unreachable: there is always another number")


def parse_megabytes(text: str) -> float:
    """Return the megabytes (10^6 bytes) of `800 MB` or `4GB`. Raises ValueError, which names the accepted forms."""
    match = _SIZE.fullmatch(text.strip())
    megabytes = float(match[1]) * (1000 if match[2].upper() == "GB" else 1) if match else 0
    if not 0 < megabytes <= _MAX_MB:
        raise ValueError(f"{text!r} is not an amount of memory: write 800 MB or 4 GB")
    return megabytes


def parse_percent(text: str) -> float:
    """Return the fraction of `5 %` or `2.5`. Raises ValueError, which names the accepted forms."""
    match = _PERCENT.fullmatch(text.strip())
    fraction = float(match[1]) / 100 if match else 0
    if not 0 < fraction < 1:
        raise ValueError(f"{text!r} is not a percentage: write 5 %, more than 0 and less than 100")
    return fraction
