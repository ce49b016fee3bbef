"""The recipes and their parameters. Light to import: a recipe's module is loaded by the job that runs it."""

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from core.clock import format_duration, parse_duration
from core.errors import InvalidInput
from core.hardware.capabilities import MISSING
from core.hardware.machine import installed_versions
from core.records.job_states import JobKind
from core.records.voices import ORIGINAL

Value = int | str
Given = TypeVar("Given", int | str, str)


@dataclass(frozen=True)
class Param:
    """A parameter of a recipe: one of `choices`, or else an integer from `low` to `high`."""

    default: Value
    description: str
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    named: bool = True
    """Whether another value than the default makes a variant of another name."""

    @property
    def allowed(self) -> str:
        """Return the allowed values for a message."""
        return " or ".join(self.choices) if self.choices else f"{self.low} to {self.high}"

    def read(self, text: str) -> Value:
        """Parse a typed value. Raises ValueError."""
        return self.check(int(text) if text.isdecimal() and not self.choices else text)

    def check(self, value: Value) -> Value:
        """Return the value if it is allowed. Raises ValueError otherwise."""
        allowed = value in self.choices if self.choices else isinstance(value, int) and self.low <= value <= self.high
        if not allowed:
            raise ValueError(value)
        return value


AUTO = "auto"
MAX_BUDGET_S = 7 * 86400


@dataclass(frozen=True)
class BudgetParam(Param):
    """A duration as it is written, `30min` or `2h`, of `low` to `high` seconds; or `auto`."""

    @property
    def allowed(self) -> str:
        """Return the allowed values for a message."""
        return f"{AUTO}, or {format_duration(self.low)} to {format_duration(self.high)}, as 30min or 2h"

    def read(self, text: str) -> Value:
        """Check a typed value. Raises ValueError."""
        return self.check(text)

    def check(self, value: Value) -> Value:
        """Return the value if it is allowed. Raises ValueError otherwise."""
        if value != AUTO and not self.low <= parse_duration(str(value)) <= self.high:
            raise ValueError(value)
        return value


FROM = "from"
"""The parameter that names the variant of the voice that is converted."""


@dataclass(frozen=True)
class VariantParam(Param):
    """The original, or a variant that a recipe makes, with any parameters; `made_by` is its name with the default ones."""

    made_by: str = ""

    @property
    def allowed(self) -> str:
        """Return the allowed values for a message."""
        return f"{ORIGINAL}, or a variant that is {self.made_by}"

    def check(self, value: Value) -> Value:
        """Return the value if it is allowed. Raises ValueError otherwise."""
        if value not in (ORIGINAL, self.made_by) and not str(value).startswith(f"{self.made_by}+"):
            raise ValueError(value)
        return value


@dataclass(frozen=True)
class BoundParam(Param):
    """A bound with decimals, as it is written, from `low` to `high`; or `auto` for none."""

    @property
    def allowed(self) -> str:
        """Return the allowed values for a message."""
        return f"{AUTO}, or {self.low} to {self.high}, as 3.9"

    def read(self, text: str) -> Value:
        """Check a typed value. Raises ValueError."""
        return self.check(text)

    def check(self, value: Value) -> Value:
        """Return the value if it is allowed. Raises ValueError otherwise."""
        if value != AUTO and not self.low <= float(value) <= self.high:
            raise ValueError(value)
        return value


@dataclass(frozen=True)
class PartsParam(Param):
    """A scheme for each part of a voice, as PART:SCHEME,PART:SCHEME; or `auto`."""

    @property
    def allowed(self) -> str:
        """Return the allowed values for a message."""
        return f"{AUTO}, or PART:SCHEME,PART:SCHEME as in the log of a search"

    def read(self, text: str) -> Value:
        """Check a typed value. Raises ValueError."""
        return self.check(text)

    def check(self, value: Value) -> Value:
        """Return the value if it is allowed. Raises ValueError otherwise."""
        if value != AUTO and not all(":" in entry for entry in str(value).split(",")):
            raise ValueError(value)
        return value


@dataclass(frozen=True)
class Task:
    """One variant to be built."""

    source: Path
    target: Path
    config: dict[str, Any]
    """The voice's `.onnx.json`."""
    language: str
    params: dict[str, Value]
    calibration: Path | None
    """A file with one sentence per line, instead of the recipe's own sentences."""
    log: Callable[[str], None]
    """Takes a line for the job's log."""
    progress: Callable[[str, float], None]
    """Takes the name of a step, and the share of the work that is done."""
    training: Path
    """The folder of a training, which survives the end of the job's process; it may not exist yet."""
    cores: int = 1
    """The cores that it may use."""
    trained: Path | None = None
    """The kept state of the training that is continued; None for a new one."""
    from_variant: Path | None = None
    """The file of the variant that is converted; None for the original."""


class Needs(Enum):
    """What a recipe must recognize in a voice's graph."""

    ANY_GRAPH = "nothing"
    DECODER = "at least the decoder"
    COMPONENTS = "every component"


@cache
def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@dataclass(frozen=True)
class Recipe:
    """A way to build a variant. Its module has `make(task)`, which returns additional entries of the lineage."""

    name: str
    variant: str
    """The name of the variant with default parameters."""
    description: str
    module: str
    params: dict[str, Param] = field(default_factory=dict)
    tools: tuple[str, ...] = ("onnxruntime", "onnx")
    """The packages whose versions determine the result."""
    calibrated: bool = False
    recommended: bool = True
    in_all: bool = True
    """Whether it is among those that are made when all are asked for."""
    job: JobKind = JobKind.QUANTIZE
    """The kind of job that builds it."""
    requires: str | None = None
    """A package that is not available on every machine."""
    needs: Needs = Needs.ANY_GRAPH

    def tool_versions(self) -> dict[str, str]:
        """Return the installed versions of the tools that it uses."""
        return installed_versions(("ttsdash", *self.tools))

    @property
    def missing(self) -> str | None:
        """Return why this machine cannot build it; None if it can."""
        return None if self.requires is None or _is_installed(self.requires) else MISSING[self.requires]

    def load(self) -> Any:
        """Import its module."""
        return importlib.import_module(self.module)

    def resolve(self, given: Mapping[str, str]) -> dict[str, Value]:
        """Parse typed parameters, and add the defaults of the others. Raises InvalidInput."""
        return self.complete(self.read(given))

    def read(self, given: Mapping[str, str]) -> dict[str, Value]:
        """Parse typed parameters. Raises InvalidInput."""
        self._check_names(given)
        return {name: self._valid(self.params[name].read, name, text) for name, text in given.items()}

    def complete(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """Check parameters, and add the defaults of the others. Raises InvalidInput."""
        self._check_names(given)
        for name, value in given.items():
            self._valid(self.params[name].check, name, value)
        return {name: given.get(name, param.default) for name, param in self.params.items()}

    def _check_names(self, given: Iterable[str]) -> None:
        for name in given:
            if name not in self.params:
                known = f"it has {', '.join(self.params)}" if self.params else "it has none"
                raise InvalidInput(f"{self.variant} has no parameter {name!r}: {known}")

    def _valid(self, check: Callable[[Given], Value], name: str, given: Given) -> Value:
        try:
            return check(given)
        except ValueError:
            raise InvalidInput(
                f"invalid parameter of {self.variant}: {name}={given} (allowed: {self.params[name].allowed})"
            ) from None

    def variant_name(self, params: Mapping[str, Value], calibration: str | None = None) -> str:
        """Return the variant's name. Parameters that differ from the default are a suffix, so that variants do not collide."""
        changed = {
            name: value
            for name, value in sorted(params.items())
            if value != self.params[name].default and self.params[name].named
        }
        parts = [self.variant, *(f"{name}={value}" for name, value in changed.items())]
        if calibration:
            parts.append(f"calibration={calibration}")
        return "+".join(parts)


GUIDE = "guide"


def read_params(entries: Iterable[str]) -> dict[str, str]:
    """Parse typed entries `name=value`. Raises InvalidInput."""
    params: dict[str, str] = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not equals or not name or not value:
            raise InvalidInput(f"parameter {entry!r}: write it as name=value")
        if params.setdefault(name, value) != value:
            raise InvalidInput(f"parameter {name!r} is given twice, as {params[name]} and {value}: give it once")
    return params


_CHUNKS = {
    "window": Param(256, "maximum chunk of the decoder, in samples of its first stage", low=16, high=4096),
    "rows": Param(2, "chunks per iteration of the decoder's loop", low=1, high=64),
}
_STAGES = {"stages": Param(2, "first stages of the decoder in int8; the last stage stays fp32", low=0, high=8)}
_TEXT = {"text": Param("fp16", "how the text encoder is stored; int8 may change durations", ("fp16", "int8"))}

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "optimized",
            "optimized",
            "fp32 with a rewritten graph: same sound, less memory",
            "core.quantize.optimized",
            _CHUNKS,
        ),
        Recipe(
            "dynamic",
            "dynamic-int8",
            "int8 where it pays, without calibration",
            "core.quantize.dynamic",
            _STAGES | _TEXT | _CHUNKS,
            needs=Needs.DECODER,
        ),
        Recipe(
            "static",
            "static-int8",
            "int8 where it pays, with calibrated ranges",
            "core.quantize.static",
            _STAGES
            | {
                "clip": Param("mse", "ranges with the least squared error, or the full range", ("mse", "max")),
                "rounded": Param(1, "stages of the decoder with int8 outputs", low=0, high=8),
            }
            | _TEXT
            | _CHUNKS,
            tools=("onnxruntime", "onnx", "piper-tts"),
            calibrated=True,
            needs=Needs.DECODER,
        ),
        Recipe(
            "prune",
            "pruned",
            "dynamic-int8 with a smaller decoder, fitted by least squares; takes minutes",
            "core.quantize.pruned",
            {
                "blocks": Param(2, "residual blocks of the decoder that are dropped", low=1, high=12),
                "rounds": Param(20, "rounds of least squares; more is closer to the original", low=1, high=200),
            }
            | _STAGES
            | _TEXT
            | _CHUNKS,
            tools=("onnxruntime", "onnx", "piper-tts", "numpy"),
            calibrated=True,
            recommended=False,
            in_all=False,
            needs=Needs.DECODER,
        ),
        Recipe(
            "int4",
            "int4",
            "the smallest file, experimental",
            "core.quantize.int4",
            {"block": Param("32", "weights of the flow that share a scale", ("16", "32", "64", "128"))}
            | _STAGES
            | _CHUNKS,
            recommended=False,
            needs=Needs.DECODER,
        ),
        Recipe(
            "distill",
            "distilled",
            "a smaller decoder, trained on what the voice speaks: takes an hour or more, experimental",
            "core.distill.recipe",
            {
                "size": Param("medium", "the best sound, the fastest, or between both", ("large", "medium", "small")),
                "budget": BudgetParam(
                    AUTO,
                    "how long to train; auto: until more makes little difference",
                    low=60,
                    high=MAX_BUDGET_S,
                    named=False,
                ),
            },
            tools=("torch", "onnxruntime", "onnx", "piper-tts"),
            recommended=False,
            in_all=False,
            job=JobKind.DISTILL,
            requires="torch",
            needs=Needs.COMPONENTS,
        ),
        Recipe(
            "tune",
            "tuned",
            "a number format for each part, searched for a goal by what is measured; takes half an hour",
            "core.tune.recipe",
            {
                "goal": Param(
                    "smallest",
                    "the smallest file, the fastest, or the best sound of a size",
                    ("smallest", "fastest", "best"),
                ),
                "pesq": BoundParam(AUTO, "the lowest PESQ; auto: what the goal asks for", low=1, high=5),
                "mb": BoundParam(AUTO, "the largest file in MB; auto: any", low=1, high=1000),
                "budget": BudgetParam(AUTO, "how long to search; auto: 30min", low=60, high=7 * 86400, named=False),
                "parts": PartsParam(AUTO, "the scheme of each part; auto: search for it", named=False),
            },
            tools=("onnxruntime", "onnx", "piper-tts", "numpy"),
            calibrated=True,
            recommended=False,
            in_all=False,
            job=JobKind.TUNE,
            needs=Needs.COMPONENTS,
        ),
        Recipe(
            "coreml",
            "coreml",
            "an ML Program for Macs, built on any system",
            "core.coreml.convert",
            {
                FROM: VariantParam(
                    ORIGINAL, "what is converted: the original, or a distilled variant", made_by="distilled"
                ),
                "precision": Param(
                    "fp16", "precision of the computation; the Neural Engine needs fp16", ("fp16", "fp32")
                ),
                "weights": Param("same", "how weights are stored: in the same precision, or in int8", ("same", "int8")),
                "target": Param("macos14", "the oldest macOS that can load it", ("macos13", "macos14", "macos15")),
            },
            tools=("coremltools", "onnxruntime", "onnx"),
            recommended=False,
            job=JobKind.CONVERT,
            requires="coremltools",
            needs=Needs.COMPONENTS,
        ),
        Recipe(
            GUIDE,
            "dynamic-int8-guide",
            "baseline: as the script of MacBot's guide does it",
            "core.quantize.guide",
            recommended=False,
            in_all=False,
        ),
    )
}
