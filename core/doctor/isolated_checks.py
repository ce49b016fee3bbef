"""Checks that run in a subprocess because they can crash it: `python -m core.doctor.isolated_checks NAME`.

The subprocess prints the result of the check; an error ends it with exit code 1 and one line on standard error.
"""

import json
import sys

from core.errors import format_error
from core.hardware.limits import lift_limits, read_limits
from core.processes import run_module


def run_isolated(check: str) -> str:
    """Run a check of this module in a subprocess and return its result. Raises TtsdashError with why it failed."""
    return run_module("core.doctor.isolated_checks", check)


def runtime() -> str:
    """Run ONNX Runtime on an int8 matrix product, as in quantized voices, and return its version."""
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["product"])],
        "check",
        [helper.make_tensor_value_info(name, TensorProto.INT8, [2, 2]) for name in "ab"],
        [helper.make_tensor_value_info("product", TensorProto.INT32, [2, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    matrix = np.array([[1, 2], [3, 4]], np.int8)
    (product,) = session.run(None, {"a": matrix, "b": matrix})
    if product.tolist() != [[7, 10], [15, 22]]:
        raise ArithmeticError(f"onnxruntime {onnxruntime.__version__} computes a wrong product: {product.tolist()}")
    return str(onnxruntime.__version__)


def machine() -> str:
    """Detect the hardware and return it as JSON, without ONNX Runtime: a broken one must not prevent it."""
    sys.modules["onnxruntime"] = None  # type: ignore[assignment]
    from core.hardware.detection import detect

    return detect().to_json()


def limits() -> str:
    """Return the limits of a worker that is started here, as JSON."""
    return json.dumps(read_limits().to_json())


def phonemes() -> str:
    """Return how many phoneme ids Piper makes from a sentence, for an English voice."""
    from piper.phoneme_ids import phonemes_to_ids
    from piper.phonemize_espeak import EspeakPhonemizer

    from core.voices.check_text import CHECK_TEXT

    (sentence,) = EspeakPhonemizer().phonemize("en-us", CHECK_TEXT)
    return str(len(phonemes_to_ids(sentence)))


_CHECKS = {"runtime": runtime, "machine": machine, "limits": limits, "phonemes": phonemes}

if __name__ == "__main__":
    # The worker does the same: what it can do matters, not what this shell allows.
    lift_limits()
    try:
        sys.stdout.write(f"{_CHECKS[sys.argv[1]]()}\n")
    except Exception as error:  # noqa: BLE001 - any error is the result of the check
        sys.exit(format_error(error))
