"""The texts of a benchmark: a fixed set per language, or a file of the user."""

import json
from dataclasses import dataclass
from pathlib import Path

from core.text import escape_control
from core.voices.sentences import read_sentences

_SETS = Path(__file__).parent / "text_sets"


@dataclass(frozen=True)
class TextSet:
    """Named texts. The synthesis time of `latency_text` is reported as the latency."""

    name: str
    language: str
    texts: dict[str, str]
    latency_text: str


def texts_for(language: str) -> TextSet:
    """Return the set for the language of a voice (`en_US`, `en-us`), or the English one if there is none."""
    family = language.replace("-", "_").split("_")[0].lower()
    sets = {path.stem: path for path in _SETS.glob("*.json")}
    if family not in sets:
        family = "en"
    content = json.loads(sets[family].read_text(encoding="utf-8"))
    return TextSet(f"{family} v{content['version']}", family, content["texts"], latency_text="medium")


def texts_from(path: Path) -> TextSet:
    """Return a set made of a file with one sentence per line; `latency_text` is the one of median length.

    Raises InvalidInput.
    """
    lines = read_sentences(path)
    texts = {f"line {number}": line for number, line in enumerate(lines, 1)}
    middle = sorted(texts, key=lambda name: len(texts[name]))[len(texts) // 2]
    return TextSet(escape_control(path.name), "", texts, latency_text=middle)
