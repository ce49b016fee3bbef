"""What GPTQ needs to know about a voice: how the inputs of its convolutions vary while it speaks."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from core.quantize.calibration import tensor_values
from core.quantize.gptq import Matrix
from core.vits.convolution import Convolution


def collect_hessians(
    model: onnx.ModelProto,
    config: dict[str, Any],
    utterances: Sequence[list[int]],
    convolutions: Sequence[tuple[Convolution, int]],
    on_utterance: Callable[[int], None],
) -> dict[str, Matrix]:
    """Return the sum of the outer products of each convolution's unfolded inputs, by the name of its output.

    The convolutions come with their paddings. `on_utterance` takes the number of each utterance before it is used.
    """
    hessians = {conv.output: np.zeros((_inputs(conv), _inputs(conv))) for conv, _ in convolutions}
    inputs = list(dict.fromkeys(conv.input for conv, _ in convolutions))
    for number, seen in enumerate(tensor_values(model, inputs, config, utterances)):
        on_utterance(number + 1)
        for conv, padding in convolutions:
            unfolded = _unfolded(seen[conv.input][0].T, conv, padding).astype(np.float64)
            hessians[conv.output] += unfolded.T @ unfolded
    return hessians


def _inputs(conv: Convolution) -> int:
    return int(conv.weight.shape[1]) * conv.taps


def _unfolded(x: npt.NDArray[np.float32], conv: Convolution, padding: int) -> Any:
    """Unfold [samples, in] to [samples', taps * in]."""
    taps, span = conv.taps, conv.dilation * (conv.taps - 1)
    padded = np.pad(x, ((padding, padding), (0, 0)))
    samples = len(padded) - span
    return np.concatenate([padded[tap * conv.dilation :][:samples] for tap in range(taps)], axis=1)
