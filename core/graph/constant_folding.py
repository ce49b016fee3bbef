"""Constant folding with ONNX Runtime's basic optimizations, which only use standard operators."""

import shutil
import tempfile
from pathlib import Path

import onnx
import onnxruntime

from core.errors import TtsdashError
from core.graph.index import graphs_of
from core.graph.normalize import read_source


def fold_constants(source: Path) -> onnx.ModelProto:
    """Return the model in `source`, normalized, with constants folded and duplicate nodes merged. Random nodes stay random.

    Raises InvalidInput for a file that is not a model, TtsdashError if the temporary folder has no room for a copy of it.
    """
    original = read_source(source)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory(prefix="ttsdash-") as folder:
        folded = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(folded)
        try:
            onnxruntime.InferenceSession(original.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # ONNX Runtime does not report why it could not write.
            if shutil.disk_usage(folder).free < source.stat().st_size:
                megabytes = source.stat().st_size / 1e6
                raise TtsdashError(f"{folder} is full: free {megabytes:.0f} MB there") from error
            raise
        model = onnx.load(folded)
    _restore_header(model, original)
    return model


def _restore_header(model: onnx.ModelProto, original: onnx.ModelProto) -> None:
    """Undo what ONNX Runtime writes about itself: every domain that it knows, and its own name."""
    used = {node.domain for graph in graphs_of(model.graph) for node in graph.node} | {""}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    del model.metadata_props[:]
    model.metadata_props.extend(original.metadata_props)
    # Shapes that ONNX Runtime inferred; it infers them again when it loads the model.
    del model.graph.value_info[:]
    model.producer_name, model.producer_version = original.producer_name, original.producer_version
