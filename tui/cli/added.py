"""What is printed of a voice that was registered."""

from core.graph_summary import GraphSummary
from core.store.voices import Voice
from tui.cli.session import Session
from tui.cli.tables import print_line
from tui.formats import counted, megabytes
from tui.shapes import voice_shape


def print_added(session: Session, voice: Voice) -> None:
    if session.as_json:
        session.print_json(voice_shape(voice))
        return
    print_line(f"{voice.key}: {megabytes(voice.size_bytes)} MB, {voice.language}, {counted(voice.speakers, 'speaker')}")
    unrecognized = GraphSummary.from_json(voice.anatomy).unrecognized
    if unrecognized:
        print_line(f"its graph was not recognised as VITS ({unrecognized}): recipes do what is safe")
