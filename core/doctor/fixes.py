"""The commands that several findings are mended with."""

import shlex
import sys
from pathlib import Path

from core.records.voices import Variant
from core.variants.recipes import RECIPES


def pip_install(*arguments: str) -> str:
    """Installs into the Python that ttsdash runs on."""
    return shlex.join([sys.executable, "-m", "pip", "install", *arguments])


def on_path(command: str, path: Path) -> str:
    return f"{command} {shlex.quote(str(path))}"


def make_again(variant: Variant) -> str:
    """Makes a variant as it was made. One that came with the voice can only be put back."""
    if variant.recipe is None:
        return f"put the file back that was added, or {on_path('ttsdash voices add', Path(variant.path))}"
    recipe = RECIPES.get(variant.recipe)
    if recipe is None:
        return f"update ttsdash: this version knows no recipe {variant.recipe!r}"
    params = [
        f"--param {name}={variant.params[name]}"
        for name, param in recipe.params.items()
        if variant.params.get(name, param.default) != param.default
    ]
    own = ["--calibration FILE"] if "calibration=" in variant.name else []
    return " ".join([f"ttsdash optimize --model {shlex.quote(variant.voice)} --{recipe.name}", *params, *own])
