"""The JSON format of exports: a header, the benchmarks, and a checksum over them.

Keys are the fields of the dataclasses. Every change to their names or meaning increases `FORMAT`.
"""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_args, get_type_hints

import core
from core.clock import format_timestamp, parse_timestamp
from core.errors import TtsdashError
from core.export.check import (
    Check,
    InvalidValue,
    check_for,
    dataclass_of,
    integer,
    list_of,
    mapping_of,
    matching,
    members,
    number,
    one_of,
    optional,
    plain_object,
    positive,
    quoted,
    text,
    within,
)
from core.hardware.limits import Limits
from core.hardware.machine import Environment, Machine, fingerprint
from core.quality.grade import GRADES
from core.records.benchmarks import BenchmarkRecord, ParallelRun, ResultRecord, Sample, TextSound
from core.records.metrics import EXPORT_FORMAT, LATER_METRICS, Metrics
from core.records.verdict import SpeedVerdict
from core.records.voices import ORIGINAL

PROGRAM = "ttsdash"
FORMAT = EXPORT_FORMAT
_KNOWN = range(1, FORMAT + 1)
_MAX_THREADS = 100_000
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCK_TOLERANCE = timedelta(days=1)


@dataclass
class Tally:
    """The number of benchmarks and the checksum of their lines."""

    count: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, document: str) -> None:
        """Count a benchmark, given its line."""
        self.count += 1
        self.digest.update(f"{document}\n".encode())

    def shape(self) -> dict[str, Any]:
        """Return the object at the end of an export."""
        return {"count": self.count, "sha256": self.digest.hexdigest()}


def header() -> dict[str, Any]:
    """Return the object at the start of an export."""
    return {"program": PROGRAM, "version": core.program_version(), "format": FORMAT}


def check_header(given: dict[str, Any]) -> None:
    """Check the header of an export. Raises InvalidValue."""
    if given.get("program") != PROGRAM or type(given.get("format")) is not int:
        raise InvalidValue("it is not an export of ttsdash")
    if given["format"] > FORMAT:
        written = f"it was written by a newer ttsdash (format {given['format']}, supported: {FORMAT})"
        raise InvalidValue(written, fix="update ttsdash")
    members(given, {"program": text, "version": text, "format": one_of(_KNOWN)})


def dump(value: Any) -> str:
    """Return one line of ASCII, which no encoding can corrupt, with all significant digits of numbers."""
    return json.dumps(value, default=_plain, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> dict[str, Any]:
    if isinstance(value, ResultRecord):
        return {"figures": value.figures} | {name: getattr(value, name) for name in _PARTS}
    return dict(vars(value))


def dump_benchmark(record: BenchmarkRecord) -> str:
    """Return the line of a benchmark."""
    try:
        return dump(record)
    except ValueError as error:
        raise TtsdashError(
            f"benchmark {record.id} cannot be exported: one of its values is not a finite number"
        ) from error


def load_benchmark(document: Any) -> BenchmarkRecord:
    """Check and convert the object of a benchmark. Raises InvalidValue."""
    record: BenchmarkRecord = _BENCHMARK(document)
    _refuse_duplicates("results", (result.id for result in record.results))
    for original in record.results:
        if original.variant == ORIGINAL and original.samples:
            _refuse_unpaired(original, record)
    return record


def _refuse_unpaired(original: ResultRecord, record: BenchmarkRecord) -> None:
    """Refuse samples without one of the original in the same pair: speed-ups are recomputed from both."""
    of_original = {(sample.pair, sample.text) for sample in original.samples}
    for result in record.results:
        if result.threads == original.threads:
            unpaired = next((one for one in result.samples if (one.pair, one.text) not in of_original), None)
            if unpaired is not None:
                raise InvalidValue(f"the original has no sample for pair {unpaired.pair} of {result.id}")


def _unique_id(value: Any) -> str:
    try:
        if str(uuid.UUID(text(value))) == value:
            return str(value)
    except ValueError:
        pass
    raise InvalidValue(f"{quoted(value)} is not a UUID")


def _moment(value: Any) -> str:
    try:
        moment = parse_timestamp(text(value))
        fits = format_timestamp(moment) == value
    except (ValueError, OverflowError):
        fits = False
    if not fits:
        raise InvalidValue(f"{quoted(value)} is not a time such as 2026-05-01T02:00:00.000Z")
    # A time in the future would be listed above all later results, and extreme years are invalid elsewhere.
    if not _FIRST <= moment <= datetime.now(UTC) + _CLOCK_TOLERANCE:
        raise InvalidValue(
            f"{quoted(value)} is in the future or before 2000: check the clock of the machine that measured it"
        )
    return str(value)


def _machine(value: Any) -> Machine:
    machine: Machine = _MACHINE(value)
    members({name: machine.facts.get(name) for name in _SHOWN}, _SHOWN)
    if machine.id != fingerprint(machine.facts):
        raise InvalidValue("its id is not the fingerprint of its facts")
    return machine


def _load(value: Any) -> dict[str, Any]:
    load = plain_object(value)
    # Exports of older versions lack it.
    if "limits" in load:
        within("limits", _LIMITS, load["limits"])
    return load


def _environment(value: Any) -> Environment:
    environment: Environment = _ENVIRONMENT(value)
    if environment.id != fingerprint(environment.versions):
        raise InvalidValue("its id is not the fingerprint of its versions")
    return environment


def _regression(value: Any) -> dict[str, Any]:
    members(value, dict.fromkeys(("worse", "changed", "against"), list_of(text)))
    return dict(value)


def _figures(value: Any) -> dict[str, Any]:
    # Older exports lack metrics that were added later.
    figures = members(dict.fromkeys(LATER_METRICS) | value if isinstance(value, dict) else value, _FIGURES)
    empty = [figures[name] is None for name in ("speedup", "speedup_low", "speedup_high", "verdict")]
    if any(empty) != all(empty) or (not any(empty) and figures["speedup_low"] > figures["speedup_high"]):
        raise InvalidValue("the speed-up, its interval and its verdict are inconsistent")
    return figures


def _result(value: Any) -> ResultRecord:
    # Formats 1 and 2 do not have the sound of each text.
    checked = members({"sounds": []} | value if isinstance(value, dict) else value, {"figures": _figures, **_PARTS})
    result = ResultRecord.from_figures(checked.pop("figures"), **checked)
    _refuse_duplicates("samples", ((sample.pair, sample.text) for sample in result.samples))
    _refuse_duplicates("starts", (start.number for start in result.starts))
    _refuse_duplicates("parallel_runs", (run.number for run in result.parallel_runs))
    _refuse_duplicates("texts", (entry.text for entry in result.texts))
    _refuse_duplicates("sounds", (entry.text for entry in result.sounds))
    return result


def _sample(value: Any) -> Sample:
    # Format 1 does not have this field.
    sample: Sample = _SAMPLE({"others_share": None} | value if isinstance(value, dict) else value)
    return sample


def _refuse_duplicates(place: str, keys: Iterable[object]) -> None:
    duplicates = [key for key, times in Counter(keys).items() if times > 1]
    if duplicates:
        raise InvalidValue(f"{duplicates[0]} is listed twice", (place,))


_NAME = matching(r"(?s).{1,300}", "name")
_SHA256 = matching(r"[0-9a-f]{64}", "SHA-256")
_MACHINE, _ENVIRONMENT = dataclass_of(Machine), dataclass_of(Environment)
# Facts that are shown with every result.
_SHOWN: dict[str, Check] = {"cpu": _NAME, "cores": integer(1, _MAX_THREADS)}
_OF_RECORD = get_type_hints(ResultRecord)
_SCORES = ("pesq", "worst_pesq", "estoi", "worst_estoi", "dnsmos")
_SPECIAL = ("speedup_ci", "verdict", "defects", "grade")
_FIGURES: dict[str, Check] = {
    **{name: check_for(_OF_RECORD[name]) for name in ("recipe", "engine", "stock", "noisy", "unmeasured")},
    **{name: check_for(hint) for name, hint in get_type_hints(Metrics).items() if name not in _SPECIAL},
    "id": _unique_id,
    "variant": _NAME,
    "variant_sha256": _SHA256,
    "verdict": optional(one_of(get_args(SpeedVerdict))),
    "defects": mapping_of(integer(0, 10**6)),
    "grade": optional(one_of(GRADES)),
    "regression": optional(_regression),
    "threads": integer(1, _MAX_THREADS),
    "requests": optional(integer(1, _MAX_THREADS)),
    # Divisors.
    "size_bytes": integer(1, 10**12),
    "original_latency_ms": positive,
    **dict.fromkeys(("speedup", "speedup_low", "speedup_high", "rtf", "latency_ms"), optional(positive)),
    # These may be negative.
    **dict.fromkeys(("program_db", "duration_drift_pct", *_SCORES), optional(number)),
}
_SAMPLE = dataclass_of(Sample, seconds=positive)
_PARTS: dict[str, Check] = {
    "samples": list_of(_sample),
    "starts": check_for(_OF_RECORD["starts"]),
    "parallel_runs": list_of(dataclass_of(ParallelRun, seconds=positive)),
    "texts": check_for(_OF_RECORD["texts"]),
    "sounds": list_of(dataclass_of(TextSound, pesq=optional(number), estoi=optional(number))),
}
_LIMITS = dataclass_of(
    Limits,
    machine_cores=integer(1, _MAX_THREADS),
    cores=integer(1, _MAX_THREADS),
    nice=integer(-20, 20),
    scheduling=matching(r"[a-z-]{1,20}", "scheduling policy"),
)
_BENCHMARK = dataclass_of(
    BenchmarkRecord,
    id=_unique_id,
    voice_id=_SHA256,
    voice_key=_NAME,
    machine=_machine,
    environment=_environment,
    load=_load,
    version=matching(r"[0-9a-f]{8,64}", "benchmark version"),
    created_at=_moment,
    results=list_of(_result),
)
