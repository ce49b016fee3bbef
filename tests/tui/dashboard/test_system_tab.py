"""The tab System: nothing is asked before it is opened; then the machine, the disk, and the doctor."""

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.doctor.finding import Finding
from core.errors import TtsdashError
from core.hardware.detection import HardwareInfo
from core.records.voices import Voice
from core.settings import set_assistant
from core.store.database import open_store
from core.workspace import Workspace
from jobs.doctor import Findings
from tests.core.machines import SERVER
from tests.tui.pilot import FOUND, dashboard, text_of, until
from tests.waiting import wait_until
from tui.dashboard.environment import Environment
from tui.dashboard.snapshot import SnapshotReader
from tui.dashboard.system.doctor import run_doctor
from tui.dashboard.system.facts import disk_facts, worker_facts
from tui.dashboard.system.pane import SystemPane


class Machine:
    """A machine that counts what is asked of it, and whose answers are recorded ones."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.environment = Environment(hardware=self.hardware, run_doctor=self.run_doctor)

    def hardware(self) -> HardwareInfo:
        self.asked.append("machine")
        return SERVER

    async def run_doctor(self, _: Workspace) -> Findings:
        self.asked.append("doctor")
        if len(self.asked) > 3:
            raise TtsdashError("no space left")
        return FOUND


async def test_nothing_is_asked_before_the_tab_is_opened_and_the_doctor_looks_again_on_a_key(
    workspace: Workspace,
) -> None:
    machine = Machine()
    asked = machine.asked
    app = dashboard(workspace, environment=machine.environment)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot and app.query(SystemPane))
        await pilot.press("4")
        await pilot.pause()
        assert not asked
        await pilot.press("5")
        await until(pilot, lambda: sorted(asked) == ["doctor", "machine"])
        await until(pilot, lambda: "1 problem, 0 notes" in text_of(app, "#system-doctor"))
        lines = [line.strip() for line in text_of(app, "#system-doctor").split("\n")]
        # What there is to do stands first.
        assert lines[2:6] == [
            "worker",
            "PROBLEM  worker  none runs, and 3 jobs wait",
            "→ ttsdash worker start",
            "",
        ]
        assert lines[6:] == ["machine", "ok       processor  Example CPU 9000: fast int8 (VNNI)"]
        await until(pilot, lambda: "unavailable: needs macOS" in text_of(app, "#system-engines"))
        await until(pilot, lambda: "GB of" in text_of(app, "#system-disk"))
        assert "stopped · w starts it" in text_of(app, "#system-worker")

        await pilot.press("1", "5")
        await pilot.pause()
        assert len(asked) == 2
        await pilot.press("d")
        await until(pilot, lambda: asked.count("doctor") == 2)
        await pilot.press("d")
        await until(pilot, lambda: "no space left; d checks again" in text_of(app, "#system-doctor"))
        await pilot.press("G")
        await until(pilot, lambda: app.query_one(SystemPane).scroll_y > 0)
        await pilot.press("g")
        await until(pilot, lambda: app.query_one(SystemPane).scroll_y == 0)


async def test_a_wide_terminal_has_two_columns(workspace: Workspace) -> None:
    machine = Machine()
    app = dashboard(workspace, environment=machine.environment)
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, lambda: app.snapshot and app.query(SystemPane))
        await pilot.press("5")
        pane = app.query_one(SystemPane)

        def corner(section: str) -> tuple[int, int]:
            return pane.query_one(f"#system-{section}").region.offset

        await until(pilot, lambda: corner("machine") == (100, corner("worker")[1]))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: corner("machine")[0] == 0)


async def test_the_doctor_looks_in_a_process_of_its_own(workspace: Workspace, voice: Voice, tmp_path: Path) -> None:
    set_assistant(workspace, tmp_path / "missing.yaml")
    found = await run_doctor(workspace)
    assert list(found) == ["machine", "workspace", "worker", "voice tiny", "configuration"]
    (problem,) = found["configuration"]
    assert (problem.state, problem.fix) == ("problem", "press 4, then f, and choose the assistant's YAML file")
    assert problem.message == f"{tmp_path}/missing.yaml does not exist: check the path"

    (tmp_path / "missing.yaml").write_text(f"models: {{tts: {{piper: {{voice_path: {voice.path}}}}}}}\n")
    found = await run_doctor(workspace)
    assert found["configuration"][0] == Finding("voice_path", "ok", "original of tiny, unchanged")


async def test_whoever_leaves_ends_the_doctor_with_all_that_it_has_started(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that takes ten minutes stands in for Python, with which the doctor would run."""
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nsleep 600 &\nwait\n")
    slow.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(slow))
    # Other tests of this process may have left some, such as the resource tracker of a pool of processes.
    before = set(psutil.Process().children(recursive=True))
    app = dashboard(workspace, environment=Environment(hardware=lambda: SERVER))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot and app.query(SystemPane))
        await pilot.press("5")
        await until(pilot, lambda: len(set(psutil.Process().children(recursive=True)) - before) == 2)
        started = set(psutil.Process().children(recursive=True)) - before
    wait_until(lambda: not any(is_at_work(process) for process in started))


def is_at_work(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    ("state", "ends"),
    [
        ({}, "after 30 min idle, or when you stop it (w)"),
        ({"idle_s": None}, "when you stop it (w)"),
        ({"stopping": True}, "when the running jobs have ended"),
    ],
    ids=["started by itself", "started by hand", "stopping"],
)
def test_the_slots_the_jobs_and_the_end_of_the_worker_are_shown(
    worked: Workspace, state: dict[str, object], ends: str
) -> None:
    with closing(open_store(worked)) as db:
        snapshot = SnapshotReader(worked, db).read()
    assert snapshot
    assert snapshot.worker
    facts = worker_facts(replace(snapshot, worker=replace(snapshot.worker, **({"idle_s": 1800.0} | state))))
    assert facts == {
        "state": f"running, pid {snapshot.worker.pid}, since 2024-01-02 09:00:00, version 1.0",
        "slots": "2 jobs at a time on 4 cores; benchmarks always run alone",
        "running": "job 5 (benchmark)",
        "stops": ends,
    }
    assert "not responding · w restarts it" in worker_facts(replace(snapshot, worker_unresponsive=True))["state"]


def test_disk_usage_of_the_workspace_is_shown_in_mb(workspace: Workspace) -> None:
    for folder, size in ((workspace.optimized_models / "a" / "b", 2_000_000), (workspace.logs, 300_000)):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "file").write_bytes(b"\0" * size)
    facts = disk_facts(workspace)
    assert facts["folder"] == str(workspace.root)
    assert {name: facts[name].strip() for name in ("variants", "recordings", "data.db", "logs")} == {
        "variants": "2.0 MB",
        "recordings": "0.0 MB",
        "data.db": "0.0 MB",
        "logs": "0.3 MB",
    }
    workspace.root.rename(workspace.root.with_name("moved"))
    assert disk_facts(workspace) == {"folder": f"No such file or directory ({workspace.root})"}
