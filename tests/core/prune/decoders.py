"""Decoders of tiny voices, and inputs for their last stages."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx

from core.graph.index import GraphIndex
from core.prune.audible_error import AudibleError
from core.prune.decoder_network import LastStages
from core.prune.gauss_newton import Example, LeastSquares
from core.prune.network import Pass
from core.vits.convolution import Weights
from core.vits.hifigan import Decoder, read_decoder
from tests.vits import HIGH, MULTI_SPEAKER, TINY, X_LOW, VitsShape, build_model

SHAPES = {
    "medium": TINY,
    "high": HIGH,
    "x_low": X_LOW,
    "multi-speaker": MULTI_SPEAKER,
    "one stage": VitsShape(upsample_rates=(8,), upsample_kernels=(16,)),
    "odd kernel": VitsShape(upsample_rates=(8, 4), upsample_kernels=(16, 5)),
}


def decoder_of(shape: VitsShape) -> tuple[onnx.ModelProto, Decoder]:
    model = build_model(shape)
    return model, read_decoder(GraphIndex(model.graph))


def channels_before(tail: LastStages) -> int:
    return int(tail.stages[0].upsampler.weight.shape[0])


def problem(tail: LastStages, target: LastStages, pool: ThreadPoolExecutor, excerpts: int = 3) -> LeastSquares:
    """Return the problem of fitting some stages to others on random inputs."""
    random, examples = np.random.default_rng(3), []
    for _ in range(excerpts):
        x: Weights = random.normal(0, 1, (channels_before(tail), 4096 // tail.hop)).astype(np.float32)
        audio = Pass(target.network(), target.parameters(), x).audio
        examples.append(Example(x, audio, AudibleError(audio, 256)))
    return LeastSquares(tail.network(), examples, pool)
