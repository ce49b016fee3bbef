"""Tables for the terminal and for pipes."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby

from core.records.results import Result
from core.text import escape_control
from tui.text.format import RESULT_HEADERS, counted, result_row

# Where nobody looks at the width (a pipe, a file) a row stays one line.
_WIDE = 200


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], empty: str, gap: int = 2) -> None:
    """Print rows under headers; a header that starts with ">" has its column to the right. `empty` stands for no rows.

    `gap` is the space between columns, at least 1.
    """
    body = [[escape_control(cell) for cell in row] for row in rows]
    if not body:
        print_line(empty)
    elif not _print_plain(headers, body, gap):
        _print_folded(headers, body, gap)


def _print_plain(headers: Sequence[str], body: Sequence[Sequence[str]], gap: int) -> bool:
    """Print a table that needs no folding: thousands of rows in no time, which rich takes seconds for. False for another."""
    import click
    from rich.cells import cell_len

    names = [header.lstrip(">") for header in headers]
    widths = [max(map(cell_len, column)) for column in zip(names, *body, strict=True)]
    width = sum(widths) + gap * (len(widths) - 1)
    if any("\n" in name for name in names) or (sys.stdout.isatty() and width > shutil.get_terminal_size().columns):
        return False

    def line(cells: Sequence[str]) -> str:
        spaces = [" " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
        parts = zip(headers, cells, spaces, strict=True)
        padded = [space + cell if header.startswith(">") else cell + space for header, cell, space in parts]
        return (" " * gap).join(padded).rstrip()

    click.echo("\n".join([click.style(line(names), bold=True), "─" * width, *map(line, body)]))
    return True


def _print_folded(headers: Sequence[str], body: Sequence[Sequence[str]], gap: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

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

    click.echo(escape_control(text))


def print_facts(facts: Iterable[tuple[str, str | None]]) -> None:
    """Names and values under each other; a value that is None is left out."""
    shown = [(name, value) for name, value in facts if value is not None]
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        print_line(f"{name:<{width}}  {value}")


def print_results(results: Sequence[Result]) -> None:
    """One benchmark: a table for each number of threads, then what they mean in words."""
    from core.report.summary import summarize

    for threads, group in groupby(results, key=lambda result: result.threads):
        print_line(counted(threads, "thread"))
        print_table(RESULT_HEADERS, [result_row(result) for result in group], empty="no results", gap=1)
        print_line()
    for line in summarize(results).lines():
        print_line(line)
