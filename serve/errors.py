"""Why a request is refused, with its HTTP status."""

from core.errors import TtsdashError


class Refused(TtsdashError):
    """A request that cannot be answered. `param` names what is wrong with it."""

    status = 400

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class UnknownVoice(Refused):
    """A voice, a speaker or a variant that does not exist here."""

    status = 404


class Silent(Refused):
    """A text of which nothing can be spoken."""

    status = 422


class ClientGone(Refused):
    """A client that has left before its answer was complete."""

    status = 499


class TooLarge(Refused):
    """More than is allowed in one request."""

    status = 413


class Busy(Refused):
    """So much is being spoken that this request would wait for too long."""

    status = 429

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too much is being spoken: try again in {wait_s:.0f} s")
        self.wait_s = wait_s


class Unavailable(Refused):
    """Something that this machine or installation lacks."""

    status = 503
