"""The tab of benchmark results."""

from core.benchmark.words import explain
from core.store.results import Result
from tui.formats import counted, figure, megabytes, shortened, speedup, when
from tui.snapshot import Snapshot
from tui.widgets.pane import TablePane


class ResultsPane(TablePane):
    """The history, the newest benchmark first."""

    # What one looks for first stands first: at 80 columns the rest is in the details below.
    HEADERS = (
        "when",
        "voice",
        "variant",
        ">thr.",
        ">speed-up, 95 %",
        "sound",
        ">RTF",
        ">MB",
        ">peak MB",
        ">mel dB",
        ">drift %",
    )
    TABLE_ID = "results-table"
    EMPTY = "Nothing measured yet.\n\nGo to the voices (1), choose one and press b."

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        return [
            (
                result.id,
                (
                    when(result.created_at),
                    shortened(result.voice, 20),
                    shortened(result.variant, 20),
                    str(result.threads),
                    speedup(result),
                    result.grade or "–",
                    figure(result.rtf, 3),
                    megabytes(result.size_bytes),
                    figure(result.peak_rss_mb, 0),
                    figure(result.mel_db, 1),
                    figure(result.duration_drift_pct, 1),
                ),
            )
            for result in snapshot.results
        ]

    def detail(self, snapshot: Snapshot, key: str) -> str:
        result = next((entry for entry in snapshot.results if entry.id == key), None)
        if result is None:
            return ""
        run = [entry for entry in snapshot.results if entry.benchmark_id == result.benchmark_id]
        return "\n".join([*_facts(result), "", *explain(run)])


def _facts(result: Result) -> list[str]:
    versions = ", ".join(f"{name} {value}" for name, value in result.environment.items())
    options = "stock session options" if result.stock else "set for this run"
    timing = (
        f"latency {figure(result.latency_ms, 0)} ms (p90 {figure(result.latency_p90_ms, 0)}), the original "
        f"{figure(result.original_latency_ms, 0)} ms; loads in {figure(result.load_s, 2)} s; {result.pairs} pairs"
    )
    return [
        f"{result.voice}, {result.variant}, {counted(result.threads, 'thread')}, {options}: {result.verdict or 'not timed'}",
        *([timing] if result.latency_ms is not None else []),
        f"on {result.machine_facts['cpu']}, {result.machine_facts['cores']} cores; {versions}",
    ]
