"""`ttsdash select`: show and change which variant of a voice is selected on this machine."""

import click

from core.errors import InvalidInput
from core.records.selections import POLICIES, Policy, Selection, StoredSelection
from core.store.selections import list_selections
from core.store.voices import get_voice
from tui.cli.context import Command, Session, pass_session
from tui.cli.output import print_line, print_table
from tui.json_output import selection_history_json
from tui.text.format import local_time

_LATEST = 5


@click.command(cls=Command)
@click.argument("voice")
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    help="Set the policy: the fastest that was measured (the default), or the guide's order.",
)
@click.option("--pin", metavar="VARIANT", help="Always select this variant.")
@click.option("--unpin", is_flag=True, help="Remove the pin: follow the policy.")
@pass_session
def select(session: Session, voice: str, policy: Policy | None, pin: str | None, unpin: bool) -> None:
    """Select a variant of VOICE on this machine, and show why the others are not selected."""
    from core.hardware.machine import this_machine
    from core.selection.preferences import set_preference

    if pin is not None and unpin:
        raise InvalidInput("--pin and --unpin exclude each other: use one of them")
    selection = set_preference(session.db, voice, policy, pin, unpin)
    history = list_selections(session.db, get_voice(session.db, voice).id, this_machine().id)
    if session.as_json:
        session.print_json(selection_history_json(selection, history))
        return
    print_selection(selection)
    print_line()
    _print_history(history)


def print_selection(selection: Selection) -> None:
    """Print the selection with the decisions on all candidates and its warnings."""
    print_line(f"{selection.voice}: {selection.selected} ({selection.reason})")
    print_table(
        (f"policy {selection.policy}", "verdict", "reason"),
        [(decision.variant, decision.status, decision.reason) for decision in selection.candidates],
        empty="no variants",
    )
    for warning in selection.warnings:
        print_line(f"! {warning.text}")


def _print_history(history: list[StoredSelection]) -> None:
    """Print when the selected variant, the policy or the pin changed, newest first."""
    previous = [*(_outcome(stored) for stored in history[1:]), None]
    changes = [stored for stored, before in zip(history, previous, strict=False) if _outcome(stored) != before]
    for stored in changes[:_LATEST]:
        selection = stored.selection
        print_line(f"{local_time(stored.created_at)}  {selection.selected}  {selection.reason}; cause: {stored.cause}")


def _outcome(stored: StoredSelection) -> tuple[str, str, str | None]:
    return stored.selection.selected, stored.selection.policy, stored.selection.pinned
