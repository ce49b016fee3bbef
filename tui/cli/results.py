"""`ttsdash results`: the history of benchmark results."""

import math
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence

import click

from core.hardware.limits import describe_limits
from core.hardware.machine import this_machine
from core.history.filter import Term, read_filter
from core.history.listing import SORTS, WHEN, Page, list_page
from core.history.names import find_voice, folder_of, voice_names
from core.records.benchmarks import ParallelRun, Sample, Startup, TextMetrics, TextSound
from core.records.metrics import METRICS, Metric
from core.records.results import Result
from core.records.voices import ORIGINAL
from core.report.summary import summarize
from core.store.results import get_result, list_parts, list_results
from tui.cli.check import check
from tui.cli.compare import compare
from tui.cli.context import DefaultCommandGroup, Session, pass_session
from tui.cli.export import export, import_
from tui.cli.output import print_facts, print_line, print_table
from tui.cli.pareto import pareto
from tui.cli.prune import prune
from tui.cli.trend import trend
from tui.json_output import result_details_json, result_json
from tui.streams import write_line
from tui.text.format import (
    BASELINE,
    RESULT_HEADERS,
    counted,
    decimal,
    local_time,
    result_row,
    short_time,
    shortened,
    sound,
    speedup,
    unmeasured_reasons,
)

_ROWS, _ROWS_OF_JSON = 50, 500
# On one line, so that long tables are printed fast.
_HEADERS = tuple(header.replace("\n", " ") for header in RESULT_HEADERS)

# The terminal width that the table with all metrics needs.
_WIDE = 130

Labels = dict[str, Callable[[Result], str]]
"""Header -> the cells of a column."""


@click.group(cls=DefaultCommandGroup, default="list")
def results() -> None:
    """Browse the history of benchmark results.

    Without a command, list the newest results.
    """


for command in (check, compare, export, import_, pareto, prune, trend):
    results.add_command(command)


def _help_if_asked(ctx: click.Context, _: click.Parameter, terms: tuple[str, ...]) -> tuple[str, ...]:
    """Print the help for `-h`. As an option, it would also be found within a term such as `-hifi`."""
    if "-h" in terms:
        write_line(ctx.get_help())
        ctx.exit()
    return terms


@results.command(
    "list",
    only_prints=True,
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("terms", nargs=-1, metavar="[FILTER]...", callback=_help_if_asked)
@click.option("--voice", metavar="VOICE", help="Only results of this voice.")
@click.option("--sort", default=WHEN, type=click.Choice(SORTS), metavar="COLUMN", help=f"Sort by {', '.join(SORTS)}.")
@click.option("--reverse", is_flag=True, help="Reverse the sort order.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10**6),
    metavar="N",
    help=f"Show N results per page (default: {_ROWS}, {_ROWS_OF_JSON} with --json).",
)
@click.option("--page", default=1, type=click.IntRange(1, 10**6), metavar="N", help="Show page N.")
@pass_session
def list_(
    session: Session,
    terms: Sequence[str] = (),
    voice: str | None = None,
    sort: str = WHEN,
    reverse: bool = False,
    limit: int | None = None,
    page: int = 1,
) -> None:
    """List the results that match every FILTER, newest first.

    A filter is part of the name of a voice or variant, or a condition: voice:joe, variant:int8, machine:this,
    'grade>=slight', 'speedup>1.5', since:2w, noisy:no, regression:yes. A leading - excludes what matches.
    """
    for term in terms:
        if term.startswith("--"):
            raise click.NoSuchOption(term)
    wanted = read_filter(" ".join(terms))
    if voice:
        voice_id = find_voice(session.db, voice)
        wanted += (Term("voice", "=", voice_names(session.db).get(voice_id, voice)),)
    rows = limit or (_ROWS_OF_JSON if session.as_json else _ROWS)
    found = list_page(session.db, wanted, sort, reverse, rows, page)
    if session.as_json:
        session.print_json([result_json(result) for result in found.results])
    elif found.results:
        _print_page(found, rows, page)
    elif found.total:
        print_line(f"page {page} is empty: {counted(found.total, 'result')} in total")
    else:
        print_line("no results match" if terms else "no results yet (benchmark a voice with: ttsdash benchmark VOICE)")


def _print_page(found: Page, rows: int, page: int) -> None:
    labels = _labels(found.results)
    if not sys.stdout.isatty() or shutil.get_terminal_size().columns >= _WIDE:
        headers = ("id", "when", "voice", *labels, ">thr.", *_HEADERS)
        print_table(headers, [_row(result, labels) for result in found.results], empty="")
    else:
        headers = ("id", "when", "voice", "variant", ">thr.", ">speed-up, 95 %", "sound")
        print_table(headers, map(_short_row, found.results), empty="", gap=1)
    marks = {
        "~ noisy: measured on a busy machine": any(result.noisy for result in found.results),
        "! regression on that machine: see `ttsdash results show ID`": any(one.regression for one in found.results),
        f"results with a different {', '.join(labels)} are not comparable": labels,
        _range_shown(len(found.results), found.total, rows, page): len(found.results) < found.total,
    }
    if any(marks.values()):
        print_line()
    for mark, applies in marks.items():
        if applies:
            print_line(mark)


def _row(result: Result, labels: Labels) -> tuple[str, ...]:
    distinguishing = [label(result) for label in labels.values()]
    head = (result.id[:8], local_time(result.created_at), result.voice, *distinguishing, str(result.threads))
    return (*head, *result_row(result))


def _short_row(result: Result) -> tuple[str, ...]:
    names = (shortened(result.voice, 12), shortened(result.variant, 12))
    return (
        result.id[:8],
        short_time(result.created_at),
        *names,
        str(result.threads),
        speedup(result),
        sound(result),
    )


def _labels(results: Sequence[Result]) -> Labels:
    """Return the columns needed to distinguish results that are not comparable."""
    here = this_machine().id
    # The benchmark version depends on the phonemes, so each voice has versions that differ from other voices'.
    versions = {(result.voice_id, result.benchmark_version) for result in results}
    text_sets = {(result.voice_id, result.text_set) for result in results}
    several = {
        "machine": any(result.machine != here for result in results),
        "runtime": len({_runtime(result) for result in results}) > 1,
        "text set": len(text_sets) > len({result.voice_id for result in results}),
        "benchmark version": len(versions) > len({result.voice_id for result in results}),
        "file": len({result.voice_id for result in results}) > len({result.voice for result in results}),
    }
    labels: Labels = {
        "machine": lambda one: "this one" if one.machine == here else shortened(one.machine_facts["cpu"], 16),
        "runtime": _runtime,
        "text set": lambda one: one.text_set,
        "benchmark version": lambda one: one.benchmark_version[:7],
        "file": lambda one: one.voice_id[:8],
    }
    return {name: label for name, label in labels.items() if several[name]}


def _runtime(result: Result) -> str:
    return result.environment.get("onnxruntime", "–")


def _range_shown(shown: int, total: int, rows: int, page: int) -> str:
    """Return which part of the results is shown."""
    first = (page - 1) * rows + 1
    last = first + shown - 1
    more = f" (next: --page {page + 1}, all: --limit {total})" if last < total else ""
    return f"{first} to {last} of {total}{more}"


@results.command(only_prints=True)
@click.argument("result_id", metavar="ID")
@pass_session
def show(session: Session, result_id: str) -> None:
    """Show every metric of the result whose id starts with ID, and how it was measured."""
    found = get_result(session.db, result_id)
    if session.as_json:
        printed = result_details_json(
            found,
            list_parts(session.db, TextMetrics, found.id),
            list_parts(session.db, TextSound, found.id),
            list_parts(session.db, Sample, found.id),
            list_parts(session.db, Startup, found.id),
            list_parts(session.db, ParallelRun, found.id),
        )
        session.print_json(printed)
        return
    from core.quality.recordings import recording_pair

    folder = folder_of(session.db, found.voice_id, found.voice)
    pair = recording_pair(session.workspace, folder, found.variant)
    recordings = [("recording", str(path)) for path in pair if path.exists()]
    print_facts([*_facts(found), *recordings])
    _print_texts(list_parts(session.db, TextMetrics, found.id))
    _print_sounds(list_parts(session.db, TextSound, found.id))
    print_line()
    summary = summarize(list_results(session.db, benchmark_id=found.benchmark_id))
    for line in summary.lines(None if found.variant == ORIGINAL else found.variant):
        print_line(line)


def _print_texts(texts: Sequence[TextMetrics]) -> None:
    if not texts:
        return
    print_line()
    rows = [
        (
            text.text,
            f"{text.audio_seconds:.1f}",
            f"{text.latency_ms:.1f}",
            f"{text.latency_p90_ms:.1f}",
            f"{text.rtf:.4f}",
            f"{text.speedup:.2f}x",
        )
        for text in sorted(texts, key=lambda text: text.audio_seconds)
    ]
    print_table(("text", ">audio s", ">latency ms", ">p90 ms", ">RTF", ">speed-up"), rows, empty="")


def _print_sounds(sounds: Sequence[TextSound]) -> None:
    if not sounds:
        return
    print_line()
    rows = [
        (
            sound.text,
            decimal(sound.pesq, 2),
            decimal(sound.estoi, 3),
            decimal(sound.mel_db, 1),
            f"{sound.duration_drift_pct:.1f}",
        )
        for sound in sorted(sounds, key=lambda sound: (sound.pesq or math.inf, -(sound.mel_db or 0)))
    ]
    print_table(("text, worst first", ">PESQ", ">ESTOI", ">mel dB", ">drift %"), rows, empty="")


def _facts(result: Result) -> list[tuple[str, str | None]]:
    options = "ONNX Runtime defaults" if result.stock else "thread count fixed"
    machine = f"{result.machine_facts['cpu']}, {result.machine_facts['cores']} cores ({result.machine})"
    worse = result.regression or {}
    return [
        ("result", result.id),
        ("benchmark", f"{result.benchmark_id}, {local_time(result.created_at)}, version {result.benchmark_version}"),
        ("voice", result.voice),
        ("variant", f"{result.variant}, SHA-256 {result.variant_sha256}"),
        ("machine", machine),
        ("environment", ", ".join(f"{name} {value}" for name, value in result.environment.items())),
        ("texts", str(result.spoken)),
        ("threads", f"{result.threads} ({options})"),
        ("limits", describe_limits(result.limits)),
        ("engine", result.engine),
        ("worse", "; ".join(worse["worse"]) if worse else None),
        ("changed", "; ".join(worse["changed"]) or "none" if worse else None),
        ("noisy", "yes: fewer than ten undisturbed pairs, or the processor throttled" if result.noisy else "no"),
        *_metrics(result),
        (
            "program",
            None if result.program_db is None else f"{result.program_db:.1f} dB signal-to-noise ratio, evaluated",
        ),
        ("worst text", result.worst_text),
        ("defects", ", ".join(f"{name} {count}" for name, count in result.defects.items())),
        ("sound", sound(result) if result.grade else None),
        ("not measured", unmeasured_reasons(result) or None),
    ]


def _metrics(result: Result) -> Iterator[tuple[str, str]]:
    for metric in METRICS:
        yield metric.label, _metric(result, metric)
        if metric.field == "latency_ms":
            yield "of the original", f"{result.original_latency_ms:.1f} ms"
        elif metric.field == "settled_rss_mb":
            yield "without a model", f"{decimal(result.bare_rss_mb, 0)} MB"


def _metric(result: Result, metric: Metric) -> str:
    if metric.field == "speedup":
        return _speedup(result)
    value = f"{decimal(metric.value(result), metric.digits)} {metric.unit}".rstrip()
    if metric.field == "throughput" and result.requests:
        return f"{value}, {result.requests} parallel requests"
    if metric.field == "tone_db" and result.tone_hz is not None:
        return f"{value} at {result.tone_hz:.0f} Hz"
    return value


def _speedup(result: Result) -> str:
    if result.variant == ORIGINAL:
        return BASELINE
    if result.speedup is None or result.speedup_ci is None:
        return "–"
    low, high = result.speedup_ci
    return f"{result.speedup:.3f}x, 95 % interval {low:.3f}–{high:.3f}, {result.pairs} pairs: {result.verdict}"
