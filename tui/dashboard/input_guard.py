"""Keeps input from a screen that was not there yet when it was typed."""

from math import inf

from textual import events
from textual.screen import Screen


class InputGuard:
    """Drops keys and pastes that are older than the screen they would reach.

    Keys arrive in bursts: from a paste into a terminal without bracketed paste, from a slow connection, or from fingers
    that went on while a dialog opened or closed. What was meant for one screen must not run as commands of the next.
    """

    def __init__(self) -> None:
        self._opened = 0.0
        self._closings = 0

    def close_until_shown(self, screen: Screen[object]) -> None:
        """Drop input until a screen has been mounted and resumed, and has handled what it was sent."""
        self._opened = inf
        self._closings += 1
        closing = self._closings

        def reopen() -> None:
            if closing == self._closings:
                # By the clock of events.
                self._opened = events.Event().time

        screen.call_later(reopen)

    def admits(self, event: events.Event) -> bool:
        """Return whether an event may be handled: all but input may."""
        return not isinstance(event, events.Key | events.Paste | events.MouseDown) or event.time >= self._opened
