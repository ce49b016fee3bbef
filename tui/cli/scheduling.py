"""The options that schedule a job: priority, prerequisites, earliest time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from core.clock import format_timestamp, parse_duration, parse_time
from core.errors import InvalidInput

_OPTIONS = (
    click.option(
        "--priority",
        type=click.IntRange(-1000, 1000),
        metavar="N",
        help="Jobs of higher priority run first (default: 0).",
    ),
    click.option(
        "--after", type=int, multiple=True, metavar="ID", help="Wait until job ID has succeeded; may be repeated."
    ),
    click.option("--at", metavar="TIME", help="Do not start before TIME: 02:00, or '2026-05-01 02:00'."),
    click.option("--in", "span", metavar="DURATION", help="Do not start until DURATION has passed: 30min, 2h."),
)


def scheduling_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `priority`, `after`, `at` and `span` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def not_before(at: str | None, span: str | None) -> str | None:
    """Return the time given by `--at` or `--in`, if any. Raises InvalidInput."""
    if at is not None and span is not None:
        raise InvalidInput("--at and --in exclude each other: give one of them")
    try:
        if at is not None:
            return format_timestamp(parse_time(at))
        return None if span is None else format_timestamp(datetime.now(UTC) + timedelta(seconds=parse_duration(span)))
    except ValueError as error:
        raise InvalidInput(f"{'--in' if at is None else '--at'}: {error}") from None
