"""`ttsdash results`: the history of benchmarks."""

from dataclasses import asdict

import click

from core.benchmark.record import ParallelRun, Sample, Start, TextFigures
from core.benchmark.words import explain
from core.store.results import Result, get_result, list_parts, list_results
from core.store.voices import ORIGINAL, get_voice
from tui.cli.session import Group, Session, pass_session
from tui.cli.tables import print_facts, print_line, print_table
from tui.formats import RESULT_HEADERS, figure, megabytes, moment, result_row
from tui.shapes import result_shape

_RAW = {"texts": TextFigures, "samples": Sample, "starts": Start, "parallel_runs": ParallelRun}


@click.group(cls=Group, default="list")
def results() -> None:
    """The history of benchmark results."""


@results.command("list")
@click.option("--voice", metavar="VOICE", help="Only this voice's.")
@pass_session
def list_(session: Session, voice: str | None = None) -> None:
    """List the results, the newest benchmark first."""
    found = list_results(session.db, voice_id=get_voice(session.db, voice).id if voice else None)
    if session.as_json:
        session.print_json([result_shape(result) for result in found])
        return
    print_table(
        ("id", "when", "voice", ">thr.", *RESULT_HEADERS),
        [
            (result.id[:8], moment(result.created_at), result.voice, str(result.threads), *result_row(result))
            for result in found
        ],
        empty="no results yet: measure a voice with `ttsdash benchmark VOICE`",
    )
    if any(result.noisy for result in found):
        print_line()
        print_line("~ measured while other work kept the machine busy")


@results.command()
@click.argument("result_id", metavar="ID")
@pass_session
def show(session: Session, result_id: str) -> None:
    """Show the result whose id starts with ID: every figure, and what it was measured under."""
    found = get_result(session.db, result_id)
    if session.as_json:
        raw = {name: list_parts(session.db, made, found.id) for name, made in _RAW.items()}
        session.print_json(
            result_shape(found) | {name: [asdict(part) for part in parts] for name, parts in raw.items()}
        )
        return
    from core.quality.recordings import recording_pair

    pair = recording_pair(session.workspace, found.voice, found.variant)
    heard = [("listen to", str(path)) for path in pair if path.exists()]
    print_facts([*_facts(found), *heard])
    print_line()
    for line in explain(list_results(session.db, benchmark_id=found.benchmark_id)):
        if found.variant == ORIGINAL or line.startswith((f"{found.variant}:", "The machine ")):
            print_line(line)


def _facts(result: Result) -> list[tuple[str, str | None]]:
    options = "ONNX Runtime's own session options" if result.stock else "set for this run"
    machine = f"{result.machine_facts['cpu']}, {result.machine_facts['cores']} cores ({result.machine})"
    return [
        ("result", result.id),
        ("benchmark", f"{result.benchmark_id}, {moment(result.created_at)}, version {result.benchmark_version}"),
        ("voice", result.voice),
        ("variant", f"{result.variant}, SHA-256 {result.variant_sha256}"),
        ("machine", machine),
        ("environment", ", ".join(f"{name} {value}" for name, value in result.environment.items())),
        ("threads", f"{result.threads} ({options})"),
        ("engine", result.engine),
        ("speed-up", _speedup(result)),
        ("noisy", "yes: others kept the machine busy meanwhile" if result.noisy else "no"),
        ("RTF", figure(result.rtf, 4)),
        ("latency", f"{figure(result.latency_ms, 1)} ms, p90 {figure(result.latency_p90_ms, 1)} ms"),
        ("of the original", f"{result.original_latency_ms:.1f} ms"),
        ("load time", f"{figure(result.load_s, 2)} s"),
        (
            "peak memory",
            f"{figure(result.peak_rss_mb, 0)} MB, of which {figure(result.bare_rss_mb, 0)} MB without any model",
        ),
        ("file", f"{megabytes(result.size_bytes)} MB"),
        ("program", None if result.program_db is None else f"{result.program_db:.1f} dB signal to noise, evaluated"),
        ("duration drift", f"{figure(result.duration_drift_pct, 2)} %"),
        ("mel distance", f"{figure(result.mel_db, 2)} dB"),
        ("PESQ, wide-band", figure(result.pesq, 2) if result.pesq is not None else None),
        ("ESTOI", figure(result.estoi, 3) if result.estoi is not None else None),
        ("defects", ", ".join(f"{name} {count}" for name, count in result.defects.items())),
        ("sound", result.grade),
        ("not measured", _unmeasured(result) or None),
    ]


def _speedup(result: Result) -> str:
    if result.speedup is None or result.speedup_ci is None:
        return "–"
    low, high = result.speedup_ci
    return f"{result.speedup:.3f}x, 95 % interval {low:.3f}–{high:.3f}, of {result.pairs} pairs: {result.verdict}"


def _unmeasured(result: Result) -> str:
    """Each reason once, behind the figures that it holds for."""
    names: dict[str, list[str]] = {}
    for name, reason in result.unmeasured.items():
        names.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(named)} ({reason})" for reason, named in names.items())
