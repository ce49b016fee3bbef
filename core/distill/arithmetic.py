"""Where and in which precision a student is trained on this machine."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Arithmetic:
    """A device of PyTorch, and the type in which convolutions are computed there."""

    device: str
    dtype: torch.dtype

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context in which convolutions are computed in that type."""
        context: AbstractContextManager[None] = torch.autocast(
            self.device, self.dtype, enabled=self.dtype != torch.float32
        )
        return context

    def __str__(self) -> str:
        return f"{self.device}, {str(self.dtype).removeprefix('torch.')}"


def fastest_arithmetic() -> Arithmetic:
    """Return the fastest that this machine has; bfloat16 on a CPU only if it computes that itself."""
    if torch.cuda.is_available():
        return Arithmetic("cuda", torch.bfloat16)
    if torch.backends.mps.is_available():
        return Arithmetic("mps", torch.float32)
    computes_bfloat16 = any(found for name, found in torch.cpu.get_capabilities().items() if "bf16" in name)
    return Arithmetic("cpu", torch.bfloat16 if computes_bfloat16 else torch.float32)
