"""`ttsdash benchmark`: queues a measured comparison."""

from collections.abc import Callable
from pathlib import Path

import click

from core.benchmark.texts import texts_from
from core.clock import parse_duration
from core.errors import InvalidInput
from core.store.voices import get_voice
from core.text import parse_percent
from jobs.submit import Scheduling, Submission, benchmark_job, submit
from jobs.worker_control import ensure_worker
from tui.cli.context import Command, Session, pass_session
from tui.cli.optimize import finish_or_follow
from tui.cli.scheduling import not_before, terms_options


@click.command(cls=Command)
@click.argument("voice")
@click.option("--variant", "variants", multiple=True, metavar="NAME", help="Measure this one; all without it.")
@click.option("--threads", multiple=True, type=int, metavar="N", help="At N threads; 1 and all cores without it.")
@click.option("--texts", type=click.Path(path_type=Path), metavar="FILE", help="Speak these, a sentence a line.")
@click.option(
    "--width", metavar="PERCENT", help="Go on until the interval of each speed-up is that narrow; 5 % without it."
)
@click.option("--budget", metavar="TIME", help="Measure for at most that long; 3min without it.")
@terms_options
@click.option("--wait", is_flag=True, help="Follow the job to its end, then show the results.")
@pass_session
def benchmark(
    session: Session,
    voice: str,
    variants: tuple[str, ...],
    threads: tuple[int, ...],
    texts: Path | None,
    width: str | None,
    budget: str | None,
    priority: int | None,
    after: tuple[int, ...],
    at: str | None,
    span: str | None,
    wait: bool,
) -> None:
    """Measure variants of VOICE beside the original, in one run."""
    terms = Scheduling(priority or 0, after, not_before(at, span))
    found = get_voice(session.db, voice)
    chosen = [found.variant(name).name for name in variants] or [variant.name for variant in found.variants]
    if texts is not None:
        texts_from(texts)
    file = str(texts.absolute()) if texts else None
    precision = _read("--width", parse_percent, width), _read("--budget", parse_duration, budget)
    job = benchmark_job(found, chosen, threads, file, *precision)
    ids = submit(session.workspace, session.db, job, terms=terms)
    ensure_worker(session.workspace)
    finish_or_follow(session, Submission(tuple(ids)), wait)


def _read(option: str, read: Callable[[str], float], given: str | None) -> float | None:
    try:
        return None if given is None else read(given)
    except ValueError as error:
        raise InvalidInput(f"{option}: {error}") from None
