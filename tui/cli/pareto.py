"""`ttsdash results pareto`: show the Pareto front of a voice."""

import click

from core.history.names import find_machine, find_voice, variants_of
from core.history.pareto import compute_pareto
from core.store.results import newest_result
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line, print_table
from tui.json_output import pareto_result_json
from tui.text.results import DOMINATED, PARETO_HEADERS, different_texts, pareto_row


@click.command(cls=Command, only_prints=True)
@click.argument("voice", metavar="VOICE")
@click.option("--machine", default="this", metavar="ID", help="Start of the id of a machine, or part of its CPU name.")
@pass_session
def pareto(session: Session, voice: str, machine: str) -> None:
    """Show which variants of VOICE are on the Pareto front of size, speed and sound, and which are dominated.

    Uses the newest result of each on this machine at all cores.
    """
    voice_id, where = find_voice(session.db, voice), find_machine(session.db, machine)
    newest = [newest_result(session.db, voice_id, name, where) for name in variants_of(session.db, voice_id)]
    found = compute_pareto([result for result in newest if result])
    if session.as_json:
        session.print_json([pareto_result_json(one) for one in found])
        return
    print_table(
        PARETO_HEADERS,
        [pareto_row(one) for one in found],
        empty=f"no results at all cores on {where.facts['cpu']} ({where.id})",
    )
    if found:
        print_line()
        print_line(DOMINATED)
        texts = different_texts([one.result for one in found])
        if texts:
            print_line(texts)
