"""Tries what may take its process with it, in a process of its own: `python -m core.doctor.isolated_checks NAME`.

What a trial returns is printed; what it raises ends the process with 1 and one line on standard error.
"""

import json
import sys

from core.errors import format_error


def runtime() -> str:
    """ONNX Runtime's version, once it has multiplied two matrices of whole numbers, as it does for quantized voices."""
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["product"])],
        "trial",
        [helper.make_tensor_value_info(name, TensorProto.INT8, [2, 2]) for name in "ab"],
        [helper.make_tensor_value_info("product", TensorProto.INT32, [2, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    matrix = np.array([[1, 2], [3, 4]], np.int8)
    (product,) = session.run(None, {"a": matrix, "b": matrix})
    if product.tolist() != [[7, 10], [15, 22]]:
        raise ArithmeticError(f"onnxruntime {onnxruntime.__version__} multiplies wrongly: {product.tolist()}")
    return str(onnxruntime.__version__)


def machine() -> str:
    """The machine's answers, asked without ONNX Runtime: a broken one would leave them unheard."""
    sys.modules["onnxruntime"] = None  # type: ignore[assignment]
    from core.hardware.detection import detect

    return detect().to_json()


def phonemes() -> str:
    """How many phoneme ids Piper makes of a sentence, by the voice's configuration on standard input."""
    from core.variants.variant_files import CHECK_TEXT
    from core.voices.phonemes import phoneme_ids

    return str(len(phoneme_ids(json.load(sys.stdin), CHECK_TEXT)))


_TRIALS = {trial.__name__: trial for trial in (runtime, machine, phonemes)}

if __name__ == "__main__":
    try:
        sys.stdout.write(f"{_TRIALS[sys.argv[1]]()}\n")
    except Exception as error:  # noqa: BLE001 - whatever is broken here is what this process is for
        sys.exit(format_error(error))
