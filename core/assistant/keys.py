"""The keys of an assistant's configuration that ttsdash reads or sets."""

PIPER = "models.tts.piper"
VOICE_PATH = f"{PIPER}.voice_path"
FALLBACK_PATH = f"{PIPER}.fallback_path"
QUANTIZED_PATH = f"{PIPER}.quantized_path"
COREML_PATH = f"{PIPER}.coreml_path"

_PERFORMANCE = "voice_assistant.performance"
CACHE_SIZE = f"{_PERFORMANCE}.tts_cache_size"
SWITCHES = tuple(
    f"{_PERFORMANCE}.{name}" for name in ("tts_cache_enabled", "tts_parallel_processing", "tts_optimize_for_speed")
)
PERFORMANCE = (CACHE_SIZE, *SWITCHES)
"""Keys that are set only on request: they have nothing to do with the voice."""
ALL = (VOICE_PATH, QUANTIZED_PATH, COREML_PATH, *PERFORMANCE)
