"""A trial of a voice: it speaks one sentence through piper-tts and ONNX Runtime, in a process that may crash or hang."""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.processes import child_environment, module_command, signal_name
from core.voices.check_text import check_text
from core.voices.config import USUAL_SCALES
from core.voices.faults import CannotSpeak, Fault

_TIMEOUT_S = 60.0
# A large voice takes half a GB.
_MEMORY_GB = 4.0
_POLL_S = 0.02
# What may come of a scale at which no model speaks.
_OF_SCALES = {Fault.RUN, Fault.NOT_FINITE, Fault.SILENT, Fault.LENGTH, Fault.MEMORY, Fault.TIMEOUT, Fault.CRASH}


@dataclass(frozen=True)
class Spoken:
    """What a voice spoke."""

    text: str
    seconds: float


def try_voice(model: Path, config: dict[str, Any], timeout_s: float = _TIMEOUT_S) -> Spoken:
    """Let a voice speak, as piper-tts would, and return what it spoke. Raises CannotSpeak."""
    try:
        return _try(model, config, timeout_s)
    except CannotSpeak as error:
        scales = _scales_to_blame(model, config, timeout_s) if error.fault in _OF_SCALES else ()
        if not scales:
            raise
        named = [f"{name} of {config['inference'][name]:g}" for name in scales]
        facts = {
            "scales": " and a ".join(named),
            "names": " and ".join(scales),
            "effect": _exceeding(error.fault, timeout_s) or "cannot speak",
        }
        raise CannotSpeak(Fault.SCALE, model, facts) from error


def _scales_to_blame(model: Path, config: dict[str, Any], timeout_s: float) -> tuple[str, ...]:
    """Return the unusual scales of a configuration without which the voice speaks; none if it does not even then."""
    inference = config.get("inference", {})
    unusual = tuple(name for name, usual in USUAL_SCALES.items() if inference.get(name, usual) != usual)

    def speaks_without(removed: tuple[str, ...]) -> bool:
        kept = {name: value for name, value in inference.items() if name not in removed}
        with suppress(CannotSpeak):
            return bool(_try(model, {**config, "inference": kept}, timeout_s))
        return False

    # All of them first: a voice that hangs does so again in each attempt.
    if not unusual or not speaks_without(unusual):
        return ()
    alone = ((name,) for name in unusual if len(unusual) > 1 and speaks_without((name,)))
    return next(alone, unusual)


def _try(model: Path, config: dict[str, Any], timeout_s: float) -> Spoken:
    text = check_text(config)
    process = subprocess.Popen(
        module_command("core.voices.trial_process", str(os.getpid())),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env=child_environment(),
    )
    with process:
        try:
            with suppress(BrokenPipeError):
                json.dump({"model": str(model), "config": config, "text": text}, process.stdin)  # type: ignore[arg-type]
            with suppress(BrokenPipeError):
                process.stdin.close()  # type: ignore[union-attr]
            exceeded = _watch(process, timeout_s)
            answer = "" if exceeded else process.stdout.read()  # type: ignore[union-attr]
        finally:
            process.kill()
    if exceeded:
        raise CannotSpeak(exceeded, model, {"text": text, "exceeding": _exceeding(exceeded, timeout_s)})
    if process.returncode:
        # Without an answer, piper-tts or ONNX Runtime could not even be loaded.
        fault = Fault.CRASH if answer else Fault.PIPER
        raise CannotSpeak(fault, model, {"text": text, "reason": _ending(process.returncode)})
    found = json.loads(answer.splitlines()[-1])
    if "fault" in found:
        raise CannotSpeak(Fault(found["fault"]), model, found["facts"] | {"text": text})
    return Spoken(text, found["seconds"])


def _watch(process: subprocess.Popen[str], timeout_s: float) -> Fault | None:
    """Wait for the end of the process. Return the limit that it exceeded, if any."""
    import psutil

    watched, until = psutil.Process(process.pid), time.monotonic() + timeout_s
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_S)
            return None
        if time.monotonic() > until:
            return Fault.TIMEOUT
        with suppress(psutil.Error):
            if watched.memory_info().rss > _MEMORY_GB * 1e9:
                return Fault.MEMORY


def _exceeding(fault: Fault, timeout_s: float) -> str:
    """Return which limit a voice has exceeded, empty for another fault."""
    if fault is Fault.TIMEOUT:
        return f"takes more than {timeout_s:g} s"
    return f"takes more than {_MEMORY_GB:g} GB of memory" if fault is Fault.MEMORY else ""


def _ending(code: int) -> str:
    if code == -signal.SIGKILL:
        return "killed, as the system does when memory runs out"
    return signal_name(-code) if code < 0 else f"exit code {code}"
