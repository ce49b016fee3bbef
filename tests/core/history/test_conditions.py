"""Conditions during a benchmark: energy, throttling, load and the page cache. Counters that this machine may lack are
simulated by a folder with the layout of Linux."""

import os
import sys
import time
from pathlib import Path

import pytest

from core.benchmark.load import ExternalLoad, LoadMeter
from core.benchmark.page_cache import evict
from core.hardware.energy import EnergyMeter, open_meter
from core.hardware.throttling import throttle_count

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux's way to show it")


def package(root: Path, number: int, microjoules: int, wraps: int = 1_000_000) -> Path:
    zone = root / f"intel-rapl:{number}"
    zone.mkdir()
    (zone / "name").write_text(f"package-{number}\n")
    (zone / "energy_uj").write_text(f"{microjoules}\n")
    (zone / "max_energy_range_uj").write_text(f"{wraps}\n")
    return zone / "energy_uj"


@linux
def test_energy_is_summed_over_packages_and_survives_counter_overflow(tmp_path: Path) -> None:
    first, second = package(tmp_path, 0, 999_000), package(tmp_path, 1, 10_000)
    # Part of a package, whose count includes it.
    package(tmp_path, 2, 5).with_name("name").write_text("core\n")
    meter = open_meter(tmp_path)
    assert isinstance(meter, EnergyMeter)
    before = meter.read()
    first.write_text("499\n")
    second.write_text("260000\n")
    assert meter.joules_since(before) == pytest.approx((1_500 + 250_000) / 1e6)


@linux
def test_without_a_readable_counter_there_is_a_reason(tmp_path: Path) -> None:
    assert open_meter(tmp_path) == "this machine has no energy counter (RAPL)"
    counter = package(tmp_path, 0, 1)
    counter.write_text("rubbish")
    assert f"cannot read the energy counter {counter}: invalid literal" in str(open_meter(tmp_path))
    counter.unlink()
    assert f"cannot read the energy counter {counter}" in str(open_meter(tmp_path))


@linux
@pytest.mark.skipif(not hasattr(os, "geteuid") or not os.geteuid(), reason="root may read everything")
def test_a_counter_only_readable_by_root_is_named_with_a_fix(tmp_path: Path) -> None:
    counter = package(tmp_path, 0, 1)
    counter.chmod(0)
    assert str(open_meter(tmp_path)).startswith(f"only root can read {counter}: run chmod")


def test_throttling_is_counted_over_all_cores(tmp_path: Path) -> None:
    assert throttle_count(tmp_path) is None
    for cpu, count in (("cpu0", 2), ("cpu1", 3)):
        folder = tmp_path / cpu / "thermal_throttle"
        folder.mkdir(parents=True)
        (folder / "core_throttle_count").write_text(f"{count}\n")
    (tmp_path / "cpu1" / "thermal_throttle" / "package_throttle_count").write_text("1\n")
    assert throttle_count(tmp_path) == 6


def test_throttling_during_a_run_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([4, 7])
    monkeypatch.setattr("core.benchmark.load.throttle_count", lambda: next(counts))
    assert LoadMeter.start().stop(own_cpu_s=1e6)["throttled"] == 3


def test_the_load_of_other_processes_is_measured_without_that_of_the_benchmark() -> None:
    meter, external = LoadMeter.start(), ExternalLoad.start()
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass
    # This process is the other one: its CPU time is not passed as that of the benchmark.
    alone = 0.5 / (os.cpu_count() or 1)
    assert alone < external.share(own_cpu_s=0.0) <= 1
    assert alone < meter.stop(own_cpu_s=0.0)["others_share"] <= 1
    assert external.share(own_cpu_s=1e6) == 0.0


@pytest.mark.skipif(not hasattr(os, "posix_fadvise") or not hasattr(os, "RWF_NOWAIT"), reason="Linux's way")
def test_an_evicted_file_is_read_from_the_disk_again(tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_bytes(os.urandom(1 << 20))
    kept = evict(tmp_path)
    if kept and "tmpfs" in kept:
        pytest.skip("the temporary folder lies in memory")
    assert kept is None
    assert not is_cached(files[0])
    files[0].read_bytes()
    assert is_cached(files[0])
    assert evict(files[0]) is None


def is_cached(file: Path) -> bool:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.preadv(descriptor, [bytearray(64)], 1 << 18, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
