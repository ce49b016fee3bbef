"""The tab of voices and their variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer

from tui.dashboard.actions import perform
from tui.dashboard.common.confirm import confirm
from tui.dashboard.common.pane import TablePane
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.messages import Planned
from tui.text.format import RATIO_SCALE, figure, megabytes, ratio_bar, shortened, speedup

if TYPE_CHECKING:
    from core.records.results import Result
    from core.records.voices import Variant, Voice
    from jobs.submit import OptimizeRequest
    from tui.dashboard.context import Context
    from tui.dashboard.snapshot import Snapshot
    from tui.dashboard.voices.forecasts import VoiceForecasts

_SEPARATOR = "/"
_NAME, _SPEED = "voice", ">speed-up, 95 %"
# Widths from which on there is room for more columns, and for the details beside the table.
_WITH_RTF, _WITH_BAR, _SIDE_BY_SIDE = 90, 110, 160
_DETAILS = 72
# Beside the columns: the frame of the table, its scroll bar, and a space in front of the name.
_FRAME = 5
_SHORTEST_NAME = 12
# So long a row has the focus before it is asked for what is not in the snapshot.
_REST_S = 0.1


@dataclass
class FilesChecked(Message):
    """These variants of those voices lie nowhere any more."""

    voices: list[Voice]
    gone: frozenset[str]


@dataclass
class ForecastsRead(Message):
    """What past runs say of a voice's variants; as of those results."""

    voice_id: str
    results: list[Result]
    forecasts: VoiceForecasts


class VoicesPane(TablePane):
    """A row a voice with its original's figures, and below it a row for each variant."""

    HEADERS = (_NAME, ">MB", ">thr.", _SPEED, ">peak MB", "sound")
    TABLE_ID = "voices-table"
    EMPTY = (
        "No voices yet.\n\nPress a to add one: one that lies on this machine, or one of Piper's, by its name.\n\n"
        "A voice is a Piper model NAME.onnx with its NAME.onnx.json beside it; it stays where it is."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add_voice", "Add voice", id="voices.add_voice"),
        Binding("o", "optimize", "Optimize", id="voices.optimize"),
        Binding("v", "optimize('convert')", "Convert for Core ML", show=False, id="voices.convert"),
        Binding("b", "benchmark", "Benchmark", id="voices.benchmark"),
        Binding("A", "all", "Make all", id="voices.all"),
    ]

    LOOK_S = 5.0
    """How often it looks for files that are missing."""

    def __init__(self, context: Context, id: str) -> None:
        super().__init__(context, id)
        self._gone: frozenset[str] = frozenset()
        self.forecasts: dict[str, VoiceForecasts] = {}
        """By voice, as far as they have been read."""
        self._asked: set[str] = set()
        """The voices whose prospects are here, or are being read."""
        self._rest: Timer | None = None

    def on_mount(self) -> None:
        self.set_interval(self.LOOK_S, self._look)

    @property
    def voice(self) -> Voice | None:
        """The voice in focus."""
        key = self.table.focused_key
        voices = self.snapshot.voices if self.snapshot else []
        return next((voice for voice in voices if key and voice.key == key.split(_SEPARATOR)[0]), None)

    @property
    def variant(self) -> Variant | None:
        """The variant in focus, or the original."""
        key, voice = self.table.focused_key, self.voice
        variants = voice.variants if key and voice else ()
        return next((variant for variant in variants if key == f"{variant.voice}{_SEPARATOR}{variant.name}"), None)

    # What the store and the disk tell

    def show(self, snapshot: Snapshot) -> None:
        before, self.snapshot = self.snapshot, snapshot
        if before and _same(before, snapshot):
            return
        if before is None or before.newest is not snapshot.newest or before.counts != snapshot.counts:
            self._asked.clear()
        super().show(snapshot)
        if before is None or before.voices is not snapshot.voices:
            self._look()

    def on_resize(self) -> None:
        """There is room for other columns."""
        self.set_class(self.size.width >= _SIDE_BY_SIDE, "-side-by-side")
        if self.snapshot:
            super().show(self.snapshot)

    def _look(self) -> None:
        if self.snapshot and self.snapshot.voices:
            voices = self.snapshot.voices
            self.run_worker(lambda: self._look_for_files(voices), thread=True, group="look")

    def _look_for_files(self, voices: list[Voice]) -> None:
        from tui.dashboard.common.missing_files import find_missing_files

        self.post_message(FilesChecked(voices, find_missing_files(voices)))

    @on(FilesChecked)
    def _mark_gone(self, message: FilesChecked) -> None:
        if self.snapshot and message.voices is self.snapshot.voices and message.gone != self._gone:
            self._gone = message.gone
            super().show(self.snapshot)

    def show_detail(self) -> None:
        super().show_detail()
        if self._rest:
            self._rest.stop()
        if self.voice and self.voice.id not in self._asked:
            self._rest = self.set_timer(_REST_S, self._ask)

    def _ask(self) -> None:
        voice, snapshot = self.voice, self.snapshot
        if voice and snapshot:
            self._asked.add(voice.id)
            self.run_worker(lambda: self._read_prospects(voice, snapshot), thread=True, group="look")

    def _read_prospects(self, voice: Voice, snapshot: Snapshot) -> None:
        from tui.dashboard.voices.forecasts import read_forecasts

        prospects = read_forecasts(self.workspace, voice, snapshot.machine)
        self.post_message(ForecastsRead(voice.id, snapshot.newest, prospects))

    @on(ForecastsRead)
    def _keep_prospects(self, message: ForecastsRead) -> None:
        if self.snapshot and message.results is self.snapshot.newest:
            self.forecasts[message.voice_id] = message.forecasts
            self.show_detail()

    # What is shown

    def headers(self) -> tuple[str, ...]:
        """Those that there is room for."""
        width = self.size.width
        bar = (RATIO_SCALE,) if width >= _WITH_BAR else ()
        rtf = (">RTF",) if width >= _WITH_RTF else ()
        return (*self.HEADERS[:4], *bar, *rtf, *self.HEADERS[4:])

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        entries = [
            (f"{voice.key}{_SEPARATOR}{variant.name}", self._row(snapshot, voice, variant))
            for voice in snapshot.voices
            for variant in voice.variants
        ]
        headers = self.headers()
        room = self._room_for_names(headers, [row for _, row in entries])
        for _, row in entries:
            mark = " *" if row[_NAME].endswith(" *") else ""
            row[_NAME] = shortened(row[_NAME].removesuffix(mark), room - len(mark)) + mark
        return [(key, tuple(row[header] for header in headers)) for key, row in entries]

    def _room_for_names(self, headers: tuple[str, ...], rows: list[dict[str, str]]) -> int:
        """What the other columns leave: a long name pushes none of them out."""
        width = self.size.width - (_DETAILS if self.has_class("-side-by-side") else 0)
        others = sum(
            max(len(header.lstrip(">")), *(len(row[header]) for row in rows)) + 1 for header in headers[1:] if rows
        )
        return max(_SHORTEST_NAME, max(80, width) - _FRAME - others)

    def _row(self, snapshot: Snapshot, voice: Voice, variant: Variant) -> dict[str, str]:
        selection = snapshot.selections.get(voice.key)
        mark = " *" if selection and selection.selected == variant.name else ""
        name = (voice.key if variant.recipe is None else f"  {variant.name}") + mark
        if variant.path in self._gone:
            return _cells(name, "–", "file missing", None)
        result = snapshot.latest_result(voice.key, variant.name, variant.sha256)
        unmeasured = "not yet run on a Mac" if variant.caveat else "not measured"
        return _cells(name, megabytes(variant.size_bytes), speedup(result) if result else unmeasured, result)

    def detail(self, snapshot: Snapshot, key: str) -> str:
        from tui.dashboard.voices.details import describe_variant, describe_voice

        voice, variant = self.voice, self.variant
        if voice is None or variant is None:
            return ""
        prospects = self.forecasts.get(voice.id)
        if variant.recipe is None:
            return "\n".join(describe_voice(snapshot, voice, self._gone, prospects))
        return "\n".join(describe_variant(snapshot, voice, variant, self._gone, prospects))

    # What keys ask for

    @on(KeyedTable.RowSelected)
    def _selected(self) -> None:
        self.action_optimize()

    def _wanted(self) -> Voice | None:
        """The voice in focus; that there is none is said."""
        if self.snapshot and not self.snapshot.voices:
            self.notify("No voices yet: press a to add one.", severity="warning")
        return self.voice

    def action_add_voice(self) -> None:
        from tui.dashboard.voices.add_voice import AddVoiceScreen

        def add(path: str | None) -> None:
            if path:
                perform(self, self.actions.add_voice, path)

        self.app.push_screen(AddVoiceScreen(self.workspace), add)

    def action_optimize(self, kind: str | None = None) -> None:
        """Ask what to make of the voice in focus; with `kind`, only of what such a job makes."""
        from tui.dashboard.voices.optimize import OptimizeScreen

        voice = self._wanted()
        if voice is None or self.snapshot is None:
            return

        def queue(wish: OptimizeRequest | None) -> None:
            if wish:
                perform(self, self.actions.optimize, voice, wish)

        self.app.push_screen(OptimizeScreen(self.workspace, self.snapshot, voice, self._gone, kind), queue)

    def action_benchmark(self) -> None:
        """Of a voice all its variants, of a variant that one."""
        voice, variant = self._wanted(), self.variant
        if voice and variant:
            names = [variant.name] if variant.recipe else [other.name for other in voice.variants]
            perform(self, self.actions.benchmark, voice, tuple(names))

    def action_all(self) -> None:
        if voice := self._wanted():
            perform(self, self.actions.plan_all, voice)

    @on(Planned)
    def _ask_for_all(self, message: Planned) -> None:
        if self.is_frontmost:
            confirm(self, message.question, lambda: perform(self, self.actions.optimize, message.voice, message.wish))


def _same(before: Snapshot, after: Snapshot) -> bool:
    """Whether a pane of voices shows both alike: what a running job reports, a few times a second, is not in it."""
    return (
        before.voices is after.voices
        and before.newest is after.newest
        and before.selections is after.selections
        and before.jobs is after.jobs
        and (before.worker is None) == (after.worker is None)
    )


def _cells(name: str, size: str, speed: str, result: Result | None) -> dict[str, str]:
    return {
        _NAME: name,
        ">MB": size,
        ">thr.": str(result.threads) if result else "–",
        _SPEED: speed,
        RATIO_SCALE: ratio_bar(result) if result else "",
        ">RTF": figure(result.rtf if result else None, 3),
        ">peak MB": figure(result.peak_rss_mb if result else None, 0),
        "sound": (result.grade or "not graded") if result else "–",
    }
