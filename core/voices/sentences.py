"""Files with one sentence per line."""

from pathlib import Path

from core.errors import InvalidInput
from core.files import sha256_of
from core.text import safe_name

_MAX_CHARACTERS = 1000


def read_sentences(path: Path) -> list[str]:
    """Return the lines of a file that are not empty. Raises InvalidInput for an unusable file."""
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is not a text file: give a file with one sentence per line")
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text: save it as UTF-8, one sentence per line") from error
    if not lines:
        raise InvalidInput(f"{path} has no text: write one sentence per line")
    too_long = next((number for number, line in enumerate(lines, 1) if len(line) > _MAX_CHARACTERS), None)
    if too_long:
        raise InvalidInput(
            f"{path}: sentence {too_long} has more than {_MAX_CHARACTERS} characters: write one sentence per line"
        )
    return lines


def label_of(path: Path) -> str:
    """Return a short name for these sentences: the file's and the first digits of its checksum. Raises InvalidInput."""
    read_sentences(path)
    return f"{safe_name(path.stem, 'sentences')[:40]}-{sha256_of(path)[:8]}"
