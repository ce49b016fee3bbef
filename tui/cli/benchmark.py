"""`ttsdash benchmark`: queues a measured comparison."""

from pathlib import Path

import click

from core.benchmark.texts import texts_from
from core.store.voices import get_voice
from jobs.daemon import ensure_worker
from jobs.submit import Queued, Terms, benchmark_job, submit
from tui.cli.optimize import finish_or_follow
from tui.cli.session import Command, Session, pass_session
from tui.cli.terms import not_before, terms_options


@click.command(cls=Command)
@click.argument("voice")
@click.option("--variant", "variants", multiple=True, metavar="NAME", help="Measure this one; all without it.")
@click.option("--threads", multiple=True, type=int, metavar="N", help="At N threads; 1 and all cores without it.")
@click.option("--texts", type=click.Path(path_type=Path), metavar="FILE", help="Speak these, a sentence a line.")
@terms_options
@click.option("--wait", is_flag=True, help="Follow the job to its end, then show the results.")
@pass_session
def benchmark(
    session: Session,
    voice: str,
    variants: tuple[str, ...],
    threads: tuple[int, ...],
    texts: Path | None,
    priority: int | None,
    after: tuple[int, ...],
    at: str | None,
    span: str | None,
    wait: bool,
) -> None:
    """Measure variants of VOICE beside the original, in one run."""
    terms = Terms(priority or 0, after, not_before(at, span))
    found = get_voice(session.db, voice)
    chosen = [found.variant(name).name for name in variants] or [variant.name for variant in found.variants]
    if texts is not None:
        texts_from(texts)
    job = benchmark_job(found, chosen, threads, str(texts.absolute()) if texts else None)
    ids = submit(session.workspace, session.db, job, terms=terms)
    ensure_worker(session.workspace)
    finish_or_follow(session, Queued(tuple(ids)), wait)
