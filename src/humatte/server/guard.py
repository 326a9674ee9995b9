"""What every request passes: host, origin, token; and what every answer gets: headers, a log line.

A plain ASGI layer around the routes, so that also what fails is answered in our words, counted and
logged.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Collection, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from humatte.server import bodies, log
from humatte.server.measures import Measures
from humatte.server.refusals import GoneError, Refusal, answer, refusal_of
from humatte.server.settings import Settings

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# A page's answer may be kept where it can be asked for again; pictures of people may not.
_UNLESS_SAID = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_OPEN_TO_ALL = ("/", "/healthz", "/readyz")
_OWN_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_NOBODY = 499  # nginx's status of a request whose connection was closed: for the log alone
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


class Guard:
    """Answers what may not pass; watches over what may.

    Args:
        app: the routes.
        settings: token, host, limits.
        measures: is told of every answer.
    """

    def __init__(self, app: ASGIApp, settings: Settings, measures: Measures) -> None:
        self._app, self._settings, self._measures = app, settings, measures
        host = settings.host.lower()
        self._own_hosts = {*_OWN_HOSTS, f"[{host}]" if ":" in host else host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; other events of ASGI go through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watched = _Watched(scope, receive, send)
        request = Request(scope, watched.receive)
        try:
            self._check(request)
            await self._app(scope, watched.receive, watched.send)
        except Exception as error:
            await self._failed(error, request, watched)
        finally:
            self._note(watched)

    def _check(self, request: Request) -> None:
        """Who may ask.

        Raises:
            Refusal: not this one.
        """
        if self._settings.token is None:
            # Without a token, a page of anybody's in a browser on this machine could ask: by a name
            # that it lets point here (DNS rebinding), or blindly from its own.
            _check_host(request.headers, self._own_hosts)
            return
        path = request.scope["path"]
        if path in _OPEN_TO_ALL or path.startswith("/web/"):
            return
        if not _knows(request, self._settings.token):
            raise Refusal(
                401,
                "no_token",
                "no token, or a wrong one; send 'Authorization: Bearer TOKEN'",
                {"WWW-Authenticate": "Bearer"},
            )

    async def _failed(self, error: Exception, request: Request, watched: _Watched) -> None:
        refusal = refusal_of(error)
        watched.code = refusal.code
        if isinstance(error, GoneError):
            watched.status, watched.code = _NOBODY, "gone"
            return
        if refusal.status == 500:
            log.failure("failed", error, request=watched.id)
        if watched.started:
            raise error  # half an answer is out: closing the connection is what tells
        response: Response = answer(refusal)
        if request.url.path.startswith("/v1.0/"):
            from humatte.server.removebg import refused

            response = refused(refusal)
        if not watched.received_all and refusal.status != 408:
            await bodies.drain(request, self._settings.max_bytes)
        await response(request.scope, watched.receive, watched.send)

    def _note(self, watched: _Watched) -> None:
        seconds = time.perf_counter() - watched.began
        route, method = watched.route(), watched.method()
        self._measures.request(
            route, method, watched.status, seconds, watched.bytes_in, watched.bytes_out
        )
        log.line(
            "request",
            request=watched.id,
            method=method,
            route=route,
            status=watched.status,
            code=watched.code,
            ms=round(seconds * 1000, 1),
            received=watched.bytes_in,
            sent=watched.bytes_out,
            **watched.scope.get("state", {}).get("facts", {}),
        )


class _Watched:
    """A request's channels, with what went through them."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.id = secrets.token_hex(8)
        self.began = time.perf_counter()
        self.bytes_in, self.bytes_out, self.status = 0, 0, _NOBODY
        self.code: str | None = None
        self.started, self.received_all = False, False

    async def receive(self) -> Message:
        message = await self._receive()
        self.bytes_in += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            self.received_all = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            _put_headers(message, self.id)
        self.bytes_out += len(message.get("body", b""))
        await self._send(message)

    def route(self) -> str:
        """The route's pattern: paths hold what callers chose."""
        found = getattr(self.scope.get("route"), "path", None)
        return str(found or self.scope.get("state", {}).get("route") or "none")

    def method(self) -> str:
        """The method; callers may make up others."""
        method: str = self.scope["method"]
        return method if method in _METHODS else "other"


def _put_headers(message: MutableMapping[str, Any], request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _ALWAYS.items():
        headers[name] = value
    for name, value in _UNLESS_SAID.items():
        headers.setdefault(name, value)
    headers["X-Request-Id"] = request_id


def _check_host(headers: Headers, own: Collection[str]) -> None:
    host = headers.get("host", "")
    if _without_port(host) not in own:
        raise Refusal(
            421,
            "wrong_host",
            "this service is for its own machine: ask for localhost or 127.0.0.1 (a reverse "
            "proxy sets Host to localhost), or start it with a token",
        )
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        raise Refusal(403, "wrong_origin", "pages of other origins may not use this service")


def _without_port(host: str) -> str:
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdecimal() else host.lower()


def _knows(request: Request, token: str) -> bool:
    """Whether the request shows the token; takes as long for any wrong one."""
    kind, _, shown = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        shown = ""
        if request.scope["path"].startswith("/v1.0/"):
            shown = request.headers.get("x-api-key", "")
    return hmac.compare_digest(shown.strip().encode(), token.encode())
