"""Files with a sentence a line."""

from pathlib import Path

from core.errors import InvalidInput
from core.files import sha256_of
from core.text import safe_name

_LONGEST = 1000


def read_sentences(path: Path) -> list[str]:
    """Raises BadInput for what is no such file."""
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is no text file: give a file with a sentence a line")
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text: save it as UTF-8, a sentence a line") from error
    if not lines:
        raise InvalidInput(f"{path} holds no text: write a sentence a line")
    too_long = next((number for number, line in enumerate(lines, 1) if len(line) > _LONGEST), None)
    if too_long:
        raise InvalidInput(f"{path}: sentence {too_long} has more than {_LONGEST} characters: write a sentence a line")
    return lines


def label_of(path: Path) -> str:
    """A short name for just these sentences: the file's, and the first digits of its checksum. Raises BadInput."""
    read_sentences(path)
    return f"{safe_name(path.stem, 'sentences')[:40]}-{sha256_of(path)[:8]}"
