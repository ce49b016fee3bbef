"""The sentence that a voice must speak before it is used."""

import unicodedata
from typing import Any

CHECK_TEXT = "1 2 3."
# The only phonemizer of Piper's that reads no digits.
_HEBREW = "\u05d0\u05d7\u05ea, \u05e9\u05ea\u05d9\u05d9\u05dd, \u05e9\u05dc\u05d5\u05e9."
_LETTERS = 12
# Marks that combine with a letter, symbols, and characters of private use.
_ALSO_SPOKEN = {"Mn", "Mc", "So", "Co"}


def check_text(config: dict[str, Any]) -> str:
    """Return `1 2 3.`, or the same in Hebrew; for a voice that reads letters but no digits, some of its letters."""
    known, kind = config.get("phoneme_id_map"), config.get("phoneme_type")
    if kind == "hebrew":
        return _HEBREW
    if kind != "text" or not isinstance(known, dict) or any(digit in known for digit in "123"):
        return CHECK_TEXT
    # Piper decomposes a text, so that it never looks up a composed letter.
    letters = [
        name for name in known if len(name) == 1 and is_spoken(name) and unicodedata.normalize("NFD", name) == name
    ]
    return "".join(letters[:_LETTERS]) + "." if letters else CHECK_TEXT


def is_spoken(phoneme: str) -> bool:
    """Return whether a phoneme is a sound of its kind: not a pause, a stress mark or a mark of Piper's."""
    kinds = {unicodedata.category(char) for char in phoneme}
    # Stress and length are modifier letters.
    return any(kind in _ALSO_SPOKEN or (kind[0] in "LN" and kind != "Lm") for kind in kinds)
