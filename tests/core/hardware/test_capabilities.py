"""`core.hardware`: the capabilities of recorded machines, and the detection on this one."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import TtsdashError
from core.hardware.capabilities import capabilities, usable_cpu_share
from core.hardware.detection import cpu_quota, detect, detect_in_subprocess, memory_limit
from tests.core.machines import CONTAINER, MACHINES, SERVER


@pytest.mark.parametrize(
    ("machine", "available"),
    [
        ("M1 on macOS 13", "cores memory int8 runtime engine convert provider metal"),
        ("M4 on macOS 15", "cores memory int8 runtime engine coreml convert provider metal"),
        ("Rosetta", "cores memory runtime coreml convert metal"),
        ("Intel Mac", "cores memory runtime coreml convert metal"),
        ("server", "cores memory int8 runtime convert"),
        ("container", "int8 runtime convert"),
        ("Raspberry Pi 5", "cores memory int8 runtime"),
    ],
)
def test_the_capabilities_of_each_machine(machine: str, available: str) -> None:
    short = {
        "fast int8": "int8",
        "ONNX Runtime": "runtime",
        "Neural Engine": "engine",
        "Core ML": "coreml",
        "Core ML conversion": "convert",
        "Core ML provider": "provider",
        "Metal": "metal",
    }
    found = [
        short.get(capability.name, capability.name)
        for capability in capabilities(MACHINES[machine])
        if capability.available
    ]
    assert " ".join(found) == available


@pytest.mark.parametrize(
    ("machine", "capability", "expected"),
    [
        ("M1 on macOS 13", "Core ML", "macOS 13.6.1: packages need 14, or target=macos13"),
        ("M4 on macOS 15", "Neural Engine", "Apple M4"),
        ("M4 on macOS 15", "fast int8", "i8mm"),
        ("Rosetta", "Neural Engine", "this Python runs under Rosetta: use an arm64 one"),
        ("Rosetta", "Core ML", "macOS 15.1, without the Neural Engine"),
        ("Intel Mac", "Neural Engine", "this Mac has an Intel processor"),
        ("server", "Core ML", "needs macOS"),
        ("server", "cores", "all 2"),
        ("container", "cores", "limited to 0.5 CPUs by the control group"),
        ("container", "memory", "limited to 0.5 of 16.0 GB by the control group"),
        (
            "Raspberry Pi 5",
            "Core ML conversion",
            "coremltools is not installed: it has wheels for Linux x86_64 and macOS",
        ),
    ],
)
def test_the_details_of_a_capability(machine: str, capability: str, expected: str) -> None:
    (found,) = (entry for entry in capabilities(MACHINES[machine]) if entry.name == capability)
    assert found.detail.startswith(expected)
    assert found.benefit


def test_an_affinity_limit_is_named() -> None:
    pinned = replace(SERVER, cores=16, affinity=2)
    assert capabilities(pinned)[0].detail == "limited to 2 of 16 cores"
    assert usable_cpu_share(pinned) == 2
    assert usable_cpu_share(CONTAINER) == 0.5


@pytest.mark.parametrize(
    ("outer", "inner", "quota", "limit"),
    [
        (("max 100000", "max"), ("50000 100000", "512000000"), 0.5, 512_000_000),
        (("150000 100000", "max"), ("max 100000", "2000"), 1.5, 2000),
        (("150000 100000", "1000"), ("200000 100000", "2000"), 1.5, 1000),
        (("max 100000", "max"), ("max 100000", "max"), None, None),
        (("", ""), ("", ""), None, None),
    ],
)
def test_the_limits_of_control_groups(
    outer: tuple[str, str], inner: tuple[str, str], quota: float | None, limit: int | None, tmp_path: Path
) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/outer/inner\n")
    for folder, (cpu, memory) in ((tmp_path / "outer", outer), (tmp_path / "outer" / "inner", inner)):
        folder.mkdir()
        if cpu:
            (folder / "cpu.max").write_text(f"{cpu}\n")
            (folder / "memory.max").write_text(f"{memory}\n")
    assert cpu_quota(tmp_path, own) == quota
    assert memory_limit(tmp_path, own) == limit


def test_the_limits_of_control_groups_of_version_1(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("4:memory:/outer/inner\n2:cpu,cpuacct:/outer/inner\n1:name=systemd:/\n0::/\n")
    for controllers in ("memory", "cpu,cpuacct"):
        (tmp_path / controllers / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert (cpu_quota(tmp_path, own), memory_limit(tmp_path, own)) == (None, None)
    cpu = tmp_path / "cpu,cpuacct"
    for folder, quota in ((cpu, -1), (cpu / "outer", 150_000), (cpu / "outer" / "inner", -1)):
        (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        (folder / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "memory" / "outer" / "memory.limit_in_bytes").write_text("512000000\n")
    assert (cpu_quota(tmp_path, own), memory_limit(tmp_path, own)) == (1.5, 512_000_000)


def test_detection_in_a_subprocess_returns_the_same() -> None:
    assert detect_in_subprocess() == detect()
    assert capabilities(detect())[3].available, "ONNX Runtime is there, or nothing here would run"


def test_importing_the_detection_loads_no_heavy_modules() -> None:
    code = (
        "import sys, json, core.hardware.detection, core.hardware.capabilities; print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert not set(json.loads(done.stdout)) & {"onnxruntime", "coremltools", "numpy", "torch"}


def test_a_failed_detection_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(TtsdashError, match="cannot detect the hardware"):
        detect_in_subprocess()
