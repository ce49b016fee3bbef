"""Checking the source of a quantized variant."""

from pathlib import Path

from core.errors import InvalidInput
from core.graph.model import read_model
from core.graph.quantized import is_quantized


def require_unquantized(path: Path) -> None:
    """Raise InvalidInput for a voice that is already quantized: rounding it again would only degrade it."""
    if is_quantized(read_model(path)):
        raise InvalidInput(f"{path} is already quantized: start from the voice's original fp32 model")
