"""`ttsdash results trend`: show the results of variants over time."""

import shlex
from collections.abc import Sequence

import click

from core.errors import NotFound
from core.hardware.machine import Machine
from core.history.names import find_machine, find_voice, variants_of
from core.history.trend import LATEST, Point, Series, list_trend, series
from core.records.results import Result
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line, print_table
from tui.json_output import trend_json
from tui.text.format import counted, decimal, local_time, speedup
from tui.text.results import changes_since_previous, trend_line


@click.command(cls=Command, only_prints=True)
@click.argument("voice", metavar="VOICE")
@click.option("--variant", metavar="NAME", help="Show every result of this variant (default: a line per variant).")
@click.option("--threads", type=click.IntRange(1), metavar="N", help="At N threads (default: all cores).")
@click.option("--machine", default="this", metavar="ID", help="Start of the id of a machine, or part of its CPU name.")
@pass_session
def trend(session: Session, voice: str, variant: str | None, threads: int | None, machine: str) -> None:
    """Show the results of the variants of VOICE on this machine over time, and which versions changed in between."""
    voice_id, where = find_voice(session.db, voice), find_machine(session.db, machine)
    known = variants_of(session.db, voice_id)
    if variant is not None and variant not in known:
        fix = f"known: {', '.join(known)}" if known else f"benchmark it with: ttsdash benchmark {shlex.quote(voice)}"
        raise NotFound(f"no results of {voice}/{variant} ({fix})")
    found = {
        name: series(list_trend(session.db, voice_id, name, where, threads))
        for name in ([variant] if variant else known)
    }
    if session.as_json:
        session.print_json([trend_json(name, one) for name, several in found.items() for one in several])
    elif not any(found.values()):
        at = counted(threads, "thread") if threads else "all cores"
        print_line(f"no results at {at} on {where.facts['cpu']} ({where.id})")
    elif variant:
        _print_points(found[variant], where)
    else:
        _print_overview(found)


def _print_points(found: Sequence[Series], machine: Machine) -> None:
    for one in found:
        last = one.points[-1].result
        print_line(
            f"{last.variant}, {counted(last.threads, 'thread')}, on {machine.facts['cpu']}, texts {last.spoken}, "
            f"benchmark version {one.version}"
        )
        print_table(
            ("when", "id", ">speed-up, 95 %", ">latency ms", ">original ms", "changes since the previous one"),
            [_row(point) for point in one.points],
            empty="",
        )
        print_line(trend_line(one))
        print_line()
    _print_notes(found)


def _row(point: Point) -> tuple[str, ...]:
    result = point.result
    return (
        local_time(result.created_at),
        result.id[:8],
        speedup(result),
        decimal(result.latency_ms, 0),
        decimal(result.original_latency_ms, 0),
        changes_since_previous(point),
    )


def _print_overview(found: dict[str, list[Series]]) -> None:
    rows = [
        (
            name,
            one.version[:7],
            str(len(one.points)),
            local_time(one.points[0].result.created_at),
            local_time(one.points[-1].result.created_at),
            str(sum(bool(point.result.regression) for point in one.points) or ""),
            trend_line(one),
        )
        for name, several in found.items()
        for one in several
    ]
    print_table(("variant", "version", ">results", "from", "to", ">worse", "trend"), rows, empty="")
    print_line()
    _print_notes([one for several in found.values() for one in several])


def _results(one: Series) -> list[Result]:
    return [point.result for point in one.points]


def _print_notes(found: Sequence[Series]) -> None:
    results = [result for one in found for result in _results(one)]
    notes = {
        "~ noisy: measured on a busy machine": any(result.noisy for result in results),
        "! regression: see `ttsdash results show ID`": any(result.regression for result in results),
        "results of different benchmark versions are not comparable": len({one.version for one in found}) > 1,
        f"only the newest {LATEST} results of each variant": any(len(one.points) == LATEST for one in found),
    }
    for note, applies in notes.items():
        if applies:
            print_line(note)
