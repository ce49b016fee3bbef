"""The Voices tab."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer

from tui.dashboard.actions import perform
from tui.dashboard.common.confirm import confirm
from tui.dashboard.common.pane import TablePane
from tui.dashboard.messages import Verified
from tui.text.format import RATIO_SCALE, decimal, megabytes, ratio_bar, short_time, shortened, sound, speedup

if TYPE_CHECKING:
    from core.records.results import Result
    from core.records.voices import Variant, Voice
    from tui.dashboard.context import Context
    from tui.dashboard.snapshot import Snapshot
    from tui.dashboard.voices.forecasts import VoiceForecasts

_SEPARATOR = "/"
_NAME, _SPEED, _RTF, _RUN = "voice", ">speed-up, 95 %", ">RTF", "run"
# The widths from which there is room for more columns, and for the details beside the table.
_WITH_RTF, _WITH_BAR, _SIDE_BY_SIDE = 90, 110, 160
_DETAILS_WIDTH = 72
# The width that no column gets: the frame, the scroll bar, and the space before the name.
_FRAME = 5
_MIN_NAME = 12
# How long a row has the focus before its forecasts are read.
_FOCUS_DELAY_S = 0.1


@dataclass
class FilesChecked(Message):
    """The files of these voices have been checked."""

    voices: list[Voice]
    missing: frozenset[str]
    """Paths without a file."""


@dataclass
class ForecastsRead(Message):
    """The forecasts for a voice have been read; `results` are those that they are based on."""

    voice_id: str
    results: list[Result]
    forecasts: VoiceForecasts


class VoicesPane(TablePane):
    """A row for each voice, with the results of its original, and below it one for each variant."""

    HEADERS = (_NAME, ">MB", ">thr.", _SPEED, ">peak MB", "sound")
    TABLE_ID = "voices-table"
    EMPTY = (
        "No voices yet.\n\nPress a to add one: a file on this machine, or an official Piper voice by name.\n\n"
        "A voice is NAME.onnx plus NAME.onnx.json. ttsdash never moves or changes them."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add_voice", "Add voice", id="voices.add_voice"),
        Binding("o", "optimize", "Optimize", id="voices.optimize"),
        Binding("v", "optimize('convert')", "Convert for Core ML", show=False, id="voices.convert"),
        Binding("b", "benchmark", "Benchmark", id="voices.benchmark"),
        Binding("A", "all", "Make all", id="voices.all"),
        Binding("u", "update", "Make outdated variants again", show=False, id="voices.update"),
        Binding("V", "verify", "Verify the files", show=False, id="voices.verify"),
        Binding("R", "rename", "Rename", show=False, id="voices.rename"),
        Binding("D", "remove", "Remove the voice", show=False, id="voices.remove"),
    ]

    FILE_CHECK_INTERVAL_S = 5.0

    def __init__(self, context: Context, id: str) -> None:
        super().__init__(context, id)
        self._missing: frozenset[str] = frozenset()
        self.forecasts: dict[str, VoiceForecasts] = {}
        """By voice id, those that have been read."""
        self._requested: set[str] = set()
        """The ids of voices whose forecasts have been read or are being read."""
        self._focus_timer: Timer | None = None

    def on_mount(self) -> None:
        """Start to check for missing files."""
        self.set_interval(self.FILE_CHECK_INTERVAL_S, self._check_files)

    @property
    def voice(self) -> Voice | None:
        """Return the focused voice."""
        key = self.table.focused_key
        voices = self.snapshot.voices if self.snapshot else []
        return next((voice for voice in voices if key and voice.key == key.split(_SEPARATOR)[0]), None)

    @property
    def variant(self) -> Variant | None:
        """Return the focused variant, which may be the original."""
        key, voice = self.table.focused_key, self.voice
        variants = voice.variants if key and voice else ()
        return next((variant for variant in variants if key == f"{variant.voice}{_SEPARATOR}{variant.name}"), None)

    # Reading

    def show(self, snapshot: Snapshot) -> None:
        """Show the voices of a snapshot."""
        before, self.snapshot = self.snapshot, snapshot
        if before and _looks_the_same(before, snapshot):
            return
        if before is None or before.newest is not snapshot.newest or before.counts != snapshot.counts:
            self._requested.clear()
        super().show(snapshot)
        if before is None or before.voices is not snapshot.voices:
            self._check_files()

    def on_resize(self) -> None:
        """Show the columns that fit the new width."""
        self.set_class(self.size.width >= _SIDE_BY_SIDE, "-side-by-side")
        if self.snapshot:
            super().show(self.snapshot)

    def _check_files(self) -> None:
        if self.snapshot and self.snapshot.voices:
            voices = self.snapshot.voices
            self.run_worker(lambda: self._find_missing(voices), thread=True, group="read")

    def _find_missing(self, voices: list[Voice]) -> None:
        from tui.dashboard.common.missing_files import find_missing_files

        self.post_message(FilesChecked(voices, find_missing_files(voices)))

    @on(FilesChecked)
    def _files_checked(self, message: FilesChecked) -> None:
        if self.snapshot and message.voices is self.snapshot.voices and message.missing != self._missing:
            self._missing = message.missing
            super().show(self.snapshot)

    def show_detail(self) -> None:
        """Show the details, and read forecasts that are still missing."""
        super().show_detail()
        if self._focus_timer:
            self._focus_timer.stop()
        if self.voice and self.voice.id not in self._requested:
            self._focus_timer = self.set_timer(_FOCUS_DELAY_S, self._request_forecasts)

    def _request_forecasts(self) -> None:
        voice, snapshot = self.voice, self.snapshot
        if voice and snapshot:
            self._requested.add(voice.id)
            self.run_worker(lambda: self._read_forecasts(voice, snapshot), thread=True, group="read")

    def _read_forecasts(self, voice: Voice, snapshot: Snapshot) -> None:
        from tui.dashboard.voices.forecasts import read_forecasts

        forecasts = read_forecasts(self.workspace, voice, snapshot.machine)
        self.post_message(ForecastsRead(voice.id, snapshot.newest, forecasts))

    @on(ForecastsRead)
    def _forecasts_read(self, message: ForecastsRead) -> None:
        if self.snapshot and message.results is self.snapshot.newest:
            self.forecasts[message.voice_id] = message.forecasts
            self.show_detail()

    # Showing

    def headers(self) -> tuple[str, ...]:
        """Return the columns that fit."""
        width = self.size.width
        bar = (RATIO_SCALE,) if width >= _WITH_BAR else ()
        rtf = (_RTF,) if width >= _WITH_RTF else ()
        run = (_RUN,) if rtf and self.snapshot and _runs_differ(self.snapshot) else ()
        return (*self.HEADERS[:4], *bar, *rtf, *run, *self.HEADERS[4:])

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        """Return a row for each voice and each variant."""
        entries = [
            (f"{voice.key}{_SEPARATOR}{variant.name}", self._row(snapshot, voice, variant))
            for voice in snapshot.voices
            for variant in voice.variants
        ]
        headers = self.headers()
        name_width = self._name_width(headers, [row for _, row in entries])
        for _, row in entries:
            mark = " *" if row[_NAME].endswith(" *") else ""
            row[_NAME] = shortened(row[_NAME].removesuffix(mark), name_width - len(mark)) + mark
        return [(key, tuple(row[header] for header in headers)) for key, row in entries]

    def _name_width(self, headers: tuple[str, ...], rows: list[dict[str, str]]) -> int:
        """Return the width that the other columns leave, so that no long name pushes them out."""
        width = self.size.width - (_DETAILS_WIDTH if self.has_class("-side-by-side") else 0)
        others = sum(
            max(len(header.lstrip(">")), *(len(row[header]) for row in rows)) + 1 for header in headers[1:] if rows
        )
        return max(_MIN_NAME, max(80, width) - _FRAME - others)

    def _row(self, snapshot: Snapshot, voice: Voice, variant: Variant) -> dict[str, str]:
        selection = snapshot.selections.get(voice.key)
        mark = " *" if selection and selection.selected == variant.name else ""
        name = (voice.key if variant.recipe is None else f"  {variant.name}") + mark
        if variant.path in self._missing:
            return _cells(name, "–", "file missing", None)
        result = snapshot.latest_result(voice, variant)
        if variant.outdated:
            return _cells(name, megabytes(variant.size_bytes), "outdated", None)
        unmeasured = "not yet run on a Mac" if variant.caveat else "not measured"
        return _cells(name, megabytes(variant.size_bytes), speedup(result) if result else unmeasured, result)

    def detail(self, snapshot: Snapshot, key: str) -> str:
        """Return the details of a voice or variant."""
        from tui.dashboard.voices.details import describe_variant, describe_voice

        voice, variant = self.voice, self.variant
        if voice is None or variant is None:
            return ""
        forecasts = self.forecasts.get(voice.id)
        if variant.recipe is None:
            return "\n".join(describe_voice(snapshot, voice, self._missing, forecasts))
        return "\n".join(describe_variant(snapshot, voice, variant, self._missing, forecasts))

    # Keys

    def _require_voice(self) -> Voice | None:
        """Return the focused voice, or notify the user that there are none."""
        if self.snapshot and not self.snapshot.voices:
            self.notify("No voices yet: press a to add one.", severity="warning")
        return self.voice

    def action_add_voice(self) -> None:
        """Open the dialog that adds a voice."""
        from tui.dashboard.voices.add_voice import AddVoiceScreen

        self.app.push_screen(AddVoiceScreen(self.workspace), self.report)

    def action_optimize(self, kind: str | None = None) -> None:
        """Open the dialog for the focused voice; `kind` limits it to recipes of that kind of job."""
        from tui.dashboard.voices.optimize import OptimizeScreen

        voice = self._require_voice()
        if voice is None or self.snapshot is None:
            return

        queue = partial(self.actions.optimize, voice)
        screen = OptimizeScreen(self.workspace, self.snapshot, voice, queue, self._missing, kind)
        self.app.push_screen(screen, self.report)

    def action_benchmark(self) -> None:
        """Open the dialog with the focused variant chosen, or with all variants on the row of a voice."""
        from tui.dashboard.voices.benchmark import BenchmarkScreen

        voice, variant = self._require_voice(), self.variant
        if voice and variant and self.snapshot:
            names = [variant.name] if variant.recipe else [other.name for other in voice.current_variants]
            screen = BenchmarkScreen(self.workspace, self.snapshot, voice, tuple(names), self.actions.benchmark)
            self.app.push_screen(screen, self.report)

    def action_all(self) -> None:
        """Ask whether to make all missing variants and benchmark them."""
        if voice := self._require_voice():
            confirm(self, partial(self.actions.plan_all, voice))

    def action_update(self) -> None:
        """Ask whether to make the outdated variants of the focused voice again."""
        if voice := self._require_voice():
            confirm(self, partial(self.actions.plan_outdated, voice))

    def action_verify(self) -> None:
        """Check the files of the focused voice."""
        if voice := self._require_voice():
            perform(self, self.actions.verify_voice, voice)

    @on(Verified)
    def _show_verified(self, message: Verified) -> None:
        from tui.dashboard.voices.verified import VerifiedScreen

        if self.screen.is_current:
            self.app.push_screen(VerifiedScreen(message.title, message.lines))

    def action_rename(self) -> None:
        """Open the dialog that renames the focused voice."""
        from tui.dashboard.voices.rename_voice import RenameVoiceScreen

        if voice := self._require_voice():
            self.app.push_screen(RenameVoiceScreen(self.actions, voice), self.report)

    def action_remove(self) -> None:
        """Ask whether to remove the focused voice."""
        if voice := self._require_voice():
            confirm(self, partial(self.actions.plan_removal, voice))


def _looks_the_same(before: Snapshot, after: Snapshot) -> bool:
    """Return whether the pane shows both the same: it does not show progress, which changes several times a second."""
    return (
        before.voices is after.voices
        and before.newest is after.newest
        and before.selections is after.selections
        and before.jobs is after.jobs
        and (before.worker is None) == (after.worker is None)
    )


def _runs_differ(snapshot: Snapshot) -> bool:
    """Return whether some figures of a voice come from another run than those of its original."""
    shown = (
        {result.benchmark_id for variant in voice.variants if (result := snapshot.latest_result(voice, variant))}
        for voice in snapshot.voices
    )
    return any(len(runs) > 1 for runs in shown)


def _cells(name: str, size: str, speed: str, result: Result | None) -> dict[str, str]:
    return {
        _NAME: name,
        ">MB": size,
        ">thr.": str(result.threads) if result else "–",
        _SPEED: speed,
        RATIO_SCALE: ratio_bar(result) if result else "",
        _RTF: decimal(result.rtf if result else None, 3),
        _RUN: short_time(result.created_at) if result else "–",
        ">peak MB": decimal(result.peak_rss_mb if result else None, 0),
        "sound": sound(result) if result else "–",
    }
