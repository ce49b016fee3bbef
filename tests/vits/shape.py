"""The dimensions of a voice, and those that the tests use."""

from dataclasses import dataclass


@dataclass(frozen=True)
class VitsShape:
    """The hyperparameters of VITS by their usual names; the defaults are those of a medium voice, but with fewer channels."""

    symbols: int = 256
    hidden: int = 16
    latent: int = 16
    encoder_filter: int = 32
    encoder_layers: int = 2
    encoder_kernel: int = 3
    heads: int = 2
    attention_window: int = 4
    """How many neighbours on either side have an embedding."""
    duration_filter: int = 16
    duration_kernel: int = 3
    duration_flows: int = 3
    separable_layers: int = 3
    spline_bins: int = 10
    frames_per_phoneme: float = 2.5
    flow_couplings: int = 4
    wavenet_layers: int = 4
    wavenet_kernel: int = 5
    resblock: int = 2
    """The type of HiFi-GAN's residual blocks: type 2 has one convolution for each dilation, type 1 has two."""
    resblock_kernels: tuple[int, ...] = (3, 5, 7)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 2), (2, 6), (3, 12))
    upsample_rates: tuple[int, ...] = (8, 8, 4)
    upsample_kernels: tuple[int, ...] = (16, 16, 8)
    upsample_channels: int = 32
    """Halved by each upsampling stage."""
    speakers: int = 1
    speaker_channels: int = 8
    sample_rate: int = 22050
    seed: int = 1

    @property
    def quality(self) -> str:
        """Return Piper's name for the quality of this build."""
        if self.resblock == 1:
            return "high"
        return "x_low" if self.sample_rate < 20_000 else "medium"


TINY = VitsShape()
X_LOW = VitsShape(hidden=8, latent=8, encoder_filter=16, duration_filter=8, sample_rate=16000)
MULTI_SPEAKER = VitsShape(speakers=4)
HIGH = VitsShape(
    resblock=1,
    resblock_kernels=(3, 7, 11),
    resblock_dilations=((1, 3, 5),) * 3,
    upsample_rates=(8, 8, 2, 2),
    upsample_kernels=(16, 16, 4, 4),
    upsample_channels=64,
)
