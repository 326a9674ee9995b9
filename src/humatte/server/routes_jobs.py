"""`POST /v1/video` and the jobs that it begins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from humatte.network import Network
from humatte.server import log
from humatte.server.bodies import Allowance, Memory, receive
from humatte.server.clips import Cut, VideoWords, check_clip, clip_options
from humatte.server.documents import ErrorWords, answers, clip_body, once, refusals
from humatte.server.jobs import ENDED, Job
from humatte.server.refusals import Refusal
from humatte.server.service import Service, service_of
from humatte.video_options import ClipOptions

router = APIRouter(tags=["clips"])
_MAIN = "video"
_SLOWER = 10  # a clip may take so much longer to come than a picture
_LOOK_S = 0.2
_ALIVE_S = 15.0  # proxies close what is silent for long
Name = Annotated[str, Path(max_length=64, description="as POST /v1/video gave it")]


class Begun(BaseModel):
    """A job that was begun, and where to ask for it."""

    id: str
    state: str
    status: str
    events: str
    result: str


class Status(BaseModel):
    """How far a job is."""

    id: str
    state: str
    frames_done: int
    frames_total: int | None
    frames_per_second: float | None
    seconds_left: float | None
    error: ErrorWords | None
    notices: list[str]
    expires_in_s: float | None


@router.post(
    "/v1/video",
    status_code=202,
    summary="Cut the people out of a clip, in the background",
    responses=refusals(408, 413, 415, 429, 500, 503),
    openapi_extra=clip_body(_MAIN),
    dependencies=[Depends(once)],
)
async def video(request: Request, words: Annotated[VideoWords, Query()]) -> Begun:
    """The clip is the body itself, or the part `video` of multipart/form-data."""
    service = service_of(request)
    if service.stopping:  # one that is still loading its network lets clips wait
        raise Refusal(503, "stopping", "not taking clips now; try again later")
    options, kind = clip_options(words)

    def network() -> Network:
        return service.network(words.model)

    await run_in_threadpool(network)  # refuses its name before the clip comes
    job = service.jobs.begin()
    try:
        await _received(request, service, job, options)
        service.jobs.submit(job, Cut(service.settings, options, kind, network))
    except BaseException:
        await run_in_threadpool(service.jobs.drop, job)
        raise
    at = f"/v1/jobs/{job.id}"
    return Begun(
        id=job.id, state="waiting", status=at, events=f"{at}/events", result=f"{at}/result"
    )


async def _received(request: Request, service: Service, job: Job, options: ClipOptions) -> None:
    """Writes the clip into its job's folder, and checks its head."""
    settings = service.settings
    came = Memory()
    try:
        with job.source.open("wb") as file:

            def store() -> None:
                file.write(came.whole())

            allowance = Allowance(
                settings.max_video_bytes, _SLOWER * settings.body_s, lambda _: None, store=store
            )
            await receive(request, _MAIN, (), allowance, lambda _: came)
    except OSError as error:  # the disk is full, or the folder was removed from outside
        log.failure("cannot store a clip", error)
        raise Refusal(500, "not_stored", "the clip cannot be stored; it is logged why") from error
    if job.source.stat().st_size == 0:
        raise Refusal(400, "no_video", "found no clip (0 bytes); send the file's bytes")
    await run_in_threadpool(check_clip, job, options, settings)
    if service.stopping or job.unwanted.is_set():
        raise Refusal(503, "stopping", "the service is shutting down; try again later")


@router.get("/v1/jobs/{name}", summary="How far a job is", responses=refusals(404))
async def status(request: Request, name: Name) -> Status:
    """Until it expires."""
    jobs = service_of(request).jobs
    return Status(**jobs.status(jobs.find(name)))


@router.delete("/v1/jobs/{name}", summary="Cancel a job", responses=refusals(404))
async def cancel(request: Request, name: Name) -> Status:
    """Its files go; what is running ends after the frame that it is at."""
    jobs = service_of(request).jobs
    job = jobs.find(name)
    await run_in_threadpool(jobs.cancel, job)
    return Status(**jobs.status(job))


@router.get(
    "/v1/jobs/{name}/result",
    summary="A job's file",
    response_class=Response,
    responses=answers(
        {
            200: {
                "description": "The finished clip.",
                "content": {
                    kind: {"schema": {"type": "string", "format": "binary"}}
                    for kind in ("video/webm", "video/mp4", "video/quicktime", "image/gif")
                },
            },
            206: {"description": "a range of it"},
            416: {"description": "no such range"},
        },
        404,
        409,
    ),
)
async def result(request: Request, name: Name) -> Response:
    """Can be fetched as often as wanted until it expires; ranges too."""
    job = service_of(request).jobs.find(name)
    if job.result is None:
        why = job.error["message"] if job.error else f"the job is {job.state}"
        raise Refusal(409, "not_done", f"there is no result: {why}")
    return FileResponse(job.result, media_type=job.media_type)


@router.get(
    "/v1/jobs/{name}/events",
    summary="A job's progress as server-sent events",
    response_class=Response,
    responses=answers(
        {
            200: {
                "description": "Events `progress`, then one `end`; their data is a status.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        },
        404,
    ),
)
async def events(request: Request, name: Name) -> Response:
    """Ends with the job."""
    service = service_of(request)
    job = service.jobs.find(name)
    headers = {"X-Accel-Buffering": "no"}  # nginx would keep events until there are many
    stream = _events(request, service, job)
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _events(request: Request, service: Service, job: Job) -> AsyncIterator[str]:
    told: dict[str, Any] = {}
    silent = 0.0
    while not service.stopping and not await request.is_disconnected():
        status = service.jobs.status(job)
        ended = job.state in ENDED
        news = {name: status[name] for name in ("state", "frames_done", "frames_total")}
        if ended:
            yield _event("end", status)
            return
        if news != told:
            told, silent = news, 0.0
            yield _event("progress", status)
        elif silent >= _ALIVE_S:
            silent = 0.0
            yield ": still there\n\n"
        await asyncio.sleep(_LOOK_S)
        silent += _LOOK_S
    yield _event("end", service.jobs.status(job))


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
