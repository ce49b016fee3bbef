"""The tabs."""

from textual import on
from textual.widgets import TabbedContent, TabPane
from textual.widgets import Tabs as TabLine


class Tabs(TabbedContent):
    """Turned by keys and the mouse alone; the line of their names never has the focus.

    In Textual a pane that gets the focus turns its tab up, too. Where keys come faster than tabs are turned that brings
    back one which was left already, and two of them would turn each other up for ever.
    """

    def on_mount(self) -> None:
        self.query_one(TabLine).can_focus = False

    @on(TabPane.Focused)
    def _stay(self, event: TabPane.Focused) -> None:
        event.stop()
        event.prevent_default()
