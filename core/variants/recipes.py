"""The recipes by name, with their parameters. Light to import: what makes a variant is loaded by the job that runs it."""

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from core.errors import InvalidInput
from core.hardware.capabilities import MISSING
from core.hardware.machine import installed_versions
from core.records.job_states import JobKind

Value = int | str
Given = TypeVar("Given", int | str, str)


@dataclass(frozen=True)
class Param:
    """A parameter of a recipe: one of `choices`, or else a whole number from `low` to `high`."""

    default: Value
    description: str
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 0

    @property
    def allowed(self) -> str:
        return " or ".join(self.choices) if self.choices else f"{self.low} to {self.high}"

    def read(self, text: str) -> Value:
        """Parse a value as it was typed. Raises ValueError."""
        return self.check(int(text) if text.isdecimal() and not self.choices else text)

    def check(self, value: Value) -> Value:
        """Return the value. Raises ValueError when it is not allowed."""
        allowed = value in self.choices if self.choices else isinstance(value, int) and self.low <= value <= self.high
        if not allowed:
            raise ValueError(value)
        return value


@dataclass(frozen=True)
class Task:
    """One variant to be made."""

    source: Path
    target: Path
    config: dict[str, Any]
    """The voice's `.onnx.json`."""
    language: str
    params: dict[str, Value]
    calibration: Path | None
    """A file with a sentence a line, in the place of the recipe's own sentences."""
    log: Callable[[str], None]
    """Takes a line for the job's log."""
    progress: Callable[[str, float], None]
    """Takes the stage, and the share of the work that is done."""


@cache
def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@dataclass(frozen=True)
class Recipe:
    """A way to make a variant. Its module has `make(task)`, which returns what else the lineage keeps."""

    name: str
    variant: str
    """What the variant is called when the parameters are the default ones."""
    description: str
    module: str
    params: dict[str, Param] = field(default_factory=dict)
    tools: tuple[str, ...] = ("onnxruntime", "onnx")
    """The packages on whose versions it depends what comes out."""
    calibrated: bool = False
    recommended: bool = True
    job: JobKind = JobKind.QUANTIZE
    """The kind of job that makes it."""
    requires: str | None = None
    """A package that not every machine can have."""

    def tool_versions(self) -> dict[str, str]:
        """What a variant that is made now would be made with."""
        return installed_versions(("ttsdash", *self.tools))

    @property
    def missing(self) -> str | None:
        """Why it cannot be made here; None where it can."""
        return None if self.requires is None or _is_installed(self.requires) else MISSING[self.requires]

    def load(self) -> Any:
        return importlib.import_module(self.module)

    def resolve(self, given: Mapping[str, str]) -> dict[str, Value]:
        """Parse parameters as they were typed, and add the defaults of the others. Raises BadInput."""
        return self.complete(self.read(given))

    def read(self, given: Mapping[str, str]) -> dict[str, Value]:
        """Parse parameters as they were typed. Raises BadInput."""
        self._refuse_unknown(given)
        return {name: self._valid(self.params[name].read, name, text) for name, text in given.items()}

    def complete(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """Check values, and add the defaults of the other parameters. Raises BadInput."""
        self._refuse_unknown(given)
        for name, value in given.items():
            self._valid(self.params[name].check, name, value)
        return {name: given.get(name, param.default) for name, param in self.params.items()}

    def _refuse_unknown(self, given: Iterable[str]) -> None:
        for name in given:
            if name not in self.params:
                known = f"it has {', '.join(self.params)}" if self.params else "it has none"
                raise InvalidInput(f"{self.variant} has no parameter {name!r}: {known}")

    def _valid(self, check: Callable[[Given], Value], name: str, given: Given) -> Value:
        try:
            return check(given)
        except ValueError:
            raise InvalidInput(f"{self.variant}: {name}={given} cannot be: give {self.params[name].allowed}") from None

    def variant_name(self, params: Mapping[str, Value], calibration: str | None = None) -> str:
        """The variant's name: what differs from the default stands behind a plus, so that nothing replaces it."""
        suffix = {name: value for name, value in sorted(params.items()) if value != self.params[name].default}
        more = [f"{name}={value}" for name, value in suffix.items()]
        return "+".join([self.variant, *more, *([f"calibration={calibration}"] if calibration else [])])


GUIDE = "guide"


def read_params(entries: Iterable[str]) -> dict[str, str]:
    """`name=value` entries as they are typed. Raises BadInput."""
    params: dict[str, str] = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not equals or not name or not value:
            raise InvalidInput(f"parameter {entry!r}: write it as name=value")
        if params.setdefault(name, value) != value:
            raise InvalidInput(f"parameter {name!r} is given twice, as {params[name]} and {value}: say which")
    return params


_WINDOWS = {
    "window": Param(256, "longest window of the decoder, in samples of its first stage", low=16, high=4096),
    "rows": Param(2, "windows that run side by side", low=1, high=64),
}
_STAGES = {"stages": Param(2, "stages of the decoder in int8, from the first; the last one never is", low=0, high=8)}
_TEXT = {"text": Param("fp16", "how the text encoder is stored; int8 may move a sound's end", ("fp16", "int8"))}

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "optimized",
            "optimized",
            "fp32, another graph: same sound, less memory",
            "core.quantize.optimized",
            _WINDOWS,
        ),
        Recipe(
            "dynamic",
            "dynamic-int8",
            "int8 where it pays, without calibration",
            "core.quantize.dynamic",
            _STAGES | _TEXT | _WINDOWS,
        ),
        Recipe(
            "static",
            "static-int8",
            "int8 where it pays, with calibrated ranges",
            "core.quantize.static",
            _STAGES
            | {
                "clip": Param("mse", "ranges with the least squared error, or all that was seen", ("mse", "max")),
                "rounded": Param(1, "stages of the decoder whose outputs are rounded, too", low=0, high=8),
            }
            | _TEXT
            | _WINDOWS,
            tools=("onnxruntime", "onnx", "piper-tts"),
            calibrated=True,
        ),
        Recipe(
            "int4",
            "int4",
            "the smallest file, experimental",
            "core.quantize.int4",
            {"block": Param("32", "weights of the flow that share a scale", ("16", "32", "64", "128"))}
            | _STAGES
            | _WINDOWS,
            recommended=False,
        ),
        Recipe(
            "coreml",
            "coreml",
            "an ML Program for Macs, made anywhere",
            "core.coreml.convert",
            {
                "precision": Param("fp16", "how it computes; the Neural Engine takes fp16 only", ("fp16", "fp32")),
                "weights": Param("same", "how they are kept: as it computes, or in int8", ("same", "int8")),
                "target": Param("macos14", "the oldest macOS that can load it", ("macos13", "macos14", "macos15")),
            },
            tools=("coremltools", "onnxruntime", "onnx"),
            recommended=False,
            job=JobKind.CONVERT,
            requires="coremltools",
        ),
        Recipe(
            GUIDE,
            "dynamic-int8-guide",
            "as the usual guide makes it",
            "core.quantize.guide",
            recommended=False,
        ),
    )
}
