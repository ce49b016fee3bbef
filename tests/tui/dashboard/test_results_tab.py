"""The tab of results, driven by keys alone: a history of two voices on two machines, over two weeks."""

import json
import math
import wave
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import DataTable, Input

from core.hardware.limits import Limits
from core.hardware.machine import this_machine
from core.history.listing import list_page
from core.quality.recordings import recording_pair
from core.store.database import open_store, transaction
from core.store.results import put_benchmark
from core.workspace import Workspace
from tests.history import AMY, NEW, benchmark, put_history, result
from tests.measured import a_record, a_result
from tests.tui.conftest import MACHINE
from tests.tui.pilot import Compare, DrivenDashboard, cells, dashboard, is_reading, paste, text_of, until
from tui.dashboard.common.table import KeyedTable
from tui.dashboard.results.compare import CompareScreen
from tui.dashboard.results.export import ExportScreen
from tui.dashboard.results.filter_line import FilterLine
from tui.dashboard.results.history import ROWS
from tui.dashboard.results.pane import ResultsPane
from tui.dashboard.results.pareto import ParetoScreen
from tui.dashboard.results.reading import ReadingScreen
from tui.dashboard.results.sound import SoundScreen
from tui.dashboard.results.sound_picture import Recording, draw
from tui.dashboard.results.sound_view import SoundView
from tui.dashboard.results.trend import TrendScreen

RATE = 16_000


@pytest.fixture
def history(fixed_place: Workspace) -> Workspace:
    with closing(open_store(fixed_place)) as db:
        put_history(db, one_core=True)
    return fixed_place


@pytest.fixture
def long(history: Workspace) -> Workspace:
    """The same with more results than a page has, of a third voice that gets faster from one to the next."""
    many = tuple(
        a_result(f"many-{n:03}", f"int8+n={n:03}", threads=1, speedup=1 + n / 100, speedup_low=1.0, speedup_high=9.0)
        for n in range(ROWS + 10)
    )
    record = a_record("many", voice_id="e" * 64, voice_key="eve", created_at="2026-02-01T00:00:00.000Z", results=many)
    with closing(open_store(history)) as db, transaction(db):
        put_benchmark(db, record, None)
    return history


async def opened(pilot: Pilot[None]) -> ResultsPane:
    """The tab, once its first page is shown."""
    app = pilot.app
    await until(pilot, lambda: len(app.query(ResultsPane)) and app.query_one(ResultsPane).page.results)
    await pilot.press("3")
    await pilot.pause()
    return app.query_one(ResultsPane)


async def filtered(pilot: Pilot[None], text: str) -> None:
    """Paste a filter into the open line, and wait for the page."""
    pane = pilot.app.query_one(ResultsPane)
    await paste(pilot, text)
    await until(pilot, lambda: pane.page.query.filter == pane.query_one(Input).value)


async def on_screen(pilot: Pilot[None], kind: type[ReadingScreen], key: str) -> ReadingScreen:
    """What the key opens, once it has been read."""
    await pilot.press(key)
    screen = pilot.app.screen
    assert isinstance(screen, kind)
    await until(pilot, lambda: "reading" not in text_of(pilot.app, ".text"))
    await pilot.pause()
    return screen


def ids(pane: ResultsPane) -> list[str]:
    return [one.id for one in pane.page.results]


def drawn(screen: Screen[Any]) -> str:
    """The chart's cells, none before there is one."""
    from textual_hires_canvas import Canvas

    canvas = next(iter(screen.query("#plot").results(Canvas)), None)
    if canvas is None:
        return ""
    return "\n".join(canvas.render_line(y).text for y in range(canvas.size.height))


def notices(pilot: Pilot[None]) -> list[str]:
    app = pilot.app
    assert isinstance(app, DrivenDashboard)
    return app.notices


async def test_the_whole_history_is_turned_over_page_by_page(long: Workspace) -> None:
    app = dashboard(long)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        with closing(open_store(long)) as db:
            total = list_page(db, limit=1).total
        assert len(ids(pane)) == pane.table.row_count == ROWS
        shown = f"1 to {ROWS} of {total}, newest first; page 1 of 3: n next, N back"
        assert str(pane.table.border_subtitle) == shown
        assert cells(pane)[0][1] == "eve"
        await pilot.press("N")
        assert notices(pilot) == ["This is the first page."]
        await pilot.press("G", "n")
        await until(pilot, lambda: pane.page.query.page == 2)
        assert pane.table.focused_key == ids(pane)[0]
        assert f"{ROWS + 1} to {2 * ROWS} of {total}" in str(pane.table.border_subtitle)
        await pilot.press("n")
        await until(pilot, lambda: f"to {total} of {total}" in str(pane.table.border_subtitle))
        await pilot.press("n")
        assert notices(pilot)[-1] == "This is the last page."


async def test_what_is_stored_meanwhile_comes_in_above_and_the_focus_stays(history: Workspace) -> None:
    app = dashboard(history)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        await pilot.press("j")
        focused = pane.table.focused_key
        with closing(open_store(history)) as db, transaction(db):
            put_benchmark(db, replace(benchmark(0), id="new", created_at="2026-03-01T00:00:00.000Z", results=()), None)
            late = replace(
                benchmark(1),
                id="b-late",
                created_at="2026-03-01T00:00:00.000Z",
                results=(result("late-original", "original", AMY, threads=8), result("late", "int4", AMY, threads=8)),
            )
            put_benchmark(db, late, None)
        await until(pilot, lambda: ids(pane)[:2] == ["late-original", "late"])
        assert pane.table.focused_key == focused


async def test_the_list_is_sorted_by_each_column_with_a_key_or_the_mouse(long: Workspace) -> None:
    app = dashboard(long)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)

        async def pressed(key: str, sort: str, reverse: bool = False) -> list[str]:
            await pilot.press(key)
            await until(pilot, lambda: (pane.page.query.sort, pane.page.query.reverse) == (sort, reverse))
            await pilot.pause()
            return [str(column.label).strip() for column in pane.table.ordered_columns]

        for sort, header in (
            ("voice", "voice↑"),
            ("variant", "variant↑"),
            ("threads", "thr.↑"),
            ("speedup", "speed-up, 95 %↓"),
        ):
            assert header in await pressed("s", sort)
        best = [one.speedup for one in pane.page.results]
        assert best == sorted(best, key=lambda speedup: -(speedup or 0))
        assert "by speed-up" in str(pane.table.border_subtitle)
        assert "speed-up, 95 %↑" in await pressed("S", "speedup", True)
        assert pane.page.results[0].speedup == min(one.speedup for one in pane.page.results if one.speedup is not None)
        # Columns beyond the right edge come into sight when the list is sorted by them.
        for sort in ("grade", "rtf", "size", "peak", "pesq", "worst", "mel", "drift"):
            await pressed("s", sort)
        await until(pilot, lambda: pane.table.scroll_x > 0)
        await pressed("s", "when")
        table = pane.table
        for reverse in (False, True):
            table.post_message(
                DataTable.HeaderSelected(table, table.ordered_columns[3].key, 3, table.ordered_columns[3].label)
            )
            await until(pilot, lambda: (pane.page.query.sort, pane.page.query.reverse) == ("threads", reverse))  # noqa: B023


async def test_the_list_is_narrowed_down_while_one_types_and_a_slip_takes_nothing_away(history: Workspace) -> None:
    app = dashboard(history)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        everything = ids(pane)
        await pilot.press("slash")
        line = pane.query_one(FilterLine)
        assert line.display
        assert "voice:joe grade>=slight" in pane.query_one(Input).placeholder
        await pilot.press(*"voice:joe", "space", *"int4")
        await until(pilot, lambda: pane.page.query.filter == "voice:joe int4")
        found = ids(pane)
        assert {(one.voice, one.variant) for one in pane.page.results} == {("joe at home", "int4")}
        # At once: on a slow machine, each word typed on the way is also a filter.
        await paste(pilot, " bogus:1")
        await until(pilot, lambda: "unknown field 'bogus'" in text_of(app, "FilterLine .problem"))
        assert ids(pane) == found
        await pilot.press(*["backspace"] * 8)
        await until(pilot, lambda: not text_of(app, "FilterLine .problem"))

        await pilot.press("enter", "j")
        assert pane.table.has_focus
        assert (pane.table.cursor_row, line.display, ids(pane)) == (1, True, found)
        await pilot.press("slash", "space", *"speedup>9")
        await until(pilot, lambda: not ids(pane))
        assert "No matches" in text_of(app, "#results-pane .empty")
        await pilot.press("escape")
        await until(pilot, lambda: ids(pane) == everything)
        assert pane.table.has_focus
        assert not line.display


async def test_marked_results_are_compared_and_incomparable_ones_are_marked(history: Workspace) -> None:
    app = dashboard(history)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        await pilot.press("c")
        assert notices(pilot) == ["Mark at least two results with Space, then press c."]
        await pilot.press("slash")
        await filtered(pilot, "benchmark:b-14 threads:1")
        await pilot.press("enter", "g", "j", "space", "space", "c")
        assert isinstance(app.screen, CompareScreen)
        table = app.screen.query_one(KeyedTable)
        await until(pilot, lambda: table.row_count)
        figures = {str(table.get_row_at(row)[0]).strip(): table.get_row_at(row) for row in range(table.row_count)}
        assert [str(cell).strip() for cell in figures["variant"][1:]] == ["dynamic-int8", "int4"]
        assert str(figures["file, MB"][2]).split() == ["13.9", "0.59x"]
        words = text_of(app, "ScrolledText PlainText")
        assert "int4 (14-int4-) vs dynamic-int8 (14-dynam), same run, compared in pairs: " in words

        await pilot.press("q")
        pane.table.action_unmark()
        await pilot.press("escape", "slash")
        await filtered(pilot, "int4 threads:1")
        await pilot.press("enter", "g", "space", "j", "j", "space", "c")
        await until(pilot, lambda: "not comparable" in text_of(app, "ScrolledText PlainText"))
        assert "no verdict, " in text_of(app, "ScrolledText PlainText")


@pytest.fixture
def trending(history: Workspace) -> Workspace:
    """A variant measured eight times: noisy once, worse at the end, with a new runtime in between."""
    with closing(open_store(history)) as db, transaction(db):
        for day in range(8):
            at = f"2026-03-{day + 1:02}T10:00:00.000Z"
            worse = {"worse": ["speed-up 1.20x, was 1.90x"], "changed": ["onnxruntime 1.30 -> 1.31"], "against": ["x"]}
            figures: dict[str, Any] = {"speedup": 1.9, "speedup_low": 1.5, "speedup_high": 2.2, "noisy": day == 3}
            if day == 7:
                figures |= {"speedup": 1.2, "speedup_low": 1.1, "speedup_high": 1.3, "regression": worse}
            rows = (
                a_result(
                    f"t{day}-o",
                    "original",
                    threads=2,
                    size_bytes=63_200_000,
                    speedup=1.0,
                    speedup_low=1.0,
                    speedup_high=1.0,
                ),
                a_result(f"t{day}-v", "static-int8", threads=2, size_bytes=23_400_000, **figures),
            )
            record = a_record(f"t{day}", voice_key="tia", machine=MACHINE, created_at=at, results=rows)
            put_benchmark(db, replace(record, environment=NEW) if day > 5 else record, None)
    return history


async def test_the_trend_of_a_variant_is_drawn_and_described(
    trending: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = dashboard(trending)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("slash")
        await filtered(pilot, "voice:tia static")
        await pilot.press("enter", "g")
        await until(pilot, lambda: "! worse: speed-up 1.20x, was 1.90x" in text_of(app, "#results-pane .detail Static"))
        detail = text_of(app, "#results-pane .detail Static")
        assert "changed since: onnxruntime 1.30 -> 1.31" in detail
        assert "first audio 82 ms; throughput 12.5x real time (4 parallel requests)" in detail
        assert "not measured: energy (no counter)" in detail

        screen = await on_screen(pilot, TrendScreen, "t")
        await until(pilot, lambda: "!" in drawn(screen))
        chart = drawn(screen)
        assert (chart.count("o"), chart.count("~"), chart.count("!")) == (6, 1, 1)
        assert "│" in chart
        words = text_of(app, "ScrolledText PlainText")
        assert "8 results, 1 regression" in words
        assert "1.20x 1.10–1.30 !  worse: speed-up 1.20x, was 1.90x" in words
        assert "onnxruntime 1.30 -> 1.31" in words
        # However small the terminal gets, there is a screen.
        for size in ((30, 8), (200, 60), (12, 4)):
            await pilot.resize_terminal(*size)
            await pilot.pause()

        await pilot.resize_terminal(80, 24)
        await pilot.press("q", "escape", "slash")
        await filtered(pilot, "voice:tia original")
        await pilot.press("enter", "g")
        await on_screen(pilot, TrendScreen, "t")
        assert text_of(app, ".text").startswith("latency, ms")


async def test_the_details_list_what_limited_the_worker(workspace: Workspace) -> None:
    limits = Limits(machine_cores=2, cores=1, nice=15)
    with closing(open_store(workspace)) as db, transaction(db):
        put_benchmark(db, a_record("b", load={"limits": limits.to_json()}, results=(a_result("o", "original"),)), None)
    app = dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until(
            pilot,
            lambda: "the worker was limited: 1 of 2 cores, nice 15" in text_of(app, "#results-pane .detail Static"),
        )


async def test_a_trend_of_one_point_or_none_is_described(workspace: Workspace) -> None:
    untimed = dict.fromkeys(("speedup", "speedup_low", "speedup_high", "verdict", "latency_ms"))
    with closing(open_store(workspace)) as db, transaction(db):
        put_benchmark(
            db,
            a_record(
                "one",
                results=(
                    a_result("one-o", "original", speedup=1.0, speedup_low=1.0, speedup_high=1.0),
                    a_result("one-c", "coreml", **untimed),
                    a_result("one-v", "int4", stock=False),
                ),
            ),
            None,
        )
    app = dashboard(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        assert ids(pane) == ["one-o", "one-c", "one-v"]
        for row, expected in ((0, "Only one result"), (1, "No result has a speed yet"), (2, "Only one result")):
            pane.table.move_cursor(row=row)
            await pilot.pause()
            await on_screen(pilot, TrendScreen, "t")
            assert expected in text_of(app, ".text")
            await pilot.press("escape")
        await on_screen(pilot, ParetoScreen, "P")
        assert "Only one variant has a speed" in text_of(app, ".text")


async def test_the_pareto_chart_numbers_the_variants_and_names_the_dominated_ones(history: Workspace) -> None:
    with closing(open_store(history)) as db, transaction(db):
        rows = (
            a_result("p-o", "original", size_bytes=60_000_000, speedup=1.0, speedup_low=1.0, speedup_high=1.0),
            a_result("p-a", "int4", size_bytes=14_000_000, speedup=1.5, speedup_low=1.4, speedup_high=1.6),
            a_result(
                "p-b",
                "static-int8",
                size_bytes=24_000_000,
                speedup=1.1,
                speedup_low=1.0,
                speedup_high=1.2,
                grade="broken",
            ),
        )
        put_benchmark(db, a_record("p", created_at="2026-04-01T00:00:00.000Z", results=rows), None)
    app = dashboard(history)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("g")
        screen = await on_screen(pilot, ParetoScreen, "P")
        await until(pilot, lambda: "×3" in drawn(screen))
        assert all(sign in drawn(screen) for sign in ("○1", "○2", "×3"))
        table = screen.query_one(KeyedTable)
        rows_shown = [[str(cell).strip() for cell in table.get_row_at(row)] for row in range(3)]
        assert [(row[0], row[1], row[-1]) for row in rows_shown] == [
            ("1", "original", "int4"),
            ("2", "int4", ""),
            ("3", "static-int8", "int4"),
        ]


def write_wav(path: Path, audio: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.asarray(audio) * 32767).astype("<i2").tobytes())


def tone(hertz: float, seconds: float) -> Any:
    return 0.8 * np.sin(2 * math.pi * hertz * np.arange(int(seconds * RATE)) / RATE)


async def test_the_sound_is_looked_at_as_waveform_and_as_spectrogram(history: Workspace) -> None:
    with closing(open_store(history)) as db, transaction(db):
        for name in ("first", "last"):
            at = f"2026-05-0{1 + (name == 'last')}T00:00:00.000Z"
            rows = (a_result(f"{name}-o", "original"), a_result(f"{name}-v", "int4"))
            put_benchmark(db, a_record(name, machine=this_machine(), created_at=at, results=rows), None)
    variant, original = recording_pair(history, "amy", "int4")
    app = dashboard(history)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        assert ids(pane)[:4] == ["last-o", "last-v", "first-o", "first-v"]
        await on_screen(pilot, SoundScreen, "v")
        assert "the baseline of the comparison" in text_of(app, ".text")
        await pilot.press("q", "j")
        await on_screen(pilot, SoundScreen, "v")
        assert text_of(app, ".text").startswith("No recording of int4 on this machine")
        await pilot.press("q")
        write_wav(original, tone(400, 2.0))
        variant.write_bytes(b"RIFF")
        await on_screen(pilot, SoundScreen, "v")
        assert "cannot read the recording" in text_of(app, ".text")
        await pilot.press("q")

        write_wav(variant, tone(400, 1.0))
        await on_screen(pilot, SoundScreen, "v")
        words = text_of(app, ".text")
        assert "It sounds slightly different from the original (PESQ 4.2 of 4.6" in words
        assert str(variant) in words
        assert "not of this result" not in words
        view = app.screen.query_one(SoundView)
        await until(pilot, lambda: "█" in str(view.content))
        waveform = str(view.content).split("\n")
        half = waveform.index("int4")
        # It is half as long, on the same axis.
        assert max(map(len, waveform[half + 1 : -1])) < max(map(len, waveform[1:half])) * 0.65
        assert waveform[-1].split()[:4] == ["0", "s", "0.5", "s"]
        await pilot.press("v")
        await until(pilot, lambda: "kHz" in str(view.content))
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: max(map(len, str(view.content).split("\n"))) > 100)
        await pilot.press("q", "j", "j")
        await on_screen(pilot, SoundScreen, "v")
        assert "from its last benchmark on this machine, of 2026-05-02 00:00:00, not from this result" in text_of(
            app, ".text"
        )


def test_a_high_tone_is_drawn_above_a_low_one_and_silence_as_nothing() -> None:
    low, high = Recording(tone(200, 1.0).astype(np.float32), RATE), Recording(tone(5000, 1.0).astype(np.float32), RATE)
    silence = Recording(np.zeros(RATE, np.float32), RATE)
    first, second, third, _ = draw([low, high, silence], True, 60, 8)
    assert [row for row, line in enumerate(first) if "█" in line][-1] == 7
    assert 0 < next(row for row, line in enumerate(second) if "█" in line) < 4
    assert not any("█" in line for line in third)
    flat = draw([silence], False, 60, 4)[0]
    assert sum("▀" in line or "▄" in line for line in flat) == 1
    short = Recording(np.zeros(3, np.float32), RATE)
    assert len(draw([short, low], True, 30, 3)) == 3


async def test_the_history_is_exported_in_the_format_of_its_extension(history: Workspace) -> None:
    app = dashboard(history)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        await pilot.press("x")
        assert isinstance(app.screen, ExportScreen)
        with closing(open_store(history)) as db:
            total = list_page(db, limit=1).total
        await until(pilot, lambda: f"the whole history, {total} results, as a table" in text_of(app, "#summary"))
        typed = app.screen.query_one(Input)
        typed.value = "out.exe"
        await until(pilot, lambda: "end the name with .csv" in text_of(app, "#problem"))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, ExportScreen)
        typed.value = "nowhere/out.md"
        await until(pilot, lambda: "folder not found: nowhere" in text_of(app, "#problem"))

        typed.value = "out.jsonl"
        await pilot.press("down", "space")
        voice = pane.page.results[0].voice
        await until(pilot, lambda: f"results of {voice}, complete" in text_of(app, "#summary"))
        await pilot.press("enter")
        await until(pilot, lambda: "Wrote out.jsonl." in notices(pilot))
        lines = Path("out.jsonl").read_text().splitlines()
        assert {json.loads(line)["voice_key"] for line in lines[1:-1]} == {voice}

        before = '{"program":"ttsdash"}'
        Path("out.jsonl").write_text(before)
        await pilot.press("x")
        app.screen.query_one(Input).value = "out.jsonl"
        await until(pilot, lambda: "This replaces an existing file" in text_of(app, "#summary"))
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 3)
        assert "Replace out.jsonl with the whole history" in str(app.screen.query("Static").first().content)
        await pilot.press("n")
        assert Path("out.jsonl").read_text() == before
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 3)
        await pilot.press("y")
        await until(pilot, lambda: Path("out.jsonl").read_text() != before)


async def test_what_was_looked_at_is_looked_at_again_after_a_reconnect(long: Workspace) -> None:
    app = dashboard(long)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        await pilot.press("slash")
        await filtered(pilot, "speedup>0.5")
        await pilot.press("enter", "s", "s", "S", "n")
        await until(pilot, lambda: pane.page.query.page == 2)
        await pilot.press("j", "j")
        state, seen = json.loads(json.dumps(pane.save_state())), ids(pane)
    assert state == {
        "filter": "speedup>0.5",
        "sort": "variant",
        "reverse": True,
        "page": 2,
        "focus": seen[2],
    }
    app = dashboard(long, screen={"app": {"tab": "results"}, "results-pane": state})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(app.query(ResultsPane)))
        pane = app.query_one(ResultsPane)
        await until(pilot, lambda: ids(pane) == seen)
        assert pane.table.focused_key == seen[2]
        assert pane.query_one(Input).value == "speedup>0.5"
        assert pane.query_one(FilterLine).display
        assert pane.save_state() == state


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"filter": "bogus:1", "sort": "color", "reverse": "yes", "page": -3, "focus": 7},
        {"filter": 5, "sort": None, "reverse": None, "page": True, "focus": "missing"},
        {"filter": [], "sort": [], "page": 10**30, "more": 1},
    ],
)
async def test_what_is_broken_in_what_was_remembered_is_let_go(history: Workspace, state: dict[str, Any]) -> None:
    app = dashboard(history)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        pane.restore_state(state)
        await pilot.pause()
        asked = pane.page.query
        assert (asked.filter, asked.sort, asked.reverse, asked.page) == ("", "when", False, 1)
        assert ids(pane)


async def test_a_page_beyond_the_last_one_shows_the_last_one(long: Workspace) -> None:
    app = dashboard(long)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot)
        pane.restore_state({"page": 50})
        await until(pilot, lambda: pane.page.query.page == 3)
        assert ids(pane)


async def test_while_nothing_was_measured_no_key_does_harm(empty: Workspace) -> None:
    app = dashboard(empty)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot and len(app.query(ResultsPane)))
        await pilot.press("3", "t", "P", "v", "s", "S", "n", "space", "c", "escape")
        await pilot.pause()
        assert len(app.screen_stack) == 1
        assert "choose a voice and press b" in text_of(app, "#results-pane .empty")
        await pilot.press("x")
        await until(pilot, lambda: "the whole history, 0 results" in text_of(app, "#summary"))


# Pictures


def looks(
    *keys: str, text: str = "", then: str = "", ready: Callable[[Pilot[None]], object]
) -> Callable[[Pilot[None]], Any]:
    """Narrow the list down to `text`, paste `then`, press the keys, and wait until all is drawn."""

    async def run(pilot: Pilot[None]) -> None:
        await opened(pilot)
        if text:
            await pilot.press("slash")
            await filtered(pilot, text)
        if then:
            pilot.app.query_one(ResultsPane).query_one(Input).cursor_blink = False
            await paste(pilot, then)
        await pilot.press(*keys)
        await until(pilot, lambda: ready(pilot) and len(pilot.app.screen.query("FooterKey")) > 1)
        await until(pilot, lambda: not is_reading(pilot.app))
        await pilot.pause()

    return run


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["small", "large"])
def test_what_a_trend_looks_like(snap_compare: Compare, trending: Workspace, size: tuple[int, int]) -> None:
    drawn_whole = looks("enter", "t", text="static", ready=lambda pilot: "!" in drawn(pilot.app.screen))
    assert snap_compare(dashboard(trending), terminal_size=size, run_before=drawn_whole)


def test_what_a_pareto_chart_looks_like_without_color(
    snap_compare: Compare, trending: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    drawn_whole = looks("P", ready=lambda pilot: "2" in drawn(pilot.app.screen))
    assert snap_compare(dashboard(trending), terminal_size=(80, 24), run_before=drawn_whole)


def test_what_a_filter_with_a_slip_looks_like(snap_compare: Compare, trending: Workspace) -> None:
    wait_for_chart = looks(
        text="tia",
        then=" grade>good",
        ready=lambda pilot: "is not one of" in text_of(pilot.app, "FilterLine .problem"),
    )
    assert snap_compare(dashboard(trending), terminal_size=(80, 24), run_before=wait_for_chart)


def test_what_a_spectrogram_looks_like(snap_compare: Compare, trending: Workspace) -> None:
    variant, original = recording_pair(trending, "tia", "static-int8")
    rising = np.sin(np.cumsum(np.linspace(200, 6000, 2 * RATE)) * 2 * math.pi / RATE)
    write_wav(original, 0.8 * rising)
    write_wav(variant, np.where(np.arange(2 * RATE) // 4000 % 4 == 3, 0, 0.8 * rising)[: int(1.8 * RATE)])
    seen = looks("j", "v", "v", ready=lambda pilot: "kHz" in str(pilot.app.screen.query_one(SoundView).content))
    assert snap_compare(dashboard(trending), terminal_size=(80, 24), run_before=seen)
