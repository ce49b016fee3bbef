"""The history as one self-contained HTML page, without network or scripts, for screens, phones and paper."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

import core
from core.export.charts.bars import Bars, bar_chart
from core.export.charts.scatter import Scatter, scatter_chart
from core.export.charts.trend import Trend, trend_chart
from core.export.table import regression_line
from core.hardware.machine import Machine
from core.history.names import all_sources, distinct_names, of_voice, variants_of
from core.history.trend import list_trend
from core.quality.grade import GRADES
from core.records.metrics import REPORT_COLUMNS
from core.records.results import Result
from core.store.results import list_results, newest_result
from core.text import escape_control

# Per voice: browsers are slow to show longer tables, and charts have no room for more points.
_ROWS, _POINTS = 500, 200


@dataclass(frozen=True)
class Origins:
    """Short names of the machines and environments of all results: M1 and E1 are those measured first."""

    machines: dict[str, Machine]
    environments: dict[str, dict[str, str]]

    def machine(self, result: Result) -> str:
        """Return the short name of the machine of a result."""
        return next(label for label, machine in self.machines.items() if machine.id == result.machine)

    def environment(self, result: Result) -> str:
        """Return the short name of the environment of a result."""
        return next(label for label, versions in self.environments.items() if versions == result.environment)


@dataclass(frozen=True)
class Group:
    """Comparable results: of one machine, environment, benchmark version and thread count."""

    results: list[Result]
    bars: Bars | None
    scatter: Scatter | None


@dataclass(frozen=True)
class VoiceReport:
    """The section of a voice."""

    name: str
    variants: list[str]
    groups: list[Group]
    """The newest result of each variant on each machine at all its cores."""
    trends: list[tuple[Machine, Trend]]
    rows: list[Result]
    """All results, or the newest `_ROWS`."""
    total: int


def html_report(db: sqlite3.Connection, voice_id: str | None) -> Iterator[str]:
    """Yield the page for one voice or for all."""
    sources = all_sources(db, voice_id) if voice_id else None
    names = {one: name for one, name in distinct_names(db).items() if sources is None or one in sources}
    origins = _origins(db, voice_id)
    voices = (
        _voice(db, one, names[one], origins) for one in sorted(names, key=lambda one: (names[one].casefold(), one))
    )
    template = _jinja().get_template("report.html.j2")
    yield from template.generate(
        version=core.program_version(), names=sorted(names.values()), origins=origins, voices=voices
    )


def _origins(db: sqlite3.Connection, voice_id: str | None) -> Origins:
    where, values = of_voice(db, voice_id, "voice_id")
    machines, environments = (
        db.execute(
            f"""SELECT {table}.*, min(created_at) AS first FROM benchmarks JOIN {table} ON {table}.id = {table[:-1]}_id
                {where} GROUP BY {table}.id ORDER BY first, {table}.id""",
            values,
        ).fetchall()
        for table in ("machines", "environments")
    )
    return Origins(
        {f"M{number}": Machine(row["id"], json.loads(row["facts"])) for number, row in enumerate(machines, 1)},
        {f"E{number}": json.loads(row["versions"]) for number, row in enumerate(environments, 1)},
    )


def _voice(db: sqlite3.Connection, voice_id: str, name: str, origins: Origins) -> VoiceReport:
    variants = variants_of(db, voice_id)
    groups: dict[tuple[str, ...], list[Result]] = {}
    trends = []
    for machine in origins.machines.values():
        newest = (newest_result(db, voice_id, variant, machine) for variant in variants)
        for result in newest:
            if result:
                key = (result.machine, origins.environment(result), result.benchmark_version)
                groups.setdefault(key, []).append(result)
        trend = trend_chart({one: list_trend(db, voice_id, one, machine)[-_POINTS:] for one in variants})
        if trend:
            trends.append((machine, trend))
    return VoiceReport(
        name=name,
        variants=variants,
        groups=[Group(results, bar_chart(results), scatter_chart(results)) for results in groups.values()],
        trends=trends,
        rows=list_results(db, voice_id=voice_id, limit=_ROWS),
        total=db.execute("SELECT count(*) FROM results WHERE voice_id = ?", (voice_id,)).fetchone()[0],
    )


def _jinja() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("core.export", ""),
        autoescape=True,
        finalize=_escape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"figure": _figure, "moment": _moment, "short": _short}
    environment.globals |= {"regression_line": regression_line, "grades": GRADES, "columns": REPORT_COLUMNS}
    return environment


def _escape(value: Any) -> Any:
    """Escape control characters in the text that the template inserts, which may come from other machines."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else escape_control(value)


def _figure(value: float | None, digits: int = 2, times: float = 1.0) -> str:
    return "–" if value is None else f"{value * times:.{digits}f}"


def _moment(stamp: str) -> str:
    return f"{stamp[:10]} {stamp[11:16]}"


def _short(text: str, longest: int = 28) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
