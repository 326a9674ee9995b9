"""The application: every route, around one service. Nothing runs at import.

request → guard → route → body → line → thread: decode, matte, finish, encode → answer
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from humatte import __version__
from humatte.errors import HumatteError
from humatte.network import Network
from humatte.server import log, removebg, routes_facts, routes_jobs, routes_pictures
from humatte.server.documents import describe
from humatte.server.guard import Guard
from humatte.server.service import Service
from humatte.server.settings import Settings

_SWEEPS = 10  # in the life of a result
_DESCRIPTION = """
People cut out of pictures and clips, on this machine. Nothing of a request is kept after its answer
(a clip's result until it expires or is deleted), and no address is ever fetched. Errors are JSON:
`{"error": {"code": …, "message": …}}`.
"""


def build_app(settings: Settings | None = None, network: Network | None = None) -> FastAPI:
    """The service as an ASGI application.

    Args:
        settings: limits; the defaults if None.
        network: stands in for the default network, as in tests.
    """
    service = Service(settings or Settings(), network)
    app = FastAPI(
        title="humatte",
        summary="Cut people out of pictures and clips.",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=_lifespan,
        openapi_url=None,
        docs_url=None,  # their pages load scripts from the internet
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _on, RequestValidationError: _on},
    )
    app.state.service = service
    app.state.on_failure = _raised
    for router in (
        routes_pictures.router,
        removebg.router,
        routes_jobs.router,
        routes_facts.router,
    ):
        app.include_router(router)
    routes_facts.add_files(app, service)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    app.add_middleware(Guard, settings=service.settings, measures=service.measures)
    return app


async def _on(request: Request, error: Exception) -> Response:
    """Lets an error go on to the guard, which answers all of them."""
    raise error


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens the service while it answers already, and closes it in the end."""
    service: Service = app.state.service
    opening = asyncio.create_task(_open(app))
    sweeping = asyncio.create_task(_sweep(service))
    try:
        yield
    finally:
        sweeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sweeping
        await opening
        await run_in_threadpool(service.close)


async def _open(app: FastAPI) -> None:
    """Opens the service; whoever runs it is told if that fails."""
    service: Service = app.state.service
    try:
        await run_in_threadpool(service.open)
    except (HumatteError, OSError) as error:
        log.failure("cannot open", error)
        app.state.on_failure(error)


def _raised(error: Exception) -> None:
    raise error


async def _sweep(service: Service) -> None:
    while True:
        await asyncio.sleep(min(10.0, service.settings.expires_s / _SWEEPS))
        await run_in_threadpool(service.jobs.sweep)
