"""The commands that fix findings."""

import shlex
from pathlib import Path

from core.records.voices import Variant
from core.variants.recipes import RECIPES


def on_path(command: str, path: Path) -> str:
    """Return a command with a quoted path as its argument."""
    return f"{command} {shlex.quote(str(path))}"


def remake_command(variant: Variant) -> str:
    """Return the command that makes a variant again with the same parameters. An original can only be restored."""
    if variant.recipe is None:
        return _restore(variant)
    if variant.outdated:
        return f"ttsdash optimize --model {shlex.quote(variant.voice)} --outdated"
    recipe = RECIPES.get(variant.recipe)
    if recipe is None:
        return f"update ttsdash: this version has no recipe {variant.recipe!r}"
    params = [
        shlex.join(["--param", f"{name}={variant.params[name]}"])
        for name, param in recipe.params.items()
        if variant.params.get(name, param.default) != param.default
    ]
    calibration = ["--calibration FILE"] if "calibration=" in variant.name else []
    return " ".join([f"ttsdash optimize --model {shlex.quote(variant.voice)} --{recipe.name}", *params, *calibration])


def _restore(original: Variant) -> str:
    if Path(original.path).exists():
        return f"restore the file that was added, or run: {on_path('ttsdash voices add', Path(original.path))}"
    return (
        "restore it; or add it from where it is now: ttsdash voices add NEW-PATH; "
        f"or if it is gone: ttsdash voices remove {shlex.quote(original.voice)}"
    )
