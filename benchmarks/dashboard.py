"""The dashboard beside a minimal Textual app: time to the first paint, and what it costs while nothing happens.

    python benchmarks/dashboard.py [--home DIR] [--pairs 10] [--idle 20]

Each start is a process of its own in a pseudo-terminal of 80x24; the two are started in turn.
"""

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time

import psutil

MINIMAL = """
from textual.app import App
from textual.widgets import Static

class Minimal(App[None]):
    def compose(self):
        yield Static("first paint")

Minimal().run()
"""
_SETTLE_S = 3.0


class Started:
    """A program in a pseudo-terminal."""

    def __init__(self, command: list[str], home: str) -> None:
        self.terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.began = time.perf_counter()
        environment = {**os.environ, "TTSDASH_HOME": home, "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            command, stdin=inside, stdout=inside, stderr=inside, env=environment, start_new_session=True
        )
        os.close(inside)

    def seconds_until(self, text: bytes) -> float:
        """How long after the start this stood on the screen."""
        seen = b""
        while text not in seen:
            seen += os.read(self.terminal, 65536)
        return time.perf_counter() - self.began

    def bytes_in(self, seconds: float) -> int:
        """What it writes in the next seconds."""
        count, deadline = 0, time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.terminal], [], [], left)[0]:
                count += len(os.read(self.terminal, 65536))
        return count

    def end(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.terminal)


def first_paint(command: list[str], text: bytes, home: str) -> float:
    started = Started(command, home)
    try:
        return started.seconds_until(text)
    finally:
        started.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--home", help="a workspace; an empty one without it")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--idle", type=float, default=20.0, help="seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or folder
        dashboard = [sys.executable, "-P", "-m", "tui.cli"]
        minimal = [sys.executable, "-P", "-c", MINIMAL]
        first_paint(dashboard, b"Voices", home), first_paint(minimal, b"first paint", home)
        pairs = [
            (first_paint(dashboard, b"Voices", home), first_paint(minimal, b"first paint", home))
            for _ in range(options.pairs)
        ]
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        print(f"first paint: dashboard {statistics.median(ours for ours, _ in pairs):.3f} s, ", end="")
        print(f"minimal app {statistics.median(theirs for _, theirs in pairs):.3f} s, ratio {ratio:.2f}")

        started = Started(dashboard, home)
        started.seconds_until(b"Voices")
        started.bytes_in(_SETTLE_S)
        process = psutil.Process(started.process.pid)
        before = process.cpu_times()
        written = started.bytes_in(options.idle)
        after = process.cpu_times()
        busy = after.user + after.system - before.user - before.system
        print(f"idle for {options.idle:.0f} s: {busy / options.idle:.2%} of a core, {written} bytes written")
        started.end()
        subprocess.run([*dashboard, "worker", "stop", "--home", home], check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
