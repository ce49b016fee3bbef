"""The Selection tab: the selected variant of each voice, why, and what the assistant loads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.worker import get_current_worker

from core.records.selections import POLICIES, CandidateStatus, Policy, Selection
from core.records.voices import Voice
from core.selection.fallback_chain import Step, fallback_chain
from tui.dashboard.actions import perform
from tui.dashboard.common.pane import TablePane
from tui.dashboard.messages import Outcome
from tui.dashboard.selection.chain import Chain
from tui.dashboard.selection.details import decision_words, describe_selection
from tui.text.format import shortened

if TYPE_CHECKING:
    from core.assistant.active_config import ActiveConfig
    from core.assistant.config import UnknownLayout
    from core.assistant.proposal import Proposal
    from tui.dashboard.context import Context
    from tui.dashboard.snapshot import Snapshot

_UNPIN = ""
# Beside the text: its padding, and the scroll bar.
_FRAME = 3


class SelectionPane(TablePane):
    """One row per voice; for the focused one its fallback chain and every reason."""

    HEADERS = ("voice", "policy", "selected", "pinned", "in config", "in sync")
    TABLE_ID = "selection-table"
    EMPTY = "No voices yet.\n\nPress 1, then a, to add one. Here you will see which variant this machine uses, and why."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "apply", "Apply", id="selection.apply"),
        Binding("u", "undo", "Undo", id="selection.undo"),
        Binding("p", "pin", "Pin", id="selection.pin"),
        Binding("o", "policy", "Policy", id="selection.policy"),
        Binding("s", "select", "Re-evaluate", show=False, id="selection.select"),
        Binding("f", "assistant", "Assistant", id="selection.assistant"),
    ]

    @dataclass
    class TodayRead(Message):
        """The assistant's configuration has been read, and the variants' files have been looked for."""

        today: ActiveConfig
        missing: frozenset[str]

    def __init__(self, context: Context, id: str) -> None:
        super().__init__(context, id)
        self.today: ActiveConfig | None = None
        """None until it has been read."""
        self._missing = frozenset[str]()
        """Paths of variants that no longer exist."""

    def below_table(self) -> ComposeResult:
        """Compose the chain."""
        yield Chain()

    @property
    def voice(self) -> Voice | None:
        """The focused voice."""
        key = self.table.focused_key
        return next((voice for voice in self.snapshot.voices if voice.key == key), None) if self.snapshot else None

    @property
    def selection(self) -> Selection | None:
        """The selection of the focused voice."""
        return self.snapshot.selections.get(self.voice.key) if self.snapshot and self.voice else None

    @property
    def _in_sight(self) -> bool:
        return all(node.display for node in self.ancestors_with_self)

    # What is shown

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot, if what this tab shows of it has changed."""
        before, self.snapshot = self.snapshot, snapshot
        if before and _same(before, snapshot):
            return
        super().show(snapshot)
        if self._in_sight:
            self.refresh_config()

    def take_focus(self) -> None:
        """Take the focus, and read the assistant's configuration again."""
        super().take_focus()
        self.refresh_config()

    def refresh_config(self) -> None:
        """Read the assistant's configuration again, in a thread."""
        if self.snapshot:
            read = partial(self._read, self.snapshot.voices)
            self.run_worker(read, thread=True, exclusive=True, group="assistant")

    def _read(self, voices: list[Voice]) -> None:
        from core.assistant.active_config import read_active_config
        from tui.dashboard.common.missing_files import find_missing_files

        today = read_active_config(self.workspace, voices)
        missing = find_missing_files(voices)
        if not get_current_worker().is_cancelled:
            self.post_message(self.TodayRead(today, missing))

    @on(TodayRead)
    def _show_today(self, message: TodayRead) -> None:
        self.today, self._missing = message.today, message.missing
        if self.snapshot:
            super().show(self.snapshot)

    def rows(self, snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
        """Return a row for each voice."""
        return [(voice.key, _row(voice, snapshot.selections.get(voice.key), self.today)) for voice in snapshot.voices]

    def show_detail(self) -> None:
        """Show the chain and the reasons of the focused voice."""
        super().show_detail()
        chain = self.query_one(Chain)
        chain.display = self.selection is not None
        chain.show(self._steps)

    def on_resize(self) -> None:
        """Wrap the reasons to the new width."""
        self.show_detail()

    @property
    def _steps(self) -> tuple[Step, ...]:
        if self.voice is None or self.selection is None:
            return ()
        return fallback_chain(self.selection, {variant.name: variant.recipe for variant in self.voice.variants})

    def detail(self, snapshot: Snapshot, key: str) -> str:
        """Return the reasons of the focused voice's selection."""
        if self.voice is None:
            return ""
        described = describe_selection(self.voice, self.selection, self._steps, self.today, self.size.width - _FRAME)
        return "\n".join([*self._missing_variants(), described])

    def _missing_variants(self) -> Iterator[str]:
        """Yield a line for each usable variant whose file has gone since the selection."""
        if self.voice is None or self.selection is None:
            return
        missing = {variant.name for variant in self.voice.variants if variant.path in self._missing}
        for decision in self.selection.candidates:
            if decision.variant in missing and decision.status is not CandidateStatus.REJECTED:
                yield f"! {decision.variant}: its file is missing; s re-evaluates"

    # Actions

    def action_apply(self) -> None:
        """Propose to write the selection into the assistant's configuration."""
        if self.voice:
            self._offer(partial(self.actions.propose_selection, self.voice.key))

    def action_undo(self) -> None:
        """Propose to restore the newest backup."""
        self._offer(lambda _: self.actions.propose_undo())

    def _offer(self, propose: Callable[[bool], Proposal]) -> None:
        """Show what would be written, once it has been computed, and write it if confirmed."""
        from tui.dashboard.selection.proposal import ProposalScreen

        choose = partial(self._choose_key, propose)
        self.app.push_screen(ProposalScreen(propose, self.actions.write_proposal, choose), self._offered)

    def _offered(self, outcome: Outcome | None) -> None:
        self.report(outcome)
        self.refresh_config()

    def _choose_key(self, propose: Callable[[bool], Proposal], unknown: UnknownLayout) -> None:
        """Let the user say which key names the voice, and go on with the proposal."""
        from tui.dashboard.selection.pick import Pick, PickScreen

        def go_on(key: str | None) -> None:
            if key is not None:
                self._offer(partial(self._map_and_propose, key, propose))

        title = f"No known key names the voice in {unknown.path}. Which one of these does?"
        picks = [Pick(key, key, value) for key, value in unknown.candidates.items()]
        self.app.push_screen(PickScreen(title, picks, ""), go_on)

    def _map_and_propose(self, key: str, propose: Callable[[bool], Proposal], performance: bool) -> Proposal:
        self.actions.map_voice_key(key)
        return propose(performance)

    @on(Outcome)
    def _reload(self) -> None:
        """Read the configuration again: an action may have changed it, or chosen another file."""
        self.refresh_config()

    def action_pin(self) -> None:
        """Choose a variant to pin."""
        from tui.dashboard.selection.pick import Pick, PickScreen

        voice, selection = self.voice, self.selection
        if voice is None:
            return
        candidates = selection.candidates if selection else ()
        decisions = {decision.variant: decision_words(decision) for decision in candidates}
        picks = [Pick(_UNPIN, "no pin", "let the policy choose")]
        picks += [Pick(variant.name, variant.name, decisions.get(variant.name, "")) for variant in voice.variants]

        def pin(picked: str | None) -> None:
            if picked is not None:
                self._evaluate(partial(self.actions.pin_variant, voice.key, picked or None))

        pinned = (selection.pinned if selection else None) or _UNPIN
        self.app.push_screen(PickScreen(f"Pin a variant of {voice.key}", picks, pinned), pin)

    def action_policy(self) -> None:
        """Choose the policy."""
        from tui.dashboard.selection.pick import Pick, PickScreen

        voice, selection = self.voice, self.selection
        if voice is None:
            return

        policies: dict[str, Policy] = {policy: policy for policy in POLICIES}

        def choose(picked: str | None) -> None:
            if picked is not None:
                self._evaluate(partial(self.actions.choose_policy, voice.key, policies[picked]))

        picks = [Pick(policy, policy, description) for policy, description in POLICIES.items()]
        current = selection.policy if selection else "priority"
        self.app.push_screen(PickScreen(f"Policy for {voice.key}", picks, current), choose)

    def action_select(self) -> None:
        """Evaluate the selection again."""
        if self.voice:
            self._evaluate(partial(self.actions.reevaluate, self.voice.key))

    def action_assistant(self) -> None:
        """Choose the assistant's configuration."""
        from tui.dashboard.selection.assistant import AssistantScreen

        known = self.today.config if self.today else None
        self.app.push_screen(AssistantScreen(str(known or ""), self.actions.set_assistant), self.report)

    def _evaluate(self, action: Callable[[], Message]) -> None:
        """Run an action that evaluates a selection, which takes seconds: it checks checksums and loads a model."""
        self.notify("Checking files, results and hardware …", timeout=3)
        perform(self, action)


def _same(before: Snapshot, after: Snapshot) -> bool:
    """Return whether the tab shows both alike; the rest may change several times a second."""
    return before.voices is after.voices and before.newest is after.newest and before.selections is after.selections


def _row(voice: Voice, selection: Selection | None, today: ActiveConfig | None) -> tuple[str, ...]:
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


def _today(voice: Voice, selection: Selection | None, today: ActiveConfig | None) -> tuple[str, str]:
    """Return what the assistant loads, and whether that is the selected variant."""
    if today is None or today.config is None or today.problem:
        return "…" if today is None else "unknown", "–"
    name = today.variant_of(voice)
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
    return name, "yes" if today.matches(voice, selection) else "NO"
