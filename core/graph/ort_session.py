"""ONNX Runtime sessions.

This module does not import onnx: the memory of a process that only runs a model is measured.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from core.errors import InvalidInput, reason_of
from core.text import truncate

# Warnings are for people who build graphs; errors are raised.
onnxruntime.set_default_logger_severity(3)

CPU: Sequence[Any] = ("CPUExecutionProvider",)


def open_session(
    model: Path | bytes,
    threads: int | None = None,
    optimized: bool = True,
    providers: Sequence[Any] = CPU,
    spinning: bool = True,
) -> onnxruntime.InferenceSession:
    """Open a session on a file or a serialized model.

    With the defaults the session options are ONNX Runtime's own, as piper-tts opens a model; `optimized` False runs the
    graph as it stands. Where sessions run in turn, `spinning` must be False: the threads of one that has run wait actively
    for its next run, and take the cores from the others. Raises InvalidInput for a model that ONNX Runtime cannot load.
    """
    options = onnxruntime.SessionOptions()
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=list(providers))
    except Exception as error:
        reason = truncate(reason_of(error), 200)
        raise InvalidInput(f"ONNX Runtime {onnxruntime.__version__} cannot load {name_of(model)}: {reason}") from error


def name_of(model: Path | bytes) -> str:
    """Return how messages refer to a model."""
    return "a model in memory" if isinstance(model, bytes) else str(model)
