"""The process in which one model is loaded and measured: `python -P -m core.benchmark.probe_process PARENT`.

It answers one JSON object a line on its standard output for each one that it reads on its standard input:

    {"load": PATH, "threads": N or null}           -> {"load_s", "bare_rss_mb"}
    {"run": IDS, "length_scale", "speaker"}        -> {"seconds", "samples"}
    {"save": IDS, "length_scale", "speaker", "to"} -> {"samples"}, the audio in `to` as .npy
    {"usage": true}                                -> {"peak_rss_mb", "cpu_s"}

An error is answered as {"error": LINE}. The end of the input ends the process.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.processes import die_with_parent


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
        from core.engines.ort import OrtVoice
        from core.hardware.memory import peak_rss_mb

        bare = peak_rss_mb()
        started = time.perf_counter()
        self.voice = OrtVoice(Path(request["load"]), request["threads"])
        return {"load_s": time.perf_counter() - started, "bare_rss_mb": bare}

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        started = time.perf_counter()
        audio = self.voice.synthesize(request["run"], request["length_scale"], request["speaker"])
        return {"seconds": time.perf_counter() - started, "samples": len(audio)}

    def save(self, request: dict[str, Any]) -> dict[str, Any]:
        import numpy as np

        audio = self.voice.synthesize(request["save"], request["length_scale"], request["speaker"])
        np.save(request["to"], audio)
        return {"samples": len(audio)}

    def usage(self, request: dict[str, Any]) -> dict[str, Any]:
        from core.hardware.memory import peak_rss_mb

        return {"peak_rss_mb": peak_rss_mb(), "cpu_s": time.process_time()}


def _answer(probe: _Probe, request: dict[str, Any]) -> dict[str, Any]:
    from core.errors import one_line

    asked: Callable[[dict[str, Any]], dict[str, Any]] = getattr(probe, next(iter(request)))
    try:
        return asked(request)
    except Exception as error:  # noqa: BLE001 - whatever a model does ends as one line in the benchmark's own log
        return {"error": one_line(error)}


if __name__ == "__main__":
    main()
