"""A checkbox that can be read without colours: Textual's own shows an X also when it is off."""

from textual.widgets import Checkbox


class PlainCheckbox(Checkbox):
    """On it holds an X, off it is empty."""

    BUTTON_INNER = " "

    def watch_value(self) -> None:
        self.BUTTON_INNER = "X" if self.value else " "
        super().watch_value()
