"""Evaluating a saved `.mlpackage` with NumPy, operator by operator, on machines without Core ML.

The program is read from disk, so that damaged weights are noticed. Sums are fp32; on a Mac fp16 sums are less accurate.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import numpy.typing as npt
from coremltools.converters.mil.frontend.milproto.load import load

from core.errors import TtsdashError, format_error

Values = npt.NDArray[Any]


class Evaluator:
    """A loaded package."""

    def __init__(self, package: Path) -> None:
        """Load a package. Raises TtsdashError if it cannot be read."""
        weights = package / "Data" / "com.apple.CoreML" / "weights"
        try:
            spec = ct.utils.load_spec(str(package))
            program = load(spec, specification_version=spec.specificationVersion, file_weights_dir=str(weights))
        except Exception as error:
            raise TtsdashError(f"{package} cannot be read: {format_error(error)}") from error
        (self._function,) = program.functions.values()

    def predict(self, feeds: dict[str, Values]) -> dict[str, Values]:
        """Evaluate the program like `MLModel.predict`. Raises NotImplementedError for an unsupported operator."""
        values = dict(feeds)
        for operation in self._function.operations:
            if operation.op_type == "const":
                continue
            if operation.op_type not in _OPERATORS:
                raise NotImplementedError(f"the evaluator does not support {operation.op_type}")
            result = _OPERATORS[operation.op_type](
                **{name: _value(entry, values) for name, entry in operation.inputs.items()}
            )
            outputs = result if isinstance(result, tuple) else (result,)
            for variable, output in zip(operation.outputs, outputs, strict=True):
                values[variable.name] = output
        return {variable.name: values[variable.name] for variable in self._function.outputs}


def _value(entry: Any, values: dict[str, Values]) -> Any:
    if isinstance(entry, list | tuple):
        return [_value(part, values) for part in entry]
    if entry is None:
        return None
    return entry.val if entry.val is not None else values[entry.name]


def _conv(
    x: Values, weight: Values, pad: Values, strides: Values, dilations: Values, bias: Values | None = None, **other: Any
) -> Values:
    """Convolve [1, in, 1, samples] with [out, in, 1, taps] as a sum of products, one for each tap."""
    _refuse_unless_plain(strides, **other)
    taps, dilation = weight.shape[3], int(dilations[1])
    padded = np.pad(x[0, :, 0].astype(np.float32), ((0, 0), (int(pad[2]), int(pad[3]))))
    samples = padded.shape[1] - dilation * (taps - 1)
    y = np.zeros((weight.shape[0], samples), np.float32)
    for tap in range(taps):
        y += weight[:, :, 0, tap].astype(np.float32) @ padded[:, dilation * tap :][:, :samples]
    return _with_bias(y, bias).astype(x.dtype)


def _conv_transpose(
    x: Values, weight: Values, pad: Values, strides: Values, dilations: Values, bias: Values | None = None, **other: Any
) -> Values:
    """Convolve [1, in, 1, samples] with transposed [in, out, 1, taps]: add each tap's products, spaced by `strides`."""
    _refuse_unless_plain(dilations, **other)
    rate, taps, samples = int(strides[1]), weight.shape[3], x.shape[3]
    y = np.zeros((weight.shape[1], (samples - 1) * rate + taps), np.float32)
    source = x[0, :, 0].astype(np.float32)
    for tap in range(taps):
        y[:, tap : tap + (samples - 1) * rate + 1 : rate] += weight[:, :, 0, tap].astype(np.float32).T @ source
    return _with_bias(y[:, int(pad[2]) : y.shape[1] - int(pad[3])], bias).astype(x.dtype)


def _refuse_unless_plain(steps: Values, groups: int = 1, pad_type: str = "custom") -> None:
    if groups != 1 or list(steps) != [1, 1] or pad_type != "custom":
        raise NotImplementedError("the evaluator only supports convolutions without groups and strides")


def _with_bias(y: Values, bias: Values | None) -> Values:
    y = y if bias is None else y + bias.astype(np.float32)[:, None]
    return y[None, :, None]


def _avg_pool(
    x: Values,
    kernel_sizes: Values,
    strides: Values,
    pad: Values,
    exclude_padding_from_average: bool = False,
    **other: Any,
) -> Values:
    """Return the mean over neighbors in time, of which those beyond the ends are zeros."""
    if list(strides) != [1, 1] or exclude_padding_from_average or other.get("ceil_mode"):
        raise NotImplementedError("the evaluator only supports averages with zeros beyond the ends")
    padded = np.pad(x.astype(np.float32), ((0, 0), (0, 0), (0, 0), (int(pad[2]), int(pad[3]))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, int(kernel_sizes[1]), axis=3)
    mean: Values = windows.mean(axis=4).astype(x.dtype)
    return mean


def _upsample_bilinear(
    x: Values, scale_factor_width: int, align_corners: bool, half_pixel_centers: bool, **_: Any
) -> Values:
    """Interpolate [1, 1, 1, samples] linearly in time, to points in the middles of equal parts of each sample."""
    if align_corners or not half_pixel_centers:
        raise NotImplementedError("the evaluator only supports interpolation between the centers of samples")
    count = int(scale_factor_width)
    points = (np.arange(x.shape[3] * count) + 0.5) / count - 0.5
    y: Values = np.interp(points, np.arange(x.shape[3]), x[0, 0, 0].astype(np.float32)).astype(x.dtype)
    return y[None, None, None]


def _slice(x: Values, begin: Values, end: Values, begin_mask: Values, end_mask: Values, **_: Any) -> Values:
    edges = zip(begin, end, begin_mask, end_mask, strict=True)
    return x[tuple(slice(None if free else int(b), None if open_ else int(e)) for b, e, free, open_ in edges)]


def _dequantize(quantized_data: Values, scale: Values, zero_point: Values, axis: int) -> Values:
    shape = [-1 if dimension == axis else 1 for dimension in range(quantized_data.ndim)]
    scale, zero_point = (np.reshape(part, shape if np.size(part) > 1 else ()) for part in (scale, zero_point))
    return (quantized_data.astype(np.float32) - zero_point.astype(np.float32)) * scale.astype(np.float32)


def _dequantize_blocks(data: Values, scale: Values, offset: Values | None = None) -> Values:
    """Dequantize blocks: the scale's shape divides that of the data, and each scale belongs to one block."""

    def spread(part: Values) -> Values:
        for axis, size in enumerate(data.shape):
            part = np.repeat(part, size // part.shape[axis], axis)
        return part.astype(np.float32)

    shift = spread(offset) if offset is not None else 0.0
    return (data.astype(np.float32) - shift) * spread(scale)


_OPERATORS: dict[str, Callable[..., Any]] = {
    "cast": lambda x, dtype: x.astype(np.dtype({"fp16": "float16", "fp32": "float32"}[dtype])),
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "leaky_relu": lambda x, alpha: np.where(x >= 0, x, (x * x.dtype.type(alpha))),
    "tanh": lambda x: np.tanh(x),  # noqa: PLW0108 - called with its operand as keyword argument
    "sigmoid": lambda x: (1 / (1 + np.exp(-x.astype(np.float32)))).astype(x.dtype),
    "exp": lambda x: np.exp(x),  # noqa: PLW0108
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "real_div": lambda x, y: x / y,
    "maximum": lambda x, y: np.maximum(x, y),  # noqa: PLW0108
    "sqrt": lambda x: np.sqrt(x),  # noqa: PLW0108
    "clip": lambda x, alpha, beta: np.clip(x, alpha, beta),  # noqa: PLW0108
    "reduce_mean": lambda x, axes, keep_dims: x.mean(
        axis=tuple(int(axis) for axis in axes), keepdims=bool(keep_dims), dtype=np.float32
    ).astype(x.dtype),
    "avg_pool": _avg_pool,
    "upsample_bilinear": _upsample_bilinear,
    "reshape": lambda x, shape: x.reshape([int(size) for size in shape]),
    "transpose": lambda x, perm: x.transpose([int(axis) for axis in perm]),
    "identity": lambda x: x,
    "upsample_nearest_neighbor": lambda x, scale_factor_width, scale_factor_height=1: np.repeat(
        x, scale_factor_width, 3
    ),
    "split": lambda x, split_sizes, axis, num_splits=None: tuple(
        np.split(x, np.cumsum(split_sizes)[:-1], axis=int(axis))
    ),
    "slice_by_index": _slice,
    "reverse": lambda x, axes: np.flip(x, tuple(int(axis) for axis in axes)),
    "concat": lambda values, axis, interleave=False: np.concatenate(values, axis=int(axis)),
    "constexpr_affine_dequantize": _dequantize,
    "constexpr_blockwise_shift_scale": _dequantize_blocks,
}
