"""The process in which one model is loaded and measured: `python -P -m core.benchmark.probe_process PARENT`.

It answers one JSON object a line on its standard output for each one that it reads on its standard input:

    {"kind": "load", "model": PATH, "engine", "threads"}             -> {"load_s", "bare_rss_mb"}
    {"kind": "run", "ids", "length_scale", "speaker"}                -> {"seconds", "first_audio_s", "samples", "cpu_s", "joules"}
    {"kind": "save", "ids", "length_scale", "speaker", "to": PATH}   -> {"samples"}, the audio in `to` as .npy
    {"kind": "parallel", "ids", "requests", ...}                     -> {"seconds", "samples"}, of that many requests at once
    {"kind": "usage"}                                                -> {"peak_rss_mb", "rss_mb", "cpu_s"}

Whatever ran is at rest again when it is answered. An error is answered as {"error": LINE}. The end of the input ends the
process.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from core.processes import die_with_parent

# A kernel may count the time of a thread that runs only every 10 ms.
_LOOK_S = 0.025
_AT_REST = 0.1
_LONGEST_REST_S = 1.0


def main() -> None:
    die_with_parent(int(sys.argv[1]))
    answers = sys.stdout
    # What a library prints must not end up among the answers.
    sys.stdout = sys.stderr
    probe = _Probe()
    for line in sys.stdin:
        print(json.dumps(_answer(probe, json.loads(line))), file=answers, flush=True)


class _Probe:
    def load(self, request: dict[str, Any]) -> dict[str, Any]:
        from core.engines.engine import opener
        from core.hardware.energy import open_meter
        from core.hardware.memory import own_peak_rss_mb

        load = opener(request["engine"])
        self.meter = open_meter()
        bare = own_peak_rss_mb()
        started = time.perf_counter()
        self.voice = load(Path(request["model"]), request["threads"])
        self.has_threads = request["threads"] != 1
        return {"load_s": time.perf_counter() - started, "bare_rss_mb": bare}

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        energy = None if isinstance(self.meter, str) else self.meter.read()
        used, started, first, samples = time.process_time(), time.perf_counter(), None, 0
        for piece in self.voice.stream(request["ids"], request["length_scale"], request["speaker"]):
            first = first or time.perf_counter() - started
            samples += len(piece)
        seconds = time.perf_counter() - started
        joules = None if isinstance(self.meter, str) or energy is None else self.meter.joules_since(energy)
        self._rest()
        # What its threads burn while they spin is its own doing.
        cpu = time.process_time() - used
        return {"seconds": seconds, "first_audio_s": first, "samples": samples, "cpu_s": cpu, "joules": joules}

    def save(self, request: dict[str, Any]) -> dict[str, Any]:
        import numpy as np

        audio = self.voice.synthesize(request["ids"], request["length_scale"], request["speaker"])
        np.save(request["to"], audio)
        return {"samples": len(audio)}

    def parallel(self, request: dict[str, Any]) -> dict[str, Any]:
        from concurrent.futures import ThreadPoolExecutor

        arguments = request["ids"], request["length_scale"], request["speaker"]
        with ThreadPoolExecutor(request["requests"]) as pool:
            started = time.perf_counter()
            made = [pool.submit(self.voice.synthesize, *arguments) for _ in range(request["requests"])]
            samples = sum(len(one.result()) for one in made)
            seconds = time.perf_counter() - started
        self._rest()
        return {"seconds": seconds, "samples": samples}

    def usage(self, request: dict[str, Any]) -> dict[str, Any]:
        import psutil

        from core.hardware.memory import own_peak_rss_mb

        now = psutil.Process().memory_info().rss / 1e6
        return {"peak_rss_mb": own_peak_rss_mb(), "rss_mb": now, "cpu_s": time.process_time()}

    def _rest(self) -> None:
        """Wait until this process uses no processor: its threads spin on for 40 ms, and the next model must not run beside them."""
        if not self.has_threads:
            return
        until, used = time.monotonic() + _LONGEST_REST_S, -1.0
        while (now := time.process_time()) - used > _AT_REST * _LOOK_S and time.monotonic() < until:
            used = now
            time.sleep(_LOOK_S)


def _answer(probe: _Probe, request: dict[str, Any]) -> dict[str, Any]:
    from core.errors import format_error

    handlers = {
        "load": probe.load,
        "run": probe.run,
        "save": probe.save,
        "parallel": probe.parallel,
        "usage": probe.usage,
    }
    try:
        return handlers[request["kind"]](request)
    except Exception as error:  # noqa: BLE001 - whatever a model does ends as one line in the benchmark's own log
        return {"error": format_error(error)}


if __name__ == "__main__":
    main()
