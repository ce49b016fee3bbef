"""A checkbox that is readable without colors."""

from textual.content import Content
from textual.widgets import Checkbox


class PlainCheckbox(Checkbox):
    """A checkbox drawn as `[x]` or `[ ]`: the sides of Textual's own are in the color of the dialog around it."""

    def render(self) -> Content:
        """Return the box and the label, which is highlighted while it has the focus."""
        label = self._label.pad(1, 1).stylize_before(self.get_visual_style("toggle--label"))
        return Content.assemble(f"[{'x' if self.value else ' '}]", label)
