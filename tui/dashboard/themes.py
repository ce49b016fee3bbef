"""Themes, in addition to those that Textual brings."""

from textual.theme import Theme

LIGHT = Theme(
    name="light",
    primary="#004578",
    secondary="#0078d4",
    accent="#005fa3",
    foreground="#1a1a1a",
    background="#ffffff",
    surface="#f4f4f4",
    panel="#e4e4e4",
    success="#14602a",
    warning="#7a4b00",
    error="#a30025",
    dark=False,
)
HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#ffff00",
    secondary="#00ffff",
    accent="#00ffff",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    success="#00ff00",
    warning="#ffff00",
    error="#ff8080",
    variables={"text-muted": "#ffffff", "text-disabled": "#c0c0c0", "footer-key-foreground": "#ffff00"},
)
# From the palette of M. Okabe and K. Ito, which everybody can distinguish ("Color Universal Design", 2008).
COLOR_BLIND = Theme(
    name="color-blind",
    primary="#0072b2",
    secondary="#56b4e9",
    accent="#56b4e9",
    success="#56b4e9",
    warning="#e69f00",
    error="#d55e00",
    dark=True,
)
CUSTOM_THEMES = (LIGHT, HIGH_CONTRAST, COLOR_BLIND)
THEME_CYCLE = ("textual-dark", LIGHT.name, HIGH_CONTRAST.name, COLOR_BLIND.name)
