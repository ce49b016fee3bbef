"""The tab of what is selected on this machine, why, and what the assistant's configuration says of it today."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.worker import get_current_worker

from core.records.selections import POLICIES, Policy, Selection
from core.records.voices import Voice
from core.selection.fallback_chain import Step, fallback_chain
from core.text import escape_control
from tui.dashboard.actions import perform
from tui.dashboard.common.pane import TablePane
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.messages import Outcome, Proposed
from tui.dashboard.selection.chain import Chain
from tui.dashboard.selection.details import describe_selection, verdict_words
from tui.text.format import shortened

if TYPE_CHECKING:
    from core.assistant.proposal import Proposal
    from core.assistant.today import Today
    from tui.dashboard.context import Context
    from tui.dashboard.snapshot import Snapshot

_UNPIN = ""
# Beside the text: its padding, and the scroll bar.
_FRAME = 3


class SelectionPane(TablePane):
    """A row a voice; of the one in focus the chain of its variants, and every reason."""

    HEADERS = ("voice", "policy", "selected", "pinned", "assistant loads", "applied")
    TABLE_ID = "selection-table"
    EMPTY = (
        "No voices yet.\n\nGo to the voices (1) and press a to add one. Which of its variants is taken on this machine, "
        "and why not another, stands here then."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "apply", "Apply", id="selection.apply"),
        Binding("u", "undo", "Undo", id="selection.undo"),
        Binding("p", "pin", "Pin", id="selection.pin"),
        Binding("o", "policy", "Policy", id="selection.policy"),
        Binding("s", "select", "Select anew", id="selection.select"),
        Binding("f", "assistant", "Assistant", id="selection.assistant"),
    ]

    @dataclass
    class TodayRead(Message):
        """The assistant's configuration was read, and which of the variants' files are where they should be."""

        today: Today
        gone: frozenset[str]

    def __init__(self, context: Context, id: str) -> None:
        super().__init__(context, id)
        self.today: Today | None = None
        """None until it has been read."""
        self._gone = frozenset[str]()
        """Paths at which nothing lies any more."""

    def below_table(self) -> ComposeResult:
        yield Chain()

    @property
    def voice(self) -> Voice | None:
        """The voice in focus."""
        key = self.table.focused_key
        return next((voice for voice in self.snapshot.voices if voice.key == key), None) if self.snapshot else None

    @property
    def selection(self) -> Selection | None:
        """That of the voice in focus."""
        return self.snapshot.selections.get(self.voice.key) if self.snapshot and self.voice else None

    @property
    def _in_sight(self) -> bool:
        return all(node.display for node in self.ancestors_with_self)

    # What is shown

    def show(self, snapshot: Snapshot) -> None:
        before, self.snapshot = self.snapshot, snapshot
        if before and _same(before, snapshot):
            return
        super().show(snapshot)
        if self._in_sight:
            self.look()

    def take_focus(self) -> None:
        super().take_focus()
        self.look()

    def look(self) -> None:
        """Read anew, off the interface's thread, what the assistant's configuration says."""
        if self.snapshot:
            read = partial(self._read, self.snapshot.voices)
            self.run_worker(read, thread=True, exclusive=True, group="assistant")

    def _read(self, voices: list[Voice]) -> None:
        from core.assistant.today import read_today
        from tui.dashboard.common.missing_files import find_missing_files

        today = read_today(self.workspace, voices)
        gone = find_missing_files(voices)
        if not get_current_worker().is_cancelled:
            self.post_message(self.TodayRead(today, gone))

    @on(TodayRead)
    def _know(self, message: TodayRead) -> None:
        self.today, self._gone = message.today, message.gone
        if self.snapshot:
            super().show(self.snapshot)

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        return [(voice.key, _row(voice, snapshot.selections.get(voice.key), self.today)) for voice in snapshot.voices]

    def show_detail(self) -> None:
        super().show_detail()
        chain_ = self.query_one(Chain)
        chain_.display = self.selection is not None
        chain_.show(self._links)

    def on_resize(self) -> None:
        """The reasons have another width."""
        self.show_detail()

    @property
    def _links(self) -> tuple[Step, ...]:
        if self.voice is None or self.selection is None:
            return ()
        return fallback_chain(self.selection, {variant.name: variant.recipe for variant in self.voice.variants})

    def detail(self, snapshot: Snapshot, key: str) -> str:
        if self.voice is None:
            return ""
        told = describe_selection(self.voice, self.selection, self._links, self.today, self.size.width - _FRAME)
        return "\n".join([*self._lost(), told])

    def _lost(self) -> Iterator[str]:
        """What has gone since it was judged."""
        gone = {variant.name for variant in self.voice.variants if variant.path in self._gone} if self.voice else set()
        for judged in self.selection.candidates if self.selection else ():
            if judged.variant in gone and judged.verdict != "passed over":
                yield f"! {judged.variant}: its file is missing: press s to select anew"

    # What keys ask for

    @on(KeyedTable.RowSelected)
    def action_apply(self) -> None:
        if self.voice:
            self._evaluate(partial(self.actions.propose_selection, self.voice.key))

    def action_undo(self) -> None:
        perform(self, self.actions.propose_undo)

    @on(Proposed)
    def _offer(self, message: Proposed) -> None:
        if self.is_frontmost:
            self.offer(message.proposal)

    @on(Outcome)
    def _look_again(self) -> None:
        """An action may have changed what the assistant loads, or which file says so."""
        self.look()

    def offer(self, proposal: Proposal) -> None:
        """Show what would be written; if that is agreed to, it is. Nobody is asked of what is no longer in sight."""
        from tui.dashboard.selection.proposal import ProposalScreen

        if not self._in_sight or (proposal.voice and (self.voice is None or self.voice.key != proposal.voice)):
            return
        if not proposal.changes_something:
            self.notify(escape_control(f"{proposal.file.path}: nothing to change"), markup=False)
            return

        def write(agreed: bool | None) -> None:
            if agreed:
                perform(self, self.actions.write_proposal, proposal)

        self.app.push_screen(ProposalScreen(proposal), write)

    def action_pin(self) -> None:
        from tui.dashboard.selection.pick import Pick, PickScreen

        voice, selection = self.voice, self.selection
        if voice is None:
            return
        says = {judged.variant: verdict_words(judged) for judged in selection.candidates} if selection else {}
        picks = [Pick(_UNPIN, "no pin", "what the policy takes")]
        picks += [Pick(variant.name, variant.name, says.get(variant.name, "")) for variant in voice.variants]

        def pin(picked: str | None) -> None:
            if picked is not None:
                self._evaluate(partial(self.actions.pin_variant, voice.key, picked or None))

        pinned = (selection.pinned if selection else None) or _UNPIN
        self.app.push_screen(PickScreen(f"Pin a variant of {voice.key}, whatever the policy says", picks, pinned), pin)

    def action_policy(self) -> None:
        from tui.dashboard.selection.pick import Pick, PickScreen

        voice, selection = self.voice, self.selection
        if voice is None:
            return

        policies: dict[str, Policy] = {policy: policy for policy in POLICIES}

        def choose(picked: str | None) -> None:
            if picked is not None:
                self._evaluate(partial(self.actions.choose_policy, voice.key, policies[picked]))

        picks = [Pick(policy, policy, says) for policy, says in POLICIES.items()]
        current = selection.policy if selection else "priority"
        self.app.push_screen(PickScreen(f"The policy for {voice.key}", picks, current), choose)

    def action_select(self) -> None:
        if self.voice:
            self._evaluate(partial(self.actions.reevaluate, self.voice.key))

    def action_assistant(self) -> None:
        from tui.dashboard.selection.assistant import AssistantScreen

        def name(config: Path | None) -> None:
            if config:
                perform(self, self.actions.set_assistant, config)

        known = self.today.config if self.today else None
        self.app.push_screen(AssistantScreen(str(known or "")), name)

    def _evaluate(self, action: Callable[[], Message]) -> None:
        """Run an action that evaluates a selection, which takes seconds: it checks checksums and loads a model."""
        self.notify("Looking at the files, the figures and this machine …", timeout=3)
        perform(self, action)


def _same(before: Snapshot, after: Snapshot) -> bool:
    """Whether the pane shows both alike; the rest may change several times a second."""
    return before.voices is after.voices and before.newest is after.newest and before.selections is after.selections


def _row(voice: Voice, selection: Selection | None, today: Today | None) -> tuple[str, ...]:
    loads, applied = _today(voice, selection, today)
    chosen = (selection.policy, selection.selected, selection.pinned or "–") if selection else ("–", "press s", "–")
    policy, selected, pinned = chosen
    return (
        shortened(voice.key, 20),
        policy,
        shortened(selected, 16),
        shortened(pinned, 12),
        shortened(loads, 16),
        applied,
    )


def _today(voice: Voice, selection: Selection | None, today: Today | None) -> tuple[str, str]:
    """What the assistant loads of the voice, and whether that is as selected."""
    if today is None or today.config is None or today.problem:
        return "…" if today is None else "not known", "–"
    name = today.names(voice)
    if name is None:
        if today.loaded is None:
            loads = "nothing"
        elif today.loaded.voice:
            loads = "another voice"
        else:
            loads = "unknown file"
        return loads, "no" if selection else "–"
    if selection is None:
        return name, "–"
    return name, "yes" if today.is_as_selected(voice, selection) else "NO"
