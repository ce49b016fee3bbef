"""Keeps libraries off the network. `core` calls this before any of its modules can import one.

ONNX Runtime reports its use to Microsoft, transformers (for Piper's Chinese voices) asks Hugging Face for updates.
"""

import os

_OFFLINE = {
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
_users_own: dict[str, str | None] = {}


def stay_offline() -> None:
    """Turn off telemetry and downloads of libraries in this process and those that it starts, whatever the user has set."""
    for name, value in _OFFLINE.items():
        _users_own.setdefault(name, os.environ.get(name))
        os.environ[name] = value


def users_environment() -> dict[str, str]:
    """Return the environment as this process got it, for programs that are not part of ttsdash."""
    kept = {name: value for name, value in os.environ.items() if name not in _OFFLINE}
    return kept | {name: value for name, value in _users_own.items() if value is not None}
