"""The table of metrics: its fields, columns, indexes and documented filters exist."""

import re
import sqlite3
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from core.history.filter import FIELDS
from core.history.listing import SORTS, is_descending
from core.records.benchmarks import ResultRecord
from core.records.metrics import (
    EXPORT_FORMAT,
    HISTORY_COLUMNS,
    LATER_METRICS,
    METRICS,
    REPORT_COLUMNS,
    RUN_COLUMNS,
    Metric,
    Metrics,
)
from tests.measured import a_result

_DOCS = Path(__file__).parent.parent.parent.parent / "docs"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.field)
def test_each_metric_is_a_field_and_a_column(metric: Metric, db: sqlite3.Connection) -> None:
    assert metric.field in {field.name for field in fields(Metrics)}
    assert metric.field in {row["name"] for row in db.execute("PRAGMA table_info(results)")}


def test_each_field_of_a_record_is_a_column_and_each_column_a_field(db: sqlite3.Connection) -> None:
    columns = {row["name"] for row in db.execute("PRAGMA table_info(results)")}
    of_benchmark = {"benchmark_id", "voice_id", "created_at", "machine_id", "version"}
    assert set(a_result("id", "int4").figures) == columns - of_benchmark


@pytest.mark.parametrize("metric", [one for one in METRICS if one.filter], ids=lambda metric: metric.field)
def test_each_filter_is_a_field_to_filter_and_sort_by_with_an_index(metric: Metric, db: sqlite3.Connection) -> None:
    assert metric.filter in SORTS
    assert FIELDS[str(metric.filter)].column == metric.field
    assert FIELDS[str(metric.filter)].read("2.5") == 2.5 * metric.scale
    assert is_descending(str(metric.filter), reverse=False) == (metric.better == "higher")
    index = f"results_sorted_by_{metric.field}"
    assert db.execute("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?", (index,)).fetchone()


def test_names_of_metrics_are_unique() -> None:
    for names in ([one.field for one in METRICS], [one.title for one in METRICS]):
        assert len(set(names)) == len(names)
    filters = [one.filter for one in METRICS if one.filter]
    assert len(set(filters)) == len(filters)


def test_every_column_of_the_dashboard_can_be_sorted() -> None:
    assert all(metric.filter for metric in HISTORY_COLUMNS)
    assert {*RUN_COLUMNS, *HISTORY_COLUMNS, *REPORT_COLUMNS} <= set(METRICS)


def test_the_documented_filters_are_those_of_the_table() -> None:
    row = next(line for line in (_DOCS / "history.md").read_text().splitlines() if line.startswith("| `speedup>1.5`"))
    *_, listed = row.split("`: ", 1)
    assert set(re.findall(r"`(\w+)`", listed)) == {one.filter for one in METRICS if one.filter}


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [({"size_bytes": 1_500_000}, "size_bytes", 1.5), ({"pesq": None}, "pesq", None), ({"rtf": 0.0}, "rtf", 0.0)],
)
def test_a_value_is_in_its_unit_and_none_if_it_was_not_measured(
    changes: dict[str, Any], field: str, value: float | None
) -> None:
    metric = next(one for one in METRICS if one.field == field)
    assert metric.value(a_result("id", "int4", **changes).metrics) == value


def test_flat_metrics_are_read_as_they_were_written() -> None:
    record = a_result("id", "int4")
    assert ResultRecord.from_figures(record.figures) == record
    untimed = replace(record, metrics=replace(record.metrics, speedup=None, speedup_ci=None, verdict=None))
    assert ResultRecord.from_figures(untimed.figures) == untimed
    assert (untimed.figures["speedup_low"], untimed.figures["speedup_high"]) == (None, None)


def test_the_export_format_follows_from_later_metrics() -> None:
    assert max([2, *LATER_METRICS.values()]) == EXPORT_FORMAT
