"""Answers about pictures: the way from a request through the line to a file that is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from humatte.server import tasks
from humatte.server.bodies import Allowance, read_parts
from humatte.server.line import Place
from humatte.server.pictures import Made, Stages, check_all
from humatte.server.refusals import GoneError, Refusal
from humatte.server.service import Service, service_of

_PIECE = 256 * 1024
_SENDING_S = 300.0  # nobody may hold a place in the line by not taking the answer

Work = Callable[[Mapping[str, bytes], Stages], Made]
Unpack = Callable[[Request, dict[str, bytes]], dict[str, bytes]]


class FileAnswer(Response):
    """A finished file, sent in pieces; its place in the line is given back when it is out."""

    def __init__(self, made: Made, place: Place | None = None) -> None:
        super().__init__(made.data, media_type=made.media_type)
        self._place = place
        self.headers["X-Humatte-Person"] = "yes" if made.person_found else "no"
        self.headers["Server-Timing"] = made.stages.header()
        for warning in made.warnings:
            self.headers.append("X-Humatte-Warning", quote(warning))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it.

        Raises:
            GoneError: nobody takes it.
        """
        try:
            async with asyncio.timeout(_SENDING_S):
                head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
                await send(head)
                for start in range(0, max(1, len(self.body)), _PIECE):
                    piece = bytes(self.body[start : start + _PIECE])
                    more = start + _PIECE < len(self.body)
                    await send({"type": "http.response.body", "body": piece, "more_body": more})
        except TimeoutError:
            raise GoneError from None
        finally:
            if self._place is not None:
                self._place.leave()


async def answered(
    request: Request,
    main: str,
    others: Collection[str],
    work: Work,
    finish: Callable[[Made, Place], Response] = FileAnswer,
    unpack: Unpack = lambda _, parts: parts,
    formats: Collection[str] = (),
    enlarges: Callable[[], bool] = lambda: False,
) -> Response:
    """Reads a request's pictures, has them worked on in the line, and answers.

    Args:
        request: whose query has been read.
        main: the part that holds the picture.
        others: further parts.
        work: what is done, in a thread, with parts whose heads have been checked.
        finish: makes the answer; whoever it gives the place to gives it back.
        unpack: takes the pictures out of what was sent, where it holds more than these; in the
            same thread.
        formats: further types that a body may have; `unpack` finds it as the part `main`.
        enlarges: whether the result may have more pixels than the picture; asked after `unpack`.

    Raises:
        Refusal: it is not done.
        GoneError: nobody waits.
    """
    service = service_of(request)
    if service.stopping:
        raise Refusal(503, "stopping", "the service is shutting down; try again later")
    place = service.line.enter()
    try:
        made = await _made(request, service, place, main, others, work, unpack, formats, enlarges)
        return finish(made, place)
    except BaseException:
        place.leave()
        raise


async def _made(
    request: Request,
    service: Service,
    place: Place,
    main: str,
    others: Collection[str],
    work: Work,
    unpack: Unpack,
    formats: Collection[str],
    enlarges: Callable[[], bool],
) -> Made:
    settings = service.settings
    allowance = Allowance(settings.max_bytes, settings.body_s, place.hold, formats)
    sent = await read_parts(request, main, others, allowance)
    waited = time.perf_counter()

    def in_thread() -> Made:
        parts = unpack(request, sent)
        pixels = check_all(parts, main, settings.most_pixels)
        if enlarges():
            pixels = max(pixels, settings.max_megapixels)
        with service.room.for_one(pixels):
            tasks.go_on()  # it may have waited for long
            stages = Stages({"queue": time.perf_counter() - waited})
            return work(parts, stages)

    if await request.is_disconnected():  # `gone` is first asked when a thread may have begun
        raise GoneError
    made = await place.run(in_thread, gone(request))
    service.line.took(sum(made.stages.seconds.values()) - made.stages.seconds["queue"])
    service.measures.stages(made.stages.seconds)
    request.state.facts = {"result": list(made.size[::-1]), "person": made.person_found}
    return made


async def gone(request: Request) -> None:
    """Returns when the connection was closed."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return
