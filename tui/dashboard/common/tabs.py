"""The tabs of the dashboard."""

from textual import on
from textual.widgets import TabbedContent, TabPane
from textual.widgets import Tabs as TabLine


class Tabs(TabbedContent):
    """Tabs that only keys and the mouse switch. The tab bar never has the focus.

    In Textual a pane that gets the focus activates its tab. If keys arrive faster than tabs switch, that reactivates a
    tab which the user has already left, and two of them can reactivate each other forever.
    """

    def on_mount(self) -> None:
        """Keep the focus off the tab bar."""
        self.query_one(TabLine).can_focus = False

    @on(TabPane.Focused)
    def _ignore_focus(self, event: TabPane.Focused) -> None:
        event.stop()
        event.prevent_default()
