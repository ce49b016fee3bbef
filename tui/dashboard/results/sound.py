"""The screen that shows the recordings of a variant and its original."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from core.history.filter import Term
from core.history.listing import list_page
from core.history.names import folder_of
from core.records.results import Result
from core.records.voices import ORIGINAL
from core.report.summary import describe_quality
from core.store.database import open_store
from core.workspace import Workspace
from tui.dashboard.results.reading import ReadingScreen
from tui.dashboard.results.sound_view import SoundView
from tui.text.format import local_time

if TYPE_CHECKING:
    from tui.dashboard.results.sound_picture import Recording


@dataclass(frozen=True)
class Sound:
    """A pair of recordings."""

    original_path: Path
    variant_path: Path
    original: Recording
    variant: Recording
    last: Result | None
    """The variant's last result on this machine, whose benchmark recorded them."""


class SoundScreen(ReadingScreen[Sound | str]):
    """Original and variant one above the other, as waveforms or spectrograms, with the quality in words."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("v", "switch", "Waveform / spectrogram", id="sound.switch")]

    def __init__(self, workspace: Workspace, result: Result) -> None:
        super().__init__(workspace, f"Sound of {result.variant} beside the original, {result.voice}")
        self._result = result

    def body(self) -> ComposeResult:
        """Compose the pictures."""
        yield SoundView()

    def action_switch(self) -> None:
        """Switch between waveform and spectrogram."""
        self.query_one(SoundView).switch()

    def read(self) -> Sound | str:
        """Read the recordings, or return why there are none."""
        from core.quality.recordings import read_recording, recording_pair
        from tui.dashboard.results.sound_picture import Recording

        result = self._result
        if result.variant == ORIGINAL:
            return "This is the original, the baseline of the comparison: choose a variant."
        with closing(open_store(self.workspace)) as db:
            folder = folder_of(db, result.voice_id, result.voice)
            variant, original = recording_pair(self.workspace, folder, result.variant)
            if not (variant.exists() and original.exists()):
                return f"No recording of {result.variant} on this machine: a benchmark makes one (1, then b)."
            newest = list_page(db, _on_this_machine(result), limit=1).results
        first, second = (Recording(*read_recording(path)) for path in (original, variant))
        return Sound(original, variant, first, second, newest[0] if newest else None)

    async def show(self, found: Sound | str) -> None:
        """Show the recordings, or why there are none."""
        if isinstance(found, str):
            self.show_text(found)
            return
        self.show_text("\n".join(_words(self._result, found)))
        self.query_one(SoundView).put({"original": found.original, self._result.variant: found.variant})


def _on_this_machine(result: Result) -> tuple[Term, ...]:
    """Return the filter for the results of its variant on this machine."""
    return (Term("voice", "=", result.voice), Term("variant", "=", result.variant), Term("machine", ":", "this"))


def _words(result: Result, sound: Sound) -> list[str]:
    """Describe the quality, and name the files to listen to."""
    last = f", of {local_time(sound.last.created_at)}" if sound.last else ""
    of_another = sound.last is None or sound.last.benchmark_id != result.benchmark_id
    return [
        describe_quality(result),
        *(
            [f"The recordings are from its last benchmark on this machine{last}, not from this result."]
            if of_another
            else []
        ),
        f"original  {sound.original_path}",
        f"variant   {sound.variant_path}",
    ]
