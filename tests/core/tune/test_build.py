"""The parts of a voice, and building it with each scheme of each."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.engines.ort import OrtVoice
from core.errors import InvalidInput
from core.graph.normalize import read_source
from core.tune.build import VariantBuilder
from core.tune.choice import Choice, Part, PartKind, Scheme, read_choice
from core.tune.parts import DECODER, parts_of
from core.tune.starts import starting_choices
from core.vits.voice_graph import VoiceGraph
from core.voices.file import config_path_of, read_config
from tests.vits import MULTI_SPEAKER, TINY, write_voice

IDS = [1, *range(14, 60), 2]
pytestmark = pytest.mark.xdist_group("tune")


@pytest.fixture(scope="module", params=["medium", "multi-speaker"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, VariantBuilder]:
    shape = {"medium": TINY, "multi-speaker": MULTI_SPEAKER}[request.param]
    source = write_voice(tmp_path_factory.mktemp(request.param), replace(shape, upsample_channels=96))
    voice = VoiceGraph(read_source(source))
    assert voice.decoder is not None
    config = read_config(config_path_of(source))
    return source, VariantBuilder(voice, voice.decoder, parts_of(voice), config, [IDS], [IDS], lambda _: None)


def test_the_parts_have_all_weights_of_a_voice_and_none_twice(built: tuple[Path, VariantBuilder]) -> None:
    voice = VoiceGraph(read_source(built[0]))
    assert voice.topology is not None
    parts = parts_of(voice)
    names = [part.name for part in parts]
    assert names[:5] == ["attention-1", "feed-forward-1", "attention-2", "feed-forward-2", "projection"]
    assert names[-1] == DECODER
    weights = [weight for part in parts for weight in part.weights]
    assert len(weights) == len(set(weights))
    initializers = voice.index.initializers
    positions = voice.topology.text.positions | voice.topology.duration.positions | voice.topology.flow.positions
    read = {name for position in positions for name in voice.index.nodes[position].input} & initializers.keys()
    assert read <= set(weights)


@pytest.mark.parametrize("scheme", Scheme)
def test_each_scheme_in_all_parts_that_can_have_it_makes_a_voice_that_speaks_as_long(
    scheme: Scheme, built: tuple[Path, VariantBuilder], tmp_path: Path
) -> None:
    source, builder = built
    base, made = starting_choices(builder.parts)["dynamic-int8"], tmp_path / "made.onnx"
    chosen = {part.name: scheme for part in builder.parts if scheme in part.schemes}
    assert chosen
    builder.write(base.replaced(chosen), made)
    lengths = [len(OrtVoice(path, threads=1).synthesize(IDS)) for path in (source, made)]
    assert lengths[1] == pytest.approx(lengths[0], rel=0.1)


PARTS = tuple(Part(name, PartKind.TEXT, (Scheme.FP16, Scheme.INT8), 1) for name in ("a", "b"))


def test_a_choice_is_read_as_it_is_written() -> None:
    choice = Choice.of(PARTS, {"b": Scheme.INT8, "a": Scheme.FP16})
    assert str(choice) == "a:fp16,b:int8"
    assert read_choice("b:int8,a:fp16", PARTS) == choice


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:fp16", "parts= has nothing for b: write b:SCHEME, where SCHEME is fp16 or int8"),
        ("a:int4-32,b:fp16", "parts= has a:int4-32: write a:SCHEME, where SCHEME is fp16 or int8"),
        ("a:fp16,b:fp16,c:fp16", "parts= has 'c', which this voice has not: its parts are a, b"),
    ],
)
def test_a_choice_for_other_parts_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{message}$"):
        read_choice(text, PARTS)
