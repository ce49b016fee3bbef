"""Tables for the terminal and for pipes."""

import sys
from collections.abc import Iterable, Sequence

from core.clock import parse
from core.store.results import Result
from core.text import printable

# Where nobody looks at the width (a pipe, a file) a row stays one line.
_WIDE = 200


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Print rows under headers; a header that starts with ">" has its column to the right. `empty` stands for no rows."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    body = [[printable(cell) for cell in row] for row in rows]
    if not body:
        print_line(empty)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for header in headers:
        table.add_column(header.lstrip(">"), justify="right" if header.startswith(">") else "left", overflow="fold")
    for row in body:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    if not sys.stdout.isatty():
        console = Console(highlight=False, markup=False, width=_WIDE)
    console.print(table)


def print_line(text: str = "") -> None:
    import click

    click.echo(printable(text))


def print_facts(facts: Iterable[tuple[str, str | None]]) -> None:
    """Names and values under each other; a value that is None is left out."""
    shown = [(name, value) for name, value in facts if value is not None]
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        print_line(f"{name:<{width}}  {value}")


def megabytes(size: float) -> str:
    return f"{size / 1e6:.1f}"


def figure(value: float | None, digits: int) -> str:
    """A figure, or a dash for one that was not measured."""
    return "–" if value is None else f"{value:.{digits}f}"


def moment(stamp: str | None) -> str:
    """A time as the reader's clock shows it."""
    return parse(stamp).astimezone().strftime("%Y-%m-%d %H:%M:%S") if stamp else "–"


def speedup(result: Result) -> str:
    """`1.16x 1.13–1.24`; the original, which all are measured by, has no interval."""
    if result.variant == "original":
        return "1.00x"
    low, high = result.speedup_ci
    return f"{result.speedup:.2f}x {low:.2f}–{high:.2f}"


RESULT_HEADERS = ("variant", ">thr.", ">MB", ">speed-up, 95 %", ">RTF", ">peak\nMB", ">mel\ndB", ">drift\n%", "sound")


def result_row(result: Result) -> tuple[str, ...]:
    return (
        result.variant,
        str(result.threads),
        megabytes(result.size_bytes),
        speedup(result) + (" ~" if result.noisy else ""),
        figure(result.rtf, 3),
        figure(result.peak_rss_mb, 0),
        figure(result.mel_db, 1),
        figure(result.duration_drift_pct, 1),
        result.grade or "–",
    )


def print_results(results: Sequence[Result]) -> None:
    """One benchmark: the table, then what it means in words."""
    from core.benchmark.words import explain

    print_table(RESULT_HEADERS, [result_row(result) for result in results], empty="no results")
    print_line()
    for line in explain(list(results)):
        print_line(line)
