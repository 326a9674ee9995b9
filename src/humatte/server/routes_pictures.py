"""`POST /v1/cutout` and `POST /v1/alpha`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from humatte.hints import KINDS
from humatte.server.answers import answered
from humatte.server.documents import FILE_ANSWER, answers, once, picture_body
from humatte.server.pictures import PARTS, Made, Stages, decode, hints_of, make
from humatte.server.service import service_of
from humatte.server.words import CutoutWords, MatteWords, cutout_options, matte_options

router = APIRouter(dependencies=[Depends(once)], tags=["pictures"])
_MAIN = "image"


@router.post(
    "/v1/cutout",
    summary="Cut the people out of a picture",
    response_class=Response,
    responses=answers({200: FILE_ANSWER}, 408, 413, 415, 429, 500, 503, 504),
    openapi_extra=picture_body(_MAIN, PARTS),
)
async def cutout(request: Request, words: Annotated[CutoutWords, Query()]) -> Response:
    """The picture is the body itself, or the part `image` of multipart/form-data.

    Further parts: `background_image`, and the hints `keep`, `drop`, `trimap`, `mask`. Everything
    left out: the person on transparency, as PNG. Of a picture that moves, the first frame.
    """
    service = service_of(request)

    def work(parts: Mapping[str, bytes], stages: Stages) -> Made:
        service.network(words.model)  # refuses its name before anything is decoded
        behind = parts.get("background_image")
        options, format_name = cutout_options(words, behind, service.settings.most_pixels)
        hints = hints_of(parts)
        picture = decode(parts[_MAIN], format_name, stages)
        return make(service, picture, options, format_name, hints, words.model, stages)

    return await answered(request, _MAIN, PARTS, work, enlarges=lambda: words.enlarges)


@router.post(
    "/v1/alpha",
    summary="The matte alone, as gray PNG",
    response_class=Response,
    responses=answers({200: FILE_ANSWER}, 408, 413, 415, 429, 500, 503, 504),
    openapi_extra=picture_body(_MAIN, KINDS),
)
async def alpha(request: Request, words: Annotated[MatteWords, Query()]) -> Response:
    """White is the person. 8 bits, or 16 of a picture that has 16 bits a channel."""
    service = service_of(request)

    def work(parts: Mapping[str, bytes], stages: Stages) -> Made:
        service.network(words.model)
        options = matte_options(words, service.settings.most_pixels)
        hints = hints_of(parts)
        picture = decode(parts[_MAIN], "PNG", stages)
        return make(service, picture, options, "PNG", hints, words.model, stages)

    return await answered(request, _MAIN, KINDS, work, enlarges=lambda: words.enlarges)
