"""The Voices tab and its dialogs, driven by keys."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual.containers import VerticalScroll
from textual.widgets import Input, OptionList, ProgressBar

from core.hardware.machine import Machine
from core.records.voices import Voice
from core.store.database import open_store, transaction
from core.store.jobs import list_jobs
from core.store.results import get_result, list_results, put_benchmark
from core.store.voices import get_voice, put_variant
from core.variants.recipes import GUIDE, RECIPES
from core.workspace import Workspace
from tests.measured import a_record, a_result
from tests.piper_collection import NAME, Collection, point_at, serving
from tests.tui.conftest import JOE, MACHINE, announce
from tests.tui.pilot import (
    OTHER_MACHINE,
    RECORDED,
    Compare,
    benchmarked,
    cells,
    dashboard,
    is_reading,
    is_ready,
    paste,
    presses,
    store,
    text_of,
    until,
)
from tests.waiting import wait_until
from tui.dashboard.app import Dashboard
from tui.dashboard.common.checkbox import PlainCheckbox
from tui.dashboard.voices.add_voice import AddVoiceScreen
from tui.dashboard.voices.optimize import OptimizeScreen
from tui.dashboard.voices.pane import VoicesPane
from tui.text.format import RATIO_SCALE, ratio_bar

pytestmark = pytest.mark.usefixtures("every_recipe")
OTHER_NAME = "de_DE-klein-low"
LATER = "2024-02-02T09:00:00.000Z"


def detail(app: Dashboard) -> str:
    return text_of(app, "#voices-pane .detail Static")


def dialog(app: Dashboard) -> OptimizeScreen:
    assert isinstance(app.screen, OptimizeScreen)
    return app.screen


async def open_dialog(pilot, key: str = "o") -> OptimizeScreen:  # type: ignore[no-untyped-def]
    """Open the dialog for the focused voice and wait until it is complete."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, OptimizeScreen) and not is_reading(pilot.app))
    return dialog(pilot.app)


def chosen(screen: OptimizeScreen) -> list[str]:
    return [str(choice.id) for choice in screen.query(PlainCheckbox) if choice.value]


def measure_everything(workspace: Workspace, machine: Machine = MACHINE) -> None:
    """Store results for every recipe, which forecasts are based on."""
    with closing(open_store(workspace)) as db, transaction(db):
        results = [a_result("original", "original", size_bytes=1000, threads=2)]
        for name, recipe in RECIPES.items():
            figures = {"recipe": name, "threads": 2, "speedup": 1.8, "size_bytes": 250, "grade": "slight"}
            results.append(a_result(recipe.variant, recipe.variant, **figures))
        put_benchmark(db, a_record("elsewhere", voice_id=JOE, machine=machine, results=tuple(results)), None)


# The table and its details


async def test_a_long_name_leaves_room_for_the_other_columns(full: Workspace) -> None:
    with closing(open_store(full)) as db, transaction(db):
        made = get_voice(db, "en_US-joe-medium").variant("coreml")
        put_variant(db, JOE, replace(made, name="coreml+precision=fp32+target=macos15+weights=int8", sha256="e" * 64))
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 5)
        voices = app.query_one(VoicesPane)
        assert voices.table.virtual_size.width <= voices.table.size.width
        assert cells(voices)[3][0].startswith("coreml+precision=fp")
        assert cells(voices)[3][0].endswith("…")
        assert cells(voices)[1][0] == "en_US-joe-medium *"
        assert [row[-1] for row in cells(voices)] == ["–", "baseline", "transparent", "–", "broken"]


async def test_figures_of_different_runs_are_shown_with_the_time_of_their_run(full: Workspace) -> None:
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 4)
        voices = app.query_one(VoicesPane)
        assert "run" not in voices.headers()
        with closing(open_store(full)) as db:
            measured = [result for result in list_results(db, voice_id=JOE) if result.variant == "original"]
            again = a_result("again", "original", threads=2, variant_sha256=measured[0].variant_sha256, rtf=0.2)
            record = a_record("later", voice_id=JOE, machine=MACHINE, results=(again,), created_at=LATER)
            with transaction(db):
                put_benchmark(db, record, None)
        await until(pilot, lambda: "run" in voices.headers())
        column = voices.headers().index("run")
        assert [(row[column - 1], row[column]) for row in cells(voices)] == [
            ("–", "–"),
            ("0.200", "Feb 2024"),
            ("–", "Jan 2024"),
            ("0.044", "Jan 2024"),
        ]


async def test_a_wide_terminal_shows_the_interval_as_a_bar_and_the_details_beside_the_table(full: Workspace) -> None:
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 4)
        voices = app.query_one(VoicesPane)
        await pilot.press(*"jjj")
        assert len(cells(voices)[0]) == 6
        await pilot.resize_terminal(200, 40)
        await until(pilot, lambda: len(cells(voices)[0]) == 8)
        assert cells(voices)[3][4] == "··········█··········"
        assert voices.table.focused_key == "en_US-joe-medium/dynamic-int8-guide"
        area = voices.query_one(".detail", VerticalScroll).region
        assert area.x >= voices.table.region.right
        assert (area.y, area.bottom) == (voices.table.region.y, voices.table.region.bottom)


@pytest.mark.parametrize(
    ("speedup", "interval", "bar"),
    [
        (1.0, None, "··········█··········"),
        (2.0, (1.4, 2.3), "··········│·───█─····"),
        (1.02, (0.8, 1.4), "········──█──········"),
        (1.2, (0.9, 1.5), "·········─┼█──·······"),
        (0.5, (0.5, 0.5), "·····█····│··········"),
        (0.01, (0.001, 9.0), "█─────────┼──────────"),
        (None, None, ""),
    ],
)
def test_all_speed_ups_share_one_scale(
    full: Workspace, speedup: float | None, interval: tuple[float, float] | None, bar: str
) -> None:
    with closing(open_store(full)) as db:
        result = get_result(db, "dynamic-int8-guide-2")
    assert ratio_bar(replace(result, speedup=speedup, speedup_ci=interval)) == bar
    assert len(RATIO_SCALE) == 21
    assert RATIO_SCALE.index("1x") == 10


async def test_a_missing_file_is_shown_until_it_is_back(full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VoicesPane, "FILE_CHECK_INTERVAL_S", 0.05)
    made = Path("models/dynamic-int8-guide.onnx")
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 4)
        voices = app.query_one(VoicesPane)
        await pilot.press(*"jjj")
        made.unlink()
        await until(pilot, lambda: cells(voices)[3][3] == "file missing")
        assert f"The file is missing: o makes it again ({made})." in detail(app)
        assert "on this machine: " not in detail(app)
        made.touch()
        await until(pilot, lambda: "1.02x" in cells(voices)[3][3])
        Path("voices/en_US-joe-medium.onnx").unlink()
        await pilot.press("k", "k")
        await until(pilot, lambda: detail(app).startswith("The file is missing: put voices/en_US-joe-medium.onnx back"))


async def test_the_details_show_verdict_results_pareto_place_and_lineage(full: Workspace) -> None:
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 4)
        await pilot.press(*"jj")
        assert "Pareto: unknown (speed or sound not measured here)" in detail(app)
        await pilot.press("j")
        shown = detail(app)
        for line in (
            "rejected on this machine: made by the guide's recipe, for comparison only",
            "RTF 0.044, latency 157 ms (original 160) at 2 threads, measured 2024-01-02 09:03:00",
            "Pareto: on the front",
            f"made 2024-01-02 09:01:00 from en_US-joe-medium (SHA-256 {JOE[:16]}…)",
            "recipe guide: weight type QUInt8; per channel False",
            "with onnxruntime 1.32.0, onnx 1.23.2",
        ):
            assert line in shown.split("\n")
        assert "The file is 70 % smaller than the original; peak memory is 82 % of the original's" in shown


async def test_a_variant_that_is_better_in_every_way_dominates(full: Workspace) -> None:
    with closing(open_store(full)) as db, transaction(db):
        made = get_voice(db, "en_US-joe-medium").variant("dynamic-int8-guide")
        put_variant(db, JOE, replace(made, name="int4", recipe="int4", sha256="e" * 64))
        better = {"variant_sha256": "e" * 64, "recipe": "int4", "threads": 2, "size_bytes": 9_000_000}
        better |= {"speedup": 2.0, "speedup_low": 1.9, "speedup_high": 2.1}
        result = a_result("better", "int4", **better)
        put_benchmark(db, a_record("newer", voice_id=JOE, machine=MACHINE, results=(result,)), None)
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 5)
        await pilot.press(*"jjj")
        assert "Pareto: dominated by int4 (as good in size, speed and sound, better in one)" in detail(app)


async def test_the_details_of_a_voice_list_available_variants_with_forecasts(full: Workspace) -> None:
    measure_everything(full)
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "expected" in detail(app))
        assert detail(app).startswith("Jobs 6, 7 waiting for a worker · w starts one")
        assert "No variants yet.\nAvailable:" in detail(app)
        assert "  int4: expected 1.8x, about 15.8 MB, sound slight, from 1 past run here" in detail(app)
        # Keys scroll it.
        scrolled = app.query_one("#voices-pane .detail", VerticalScroll)
        await pilot.press("full_stop", "full_stop")
        assert scrolled.scroll_y == min(6, scrolled.max_scroll_y) > 0
        await pilot.press("comma", "comma")
        assert scrolled.scroll_y == 0


async def test_results_of_another_machine_are_not_shown(full: Workspace) -> None:
    app = dashboard(full, environment=OTHER_MACHINE)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 4)
        voices = app.query_one(VoicesPane)
        assert [row[3] for row in cells(voices)] == [*["not measured"] * 2, "not yet run on a Mac", "not measured"]


# The dialog that makes variants


async def test_the_dialog_fits_a_small_terminal(full: Workspace) -> None:
    measure_everything(full)
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count)
        screen = await open_dialog(pilot)
        assert screen.query_one(".making", VerticalScroll).max_scroll_y == 0
        for widget in screen.query(
            ".choice, #benchmark, #params, #calibration, #known, #problem, #queue, #back, .keys"
        ):
            assert screen.region.contains_region(widget.region), widget
            assert widget.region.height, widget
        assert [str(note.render()) for note in screen.query(".forecast")][:5] == [
            "1.8x, sound slight, from 1 past run here"
        ] * 5
        await pilot.press("down", "down")
        known = text_of(app, "#known").split("\n")
        assert known[0] == "static-int8: int8 where it pays, with calibrated ranges"
        assert known[2] == "expected: 1.8x, about 15.8 MB, sound slight, from 1 past run here"
        assert known[5].startswith("  clip=mse (mse or max): ranges with the least squared error")
        await pilot.press(*["down"] * 7)
        assert app.focused is screen.query_one("#params")


async def test_durations_come_from_past_runs_on_this_machine(full: Workspace) -> None:
    with closing(open_store(full)) as db:
        db.execute('UPDATE jobs SET seconds = 20, params = \'{"variants": ["a"]}\' WHERE id = 2')
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count)
        screen = await open_dialog(pilot)
        assert text_of(app, "#known").split("\n")[3] == "time: unknown (no past runs here)"
        for choice in screen.query(PlainCheckbox):
            choice.value = choice.id in (GUIDE, "benchmark")
        screen.query_one(f"#{GUIDE}").focus()
        # 1 min 5 s for the variant, and 20 s for a benchmark of two.
        expected = "2 jobs: dynamic-int8-guide, a benchmark · duration: about 1 min 25 s"
        await until(pilot, lambda: text_of(app, "#problem") == expected)
        assert text_of(app, "#known").split("\n")[3] == "time: about 1 min 5 s, from 1 past run here"


async def test_existing_variants_are_off_and_made_again_only_when_selected(worked: Workspace) -> None:
    with closing(open_store(worked)) as db:
        db.execute("UPDATE jobs SET state = 'succeeded' WHERE state IN ('queued', 'running')")
        with transaction(db):
            made = get_voice(db, "en_US-joe-medium").variant("dynamic-int8-guide")
            put_variant(db, JOE, replace(made, name="optimized", recipe="optimized", sha256="e" * 64))
    app = dashboard(worked, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count)
        await pilot.press("j")
        screen = await open_dialog(pilot)
        assert chosen(screen) == ["dynamic", "static", "benchmark"]
        assert text_of(app, "#note-optimized") == "made Jan 2024, not measured"
        assert text_of(app, f"#note-{GUIDE}") == "made Jan 2024, 1.02x 0.95–1.06, broken"
        await pilot.press("space", "down", "space", "down", "space")
        await until(pilot, lambda: text_of(app, "#problem").startswith("2 jobs: optimized (again), a benchmark ·"))
        await pilot.press("enter")
        await until(pilot, lambda: store(app).counts.get("queued") == 2)
        assert [job.variant for job in store(app).jobs if job.state == "queued"] == ["optimized", None]


async def test_a_queued_variant_names_its_job(full: Workspace) -> None:
    app = dashboard(full, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count)
        await pilot.press("j")
        screen = await open_dialog(pilot)
        assert text_of(app, "#note-static") == "queued as job 8"
        assert "static" not in chosen(screen)


async def test_parameters_are_checked_as_they_are_typed(workspace: Workspace, voice: Voice) -> None:
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count)
        screen = await open_dialog(pilot)
        field, problem = screen.query_one("#params", Input), screen.query_one("#problem")
        field.focus()
        for typed, problem_text in (
            ("clip", "parameter 'clip': write it as name=value"),
            ("clip=x", "invalid parameter of static-int8: clip=x (allowed: mse or max)"),
            ("frob=1", "no parameter 'frob' in optimized, dynamic-int8, static-int8: there is clip, rounded, rows, "),
            ("rows=1 rows=2", "parameter 'rows' is given twice, as 1 and 2: give it once"),
        ):
            field.value = typed
            await until(pilot, lambda expected=problem_text: text_of(app, "#problem").startswith(expected))
            assert problem.has_class("wrong")
        await pilot.press("enter")
        assert dialog(app) is screen
        field.value = "clip=max"
        await until(pilot, lambda: "static-int8+clip=max" in text_of(app, "#problem"))
        assert not problem.has_class("wrong")
        # Parameters belong to the selected variants.
        screen.query_one("#static", PlainCheckbox).value = False
        await until(pilot, lambda: "no parameter 'clip'" in text_of(app, "#problem"))


async def test_a_calibration_text_is_read_before_the_job_is_queued(
    workspace: Workspace, db: sqlite3.Connection, voice: Voice, tmp_path: Path
) -> None:
    sentences = tmp_path / "mine.txt"
    sentences.write_text("One.\nTwo.\n")
    announce(workspace, os.getpid())
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count)
        screen = await open_dialog(pilot)
        field = screen.query_one("#calibration", Input)
        screen.query_one("#static", PlainCheckbox).value = False
        await until(pilot, lambda: field.disabled)
        screen.query_one("#static", PlainCheckbox).value = True
        await until(pilot, lambda: not field.disabled)
        field.focus()
        await paste(pilot, str(tmp_path / "none.txt"))
        await until(pilot, lambda: "No such file" in text_of(app, "#problem"))
        await pilot.press("enter")
        assert dialog(app) is screen
        field.value = str(sentences)
        # The file has not been read yet: the job is queued afterwards.
        await pilot.press("enter")
        await until(pilot, lambda: len(list_jobs(db)) == 4)
    static = list_jobs(db)[1]
    assert str(static.variant).startswith("static-int8+calibration=mine-")
    assert static.params["calibration"] == str(sentences)


async def test_converting_offers_only_core_ml(workspace: Workspace, voice: Voice) -> None:
    announce(workspace, os.getpid())
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count)
        screen = await open_dialog(pilot, "v")
        assert [str(choice.id) for choice in screen.query(PlainCheckbox)] == chosen(screen) == ["coreml", "benchmark"]
        assert not screen.query_one("#calibration").display
        await pilot.press("enter")
        await until(pilot, lambda: len(store(app).jobs) == 2)
    assert [(job.kind, job.variant) for job in store(app).jobs] == [("convert", "coreml"), ("benchmark", None)]


async def test_the_details_name_the_next_step_and_making_all_asks_first(
    workspace: Workspace, voice: Voice, db: sqlite3.Connection
) -> None:
    announce(workspace, os.getpid())
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(
            pilot, lambda: "Next: press o to choose variants, or A to make and benchmark all of them." in detail(app)
        )
        for answer in ("n", "y"):
            await pilot.press("A")
            await until(pilot, lambda: text_of(app, "#question").startswith("Queue"))
            assert text_of(app, "#question").split("\n") == [
                "Queue 6 jobs for tiny?",
                "Make: optimized, dynamic-int8, static-int8, int4, coreml.",
                "Benchmark: optimized, dynamic-int8, static-int8, int4, coreml.",
                "Duration: unknown (no past runs here).",
            ]
            await pilot.press(answer)
            await until(pilot, lambda: len(app.screen_stack) == 1)
            assert answer == "y" or not list_jobs(db)
        await until(pilot, lambda: len(store(app).jobs) == 6)
        await until(pilot, lambda: "Jobs 1, 2, 3, 4, 5 and 1 more in the queue · 2 shows it" in detail(app))


async def test_a_benchmark_covers_the_focused_variant_or_all_of_a_voice(worked: Workspace) -> None:
    app = dashboard(worked, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.query_one(VoicesPane).table.row_count == 4)
        await pilot.press("j")
        await benchmarked(pilot)
        await until(pilot, lambda: store(app).counts.get("queued") == 4)
        await pilot.press("j", "j")
        await benchmarked(pilot)
        await until(pilot, lambda: store(app).counts.get("queued") == 5)
    with closing(open_store(worked)) as db:
        wanted = [job.params["variants"] for job in list_jobs(db)[:2]]
    assert wanted == [["dynamic-int8-guide"], ["coreml", "dynamic-int8-guide"]]


# Piper's voices


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection]:
    made = Collection(tmp_path / "served", (NAME, OTHER_NAME))
    with serving(made) as address:
        point_at(address, monkeypatch)
        yield made


async def adding(pilot, app: Dashboard) -> AddVoiceScreen:  # type: ignore[no-untyped-def]
    await until(pilot, lambda: is_ready(app))
    await pilot.press("a")
    await until(pilot, lambda: isinstance(app.screen, AddVoiceScreen) and app.screen.query(OptionList))
    assert isinstance(app.screen, AddVoiceScreen)
    return app.screen


async def test_a_piper_voice_is_downloaded_with_a_progress_bar_and_added(
    workspace: Workspace, collection: Collection
) -> None:
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await adding(pilot, app)
        assert not collection.asked
        await pilot.press("ctrl+l")
        options = screen.query_one(OptionList)
        await until(pilot, lambda: text_of(app, "#found") == "2 of 2 Piper voices:")
        assert [str(option.prompt) for option in options.options] == [OTHER_NAME, NAME]
        await pilot.press(*"tiny")
        await until(pilot, lambda: options.option_count == 1)
        collection.go_on.clear()
        await pilot.press("enter")
        await until(pilot, lambda: " of 0.6 MB" in text_of(app, "#received"))
        assert 0 < (screen.query_one(ProgressBar).percentage or 0) < 0.6
        collection.go_on.set()
        await until(pilot, lambda: [voice.key for voice in store(app).voices] == [NAME])
        await until(pilot, lambda: len(app.screen_stack) == 1)
    assert store(app).voices[0].path == str(workspace.voices / f"{NAME}.onnx")


async def test_a_cancelled_download_leaves_nothing_behind(workspace: Workspace, collection: Collection) -> None:
    collection.go_on.clear()
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await adding(pilot, app)
        await paste(pilot, NAME)
        assert text_of(app, "#found") == f"Enter downloads {NAME} to {workspace.voices}"
        await pilot.press("enter")
        await until(pilot, lambda: " of 0.6 MB" in text_of(app, "#received"))
        await pilot.press("escape")
        assert text_of(app, "#problem") == "Download cancelled, nothing was kept."
        await until(pilot, lambda: not list(workspace.voices.iterdir()))
        assert app.screen is screen
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_quitting_the_dashboard_ends_a_download(workspace: Workspace, collection: Collection) -> None:
    collection.go_on.clear()
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        await adding(pilot, app)
        await paste(pilot, NAME)
        await pilot.press("enter")
        await until(pilot, lambda: text_of(app, "#received"))
    wait_until(lambda: not list(workspace.voices.iterdir()))


@pytest.mark.parametrize(
    ("name", "break_it", "problem"),
    [
        ("en_US-nobody-low", lambda _: None, "Piper's collection has no en_US-nobody-low: `ttsdash voices download`"),
        (NAME, lambda patch: point_at("http://127.0.0.1:9", patch), "127.0.0.1 cannot be reached (Connection refused)"),
    ],
    ids=["unknown", "offline"],
)
async def test_an_unknown_name_and_a_missing_network_are_reported_in_one_line(
    workspace: Workspace,
    collection: Collection,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    break_it: Callable[[pytest.MonkeyPatch], None],
    problem: str,
) -> None:
    break_it(monkeypatch)
    app = dashboard(workspace, environment=RECORDED)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await adding(pilot, app)
        await paste(pilot, name)
        await pilot.press("enter")
        await until(pilot, lambda: text_of(app, "#problem").startswith(problem))
        # The typed name stays, to be corrected.
        assert screen.query_one(Input).value == name
        await until(pilot, lambda: app.focused is screen.query_one(Input))


# Snapshots


def test_the_tab_on_a_large_screen(snap_compare: Compare, full: Workspace) -> None:
    measure_everything(full)
    app = dashboard(full, environment=RECORDED)
    assert snap_compare(app, terminal_size=(200, 50), run_before=presses("j", "j"))


def test_the_dialog_with_forecasts(snap_compare: Compare, full: Workspace) -> None:
    measure_everything(full)
    app = dashboard(full, environment=RECORDED)
    assert snap_compare(app, terminal_size=(80, 24), run_before=presses("o", "down", "down"))


def test_a_voice_being_fetched(snap_compare: Compare, empty: Workspace, collection: Collection) -> None:
    collection.go_on.clear()

    async def fetch(pilot) -> None:  # type: ignore[no-untyped-def]
        await adding(pilot, pilot.app)
        await paste(pilot, NAME)
        await pilot.press("enter")
        await until(pilot, lambda: text_of(pilot.app, "#received"))

    assert snap_compare(dashboard(empty, environment=RECORDED), terminal_size=(80, 24), run_before=fetch)
