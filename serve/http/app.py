"""The application: the routes of all dialects, and who may use them."""

import hmac
import logging
import math
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import InvalidInput, TtsdashError
from serve.errors import Busy, Refused
from serve.http import macbot, openai, piper
from serve.state import Service

_LOG = logging.getLogger(__name__)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Access:
    """Who may use the service."""

    token: str | None = None
    """What clients must send as a bearer token; none is needed on this machine alone."""
    hosts: frozenset[str] = _LOCAL
    """The names by which the service is called: a page of another site must not reach it by its own name."""
    origins: Sequence[str] = ("http://127.0.0.1:3000", "http://localhost:3000")
    """The pages that may use it from a browser: those of the MacBot assistant."""


def build_app(service: Service, access: Access, lifespan: Callable[[Starlette], Any] | None = None) -> Starlette:
    """Return the application."""
    return Starlette(
        routes=[*macbot.routes(service), *openai.routes(service), *piper.routes(service)],
        middleware=[
            Middleware(_Guard, access=access),
            Middleware(CORSMiddleware, allow_origins=access.origins, allow_methods=["*"], allow_headers=["*"]),
        ],
        exception_handlers={
            Refused: _refused,
            InvalidInput: _failed,
            TtsdashError: _failed,
            HTTPException: _http_error,
            Exception: _failed,
        },
        lifespan=lifespan or _nothing,
    )


@asynccontextmanager
async def _nothing(app: Starlette) -> Any:
    yield


class _Guard:
    """Refuses requests for another host, and those without the token."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        reason = self._reason(request)
        if reason is None:
            await self._app(scope, receive, send)
        else:
            status, text = reason
            await JSONResponse(_body(request, text, status), status_code=status)(scope, receive, send)

    def _reason(self, request: Request) -> tuple[int, str] | None:
        try:
            host = urlsplit(f"//{request.headers.get('host', '')}").hostname
        except ValueError:
            host = None
        if self._access.token is None and host not in self._access.hosts:
            return 403, "this service answers to localhost only"
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._access.origins:
            return 403, f"pages of {origin[:80]} may not use this service"
        if request.headers.get("sec-fetch-site") == "cross-site" and origin is None:
            return 403, "pages of other sites may not use this service"
        given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        if self._access.token is not None and not hmac.compare_digest(given, self._access.token.encode()):
            return 401, "the bearer token is missing or wrong"
        return None


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - for the type checker
    headers = {"Retry-After": str(math.ceil(error.wait_s))} if isinstance(error, Busy) else None
    return JSONResponse(
        _body(request, str(error), error.status, error.param), status_code=error.status, headers=headers
    )


async def _failed(request: Request, error: Exception) -> Response:
    _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    text = str(error) if isinstance(error, TtsdashError) else f"{type(error).__name__}: see the service's log"
    return JSONResponse(_body(request, text, 500), status_code=500)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker
    return JSONResponse(
        _body(request, error.detail, error.status_code), status_code=error.status_code, headers=error.headers
    )


def _body(request: Request, text: str, status: int, param: str | None = None) -> dict[str, Any]:
    """Return an error as the clients of a path expect it: those of OpenAI an object, all others a text."""
    if not request.url.path.startswith("/v1/"):
        return {"ok": False, "error": text}
    kind = "invalid_request_error" if status < 500 else "server_error"
    if status == 429:
        kind = "rate_limit_error"
    return {"error": {"message": text, "type": kind, "param": param, "code": status}}
