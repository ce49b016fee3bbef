"""The domain of ttsdash: voices, variants, measurements and their store, without screens or the queue."""

from core.offline import stay_offline

stay_offline()


def program_version() -> str:
    """Return the installed version of ttsdash, or "unknown" when it runs from a bare source tree."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ttsdash")
    except PackageNotFoundError:
        return "unknown"
