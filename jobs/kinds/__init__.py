"""The kinds of jobs, one module each, run in the job process, which imports only the module of its kind."""

import importlib
from collections.abc import Callable
from functools import partial

from core.records.job_states import JobKind
from jobs.context import JobContext


def _run(kind: JobKind, context: JobContext) -> None:
    importlib.import_module(f"jobs.kinds.{kind}").run(context)


KINDS: dict[str, Callable[[JobContext], None]] = {kind: partial(_run, kind) for kind in JobKind}
