"""`ttsdash results compare`: compare results side by side."""

import click

from core.errors import InvalidInput
from core.history.compare import compare_results, find_result, read_samples
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line, print_table
from tui.json_output import compared_results_json
from tui.text.results import comparison_headers, comparison_rows, comparison_words


@click.command(cls=Command, only_prints=True)
@click.argument("names", nargs=-1, metavar="A B [C]...")
@pass_session
def compare(session: Session, names: tuple[str, ...]) -> None:
    """Compare results with A, with a verdict on the speed if they are comparable.

    Each argument is the start of the id of a result, or VOICE/VARIANT for its newest one on this machine at all cores.
    """
    if len(names) < 2:
        raise InvalidInput("name two results or more, by the start of their ids or as VOICE/VARIANT")
    results = [find_result(session.db, name) for name in names]
    first, *others = (read_samples(session.db, result) for result in results)
    comparisons = compare_results(first, others)
    if session.as_json:
        session.print_json(compared_results_json(results, comparisons))
        return
    print_table(comparison_headers(results), comparison_rows(results, comparisons), empty="")
    print_line()
    for line in comparison_words(first.result, comparisons):
        print_line(line)
