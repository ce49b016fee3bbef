"""From text to phoneme ids, as piper-tts does it for a voice."""

from typing import Any

from core.errors import BadInput


def phoneme_ids(config: dict[str, Any], text: str) -> list[int]:
    """The ids of a text, its sentences joined to one, by the voice's configuration.

    Raises BadInput for a voice whose phonemes cannot be made here.
    """
    from piper.config import PiperConfig
    from piper.voice import PiperVoice

    try:
        voice = PiperVoice(session=None, config=PiperConfig.from_dict(config))
        sentences = voice.phonemize(text)
    except Exception as error:
        raise BadInput(f"no phonemes for {text[:40]!r}: {error}") from error
    phonemes = [
        phoneme for number, sentence in enumerate(sentences) for phoneme in ([" "] if number else []) + sentence
    ]
    known = [phoneme for phoneme in phonemes if phoneme in voice.config.phoneme_id_map]
    if not known:
        raise BadInput(f"no phoneme of {text[:40]!r} is in the voice's phoneme_id_map")
    ids: list[int] = voice.phonemes_to_ids(known)
    return ids
