"""`ttsdash voices`: registered voices and their variants."""

from pathlib import Path

import click

from core.errors import InvalidInput
from core.records.graph_summary import GraphSummary
from core.records.voices import Variant, Voice
from core.store.results import newest_texts
from core.store.voices import get_voice, list_voices
from core.text import escape_control
from core.variants.recipes import RECIPES
from core.variants.suitability import unsuitable
from tui.cli.context import DefaultCommandGroup, Session, pass_session
from tui.cli.download import download
from tui.cli.output import print_facts, print_line, print_table
from tui.cli.registering import print_registration, register
from tui.cli.remove import remove
from tui.cli.rename import rename
from tui.cli.verify import verify
from tui.json_output import voice_json
from tui.text.format import local_time, megabytes, parameters


@click.group(cls=DefaultCommandGroup, default="list")
def voices() -> None:
    """List, add, show, verify, rename and remove voices and their variants."""


for command in (download, remove, rename, verify):
    voices.add_command(command)


@voices.command("list", only_prints=True)
@pass_session
def list_(session: Session) -> None:
    """List the voices."""
    found = list_voices(session.db)
    if session.as_json:
        session.print_json([voice_json(voice, newest_texts(session.db, voice.source_sha256)) for voice in found])
        return
    print_table(
        ("voice", "language", ">speakers", ">Hz", ">MB", "variants"),
        [
            (
                voice.key,
                voice.language,
                str(voice.speakers),
                str(voice.sample_rate),
                megabytes(voice.size_bytes),
                ", ".join(_with_remarks(variant) for variant in voice.variants),
            )
            for voice in found
        ],
        empty="no voices yet: add one with `ttsdash voices add PATH.onnx`",
    )


def _with_remarks(variant: Variant) -> str:
    return f"{variant.name} ({', '.join(variant.remarks)})" if variant.remarks else variant.name


@voices.command()
@click.argument("path", type=click.Path(path_type=Path))
@pass_session
def add(session: Session, path: Path) -> None:
    """Register the voice at PATH (.onnx, with its .onnx.json beside it), if it can speak.

    It speaks a sentence through Piper first. The files stay where they are. If they have changed since the voice was added,
    it gets its new files, and its variants are outdated. A voice in several files is joined into one, in `voices/` of the
    workspace: PATH is then the folder of encoder.onnx and decoder.onnx (a streaming export), one of them, or a model that
    keeps its weights in other files.
    """
    print_registration(session, register(session, path), path)


@voices.command("import")
@click.option("--config", required=True, type=click.Path(path_type=Path), help="The assistant's YAML file.")
@click.option("--voice-key", metavar="KEY", help="The key in it that holds the voice's path; remembered.")
@pass_session
def import_(session: Session, config: Path, voice_key: str | None) -> None:
    """Register the voice that an assistant's configuration names."""
    from core.assistant.loaded_model import configured_voice
    from core.settings import set_assistant_voice_key
    from tui.cli.apply import load_assistant

    assistant = load_assistant(session, config, voice_key)
    key, path = configured_voice(assistant, list_voices(session.db))
    try:
        registration = register(session, path)
    except InvalidInput as error:
        raise InvalidInput(f"{key} of {assistant.file.path}: {error}") from error
    if voice_key:
        set_assistant_voice_key(session.workspace, voice_key)
    print_registration(session, registration, path)


@voices.command(only_prints=True)
@click.argument("voice")
@pass_session
def show(session: Session, voice: str) -> None:
    """Show VOICE: the components of its graph, its variants and how each was made."""
    found = get_voice(session.db, voice)
    spoken = newest_texts(session.db, found.source_sha256)
    if session.as_json:
        session.print_json(voice_json(found, spoken))
        return
    graph = GraphSummary.from_json(found.anatomy)
    print_facts(
        [
            ("voice", found.key),
            ("file", found.path),
            ("SHA-256", found.source_sha256),
            ("language", found.language),
            ("texts", f"{spoken}, in the newest benchmark" if spoken else None),
            ("speakers", str(found.speakers)),
            ("sample rate", f"{found.sample_rate} Hz"),
            ("opset", None if graph.opset is None else str(graph.opset)),
            ("added", local_time(found.added_at)),
            ("graph", f"not recognized: {graph.unrecognized}" if graph.unrecognized else None),
        ]
    )
    print_line()
    rows = [(one.name, str(one.nodes), megabytes(one.weight_bytes)) for one in graph.components]
    print_table(("component", ">nodes", ">MB"), rows, empty="components unknown")
    print_line()
    for reason, variants in _unsuitable(found).items():
        print_line(f"cannot be made: {', '.join(variants)}: {reason}")
    for variant in found.variants:
        made = f"recipe {variant.recipe}, job {variant.job_id}" if variant.recipe else "the original file"
        print_line(f"{variant.name}: {megabytes(variant.size_bytes)} MB, {made}, {local_time(variant.created_at)}")
        for remark in variant.remarks:
            print_line(f"  {remark}")
        print_line(f"  {variant.path}")
        print_line(f"  SHA-256 {variant.sha256}")
        if variant.recipe:
            tools = [f"{name} {value}" for name, value in variant.tools.items()]
            print_line(escape_control(f"  {parameters(variant.params)}; with {', '.join(tools)}"))


def _unsuitable(voice: Voice) -> dict[str, list[str]]:
    """Return the variants that cannot be made of this voice, by reason."""
    found: dict[str, list[str]] = {}
    for recipe in RECIPES.values():
        reason = unsuitable(recipe, voice)
        if reason:
            found.setdefault(reason, []).append(recipe.variant)
    return found
