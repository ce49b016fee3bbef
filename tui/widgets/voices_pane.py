"""The tab of voices and their variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from tui.formats import counted, figure, megabytes, moment, parameters, shortened, speedup
from tui.messages import BenchmarkWanted, OptimizeWanted
from tui.widgets.pane import TablePane
from tui.widgets.table import KeyedTable

if TYPE_CHECKING:
    from core.selection.judge import Selection
    from core.store.voices import Variant, Voice
    from tui.snapshot import Snapshot

_SEPARATOR = "/"


class VoicesPane(TablePane):
    """A row a voice with its original's figures, and below it a row for each variant."""

    HEADERS = ("voice", ">MB", ">thr.", ">speed-up, 95 %", ">RTF", ">peak MB", "sound")
    TABLE_ID = "voices-table"
    EMPTY = "No voices yet.\n\nPress a to add one. A voice is a Piper model NAME.onnx with its NAME.onnx.json beside it; it stays where it is."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "app.add_voice", "Add voice", id="voices.add_voice"),
        Binding("o", "optimize", "Optimize", id="voices.optimize"),
        Binding("b", "benchmark", "Benchmark", id="voices.benchmark"),
    ]

    @property
    def voice(self) -> Voice | None:
        """The voice in focus."""
        key = self.table.focused_key
        voices = self.snapshot.voices if self.snapshot else []
        return next((voice for voice in voices if key and voice.key == key.split(_SEPARATOR)[0]), None)

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        return [
            (f"{voice.key}{_SEPARATOR}{variant.name}", _row(snapshot, voice, variant))
            for voice in snapshot.voices
            for variant in voice.variants
        ]

    def detail(self, snapshot: Snapshot, key: str) -> str:
        from core.benchmark.words import explain

        voice = self.voice
        if voice is None:
            return ""
        name = key.split(_SEPARATOR)[1]
        variant = voice.variant(name)
        about = _about_voice(voice) if variant.recipe is None else _about_variant(variant)
        chosen = _about_selection(snapshot.selections.get(voice.key), variant)
        result = snapshot.latest_result(voice.key, name, variant.sha256)
        if result is None:
            return "\n".join([*chosen, *about, *([] if variant.recipe is None else ["", "Not measured yet: press b."])])
        run = [entry for entry in snapshot.results if entry.benchmark_id == result.benchmark_id]
        means = [line for line in explain(run) if variant.recipe is None or line.startswith((f"{name}:", "The "))]
        return "\n".join([*chosen, *means, *([""] if means else []), *about])

    @on(KeyedTable.RowSelected)
    def action_optimize(self) -> None:
        if self.voice:
            self.post_message(OptimizeWanted(self.voice))

    def action_benchmark(self) -> None:
        if self.voice:
            self.post_message(BenchmarkWanted(self.voice))


def _row(snapshot: Snapshot, voice: Voice, variant: Variant) -> tuple[str, ...]:
    result = snapshot.latest_result(voice.key, variant.name, variant.sha256)
    selection = snapshot.selections.get(voice.key)
    mark = " *" if selection and selection.selected == variant.name else ""
    name = shortened(voice.key if variant.recipe is None else f"  {variant.name}", 28 - len(mark)) + mark
    if result is None:
        unmeasured = "not yet run on a Mac" if variant.caveat else "not measured"
        return (name, megabytes(variant.size_bytes), "–", unmeasured, "–", "–", "–")
    return (
        name,
        megabytes(variant.size_bytes),
        str(result.threads),
        speedup(result),
        figure(result.rtf, 3),
        figure(result.peak_rss_mb, 0),
        result.grade or "not graded",
    )


def _about_selection(selection: Selection | None, variant: Variant) -> list[str]:
    """Of a voice what is selected on this machine, and why nothing else is; of a variant what became of it."""
    if selection is None:
        return []
    if variant.recipe is not None:
        own = (judged for judged in selection.candidates if judged.variant == variant.name)
        return [f"{judged.verdict} on this machine: {judged.reason}" for judged in own] + [""]
    pinned = f", {selection.pinned} pinned" if selection.pinned else ""
    others = (judged for judged in selection.candidates if judged.variant != selection.selected)
    return [
        f"selected on this machine: {selection.selected} ({selection.reason}; policy {selection.policy}{pinned})",
        *(f"  {judged.variant} {judged.verdict}: {judged.reason}" for judged in others),
        *(f"! {warning}" for warning in selection.warnings),
        "",
    ]


def _about_voice(voice: Voice) -> list[str]:
    parts = voice.anatomy.get("parts", [])
    sizes = ", ".join(f"{part['name']} {megabytes(part['weight_bytes'])} MB" for part in parts)
    return [
        voice.key,
        f"{voice.language}, {counted(voice.speakers, 'speaker')}, {voice.sample_rate} Hz, added {moment(voice.added_at)}",
        voice.path,
        f"parts: {sizes}" if sizes else f"graph not recognised: {voice.anatomy['unrecognised']}",
    ]


def _about_variant(variant: Variant) -> list[str]:
    tools = ", ".join(f"{name} {value}" for name, value in variant.tools.items())
    return [
        f"recipe {variant.recipe} ({parameters(variant.params)}), made {moment(variant.created_at)} by job {variant.job_id}",
        variant.path,
        f"with {tools}; SHA-256 {variant.sha256[:16]}…",
        *([variant.caveat] if variant.caveat else []),
    ]
