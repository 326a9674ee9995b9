"""`POST /v1.0/removebg`: the endpoint of remove.bg's API, for programs that know it.

Its parameters, as https://www.remove.bg/api names them, are done, or refused in words: none is
left aside silently. Answers and errors have its shape.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from humatte.arrays import Size
from humatte.image_io import Picture
from humatte.server.answers import FileAnswer, answered
from humatte.server.documents import FILE_ANSWER, Answers
from humatte.server.line import Place
from humatte.server.pictures import Made, Stages, decode, make
from humatte.server.refusals import Refusal
from humatte.server.removebg_fields import (
    BASE64,
    BEHIND,
    FORM,
    JSON,
    MAIN,
    fields_of,
    sorted_out,
)
from humatte.server.removebg_words import PARAMETERS, Asked, parse, resized, roi_hints
from humatte.server.service import service_of

router = APIRouter(tags=["remove.bg"])


class ErrorLine(BaseModel):
    """One error."""

    title: str
    code: str


class ErrorsAnswer(BaseModel):
    """Errors in remove.bg's shape."""

    errors: list[ErrorLine]


_WHY = {
    400: "a parameter or picture that cannot be used, or nobody in it",
    401: "no token, or a wrong one, as X-Api-Key",
    403: "asked by a page of another origin",
    408: "the body came too slowly",
    413: "too many bytes or pixels",
    415: "not a picture",
    421: "asked by another name than this machine's own",
    429: "no room; Retry-After says when to come again",
    500: "the service failed; it is logged",
    503: "shutting down",
    504: "took too long",
}
_JSON_TOO = FILE_ANSWER["content"] | {JSON: {"schema": {"type": "object"}}}
_ANSWERS: Answers = {200: FILE_ANSWER | {"content": _JSON_TOO}}
_ANSWERS |= {status: {"model": ErrorsAnswer, "description": why} for status, why in _WHY.items()}
_FORM = {
    "type": "object",
    "properties": {
        MAIN: {"type": "string", "format": "binary"},
        BEHIND: {"type": "string", "format": "binary"},
        **{name: {"type": "string"} for name in (BASE64, *PARAMETERS)},
    },
}


@router.post(
    "/v1.0/removebg",
    summary="As remove.bg's endpoint",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": _FORM}
                for kind in (
                    "multipart/form-data",
                    JSON,
                    FORM,
                )
            },
        }
    },
)
async def removebg(request: Request) -> Response:
    """docs/serving.md lists what is done of its parameters, and what is refused."""
    if request.query_params:
        raise Refusal(
            400, "bad_parameter", "parameters in the address are not read here; send them as a form"
        )
    service, wants_json = service_of(request), _wants_json(request)
    asked: list[Asked] = []

    def unpack(request: Request, parts: dict[str, bytes]) -> dict[str, bytes]:
        pictures, fields = sorted_out(_fields_of(request, parts))
        asked.append(parse(fields, BEHIND in pictures))
        return pictures

    def work(parts: Mapping[str, bytes], stages: Stages) -> Made:
        wish = asked[0]
        options = wish.options(parts.get(BEHIND), service.settings.most_pixels)
        whole = decode(parts[MAIN], wish.format_name, stages)
        picture = resized(whole, wish.most_pixels)
        hints = roi_hints(wish.roi, _size(picture), _size(whole))
        del whole
        made = make(service, picture, options, wish.format_name, hints, None, stages)
        if not made.person_found:
            raise Refusal(400, "unknown_foreground", "no person was found in the picture")
        return _as_json(made) if wants_json else made

    def finish(made: Made, place: Place) -> Response:
        return _answer(made, place, asked[0])

    others = (BEHIND, BASE64, *PARAMETERS)
    return await answered(
        request,
        MAIN,
        others,
        work,
        finish,
        unpack,
        formats=(JSON, FORM),
        enlarges=lambda: asked[0].crop is not None,
    )


def _size(picture: Picture) -> Size:
    return picture.image.shape[0], picture.image.shape[1]


def _fields_of(request: Request, parts: dict[str, bytes]) -> dict[str, bytes]:
    """The parts of multipart; or what JSON or a plain form holds, which came as one part."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return fields_of(kind, parts.get(MAIN, b"")) if kind in (JSON, FORM) else parts


def _answer(made: Made, place: Place, asked: Asked) -> Response:
    response = FileAnswer(made, place)
    response.headers["X-Width"] = str(made.size[1])
    response.headers["X-Height"] = str(made.size[0])
    response.headers["X-Credits-Charged"] = "0"
    if asked.tells_type:
        response.headers["X-Type"] = "person"
    return response


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "").lower().split(",")
    return JSON in [part.partition(";")[0].strip() for part in accepted]


def _as_json(made: Made) -> Made:
    """The same with its file in JSON: made in a thread, as it may have tens of megabytes."""
    found: dict[str, object] = {"result_b64": base64.b64encode(made.data).decode("ascii")}
    if made.box is not None:
        height, width = made.box.size
        found |= {
            "foreground_top": made.box.top,
            "foreground_left": made.box.left,
            "foreground_width": width,
            "foreground_height": height,
        }
    return replace(made, data=json.dumps({"data": found}).encode(), media_type=JSON)


def refused(refusal: Refusal) -> JSONResponse:
    """A refusal in remove.bg's shape."""
    body = {"errors": [{"title": refusal.message, "code": refusal.code}]}
    return JSONResponse(body, refusal.status, refusal.headers)
