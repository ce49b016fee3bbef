"""The process that loads and times one model: `python -P -m core.benchmark.probe_process PARENT`.

It reads one JSON object per line from standard input and answers each with one on standard output:

    {"kind": "load", "model": PATH, "engine", "threads"}             -> {"load_s", "bare_rss_mb"}
    {"kind": "run", "ids", "length_scale", "speaker"}                -> {"seconds", "first_audio_s", "samples", "cpu_s", "joules"}
    {"kind": "save", "ids", "length_scale", "speaker", "to": PATH}   -> {"samples"}, the audio in `to` as .npy
    {"kind": "parallel", "ids", "requests", ...}                     -> {"seconds", "samples"}, for `requests` in parallel
    {"kind": "usage"}                                                -> {"peak_rss_mb", "rss_mb", "cpu_s"}

When a request is answered, its threads are idle again. An error is answered as {"error": LINE}. The process ends at the
end of its input.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from core.processes import die_with_parent

# A kernel may update the CPU time of a running thread only every 10 ms.
_POLL_INTERVAL_S = 0.025
_IDLE_SHARE = 0.1
_MAX_WAIT_S = 1.0


def main() -> None:
    """Serve requests until the input ends."""
    die_with_parent(int(sys.argv[1]))
    answers = sys.stdout
    # Output that a library prints must not mix with the answers.
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
        self._wait_until_idle()
        # Includes the time that its threads spend spinning.
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
        self._wait_until_idle()
        return {"seconds": seconds, "samples": samples}

    def usage(self, request: dict[str, Any]) -> dict[str, Any]:
        import psutil

        from core.hardware.memory import own_peak_rss_mb

        now = psutil.Process().memory_info().rss / 1e6
        return {"peak_rss_mb": own_peak_rss_mb(), "rss_mb": now, "cpu_s": time.process_time()}

    def _wait_until_idle(self) -> None:
        """Wait until the threads of this process stop spinning, 40 ms after a run, so that they do not slow the next model."""
        if not self.has_threads:
            return
        until, used = time.monotonic() + _MAX_WAIT_S, -1.0
        while (now := time.process_time()) - used > _IDLE_SHARE * _POLL_INTERVAL_S and time.monotonic() < until:
            used = now
            time.sleep(_POLL_INTERVAL_S)


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
    except Exception as error:  # noqa: BLE001 - any failure of a model becomes one line in the log of the benchmark
        return {"error": format_error(error)}


if __name__ == "__main__":
    main()
