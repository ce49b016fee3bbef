"""Tables for the terminal and for pipes."""

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby

from core.store.results import Result
from core.text import printable
from tui.formats import RESULT_HEADERS, counted, result_row

# Where nobody looks at the width (a pipe, a file) a row stays one line.
_WIDE = 200


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], empty: str, gap: int = 2) -> None:
    """Print rows under headers; a header that starts with ">" has its column to the right. `empty` stands for no rows.

    `gap` is the space between columns, at least 1.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    body = [[printable(cell) for cell in row] for row in rows]
    if not body:
        print_line(empty)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, gap - 1, 0, 0))
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


def print_results(results: Sequence[Result]) -> None:
    """One benchmark: a table for each number of threads, then what they mean in words."""
    from core.benchmark.words import explain

    for threads, group in groupby(results, key=lambda result: result.threads):
        print_line(counted(threads, "thread"))
        print_table(RESULT_HEADERS, [result_row(result) for result in group], empty="no results", gap=1)
        print_line()
    for line in explain(list(results)):
        print_line(line)
