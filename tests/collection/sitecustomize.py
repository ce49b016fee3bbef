"""Redirects piper's downloader to the address in `PIPER_COLLECTION`; on the path of the processes that a test starts."""

import os

from piper import download_voices

for name in ("URL_FORMAT", "VOICES_JSON"):
    real = getattr(download_voices, name)
    place = real.replace("https://huggingface.co", os.environ["PIPER_COLLECTION"])
    assert place != real
    setattr(download_voices, name, place)
