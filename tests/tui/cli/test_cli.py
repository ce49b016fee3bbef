"""The command line as whole processes: what it prints, in both forms, and how it ends."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import wave
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.records.voices import Voice
from core.store.database import open_store
from core.store.jobs import add_job, get_job
from core.store.lifecycle import finish
from core.store.results import list_results
from core.workspace import Workspace
from jobs.submit import benchmark_job, variant_job
from jobs.worker_control import stop_worker, worker_status
from tests.running import COMMAND, environment, refused, ttsdash, ttsdash_json
from tests.schemas import check
from tests.vits import MULTI_SPEAKER, write_voice
from tui.cli.output import print_results


@pytest.mark.long
@pytest.mark.all_cores
def test_optimize_makes_a_variant_measures_it_and_prints_all_that_as_json(
    workspace: Workspace, voice_path: Path
) -> None:
    done = ttsdash(workspace, "optimize", "--model", voice_path, "--dynamic", "--benchmark", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert re.search(r"job 2: benchmark, tiny: .*pair \d+, [12] thread", done.stderr)
    answer = json.loads(done.stdout)

    assert set(answer) == {"jobs", "existing", "skipped", "results", "selection"}
    assert [(job["kind"], job["state"]) for job in answer["jobs"]] == [
        ("quantize", "succeeded"),
        ("benchmark", "succeeded"),
    ]
    for job in answer["jobs"]:
        check(job, "job")
    for result in answer["results"]:
        check(result, "result")
    # The variant of so small a voice is slower, or no faster.
    assert answer["selection"]["selected"] in ("original", "dynamic-int8")
    assert {judged["variant"] for judged in answer["selection"]["candidates"]} == {"dynamic-int8", "original"}
    original, made = answer["results"][:2]
    assert (original["variant"], original["speedup"], original["mel_db"]) == ("original", 1.0, 0.0)
    assert made["variant"] == "dynamic-int8"
    assert made["pairs"] >= 10
    assert made["speedup_ci"][0] <= made["speedup"] <= made["speedup_ci"][1]
    assert made["estoi"] is not None or "durations differ" in made["unmeasured"]["estoi"]
    assert original["estoi"] == pytest.approx(1)

    # After a restart of everything it is all still there.
    stop_worker(workspace)
    assert ttsdash_json(workspace, "results", "list") == answer["results"]
    voice = ttsdash_json(workspace, "voices", "show", "tiny")
    lineage = voice["variants"][1]
    check(lineage, "variant")
    assert (lineage["recipe"], lineage["source_sha256"], lineage["job_id"]) == ("dynamic", voice["sha256"], 1)
    assert lineage["sha256"] == made["variant_sha256"]
    assert ttsdash(workspace, "results").stdout.count("tiny") == len(answer["results"])
    shown = ttsdash_json(workspace, "results", "show", made["id"][:8])
    assert len(shown["samples"]) == made["pairs"] * 3
    pair = [
        line.split()[-1]
        for line in ttsdash(workspace, "results", "show", made["id"]).stdout.splitlines()
        if line.split()[:1] == ["recording"]
    ]
    assert [Path(path).name for path in pair] == ["dynamic-int8.wav", "dynamic-int8.original.wav"]
    for path in pair:
        with wave.open(path) as recording:
            assert recording.getframerate() == 22050
            assert recording.getnframes() > 22050


def test_the_table_of_results_fits_80_columns_and_describes_it_in_words(
    full: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(open_store(full)) as db:
        print_results(list_results(db))
    tables, _, words = capsys.readouterr().out.rpartition("\n\n")
    assert tables.startswith("1 thread\n")
    assert tables.count("original") == 2
    assert all(len(line.rstrip()) <= 80 for line in tables.splitlines())
    assert "95 % interval" in words
    assert "It sounds broken" in words
    assert words.startswith("coreml: The file is 50 % smaller than the original. Speed and memory were not measured: ")


def test_without_wait_the_jobs_are_queued_and_their_ids_printed(workspace: Workspace, voice_path: Path) -> None:
    answer = ttsdash_json(workspace, "optimize", "--model", voice_path, "--dynamic", "--benchmark")
    assert (list(answer), answer["existing"]) == (["jobs", "existing", "skipped"], {})
    quantize, benchmark = answer["jobs"]
    assert benchmark["after"] == [quantize["id"]]
    assert worker_status(workspace).running
    assert ttsdash(workspace, "jobs", "wait", quantize["id"]).returncode == 0
    assert ttsdash(workspace, "jobs", "cancel", benchmark["id"]).returncode == 0
    assert ttsdash(workspace, "jobs", "wait").returncode == 0
    assert [job["state"] for job in ttsdash_json(workspace, "jobs", "list")] == ["cancelled", "succeeded"]


def test_what_one_command_distills_and_converts_is_made_in_that_order(workspace: Workspace, voice: Voice) -> None:
    flags = "--distill", "--coreml", "--from", "distilled", "--at", "02:00"
    distill, coreml = ttsdash_json(workspace, "optimize", "--model", voice.key, *flags)["jobs"]
    assert (distill["variant"], distill["params"].get("from")) == ("distilled", None)
    assert (coreml["variant"], coreml["after"]) == ("coreml+from=distilled", [distill["id"]])


def test_a_failed_job_makes_wait_end_with_1_and_shows_its_line(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    Path(voice.path).rename(Path(voice.path).with_suffix(".gone"))
    done = ttsdash(workspace, "optimize", "--model", voice.key, "--dynamic", "--wait")
    assert done.returncode == 1
    assert "failed: cannot read" in done.stdout
    retried = ttsdash(workspace, "jobs", "retry", "1")
    assert (retried.returncode, retried.stdout) == (0, "requeued: job 1\n")
    assert ttsdash(workspace, "jobs", "wait", "1").returncode == 1
    log = ttsdash(workspace, "jobs", "logs", "1", "-f").stdout
    assert log.count("attempt") == 2
    assert "failed: cannot read" in log


@pytest.mark.parametrize("place", ["before", "after", "between"])
def test_home_and_json_are_accepted_anywhere(place: str, workspace: Workspace, tmp_path: Path) -> None:
    common = ["--home", tmp_path / "other", "--json"]
    arguments = {
        "before": [*common, "voices", "list"],
        "after": ["voices", "list", *common],
        "between": ["voices", *common, "list"],
    }[place]
    done = ttsdash(workspace, *arguments)
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert (tmp_path / "other" / "data.db").is_file()
    assert not workspace.data_db.exists()


def test_groups_without_a_command_list(workspace: Workspace) -> None:
    assert ttsdash(workspace, "voices").stdout.startswith("no voices yet")
    assert ttsdash(workspace, "jobs").stdout.startswith("no jobs yet")
    assert ttsdash(workspace, "results").stdout.startswith("no results yet")
    assert ttsdash(workspace, "worker").stdout.startswith("no worker is running")


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        ([], 2, "the dashboard needs a terminal; these commands do not: apply, benchmark, doctor"),
        (["voices", "add", "/nowhere/x.onnx"], 2, "/nowhere/x.onnx does not exist: check the path"),
        (["voices", "add", "/"], 2, "/ is a folder: name the .onnx file in it"),
        (["voices", "show", "nobody"], 1, "voice not found: 'nobody' (add one with: ttsdash voices add PATH)"),
        (["optimize", "--dynamic"], 2, "Missing option '--model'"),
        (["optimize", "--model", "nobody", "--dynamic"], 1, "voice not found: 'nobody'"),
        (["optimize", "--model", "/nowhere/x.onnx", "--dynamic"], 2, "/nowhere/x.onnx does not exist"),
        (["benchmark", "nobody"], 1, "voice not found: 'nobody'"),
        (["jobs", "show", "7"], 1, "no job 7: list them with `ttsdash jobs list`"),
        (["jobs", "show", "seven"], 2, "Invalid value for 'ID'"),
        (["jobs", "wait", "7"], 1, "no job 7: list them"),
        (["results", "show", "abc"], 1, "result not found: 'abc'"),
        (["jobs", "show", "99999999999999999999"], 1, "no job 99999999999999999999: list them"),
        (["voices", "list", "--home", ""], 2, "Invalid value for '--home': it is empty"),
        (["optimize", "--model", "nobody", "--static", "--calibration", ""], 2, "--calibration is empty: name a file"),
        (["optimize", "--model", "x", "--coreml", "--from", ""], 2, "--from is empty: name a distilled variant"),
        (
            ["optimize", "--model", "x", "--dynamic", "--from", "distilled"],
            2,
            "--from is for a distilled variant that is trained further or converted: add --distill or --coreml",
        ),
        (
            ["optimize", "--model", "x", "--coreml", "--from", "distilled", "--param", "from=original"],
            2,
            "parameter 'from' is given twice",
        ),
        (["--home", "--help"], 2, "Invalid value for '--home': --help is taken for its folder"),
        (["results", "list", "--voice", "nobody"], 1, "voice not found: 'nobody'"),
        (["worker", "run", "--slots", "0"], 2, "Invalid value for '--slots'"),
        (["voices", "show", os.fsdecode(b"na\xefve")], 2, "na\\udcefve is not UTF-8: rename it"),
        (["frobnicate"], 2, "No such command 'frobnicate'."),
        (["optimize", "--model", "x", "--int2"], 2, "No such option"),
    ],
)
def test_an_impossible_request_prints_one_line_and_exits_with_the_right_code(
    arguments: list[str], code: int, expected: str, workspace: Workspace
) -> None:
    assert refused(ttsdash(workspace, *arguments), code).startswith(expected)


@pytest.mark.parametrize(
    ("words", "name", "code", "expected"),
    [
        (["voices", "add"], "-dash.onnx", 2, "No such option '-d': if you mean the file, write ./-dash.onnx (see "),
        (
            ["voices", "add"],
            "--two.onnx",
            2,
            "No such option '--two.onnx': if you mean the file, write ./--two.onnx (see ",
        ),
        (["voices", "add", "--json"], "-h.onnx", 2, "No such option '-.': if you mean the file, write ./-h.onnx (see "),
        (
            ["voices", "add"],
            "--json=x",
            2,
            "Option '--json' does not take a value: if you mean the file, write ./--json=x",
        ),
        (["voices", "add"], "-a b.onnx", 2, "No such option '-a': if you mean the file, write './-a b.onnx' (see "),
        (["apply"], "-a.yaml", 2, "No such option '-a': if you mean the file, write ./-a.yaml (see "),
        (["results", "import"], "-a.json", 2, "No such option '-a': if you mean the file, write ./-a.json (see "),
        (["voices", "show"], "-x.onnx", 2, "No such option '-x': if you mean the file, write ./-x.onnx (see "),
        # Here no file could be meant.
        (["jobs", "show"], "-a", 2, "No such option '-a'. (see "),
        (["optimize"], "-dash.onnx", 2, "No such option '-d'. (see "),
    ],
)
def test_a_file_whose_name_begins_with_a_dash_is_refused_with_a_hint(
    words: list[str], name: str, code: int, expected: str, workspace: Workspace, tmp_path: Path
) -> None:
    message = refused(ttsdash(workspace, *words, name, cwd=tmp_path), code)
    assert "if you mean" not in message
    (tmp_path / name).touch()
    assert refused(ttsdash(workspace, *words, name, cwd=tmp_path), code).startswith(expected)


def test_the_hint_for_a_name_with_a_dash_works(workspace: Workspace, voice_path: Path) -> None:
    for path in (voice_path, voice_path.with_name(f"{voice_path.name}.json")):
        path.rename(path.with_name(f"-{path.name}"))
    folder = voice_path.parent
    hint = refused(ttsdash(workspace, "voices", "add", "-tiny.onnx", cwd=folder), 2)
    assert "write ./-tiny.onnx (see" in hint
    assert ttsdash(workspace, "voices", "add", "./-tiny.onnx", cwd=folder).returncode == 0
    # What follows an option is its value.
    assert (
        ttsdash(workspace, "optimize", "--model", "-tiny.onnx", "--dynamic", "--in", "1h", cwd=folder).returncode == 0
    )


def test_an_ended_job_is_not_cancelled_and_a_successful_one_not_retried(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    job_id = add_job(db, variant_job(voice, "guide"))
    db.execute("UPDATE jobs SET state = 'running', attempt = 1")
    finish(db, job_id, 1, "succeeded")
    assert refused(ttsdash(workspace, "jobs", "cancel", job_id), 2) == "job 1 succeeded: nothing to cancel"
    assert refused(ttsdash(workspace, "jobs", "retry", job_id), 2).startswith("job 1 is succeeded: only a failed")
    assert refused(ttsdash(workspace, "jobs", "logs", job_id), 1).startswith("job 1 has no log")


def test_the_options_of_a_benchmark_are_checked_before_it_is_queued(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").write_text("\n\n")
    for arguments, code, expected in [
        (["--variant", "int9"], 1, "tiny has no variant 'int9'; it has: original"),
        (["--threads", "0"], 2, "invalid number of threads: 0 (use 1 to 1024)"),
        (["--texts", tmp_path / "none.txt"], 2, f"cannot read {tmp_path}/none.txt"),
        (["--texts", tmp_path / "empty.txt"], 2, f"{tmp_path}/empty.txt has no text"),
    ]:
        assert refused(ttsdash(workspace, "benchmark", voice.key, *arguments), code).startswith(expected)
    assert ttsdash_json(workspace, "jobs", "list") == []
    assert not worker_status(workspace).running


def test_a_benchmark_uses_the_given_threads_and_texts(workspace: Workspace, voice: Voice, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("Hello.\nHow are you today?\n")
    answer = ttsdash_json(workspace, "benchmark", voice.key, "--threads", "1", "--texts", texts, "--wait")
    (result,) = answer["results"]
    assert (result["variant"], result["threads"]) == ("original", 1)
    samples = ttsdash_json(workspace, "results", "show", result["id"])["samples"]
    assert {sample["text"] for sample in samples} == {"line 1", "line 2"}


def test_a_multi_speaker_voice_is_optimized_in_the_same_way(workspace: Workspace, tmp_path: Path) -> None:
    path = write_voice(tmp_path, MULTI_SPEAKER, "many")
    answer = ttsdash_json(workspace, "optimize", "--model", path, "--dynamic", "--wait")
    assert answer["jobs"][0]["state"] == "succeeded", answer


def test_names_from_outside_cannot_control_the_terminal(workspace: Workspace, tmp_path: Path) -> None:
    path = write_voice(tmp_path / "evil\x1b[31m\nname", name="model")
    assert ttsdash(workspace, "voices", "add", path).returncode == 0
    for command in (["voices"], ["voices", "show", "evil-31m-name"]):
        done = ttsdash(workspace, *command)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout
        assert "evil" in done.stdout


def test_a_reader_that_ends_is_not_an_error(workspace: Workspace, db: sqlite3.Connection, voice: Voice) -> None:
    for _ in range(400):
        add_job(db, variant_job(voice, "guide"))
    program = subprocess.Popen(
        [sys.executable, "-P", "-m", "tui.cli", "jobs", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(workspace),
    )
    assert program.stdout is not None
    assert program.stderr is not None
    program.stdout.readline()
    program.stdout.close()
    assert program.stderr.read() == b""
    program.stderr.close()
    assert program.wait(20) == 0


def test_a_newer_database_is_refused_and_not_changed(workspace: Workspace, db: sqlite3.Connection) -> None:
    db.execute("PRAGMA user_version = 999")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    before = workspace.data_db.read_bytes()
    for command in (["jobs", "list"], ["worker", "start"]):
        expected = refused(ttsdash(workspace, *command), 2)
        assert expected.startswith(f"{workspace.data_db} was written by a newer ttsdash (format 999, known here: ")
    assert workspace.data_db.read_bytes() == before


def test_a_full_disk_while_writing_is_one_line(workspace: Workspace, voice_path: Path) -> None:
    """A limit of 33 kB a file stands in for the full disk: the write-ahead log hits it in the middle of the insert."""
    open_store(workspace).close()
    config = voice_path.with_name("tiny.onnx.json")
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dataset": "x" * 100_000}))
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 66; trap "" XFSZ; exec "$@"', "sh", *COMMAND, "voices", "add", voice_path],
        capture_output=True,
        text=True,
        env=environment(workspace),
        check=False,
    )
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert ttsdash_json(workspace, "voices", "list") == []


def test_a_second_worker_is_refused(workspace: Workspace) -> None:
    ttsdash(workspace, "worker", "start")
    expected = refused(ttsdash(workspace, "worker", "run"), 1)
    assert expected.startswith(f"a worker is already running in {workspace.root}")
    status = ttsdash_json(workspace, "worker", "status")
    assert set(status) >= {"running", "pid", "since", "version", "slots", "jobs"}
    assert status["running"]
    assert ttsdash(workspace, "worker", "stop").stdout.startswith("worker stopped, pid")
    assert ttsdash(workspace, "worker", "stop").stdout == "no worker is running\n"


def test_cancelling_a_queued_job_cancels_jobs_that_depend_on_it(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice
) -> None:
    first = add_job(db, variant_job(voice, "guide"))
    second = add_job(db, replace(benchmark_job(voice, []), after=(first,)))
    assert ttsdash(workspace, "jobs", "cancel", first).stdout == f"job {first}: cancelled\n"
    assert get_job(db, second).state == "cancelled"
    assert "which it waits for" in ttsdash(workspace, "jobs", "show", second).stdout


WITHOUT_COREMLTOOLS = """
import importlib.util, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "coremltools" else found(name, *more)
from tui.cli import main
main()
"""


@pytest.mark.parametrize(
    ("flags", "code", "expected"),
    [
        (["--coreml"], 2, "ttsdash: coreml: coremltools is not installed: it has wheels for Linux x86_64 and macOS"),
        (["--all"], 0, "without coreml: coremltools is not installed: it has wheels for Linux x86_64 and macOS"),
    ],
)
def test_a_platform_without_coremltools_gets_one_line(
    flags: list[str], code: int, expected: str, workspace: Workspace, voice: Voice
) -> None:
    command = [sys.executable, "-P", "-c", WITHOUT_COREMLTOOLS, "optimize", "--model", voice.key, *flags]
    done = subprocess.run(command, env=environment(workspace), capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert (done.stdout + done.stderr).startswith(expected)
    made = {job["variant"] for job in ttsdash_json(workspace, "jobs", "list")}
    assert made == (set() if code else {"optimized", "dynamic-int8", "static-int8", "int4"})
