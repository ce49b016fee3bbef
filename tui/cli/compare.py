"""`ttsdash results compare`: results side by side."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from core.errors import BadInput
from core.history.compare import Comparison, Speed, find_result, measured_of
from core.history.compare import compare as judge
from core.store.results import Result
from tui.cli.session import Command, Session, pass_session
from tui.cli.tables import print_line, print_table
from tui.formats import figure, megabytes, moment, shortened
from tui.shapes import result_shape

_FIGURES = (
    ("speed-up", "speedup", 2),
    ("RTF", "rtf", 4),
    ("latency, ms", "latency_ms", 1),
    ("p90, ms", "latency_p90_ms", 1),
    ("first audio, ms", "ttfa_ms", 1),
    ("cold start, s", "cold_start_s", 2),
    ("load time, s", "load_s", 2),
    ("throughput, audio s a second", "throughput", 1),
    ("CPU s a second of audio", "cpu_s_per_audio_s", 3),
    ("energy, J", "energy_j", 2),
    ("peak memory, MB", "peak_rss_mb", 0),
    ("memory at rest, MB", "settled_rss_mb", 0),
    ("mel distance, dB", "mel_db", 2),
    ("PESQ", "pesq", 2),
    ("duration drift, %", "duration_drift_pct", 2),
)
_KINDS = {
    "paired": "of one run, pair by pair",
    "unpaired": "of two runs, each beside its own original, not in pairs",
    "apart": "not measured alike",
}


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="A B [C]...")
@pass_session
def compare(session: Session, names: tuple[str, ...]) -> None:
    """Show results side by side, each beside A, and say which is faster where a rule allows it.

    Each is the start of a result's id, or VOICE/VARIANT: its newest result on this machine at all cores.
    """
    if len(names) < 2:
        raise BadInput("name two results or more: the starts of their ids, or VOICE/VARIANT")
    results = [find_result(session.db, name) for name in names]
    first, *others = (measured_of(session.db, result) for result in results)
    comparisons = judge(first, others)
    if session.as_json:
        session.print_json(
            {
                "results": [result_shape(result) for result in results],
                "comparisons": [asdict(one) | {"result": one.result.id} for one in comparisons],
            }
        )
        return
    _print_figures(results, comparisons)
    print_line()
    for comparison in comparisons:
        print_line(_verdict(first.result, comparison))
    noisy = [result.id[:8] for result in results if result.noisy]
    if noisy:
        print_line(f"measured while other work kept the machine busy: {', '.join(noisy)}")


def _print_figures(results: Sequence[Result], comparisons: Sequence[Comparison]) -> None:
    ratios: list[dict[str, float]] = [{}, *(comparison.ratios for comparison in comparisons)]
    facts = (
        ("voice", [result.voice for result in results]),
        ("variant", [result.variant for result in results]),
        ("threads", [str(result.threads) for result in results]),
        ("measured", [moment(result.created_at) for result in results]),
        ("on", [shortened(result.machine_facts["cpu"]) for result in results]),
    )
    figures = [
        (
            label,
            [_cell(figure(getattr(one, name), digits), of.get(name)) for one, of in zip(results, ratios, strict=True)],
        )
        for label, name, digits in _FIGURES
    ]
    sizes = [_cell(megabytes(one.size_bytes), of.get("size_bytes")) for one, of in zip(results, ratios, strict=True)]
    grades = [result.grade or "–" for result in results]
    rows = [*facts, *figures, ("file, MB", sizes), ("sound", grades)]
    headers = ("", *(f">{result.id[:8]}" for result in results))
    print_table(headers, [(label, *cells) for label, cells in rows], empty="")


def _cell(value: str, ratio: float | None) -> str:
    """`80.5  0.85x`."""
    return value if ratio is None else f"{value} {ratio:>6.2f}x"


def _verdict(first: Result, one: Comparison) -> str:
    names = f"{one.result.variant} ({one.result.id[:8]}) beside {first.variant} ({first.id[:8]})"
    apart = f" ({'; '.join(one.differs)})" if one.differs else ""
    says = _speed(one.speed) if one.speed else f"nothing is said of what is faster: {one.unknown}"
    return f"{names}, {_KINDS[one.kind]}{apart}: {says}"


def _speed(speed: Speed) -> str:
    if speed.interval:
        certain = f"95 % interval {speed.interval[0]:.2f}–{speed.interval[1]:.2f}"
    else:
        certain = f"Mann-Whitney p = {speed.p:.2g}"
    return f"{speed.verdict}, {speed.ratio:.2f}x as fast ({certain})"
