"""The models that a voice is split into for streaming: made from its file, kept on disk by its checksum."""

from dataclasses import dataclass, fields
from pathlib import Path

from core.errors import InvalidInput
from core.files import draft_of, mkdir_private


@dataclass(frozen=True)
class VoiceParts:
    """The models, as files or serialized. Without a flow the decoder includes it."""

    encoder: Path | bytes
    flow: Path | bytes | None
    decoder: Path | bytes


def split_file(path: Path) -> VoiceParts:
    """Split a voice that is one `.onnx` file. Raises InvalidInput if it cannot be split."""
    import onnx

    from core.graph.errors import UnsupportedGraph
    from core.vits.split import split_decoder_half, split_model

    try:
        halves = split_model(onnx.load(path))
    except UnsupportedGraph as reason:
        raise InvalidInput(f"{path} cannot be split for streaming: {reason}") from reason
    try:
        flow, decoder = split_decoder_half(halves)
    except UnsupportedGraph:
        return VoiceParts(halves.encoder.SerializeToString(), None, halves.decoder.SerializeToString())
    return VoiceParts(*(part.SerializeToString() for part in (halves.encoder, flow, decoder)))


def kept_parts(path: Path, sha256: str, folder: Path) -> VoiceParts:
    """Return the parts of a voice's file as files in a folder of that checksum, made at the first call.

    Raises InvalidInput if it cannot be split.
    """
    kept = folder / sha256
    if not kept.exists():
        parts = split_file(path)
        mkdir_private(folder)
        with draft_of(kept) as draft:
            mkdir_private(draft)
            for field in fields(parts):
                if content := getattr(parts, field.name):
                    (draft / f"{field.name}.onnx").write_bytes(content)
    encoder, flow, decoder = (kept / f"{field.name}.onnx" for field in fields(VoiceParts))
    return VoiceParts(encoder, flow if flow.exists() else None, decoder)
