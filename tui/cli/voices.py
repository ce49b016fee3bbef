"""`ttsdash voices`: registered voices and their variants."""

from pathlib import Path

import click

from core.errors import InvalidInput
from core.records.graph_summary import GraphSummary
from core.store.voices import add_voice, get_voice, list_voices
from core.text import escape_control
from core.voices.file import read_voice
from tui.cli.context import DefaultCommandGroup, Session, pass_session
from tui.cli.download import download
from tui.cli.output import print_added, print_facts, print_line, print_table
from tui.json_output import voice_json
from tui.text.format import local_time, megabytes, parameters


@click.group(cls=DefaultCommandGroup, default="list")
def voices() -> None:
    """List, add and show voices and their variants."""


voices.add_command(download)


@voices.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the voices."""
    found = list_voices(session.db)
    if session.as_json:
        session.print_json([voice_json(voice) for voice in found])
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
                ", ".join(
                    variant.name + (f" ({variant.caveat})" if variant.caveat else "") for variant in voice.variants
                ),
            )
            for voice in found
        ],
        empty="no voices yet: add one with `ttsdash voices add PATH.onnx`",
    )


@voices.command()
@click.argument("path", type=click.Path(path_type=Path))
@pass_session
def add(session: Session, path: Path) -> None:
    """Register the voice at PATH (.onnx, with its .onnx.json beside it). The files stay where they are."""
    print_added(session, add_voice(session.db, read_voice(path)))


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
        voice = add_voice(session.db, read_voice(path))
    except InvalidInput as error:
        raise InvalidInput(f"{key} of {assistant.file.path}: {error}") from error
    if voice_key:
        set_assistant_voice_key(session.workspace, voice_key)
    print_added(session, voice)


@voices.command()
@click.argument("voice")
@pass_session
def show(session: Session, voice: str) -> None:
    """Show VOICE: the components of its graph, its variants and how each was made."""
    found = get_voice(session.db, voice)
    if session.as_json:
        session.print_json(voice_json(found))
        return
    graph = GraphSummary.from_json(found.anatomy)
    print_facts(
        [
            ("voice", found.key),
            ("file", found.path),
            ("SHA-256", found.id),
            ("language", found.language),
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
    for variant in found.variants:
        made = f"recipe {variant.recipe}, job {variant.job_id}" if variant.recipe else "the original file"
        print_line(f"{variant.name}: {megabytes(variant.size_bytes)} MB, {made}, {local_time(variant.created_at)}")
        if variant.caveat:
            print_line(f"  {variant.caveat}")
        print_line(f"  {variant.path}")
        print_line(f"  SHA-256 {variant.sha256}")
        if variant.recipe:
            tools = [f"{name} {value}" for name, value in variant.tools.items()]
            print_line(escape_control(f"  {parameters(variant.params)}; with {', '.join(tools)}"))
