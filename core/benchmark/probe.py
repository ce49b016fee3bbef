"""The client of a probe process, which loads one model and runs it."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from core.engines.names import EngineName
from core.errors import TtsdashError
from core.processes import child_environment, module_command


class ProbeFailed(TtsdashError):
    """A model could not be loaded or run. The message names the model; `reason` does not."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class Synthesis:
    """The timing of one synthesis."""

    seconds: float
    first_audio_s: float
    samples: int
    cpu_s: float
    """CPU time until all threads were idle again."""
    joules: float | None


@dataclass(frozen=True)
class ProcessUsage:
    """What a process has used so far. Memory in MB."""

    peak_rss_mb: float
    rss_mb: float
    cpu_s: float


class Probe:
    """A loaded model in a process , which ends with this context manager."""

    def __init__(
        self,
        name: str,
        engine: EngineName,
        model: Path,
        threads: int | None,
        config: dict[str, Any],
        speaker: int = 0,
    ) -> None:
        self.name = name
        self._voice = {"length_scale": config.get("inference", {}).get("length_scale", 1.0), "speaker": speaker}
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            module_command("core.benchmark.probe_process", str(os.getpid())),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=child_environment(),
        )
        try:
            answer = self._ask({"kind": "load", "model": str(model), "engine": engine, "threads": threads})
        except BaseException:
            self.close()
            raise
        self.load_s: float = answer["load_s"]
        self.bare_rss_mb: float = answer["bare_rss_mb"]

    def run(self, ids: list[int]) -> Synthesis:
        """Synthesize once."""
        return Synthesis(**self._ask({"kind": "run", "ids": ids, **self._voice}))

    def run_parallel(self, ids: list[int], requests: int) -> tuple[float, int]:
        """Synthesize `requests` times in parallel. Return the seconds and the number of samples, both in total."""
        answer = self._ask({"kind": "parallel", "ids": ids, "requests": requests, **self._voice})
        return answer["seconds"], answer["samples"]

    def record(self, ids: list[int], to: Path, length_scale: float = 1.0) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Synthesize once and return the audio, float32 [samples]; `to` is a scratch file.

        `length_scale` is in units of the voice's own.
        """
        voice = self._voice | {"length_scale": self._voice["length_scale"] * length_scale}
        self._ask({"kind": "save", "ids": ids, "to": str(to), **voice})
        audio: np.ndarray[Any, np.dtype[np.float32]] = np.load(to)
        return audio

    def usage(self) -> ProcessUsage:
        """Return what the process has used so far."""
        return ProcessUsage(**self._ask({"kind": "usage"}))

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            line = next(iter(self._process.stdout or ()), "")
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            ended = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
            raise ProbeFailed(self.name, f"its process {ended}: out of memory?")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ProbeFailed(self.name, answer["error"])
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
