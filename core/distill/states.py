"""Files with the state of a training."""

import io
from pathlib import Path
from typing import Any

import torch

from core.files import atomic_write


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state, complete or not at all. Raises OSError."""
    # In memory first, since PyTorch can report that the disk is full as an internal error.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with atomic_write(path) as stream:
        stream.write(buffer.getbuffer())
