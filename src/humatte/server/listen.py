"""From settings to a listening server, and to its end.

SIGTERM or Ctrl-C: no new connections, pictures under way are finished, clips are given up, folders
removed. A second Ctrl-C ends at once.
"""

from __future__ import annotations

import math
import os
import socket
from types import FrameType

import uvicorn

from humatte.console import say
from humatte.errors import HumatteError, OutputError, UsageError, one_line
from humatte.server import log
from humatte.server.app import build_app
from humatte.server.service import Service
from humatte.server.settings import Settings

_LAST_ANSWERS_S = 10  # after the longest work, for sending what came of it
_CONNECTIONS = 20  # for each place in the line: those that upload, and a page's other requests
_LEAST_CONNECTIONS = 1000  # beyond them uvicorn answers 503, not in our words
_INTERRUPTED = 130


def listen(settings: Settings, port: int) -> None:
    """Serves until it is told to stop.

    Raises:
        UsageError: the port is taken, or may not be used; no such address.
        HumatteError: the network cannot be opened.
    """
    sock = _bound(settings.host, port)
    app = build_app(settings)
    service: Service = app.state.service
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=max(_LEAST_CONNECTIONS, _CONNECTIONS * settings.queue),
        timeout_graceful_shutdown=grace_s(settings),
    )
    log.take_over()
    server = _Server(config, service)
    app.state.on_failure = server.give_up
    where = f"[{settings.host}]" if ":" in settings.host else settings.host
    say(f"listening on http://{where}:{sock.getsockname()[1]} (Ctrl-C stops it)")
    try:
        server.run(sockets=[sock])
    except KeyboardInterrupt:
        say("stopped")  # uvicorn raises the signal again, once all is done
    finally:
        sock.close()
    if server.failure is not None:
        raise server.failure


def grace_s(settings: Settings) -> int:
    """How long what was begun may take until it is answered: its body, its work, sending it."""
    return math.ceil(settings.body_s + settings.timeout_s) + _LAST_ANSWERS_S


def _bound(host: str, port: int) -> socket.socket:
    """A socket that is bound, so that what is wrong with the address is one line.

    Raises:
        UsageError: with what to do.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except (OSError, UnicodeError):
        raise UsageError(f"--host {host}: no such address; expected one of this machine") from None
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":  # there it would let two servers share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except (OSError, OverflowError) as error:
        sock.close()
        reason = getattr(error, "strerror", None) or one_line(error)
        raise UsageError(
            f"cannot listen on {host} port {port} ({reason.lower()}); give another --port, as "
            f"{port + 1 if port < 65535 else 8000}"
        ) from None
    return sock


class _Server(uvicorn.Server):
    """Tells the service as soon as it is told to stop, not when all connections are closed."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self.failure: HumatteError | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal."""
        if self.should_exit:
            self._end()
        say("finishing pictures, giving up clips; once more stops at once")
        self._service.stop()
        super().handle_exit(sig, frame)

    def give_up(self, error: Exception) -> None:
        """The service could not be opened."""
        known = isinstance(error, HumatteError)
        self.failure = error if known else OutputError(f"cannot serve: {one_line(error)}")  # type: ignore[assignment]
        self.should_exit = True

    def _end(self) -> None:
        """At once: Python itself would wait for every thread's picture."""
        self._service.jobs.remove_all()
        say("stopped at once")
        os._exit(_INTERRUPTED)
