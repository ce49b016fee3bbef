"""A voice that speaks while it computes: text and durations for a whole sentence, flow and decoder in chunks that grow.

Chunks overlap by the receptive field on either side. Flow and decoder are split, because most of that field is the flow's,
which takes a tenth of the time: it is computed further ahead, once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from core.engines.chunk_schedule import DEFAULT_SCHEDULE, Schedule
from core.engines.engine import Audio
from core.engines.voice_parts import VoiceParts, split_file
from core.errors import InvalidInput
from core.graph.ort_session import open_session
from core.vits.piper_session import PiperSession
from core.vits.split_point import METADATA_KEY, SplitPoint

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scales:
    """How a sentence is spoken: random variation of sound and of durations, and the length of all durations."""

    noise: float = 0.0
    length: float = 1.0
    noise_w: float = 0.0


class StreamingVoice:
    """A loaded voice. Several threads may stream from it at the same time."""

    def __init__(self, parts: VoiceParts, threads: int | None = None) -> None:
        """Load the models.

        Raises InvalidInput for models that ONNX Runtime cannot load, or without a split point in their metadata.
        """
        self._encoder = PiperSession(parts.encoder, threads, spinning=False)
        try:
            self.split_point = SplitPoint.from_text(self._encoder.metadata.get(METADATA_KEY, ""))
        except ValueError as error:
            raise InvalidInput("the encoder has no split point in its metadata: make the variant again") from error
        self._flow = open_session(parts.flow, threads, spinning=False) if parts.flow else None
        self._decoder = open_session(parts.decoder, threads, spinning=False)

    def synthesize(self, phoneme_ids: Sequence[int], scales: Scales = Scales(), speaker: int = 0) -> Audio:
        """Return the audio of one sentence as it is streamed, float32 [samples]."""
        return np.concatenate(list(self.stream(phoneme_ids, scales, speaker)))

    def stream(
        self,
        phoneme_ids: Sequence[int],
        scales: Scales = Scales(),
        speaker: int = 0,
        schedule: Schedule = DEFAULT_SCHEDULE,
    ) -> Iterator[Audio]:
        """Yield the audio of one sentence in chunks, each as soon as it is computed, float32 [samples]."""
        outputs = self._encoder.run(phoneme_ids, scales.noise, scales.length, scales.noise_w, speaker)
        sentence = _Sentence(self.split_point, dict(zip(self._encoder.outputs, outputs, strict=True)))
        for begin, end in schedule.chunks(sentence.frames):
            if self._flow is not None:
                sentence.extend_flow(self._flow, end)
            yield sentence.decode(self._decoder, begin, end)


class _Sentence:
    """The tensors of one sentence that flow and decoder read."""

    def __init__(self, split_point: SplitPoint, tensors: dict[str, Values]) -> None:
        self._split_point, self._tensors = split_point, tensors
        latent = tensors[split_point.latent]
        self.frames = latent.shape[2]
        self._flow_done = 0
        self._flow_field = split_point.receptive_field - split_point.decoder_field

    def extend_flow(self, flow: onnxruntime.InferenceSession, end: int) -> None:
        """Compute the flow's output as far as the decoder reads it for audio up to the frame `end`."""
        name, begin = str(self._split_point.flow_output), self._flow_done
        end = min(self.frames, end + self._split_point.decoder_field)
        if end <= begin:
            return
        first = max(0, begin - self._flow_field)
        values = self._run(flow, first, min(self.frames, end + self._flow_field))
        if name not in self._tensors:
            self._tensors[name] = np.empty((1, values.shape[1], self.frames), np.float32)
        self._tensors[name][:, :, begin:end] = values[:, :, begin - first : end - first]
        self._flow_done = end

    def decode(self, decoder: onnxruntime.InferenceSession, begin: int, end: int) -> Audio:
        """Return the audio of the frames from `begin` to `end`."""
        point = self._split_point
        field = point.decoder_field if point.flow_output in self._tensors else point.receptive_field
        first = max(0, begin - field)
        audio = self._run(decoder, first, min(self.frames, end + field)).reshape(-1)
        hop = point.hop_length
        return audio[(begin - first) * hop : (end - first) * hop].astype(np.float32, copy=False)

    def _run(self, session: onnxruntime.InferenceSession, begin: int, end: int) -> Values:
        feeds = {entry.name: self._between(entry.name, begin, end) for entry in session.get_inputs()}
        output: Values = session.run(None, feeds)[0]
        return output

    def _between(self, name: str, begin: int, end: int) -> Values:
        values = self._tensors[name]
        # The speaker's embedding is the same for all frames.
        return values if name == self._split_point.speaker else values[:, :, begin:end]


def open_streaming(path: Path, threads: int | None = None) -> StreamingVoice:
    """Load a voice that is one `.onnx` file, and split it in memory. Raises InvalidInput if it cannot be split."""
    return StreamingVoice(split_file(path), threads)
