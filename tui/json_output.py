"""What `--json` prints. Keys may be added; none is renamed or removed, and what was not measured is null.

Each shape is a TypedDict; `docs/make_reference.py` writes its JSON Schema to docs/schema.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, TypedDict, cast, get_type_hints

from core import program_version
from core.hardware.limits import Limits
from core.records.graph_summary import GraphSummary
from core.records.jobs import Job, JobEvent
from core.records.metrics import Metrics
from core.records.results import Result, SpokenTexts
from core.records.selections import Selection, StoredSelection
from core.records.voices import Variant, Voice
from core.report.job_json import JobJson, job_json

if TYPE_CHECKING:
    from core.assistant.proposal import Proposal
    from core.doctor.finding import Finding
    from core.doctor.verification import VerifiedFile
    from core.export.ingest import Ingested
    from core.history.compare import Comparison
    from core.history.pareto import ParetoPoint
    from core.history.trend import Series
    from core.library.remove import Removal
    from core.records.benchmarks import ParallelRun, Sample, Startup, TextMetrics, TextSound
    from core.store.activity import Activity
    from core.store.durations import Estimate
    from core.store.voices import Registration
    from jobs.service.service import Service
    from jobs.service.steps import Plan
    from jobs.submit import Submission
    from jobs.worker_control import WorkerStatus

    class MetricsJson(TypedDict):
        """The fields of `Metrics`, which is the one place where metrics are listed."""

else:
    MetricsJson = TypedDict("MetricsJson", get_type_hints(Metrics))


class VariantJson(TypedDict):
    """One form of a voice, with its lineage."""

    voice: str
    name: str
    path: str
    size_bytes: int
    sha256: Annotated[str, "of the file; of a folder, that of its manifest"]
    recipe: Annotated[str | None, "null for the original"]
    params: dict[str, Any]
    source_sha256: Annotated[str | None, "of the model that it was made from"]
    tools: Annotated[dict[str, str], "versions of the tools that made it"]
    job_id: int | None
    created_at: str
    outdated: Annotated[
        str | None, "what of the voice has changed since: `source` or `configuration`; null if nothing has"
    ]


def variant_json(variant: Variant) -> VariantJson:
    """Return a variant."""
    return {
        "voice": variant.voice,
        "name": variant.name,
        "path": variant.path,
        "size_bytes": variant.size_bytes,
        "sha256": variant.sha256,
        "recipe": variant.recipe,
        "params": variant.params,
        "source_sha256": variant.source_sha256,
        "tools": variant.tools,
        "job_id": variant.job_id,
        "created_at": variant.created_at,
        "outdated": variant.outdated,
    }


class ComponentJson(TypedDict):
    """One component of a voice's graph."""

    name: str
    nodes: int
    weight_bytes: int


class GraphJson(TypedDict):
    """The size of a voice's graph and of its components."""

    opset: int | None
    nodes: int | None
    components: list[ComponentJson]
    upsampling_stages: int | None
    unrecognized: Annotated[str | None, "why the graph has no components: it is not built like VITS"]


class VoiceJson(TypedDict):
    """A registered voice."""

    voice: str
    path: str
    sha256: str
    size_bytes: int
    sample_rate: int
    speakers: int
    language: str
    graph: GraphJson
    added_at: str
    text_set: Annotated[str | None, "the texts of its newest benchmark, with language and version: `sv v1`"]
    text_set_note: Annotated[str | None, "why these texts, if they are not those in its language as written"]
    variants: list[VariantJson]


class RegisteredVoiceJson(VoiceJson):
    """A voice that was registered."""

    change: Annotated[str, "`added`, `unchanged`, `replaced`, `reconfigured`, `moved` or `copy` (of that voice)"]


class RemovedVoiceJson(TypedDict):
    """A voice that was removed."""

    voice: str
    path: Annotated[str, "of the voice's own file, which stays"]
    removed: Annotated[list[str], "the files and folders of its variants"]
    kept: Annotated[list[str], "what had the name of a variant's file, but was not what was made"]
    jobs: Annotated[int, "how many of its jobs were deleted"]
    results: Annotated[int, "how many results were deleted"]


class VerifiedFileJson(TypedDict):
    """A file or folder of a voice that was verified."""

    voice: str
    variant: str
    path: str
    state: Annotated[str, "`ok`, `outdated`, `changed`, `missing` or `unreadable`"]
    message: Annotated[str | None, "what is wrong"]
    fix: Annotated[str | None, "a command where there is one, otherwise what to do"]


class VerifiedJson(TypedDict):
    """The outcome of `voices verify`."""

    files: list[VerifiedFileJson]
    problems: Annotated[int, "how many are changed, missing or unreadable"]


def voice_json(voice: Voice, spoken: SpokenTexts | None) -> VoiceJson:
    """Return a voice with its variants; `spoken` are the texts of its newest benchmark."""
    return {
        "voice": voice.key,
        "path": voice.path,
        "sha256": voice.source_sha256,
        "size_bytes": voice.size_bytes,
        "sample_rate": voice.sample_rate,
        "speakers": voice.speakers,
        "language": voice.language,
        "graph": _graph_json(GraphSummary.from_json(voice.anatomy)),
        "added_at": voice.added_at,
        "text_set": spoken.name if spoken else None,
        "text_set_note": spoken.note if spoken else None,
        "variants": [variant_json(variant) for variant in voice.variants],
    }


def registered_voice_json(registration: "Registration", spoken: SpokenTexts | None) -> RegisteredVoiceJson:
    """Return a voice with what registering it changed; `spoken` are the texts of its newest benchmark."""
    return {**voice_json(registration.voice, spoken), "change": registration.change}


def removed_voice_json(removal: "Removal", with_results: bool) -> RemovedVoiceJson:
    """Return what was removed with a voice."""
    return {
        "voice": removal.voice.key,
        "path": removal.voice.path,
        "removed": [str(path) for path in removal.files],
        "kept": [str(path) for path in removal.kept],
        "jobs": len(removal.jobs),
        "results": removal.results if with_results else 0,
    }


def verified_json(verified: "Sequence[VerifiedFile]") -> VerifiedJson:
    """Return the outcome of a verification."""
    return {
        "files": [
            {
                "voice": one.variant.voice,
                "variant": one.variant.name,
                "path": one.variant.path,
                "state": one.state,
                "message": one.message,
                "fix": one.fix,
            }
            for one in verified
        ],
        "problems": sum(one.is_problem for one in verified),
    }


def _graph_json(graph: GraphSummary) -> GraphJson:
    return {
        "opset": graph.opset,
        "nodes": graph.nodes,
        "components": [
            {"name": one.name, "nodes": one.nodes, "weight_bytes": one.weight_bytes} for one in graph.components
        ],
        "upsampling_stages": graph.upsampling_stages,
        "unrecognized": graph.unrecognized,
    }


class DownloadProgressJson(TypedDict):
    """A line on standard error while `voices download` runs."""

    received: Annotated[int, "bytes of the model"]
    total: Annotated[int | None, "null where the server does not say"]


def download_progress_json(received: int, total: int | None) -> DownloadProgressJson:
    """Return the progress of a download."""
    return {"received": received, "total": total}


class JobEventJson(TypedDict):
    """One change in a job's life."""

    at: str
    attempt: int
    event: str
    detail: str | None


class JobDetailsJson(JobJson):
    """A job with its position and its events."""

    waiting_reason: Annotated[str | None, "why it waits"]
    position: Annotated[int | None, "in the queue, from 1"]
    expected_s: Annotated[float | None, "median of past runs on this machine"]
    past_runs: int
    events: list[JobEventJson]


def job_details_json(
    job: Job, events: Sequence[JobEvent], waiting_reason: str | None, position: int | None, expected: "Estimate | None"
) -> JobDetailsJson:
    """Return a job with its position and its events."""
    return {
        **job_json(job),
        "waiting_reason": waiting_reason,
        "position": position,
        "expected_s": expected.seconds if expected else None,
        "past_runs": expected.runs if expected else 0,
        "events": [
            {"at": event.at, "attempt": event.attempt, "event": event.event, "detail": event.detail} for event in events
        ],
    }


class MovedJobJson(JobJson):
    """A job that was moved within the queue."""

    position: Annotated[int, "in the queue, from 1"]


def moved_job_json(job: Job, position: int) -> MovedJobJson:
    """Return a job with its new position."""
    return {**job_json(job), "position": position}


class CancelledJobsJson(TypedDict):
    """What `jobs cancel --all` did."""

    cancelled: Annotated[int, "queued jobs"]
    interrupted: Annotated[list[JobJson], "jobs that were running"]


def cancelled_jobs_json(cancelled: int, interrupted: Sequence[Job]) -> CancelledJobsJson:
    """Return what `jobs cancel --all` did."""
    return {"cancelled": cancelled, "interrupted": [job_json(job) for job in interrupted]}


class PausedJson(TypedDict):
    """Whether the queue is paused."""

    paused: bool


class RemovedJobsJson(TypedDict):
    """How many jobs `jobs clean` removed."""

    removed: int


class HookFailureJson(TypedDict):
    """A hook that failed at the end of a job."""

    job: int
    detail: str


class ActivityJson(TypedDict):
    """What happened since the last visit."""

    since: str | None
    ended: Annotated[list[JobJson], "at most 500 of each state"]
    counts: Annotated[dict[str, int], "ended jobs by state"]
    hook_failures: list[HookFailureJson]
    running: int
    interrupted: Annotated[int, "jobs whose worker died; the next one runs them again"]
    waiting: int
    paused: Annotated[bool, "whether the queue is paused"]
    paused_jobs: Annotated[int, "jobs that are paused one by one; they do not count as waiting"]


def activity_json(activity: "Activity", paused: bool) -> ActivityJson:
    """Return what happened since the last visit."""
    return {
        "since": activity.since,
        "ended": [job_json(job) for job in activity.ended],
        "counts": {str(state): count for state, count in activity.counts.items()},
        "hook_failures": [{"job": job_id, "detail": detail} for job_id, detail in activity.hook_failures],
        "running": activity.running,
        "interrupted": activity.interrupted,
        "waiting": activity.waiting,
        "paused": paused,
        "paused_jobs": activity.paused,
    }


class RegressionJson(TypedDict):
    """How a result is worse than earlier ones of the same variant on the same machine."""

    worse: list[str]
    changed: Annotated[list[str], "what was installed since"]
    against: Annotated[list[str], "ids of the earlier results"]


class LimitsJson(TypedDict):
    """What limited the worker, and with it its jobs."""

    machine_cores: int
    cores: Annotated[int, "on which it may run"]
    quota: Annotated[float | None, "CPUs' worth of time that its control group allows"]
    nice: int
    scheduling: Annotated[str, "normal, batch, idle or real-time"]
    address_space_mb: Annotated[int | None, "the limit of ulimit -v"]
    variables: Annotated[list[str], "of the environment that change figures, as NAME=VALUE"]


def limits_json(limits: Limits | None) -> LimitsJson | None:
    """Return the limits; None if they are unknown."""
    return None if limits is None else cast(LimitsJson, limits.to_json())


class ResultJson(MetricsJson):
    """One variant of one benchmark at one thread count."""

    id: str
    benchmark_id: str
    voice: str
    voice_id: str
    variant: str
    variant_sha256: str
    recipe: str | None
    machine: str
    machine_facts: dict[str, Any]
    environment: Annotated[dict[str, str], "installed versions"]
    engine: str | None
    threads: int
    stock: Annotated[bool, "whether ONNX Runtime ran with its default session options"]
    benchmark_version: str
    text_set: Annotated[str, "the texts that were spoken, with language and version: `sv v1`"]
    text_set_note: Annotated[str | None, "why these texts, if they are not those in the voice's language as written"]
    noisy: Annotated[bool, "whether other work kept the machine busy"]
    unmeasured: Annotated[dict[str, str], "why a metric is null, by metric"]
    regression: RegressionJson | None
    created_at: str
    limits: Annotated[LimitsJson | None, "null if an older version measured it"]


def result_json(result: Result) -> ResultJson:
    """Return a result. Its metrics are the fields of `Metrics`."""
    metrics = {field.name: getattr(result, field.name) for field in fields(Metrics)}
    printed = {
        "id": result.id,
        "benchmark_id": result.benchmark_id,
        "voice": result.voice,
        "voice_id": result.voice_id,
        "variant": result.variant,
        "variant_sha256": result.variant_sha256,
        "recipe": result.recipe,
        "machine": result.machine,
        # A hundred names of CPU features in each result help nobody; the fingerprint stands for them.
        "machine_facts": {name: fact for name, fact in result.machine_facts.items() if name != "flags"},
        "environment": result.environment,
        "engine": result.engine,
        "threads": result.threads,
        "stock": result.stock,
        "benchmark_version": result.benchmark_version,
        "text_set": result.text_set,
        "text_set_note": result.text_set_note,
        **metrics,
        "noisy": result.noisy,
        "unmeasured": result.unmeasured,
        "regression": result.regression,
        "created_at": result.created_at,
        "limits": limits_json(result.limits),
    }
    return cast(ResultJson, printed)


class TextJson(TypedDict):
    """The metrics of one text: medians over the pairs."""

    text: str
    audio_seconds: float
    latency_ms: float
    latency_p90_ms: float
    rtf: float
    speedup: float


class SampleJson(TypedDict):
    """One measured synthesis."""

    pair: int
    text: str
    seconds: float
    audio_seconds: float
    first_audio_seconds: float | None
    cpu_seconds: float | None
    joules: Annotated[float | None, "of the whole processor meanwhile"]
    others_share: Annotated[float | None, "share of all cores that other processes took meanwhile"]


class StartJson(TypedDict):
    """One start of a process that loads the model and synthesizes the shortest text."""

    number: int
    cold: Annotated[bool, "whether the model's files were not in the page cache"]
    load_s: float
    first_audio_s: Annotated[float, "from the start of the process"]


class ParallelRunJson(TypedDict):
    """Several requests at once to one loaded model."""

    number: int
    requests: int
    seconds: float
    audio_seconds: Annotated[float, "of all requests together"]


class TextSoundJson(TypedDict):
    """How one text sounds, against the original."""

    text: str
    duration_drift_pct: float
    mel_db: float | None
    pesq: float | None
    estoi: float | None


class ResultDetailsJson(ResultJson):
    """A result with its texts and raw samples."""

    texts: list[TextJson]
    sounds: Annotated[list[TextSoundJson], "empty if an older version measured it"]
    samples: Annotated[list[SampleJson], "empty once they are pruned"]
    starts: list[StartJson]
    parallel_runs: list[ParallelRunJson]


def result_details_json(
    result: Result,
    texts: "Sequence[TextMetrics]",
    sounds: "Sequence[TextSound]",
    samples: "Sequence[Sample]",
    starts: "Sequence[Startup]",
    parallel_runs: "Sequence[ParallelRun]",
) -> ResultDetailsJson:
    """Return a result with its texts and raw samples."""
    return {
        **result_json(result),
        "texts": [
            {
                "text": one.text,
                "audio_seconds": one.audio_seconds,
                "latency_ms": one.latency_ms,
                "latency_p90_ms": one.latency_p90_ms,
                "rtf": one.rtf,
                "speedup": one.speedup,
            }
            for one in texts
        ],
        "sounds": [
            {
                "text": one.text,
                "duration_drift_pct": one.duration_drift_pct,
                "mel_db": one.mel_db,
                "pesq": one.pesq,
                "estoi": one.estoi,
            }
            for one in sounds
        ],
        "samples": [
            {
                "pair": one.pair,
                "text": one.text,
                "seconds": one.seconds,
                "audio_seconds": one.audio_seconds,
                "first_audio_seconds": one.first_audio_seconds,
                "cpu_seconds": one.cpu_seconds,
                "joules": one.joules,
                "others_share": one.others_share,
            }
            for one in samples
        ],
        "starts": [
            {"number": one.number, "cold": one.cold, "load_s": one.load_s, "first_audio_s": one.first_audio_s}
            for one in starts
        ],
        "parallel_runs": [
            {
                "number": one.number,
                "requests": one.requests,
                "seconds": one.seconds,
                "audio_seconds": one.audio_seconds,
            }
            for one in parallel_runs
        ],
    }


class TrendPointJson(ResultJson):
    """A result of a trend."""

    changed: Annotated[list[str], "what was installed since the result before it"]


class TrendJson(TypedDict):
    """The results of one variant by one version of the benchmark, the oldest first."""

    variant: str
    benchmark_version: str
    points: list[TrendPointJson]


def trend_json(variant: str, series: "Series") -> TrendJson:
    """Return a trend."""
    return {
        "variant": variant,
        "benchmark_version": series.version,
        "points": [{**result_json(point.result), "changed": list(point.changed)} for point in series.points],
    }


class SpeedJson(TypedDict):
    """How many times as fast as the first result."""

    ratio: float
    interval: Annotated[tuple[float, float] | None, "95 % confidence interval, of two results of one run"]
    p: Annotated[float | None, "of the Mann-Whitney test, of results of two runs"]
    verdict: Annotated[str, "`faster`, `slower` or `no difference`"]


class ComparisonJson(TypedDict):
    """A result compared with the first one."""

    result: Annotated[str, "id"]
    kind: Annotated[str, "whether both results are of one run, of two runs, or not comparable"]
    differs: Annotated[list[str], "what makes them incomparable"]
    ratios: Annotated[dict[str, float], "this result's value / the first one's, by metric"]
    speed: SpeedJson | None
    unknown: Annotated[str | None, "why there is no verdict on the speed"]


class ComparedResultsJson(TypedDict):
    """Results side by side."""

    results: list[ResultJson]
    comparisons: Annotated[list[ComparisonJson], "of each result but the first"]


def compared_results_json(results: Sequence[Result], comparisons: "Sequence[Comparison]") -> ComparedResultsJson:
    """Return results and their comparisons."""
    return {
        "results": [result_json(result) for result in results],
        "comparisons": [_comparison_json(one) for one in comparisons],
    }


def _comparison_json(one: "Comparison") -> ComparisonJson:
    speed: SpeedJson | None = None
    if one.speed:
        speed = {
            "ratio": one.speed.ratio,
            "interval": one.speed.interval,
            "p": one.speed.p,
            "verdict": one.speed.verdict,
        }
    return {
        "result": one.result.id,
        "kind": one.kind,
        "differs": list(one.differs),
        "ratios": one.ratios,
        "speed": speed,
        "unknown": one.unknown,
    }


class ParetoResultJson(ResultJson):
    """A variant's newest result in the Pareto view."""

    dominated_by: Annotated[list[str], "variants that are no worse in any metric and better in one"]


def pareto_result_json(one: "ParetoPoint") -> ParetoResultJson:
    """Return a result with the variants that dominate it."""
    return {**result_json(one.result), "dominated_by": list(one.dominated_by)}


class CheckJson(TypedDict):
    """The outcome of `results check`."""

    regressions: list[ResultJson]
    results: Annotated[int, "how many were checked"]
    noisy: Annotated[int, "how many of them are noisy and are not judged"]
    first: Annotated[int, "how many others have no earlier result to compare with and are not judged"]


def check_json(results: Sequence[Result], first: Sequence[Result]) -> CheckJson:
    """Return the outcome of a check of these results; `first` are those without an earlier result."""
    return {
        "regressions": [result_json(result) for result in results if result.regression],
        "results": len(results),
        "noisy": sum(result.noisy for result in results),
        "first": len(first),
    }


class PrunedJson(TypedDict):
    """What `results prune` dropped, or would drop."""

    before: str
    results: int
    samples: int
    freed_bytes: int


class ExportedJson(TypedDict):
    """The file that `results export --output` wrote."""

    output: str
    format: str


class ImportedJson(TypedDict):
    """What `results import` added."""

    added: Annotated[int, "benchmarks"]
    skipped: Annotated[int, "benchmarks that were there already"]
    results: Annotated[int, "results of the benchmarks that were added"]


def imported_json(imported: "Ingested") -> ImportedJson:
    """Return what an import added."""
    return {"added": imported.added, "skipped": imported.skipped, "results": imported.results}


class CandidateJson(TypedDict):
    """A variant that could have been selected, and why it was or was not."""

    variant: str
    verdict: str
    reason: str


class SelectionJson(TypedDict):
    """The variant of a voice to use on this machine."""

    voice: str
    policy: Annotated[str, "`priority` or `measured`"]
    pinned: str | None
    selected: str
    reason: str
    candidates: list[CandidateJson]
    warnings: list[str]


def selection_json(selection: Selection) -> SelectionJson:
    """Return a selection."""
    return {
        "voice": selection.voice,
        "policy": selection.policy,
        "pinned": selection.pinned,
        "selected": selection.selected,
        "reason": selection.reason,
        "candidates": [
            {"variant": one.variant, "verdict": one.status, "reason": one.reason} for one in selection.candidates
        ],
        "warnings": [warning.text for warning in selection.warnings],
    }


class SelectionChangeJson(TypedDict):
    """An earlier selection."""

    selected: str
    selected_sha256: str
    policy: str
    pinned: str | None
    reason: str
    cause: Annotated[str, "the event after which it was selected"]
    created_at: str


class SelectionHistoryJson(SelectionJson):
    """The variant to use on this machine, and the selections before it."""

    history: list[SelectionChangeJson]


def selection_history_json(selection: Selection, history: Sequence[StoredSelection]) -> SelectionHistoryJson:
    """Return a selection with those before it."""
    return {**selection_json(selection), "history": [_selection_change_json(stored) for stored in history]}


def _selection_change_json(stored: StoredSelection) -> SelectionChangeJson:
    selection = stored.selection
    return {
        "selected": selection.selected,
        "selected_sha256": stored.selected_sha256,
        "policy": selection.policy,
        "pinned": selection.pinned,
        "reason": selection.reason,
        "cause": stored.cause,
        "created_at": stored.created_at,
    }


class SubmissionJson(TypedDict):
    """Jobs that were queued; with `--wait` also what they led to."""

    jobs: list[JobJson]
    existing: Annotated[
        dict[str, int | None],
        "variants that need not be made, with the job that makes or made each, or null; `benchmark` if the same is queued",
    ]
    skipped: Annotated[dict[str, str], "outdated variants that cannot be made again, with the reason"]
    results: NotRequired[Annotated[list[ResultJson], "with `--wait`"]]
    selection: NotRequired[Annotated[SelectionJson, "of `optimize --wait`"]]


def submission_json(submission: "Submission", jobs: Sequence[Job]) -> SubmissionJson:
    """Return the jobs of a submission."""
    return {
        "jobs": [job_json(job) for job in jobs],
        "existing": dict(submission.existing),
        "skipped": dict(submission.skipped),
    }


class ChangeJson(TypedDict):
    """A key of an assistant's configuration that changes."""

    key: str
    old: str | int | float | bool | None
    new: str | int | float | bool | None


class ProposalJson(TypedDict):
    """Changes to an assistant's configuration."""

    config: str
    voice: str | None
    changes: list[ChangeJson]
    notes: list[str]
    diff: str
    written: Annotated[bool, "only with `--yes`"]
    backup: str | None


def proposal_json(proposal: "Proposal", backup: Path | None) -> ProposalJson:
    """Return changes to an assistant's configuration, with the backup if they were written."""
    return {
        "config": str(proposal.file.path),
        "voice": proposal.voice,
        "changes": [{"key": one.key, "old": one.old, "new": one.new} for one in proposal.plan.changes],
        "notes": list(proposal.plan.notes),
        "diff": "".join(f"{line}\n" for line in proposal.diff),
        "written": backup is not None,
        "backup": str(backup) if backup else None,
    }


class FindingJson(TypedDict):
    """What a check of the doctor found."""

    area: str
    check: str
    state: Annotated[str, "`ok`, `note` or `problem`"]
    message: str
    fix: Annotated[str | None, "a command where there is one, otherwise what to do"]


class FindingsJson(TypedDict):
    """What the doctor found."""

    findings: list[FindingJson]
    problems: int
    notes: int


def findings_json(found: "Mapping[str, Sequence[Finding]]", problems: int, notes: int) -> FindingsJson:
    """Return findings by area, with their counts."""
    return {
        "findings": [
            {"area": area, "check": one.check, "state": str(one.state), "message": one.message, "fix": one.fix}
            for area, findings in found.items()
            for one in findings
        ],
        "problems": problems,
        "notes": notes,
    }


class ServiceJson(TypedDict):
    """What `worker install` or `worker uninstall` does."""

    name: str
    file: str
    commands: list[str]
    done: Annotated[bool, "false with `--dry-run`"]


def service_json(service: "Service", plan: "Plan", done: bool) -> ServiceJson:
    """Return the steps of an installation or removal."""
    return {"name": service.name, "file": str(service.file), "commands": plan.commands, "done": done}


class WorkerJson(TypedDict):
    """The worker and its queue."""

    running: bool
    pid: int | None
    host: Annotated[str | None, "the machine that it runs on, if that is another one"]
    since: str | None
    version: Annotated[str | None, "of ttsdash, as the worker was started"]
    slots: int | None
    jobs: Annotated[list[int], "ids of the jobs that run"]
    interrupted: Annotated[list[int], "ids of the jobs whose worker died; the next one runs them again"]
    cores: int | None
    memory_mb: int | None
    idle_s: Annotated[float | None, "it ends after so many seconds without a job"]
    stopping: bool
    unresponsive: Annotated[bool, "whether its heartbeat is more than a minute old"]
    limits: LimitsJson | None
    installed_version: str
    paused: Annotated[bool, "whether the queue is paused"]
    waiting: Annotated[int, "how many jobs are queued and not paused"]
    paused_jobs: Annotated[int, "how many jobs are paused one by one"]


def worker_json(status: "WorkerStatus", paused: bool, waiting: int, paused_jobs: int) -> WorkerJson:
    """Return the worker's status. `paused`, `waiting` and `paused_jobs` are of the queue."""
    return {
        "running": status.running,
        "pid": status.pid,
        "host": status.host,
        "since": status.since,
        "version": status.version,
        "slots": status.slots,
        "jobs": list(status.jobs),
        "interrupted": list(status.interrupted),
        "cores": status.cores,
        "memory_mb": status.memory_mb,
        "idle_s": status.idle_s,
        "stopping": status.stopping,
        "unresponsive": status.unresponsive,
        "limits": limits_json(status.limits),
        "installed_version": program_version(),
        "paused": paused,
        "waiting": waiting,
        "paused_jobs": paused_jobs,
    }
