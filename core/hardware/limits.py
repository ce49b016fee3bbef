"""What keeps a process from using its machine as it is: fewer cores, a low priority, variables that change figures.

A process inherits all of it from the shell that starts it.
"""

import contextlib
import os
import re
import resource
import sys
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from core.hardware.detection import cpu_quota, usable_cores
from core.text import truncate

KEEP = "TTSDASH_KEEP_LIMITS"
"""The environment variable with which a user keeps the limits of the worker: its value is 1."""

_PREFIXES = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "NUMEXPR_", "MALLOC_")
_NAMES = ("GLIBC_TUNABLES", "PYTHONMALLOC", "PYTHONTRACEMALLOC", "PYTHONDEVMODE", "PYTHONPROFILEIMPORTTIME")
# Changes no figure: threadpoolctl, which pruning uses, sets it in its process and so in those that are started from it.
_WITHOUT_EFFECT = ("KMP_DUPLICATE_LIB_OK",)
# Some machines need them, so they are only recorded.
_KEPT_NAMES = ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES")
_FOLDERS = re.compile(r"[^\s:;,=]*/")
_MAX_VARIABLES, _MAX_LENGTH = 10, 80
# The soft limits of a usual login. A larger stack would make that of each thread smaller (pthread_create(3)).
_NORMAL = {
    resource.RLIMIT_AS: resource.RLIM_INFINITY,
    resource.RLIMIT_DATA: resource.RLIM_INFINITY,
    resource.RLIMIT_CPU: resource.RLIM_INFINITY,
    resource.RLIMIT_FSIZE: resource.RLIM_INFINITY,
    resource.RLIMIT_NPROC: resource.RLIM_INFINITY,
    resource.RLIMIT_NOFILE: 1024,
    resource.RLIMIT_STACK: 8 * 2**20,
}
# From sys/resource.h of macOS: the priority class "background", which `taskpolicy -b` sets.
_PRIO_DARWIN_PROCESS = 4


@dataclass(frozen=True)
class Limits:
    """The limits of a process, as far as they change what it measures."""

    machine_cores: int
    cores: int
    """The number of cores that it may be scheduled on."""
    quota: float | None = None
    """How many CPUs' worth of time its control group allows, None without a limit."""
    nice: int = 0
    scheduling: str = "normal"
    """The scheduling policy: normal, batch, idle or real-time."""
    address_space_mb: int | None = None
    """The limit of `ulimit -v`, None without one."""
    variables: tuple[str, ...] = ()
    """The environment variables that change figures, as NAME=VALUE, with paths shortened to names."""

    @property
    def words(self) -> tuple[str, ...]:
        """Return a phrase per limit, none if there are none."""
        found = {
            f"{self.cores} of {self.machine_cores} cores": self.cores < self.machine_cores,
            f"{self.quota or 0:g} CPUs by the control group": self.quota is not None and self.quota < self.cores,
            f"nice {self.nice}": self.nice != 0,
            f"{self.scheduling} scheduling": self.scheduling != "normal",
            f"{self.address_space_mb} MB of address space": self.address_space_mb is not None,
        }
        return (*(phrase for phrase, applies in found.items() if applies), *self.variables)

    def to_json(self) -> dict[str, Any]:
        """Return them as `from_json` reads them."""
        return asdict(self) | {"variables": list(self.variables)}

    @classmethod
    def from_json(cls, values: dict[str, Any] | None) -> Self | None:
        """Return the limits that `to_json` wrote, perhaps in a newer version; None if nothing was written."""
        if not values:
            return None
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        return cls(**known | {"variables": tuple(known.get("variables", ()))})


def describe_limits(limits: Limits | None) -> str:
    """Return the limits in words."""
    if limits is None:
        return "unknown"
    return ", ".join(limits.words) or "none"


def read_limits() -> Limits:
    """Return the limits of this process."""
    address_space = resource.getrlimit(resource.RLIMIT_AS)[0]
    # Records are exported, and contain no paths.
    variables = [
        f"{name}={_FOLDERS.sub('', value)}" for name, value in sorted(os.environ.items()) if _matters(name) and value
    ]
    return Limits(
        machine_cores=os.cpu_count() or 1,
        cores=usable_cores(),
        quota=cpu_quota(),
        nice=os.getpriority(os.PRIO_PROCESS, 0),
        scheduling=_scheduling(),
        address_space_mb=None if address_space == resource.RLIM_INFINITY else round(address_space / 1e6),
        variables=tuple(truncate(one, _MAX_LENGTH) for one in variables[:_MAX_VARIABLES]),
    )


def lift_limits() -> None:
    """Give this process, and those that it will start, the usual limits where the system allows it, unless `KEEP` is 1."""
    if os.environ.get(KEEP) == "1":
        return
    for name in list(os.environ):
        if _matters(name) and name not in _KEPT_NAMES:
            del os.environ[name]
    _lift_scheduling()
    for number, normal in _NORMAL.items():
        with contextlib.suppress(OSError, ValueError):
            soft, hard = resource.getrlimit(number)
            resource.setrlimit(number, (_highest(soft, _lowest(normal, hard)), hard))


def _lift_scheduling() -> None:
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, range(os.sysconf("SC_NPROCESSORS_CONF")))
    if hasattr(os, "sched_setscheduler") and _scheduling() != "normal":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    # Raising the priority takes privileges, or a limit that permits it (`ulimit -e`).
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    if sys.platform == "darwin":
        with contextlib.suppress(OSError):
            os.setpriority(_PRIO_DARWIN_PROCESS, 0, 0)
    elif sys.platform == "linux":
        import psutil

        with contextlib.suppress(OSError, psutil.Error):
            psutil.Process().ionice(psutil.IOPRIO_CLASS_NONE)


def _scheduling() -> str:
    if not hasattr(os, "sched_getscheduler"):
        return "normal"
    named = {os.SCHED_OTHER: "normal", os.SCHED_BATCH: "batch", os.SCHED_IDLE: "idle"}
    return named.get(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, "real-time")


def _matters(name: str) -> bool:
    if name in _WITHOUT_EFFECT:
        return False
    return name.startswith(_PREFIXES) or name in _NAMES or name in _KEPT_NAMES


def _highest(one: int, other: int) -> int:
    return resource.RLIM_INFINITY if resource.RLIM_INFINITY in (one, other) else max(one, other)


def _lowest(one: int, other: int) -> int:
    if resource.RLIM_INFINITY in (one, other):
        return other if one == resource.RLIM_INFINITY else one
    return min(one, other)
