"""What is printed of a voice that was registered."""

from core.records.graph_summary import GraphSummary
from core.records.voices import Voice
from tui.cli.context import Session
from tui.cli.output import print_line
from tui.json_output import voice_json
from tui.text.format import counted, megabytes


def print_added(session: Session, voice: Voice) -> None:
    if session.as_json:
        session.print_json(voice_json(voice))
        return
    print_line(f"{voice.key}: {megabytes(voice.size_bytes)} MB, {voice.language}, {counted(voice.speakers, 'speaker')}")
    unrecognized = GraphSummary.from_json(voice.anatomy).unrecognized
    if unrecognized:
        print_line(f"its graph was not recognised as VITS ({unrecognized}): recipes do what is safe")
