"""Running a Core ML variant: the encoder half in ONNX Runtime, the decoder half in Core ML or evaluated with NumPy."""

import platform
import shutil
from pathlib import Path
from typing import Any

from core.coreml.decoder_half import LENGTHS, CoreMLDecoderHalf
from core.coreml.layout import COMPILED, FRONT, PACKAGE
from core.engines.split_voice import EncoderHalf, SplitVoice


def open_coreml(folder: Path, threads: int | None = None) -> SplitVoice:
    """Load a variant for Core ML. Needs macOS.

    `threads` are those of the encoder half; Core ML uses all compute units (`ComputeUnit.ALL`).
    """
    import coremltools

    compiled = compiled_package(folder)
    model = coremltools.models.CompiledMLModel(str(compiled), compute_units=coremltools.ComputeUnit.ALL)
    return _voice(folder, threads, model.predict)


def compiled_package(folder: Path) -> Path:
    """Return the package compiled for this version of macOS, and compile it once: that takes seconds, loading does not."""
    import coremltools

    cached = folder / COMPILED.format(macos=platform.mac_ver()[0])
    if not cached.exists():
        compiled = Path(coremltools.models.utils.compile_model(str(folder / PACKAGE)))
        partial = cached.with_name(f"{cached.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.move(compiled, partial)
        partial.rename(cached)
    return cached


def open_evaluated(folder: Path, threads: int | None = None) -> SplitVoice:
    """Load a variant to be evaluated operator by operator: it shows what Core ML computes, but not how fast."""
    from core.coreml.evaluate import Evaluator

    return _voice(folder, threads, Evaluator(folder / PACKAGE).predict)


def _voice(folder: Path, threads: int | None, predict: Any) -> SplitVoice:
    encoder = EncoderHalf(folder / FRONT, threads)
    decoder = CoreMLDecoderHalf(predict, LENGTHS, encoder.split_point.hop_length)
    return SplitVoice(encoder, decoder, LENGTHS[-1])
