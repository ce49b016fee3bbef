"""Tables, facts and results, for terminals and pipes."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

from core.records.results import Result
from core.text import escape_control
from tui.streams import printable, write_line
from tui.terminal import is_screen
from tui.text.format import RESULT_HEADERS, counted, result_row

# In pipes and files a row stays on one line.
_WIDE = 200


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], empty: str, gap: int = 2) -> None:
    """Print rows under headers, or `empty` if there are none. A header that starts with ">" aligns its column right.

    `gap` is the number of spaces between columns, at least 1.
    """
    body = [[printable(escape_control(cell)) for cell in row] for row in rows]
    if not body:
        print_line(empty)
    elif not _print_plain(headers, body, gap):
        _print_folded(headers, body, gap)


def _print_plain(headers: Sequence[str], body: Sequence[Sequence[str]], gap: int) -> bool:
    """Print a table that fits without folding, and return whether it does. Rich takes seconds for thousands of rows."""
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

    write_line("\n".join([click.style(line(names), bold=True), "─" * width, *map(line, body)]))
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
    width = None if sys.stdout.isatty() else _WIDE
    colors: Literal["auto"] | None = "auto" if is_screen(sys.stdout) else None
    Console(file=sys.stdout, color_system=colors, highlight=False, markup=False, width=width).print(table)


def print_line(text: str = "") -> None:
    """Print a line of text, with control characters escaped."""
    write_line(escape_control(text))


def print_note(text: str) -> None:
    """Print a line of text on standard error, with control characters escaped."""
    write_line(escape_control(text), sys.stderr)


def print_facts(facts: Iterable[tuple[str, str | None]]) -> None:
    """Print names and values, one pair per line, leaving out values that are None."""
    shown = [(name, value) for name, value in facts if value is not None]
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        print_line(f"{name:<{width}}  {value}")


def print_results(results: Sequence[Result]) -> None:
    """Print the results of a benchmark: a table per thread count, then a summary in words."""
    from core.report.summary import summarize

    for threads, group in groupby(results, key=lambda result: result.threads):
        print_line(counted(threads, "thread"))
        print_table(RESULT_HEADERS, [result_row(result) for result in group], empty="no results", gap=1)
        print_line()
    for line in summarize(results).lines():
        print_line(line)
