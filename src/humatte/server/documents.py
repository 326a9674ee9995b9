"""What the OpenAPI document says beside what FastAPI finds out: bodies, answers, examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.requests import Request

from humatte.server.refusals import Refusal

_WHY = {
    400: "an option, or the body, that cannot be used",
    401: "no token, or a wrong one",
    403: "asked by a page of another origin",
    404: "there is no such thing",
    408: "the body came too slowly",
    409: "not finished yet",
    413: "too many bytes or pixels",
    415: "not a picture (or clip)",
    421: "asked by another name than this machine's own",
    429: "no room; Retry-After says when to come again",
    500: "the service failed; it is logged",
    503: "shutting down, or not ready",
    504: "took too long",
}
_EVERYWHERE = (400, 401, 403, 421)
Answers = dict[int | str, dict[str, Any]]
_BINARY = {"type": "string", "format": "binary"}


class ErrorWords(BaseModel):
    """An error: a code for programs, a line for people."""

    code: str
    message: str


class ErrorAnswer(BaseModel):
    """How every error is answered."""

    error: ErrorWords


def answers(good: Answers, *statuses: int) -> Answers:
    """The answers of a route: the good ones, and by their statuses those that are errors."""
    return good | refusals(*statuses)


def refusals(*statuses: int) -> Answers:
    """The answers of a route that are errors, in our shape."""
    example = {"error": {"code": "bad_option", "message": "unknown option 'colour'; …"}}
    return {
        status: {
            "model": ErrorAnswer,
            "description": _WHY[status],
            "content": {"application/json": {"example": example}},
        }
        for status in sorted({*statuses, *_EVERYWHERE})
    }


def picture_body(main: str, others: Collection[str]) -> dict[str, Any]:
    """A body that is a picture, or a form with it."""
    return _body("image/*", main, others)


def clip_body(main: str) -> dict[str, Any]:
    """A body that is a clip, or a form with it."""
    return _body("video/*", main, ())


def _body(kind: str, main: str, others: Collection[str]) -> dict[str, Any]:
    form = {
        "type": "object",
        "required": [main],
        "additionalProperties": False,
        "properties": {name: dict(_BINARY) for name in (main, *others)},
    }
    content = {
        kind: {"schema": _BINARY},
        "application/octet-stream": {"schema": _BINARY},
        "multipart/form-data": {"schema": form},
    }
    return {"requestBody": {"required": True, "content": content}}


def _text(words: str) -> dict[str, Any]:
    return {"description": words, "schema": {"type": "string"}}


FILE_ANSWER: dict[str, Any] = {
    "description": "The finished file.",
    "content": {
        kind: {"schema": _BINARY}
        for kind in ("image/png", "image/webp", "image/jpeg", "image/tiff", "image/avif")
    },
    "headers": {
        "X-Humatte-Person": {
            "description": "whether a person was found",
            "schema": {"type": "string", "enum": ["yes", "no"]},
        },
        "X-Humatte-Warning": _text("a line for a person, percent-encoded UTF-8; may come often"),
        "Server-Timing": _text("milliseconds of queue, decode, matte, finish, encode"),
    },
}


def once(request: Request) -> None:
    """Refuses an option that is given twice: one of them would be ignored.

    Raises:
        Refusal: with its name.
    """
    counts = Counter(name for name, _ in request.query_params.multi_items())
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice is not None:
        raise Refusal(400, "bad_option", f"the option '{twice[:40]}' comes twice; give it once")


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; made once."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
        )
        for operations in found["paths"].values():
            for operation in operations.values():
                # Options that cannot be read are answered 400, in our words.
                operation["responses"].pop("422", None)
        schemas = found["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        found["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
        }
        found["security"] = [{}, {"token": []}]
        app.openapi_schema = found
    return app.openapi_schema
