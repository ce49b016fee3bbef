"""`ttsdash benchmark`: queues a benchmark."""

from collections.abc import Callable
from pathlib import Path

import click

from core.benchmark.texts import texts_of_file
from core.clock import parse_duration
from core.errors import InvalidInput
from core.store.voices import get_voice
from core.text import parse_percent
from core.variants.sources import require_unchanged
from jobs.submit import Scheduling, benchmark_job, measurable, submit_benchmark
from jobs.worker_control import ensure_worker
from tui.cli.context import Command, Session, pass_session
from tui.cli.optimize import finish_or_follow
from tui.cli.scheduling import not_before, scheduling_options


@click.command(cls=Command)
@click.argument("voice")
@click.option(
    "--variant", "variants", multiple=True, metavar="NAME", help="Measure this variant; may be repeated (default: all)."
)
@click.option(
    "--threads",
    multiple=True,
    type=int,
    metavar="N",
    help="Measure at N threads; may be repeated (default: 1 and all cores).",
)
@click.option("--texts", type=click.Path(path_type=Path), metavar="FILE", help="Speak these sentences, one per line.")
@click.option(
    "--width", metavar="PERCENT", help="Measure until each speed-up's interval is this narrow (default: 5 %)."
)
@click.option("--budget", metavar="DURATION", help="Measure for at most DURATION (default: 3min).")
@click.option("--force", is_flag=True, help="Queue it even if the same benchmark is already queued or running.")
@scheduling_options
@click.option("--wait", is_flag=True, help="Wait until the job has ended, then show the results.")
@pass_session
def benchmark(
    session: Session,
    voice: str,
    variants: tuple[str, ...],
    threads: tuple[int, ...],
    texts: Path | None,
    width: str | None,
    budget: str | None,
    force: bool,
    priority: int | None,
    after: tuple[int, ...],
    at: str | None,
    span: str | None,
    wait: bool,
) -> None:
    """Measure variants of VOICE beside the original, in one run."""
    scheduling = Scheduling(priority or 0, after, not_before(at, span))
    found = get_voice(session.db, voice)
    require_unchanged(found)
    chosen = measurable(found, variants)
    if texts is not None:
        texts_of_file(found.config, found.language, texts)
    file = str(texts.absolute()) if texts else None
    width_share = _parse("--width", parse_percent, width)
    budget_s = _parse("--budget", parse_duration, budget)
    job = benchmark_job(found, chosen, threads, file, width_share, budget_s)
    submission = submit_benchmark(session.workspace, session.db, job, scheduling, force)
    ensure_worker(session.workspace)
    finish_or_follow(session, submission, wait)


def _parse(option: str, parse: Callable[[str], float], text: str | None) -> float | None:
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        raise InvalidInput(f"{option}: {error}") from None
