"""The recipes by name. Light to import: the module that makes a variant is loaded by the job that runs it."""

import importlib
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Recipe:
    """A way to make a variant. Its module has `PARAMS`, `TOOLS` and `make(source, target, tell)`."""

    name: str
    variant: str
    """What the variant is called when the parameters are the default ones."""
    says: str
    module: str

    def load(self) -> ModuleType:
        return importlib.import_module(self.module)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("optimized", "optimized", "fp32, rewritten graph: same sound, less memory", "core.quantize.optimized"),
        Recipe("guide", "dynamic-int8", "dynamic INT8, as the usual guide makes it", "core.quantize.guide"),
    )
}
