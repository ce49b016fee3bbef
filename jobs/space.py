"""Whether the disk has room for what a job makes."""

import shutil

from core.workspace import Workspace

# The new variant, the one that it replaces, and what is written on the way.
_TIMES_THE_VOICE = 4
_AT_LEAST_MB = 20


def disk_shortage(workspace: Workspace, voice_bytes: int) -> str | None:
    """What keeps a job on a voice of that size from being started; None while there is room."""
    free, needed = shutil.disk_usage(workspace.root).free / 1e6, voice_bytes * _TIMES_THE_VOICE / 1e6 + _AT_LEAST_MB
    if free >= needed:
        return None
    return f"the disk is nearly full: {free:.0f} MB free in {workspace.root}, {needed:.0f} MB wanted"
