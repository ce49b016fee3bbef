"""Runs a variant for Core ML: the front in ONNX Runtime, the body in Core ML; or, where there is none, evaluated with numpy."""

import platform
import shutil
from pathlib import Path
from typing import Any

from core.coreml.decoder_half import LENGTHS, CoreMLBody
from core.coreml.layout import COMPILED, FRONT, PACKAGE
from core.engines.split_voice import Front, SplitVoice
from core.files import draft_of


def open_coreml(folder: Path, threads: int | None = None) -> SplitVoice:
    """Needs macOS. `threads` are those of the front; Core ML takes what it likes (`ComputeUnit.ALL`)."""
    import coremltools

    compiled = compiled_package(folder)
    model = coremltools.models.CompiledMLModel(str(compiled), compute_units=coremltools.ComputeUnit.ALL)
    return _voice(folder, threads, model.predict)


def compiled_package(folder: Path) -> Path:
    """The package as this macOS wants it, compiled once: a compilation takes seconds, loading what it gave does not."""
    import coremltools

    kept = folder / COMPILED.format(macos=platform.mac_ver()[0])
    if not kept.exists():
        made = Path(coremltools.models.utils.compile_model(str(folder / PACKAGE)))
        with draft_of(kept) as draft:
            shutil.move(made, draft)
    return kept


def open_evaluated(folder: Path, threads: int | None = None) -> SplitVoice:
    """The same program operator by operator: it tells what Core ML will say, not how fast."""
    from core.coreml.evaluate import Evaluator

    return _voice(folder, threads, Evaluator(folder / PACKAGE).predict)


def _voice(folder: Path, threads: int | None, predict: Any) -> SplitVoice:
    front = Front(folder / FRONT, threads)
    return SplitVoice(front, CoreMLBody(predict, LENGTHS, front.seam.hop), LENGTHS[-1])
