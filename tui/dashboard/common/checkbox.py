"""A checkbox that is readable without colors."""

from textual.widgets import Checkbox


class PlainCheckbox(Checkbox):
    """An X means on, blank means off; Textual's own shows an X in both states."""

    BUTTON_INNER = " "

    def watch_value(self) -> None:
        """Show the new value."""
        self.BUTTON_INNER = "X" if self.value else " "
        super().watch_value()
