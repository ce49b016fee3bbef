"""The options that say when a job's turn comes: its priority, what it waits for, and its time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from core.clock import format_timestamp, parse_duration, parse_time
from core.errors import InvalidInput

_OPTIONS = (
    click.option("--priority", type=click.IntRange(-1000, 1000), metavar="N", help="Higher first."),
    click.option("--after", type=int, multiple=True, metavar="ID", help="Once job ID has succeeded; may be repeated."),
    click.option("--at", metavar="TIME", help="Not before TIME: 02:00, or '2026-05-01 02:00'."),
    click.option("--in", "span", metavar="SPAN", help="Not before SPAN has gone: 30min, 2h."),
)


def terms_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Takes `priority`, `after`, `at` and `span`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def not_before(at: str | None, span: str | None) -> str | None:
    """The time that `--at` or `--in` names. Raises BadInput."""
    if at is not None and span is not None:
        raise InvalidInput("--at and --in at once: say one of them")
    try:
        if at is not None:
            return format_timestamp(parse_time(at))
        return None if span is None else format_timestamp(datetime.now(UTC) + timedelta(seconds=parse_duration(span)))
    except ValueError as error:
        raise InvalidInput(f"{'--in' if at is None else '--at'}: {error}") from None
