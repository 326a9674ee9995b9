"""What the service says when it will not or cannot: a status, a code, one line for a person."""

from __future__ import annotations

import re
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from humatte.errors import (
    HumatteError,
    NetworkError,
    PictureError,
    TooLargeError,
    UsageError,
    VideoError,
    one_line,
)

# How the library's errors are answered; the first that fits.
_KINDS: tuple[tuple[type[HumatteError], int, str], ...] = (
    (TooLargeError, 413, "picture_too_large"),
    (UsageError, 400, "bad_option"),
    (PictureError, 400, "bad_picture"),
    (VideoError, 400, "bad_video"),
    (NetworkError, 500, "network_failed"),
    (HumatteError, 400, "failed"),
)
_HTTP = {404: "not_found", 405: "method_not_allowed"}
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
_BROKEN = "something in the service failed; it is logged with this answer's X-Request-Id"


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP's.
        code: for programs.
        message: for a person: what was found, what was expected, what to do.
        headers: further ones.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        # Half a surrogate pair, which JSON's escapes can hold, would stop the answer itself.
        message = message.encode("utf-8", "replace").decode()
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}


class GoneError(Exception):
    """Whoever asked has closed the connection: there is nobody to answer."""


def refusal_of(error: Exception) -> Refusal:
    """Any error as it is answered. What was not raised on purpose is not told to the caller."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, HumatteError):
        status, code = next((s, c) for kind, s, c in _KINDS if isinstance(error, kind))
        return Refusal(status, code, in_queries(one_line(error)))
    if isinstance(error, RequestValidationError):
        return Refusal(400, "bad_option", _options_line(error))
    if isinstance(error, HTTPException):
        code = _HTTP.get(error.status_code, "refused")
        words = f"{error.detail}; see /openapi.json for what there is"
        return Refusal(error.status_code, code, words, dict(error.headers or {}))
    return Refusal(500, "internal", _BROKEN)


def in_queries(message: str) -> str:
    """A message of the command line in the words of a query: `--id-photo` is `id_photo` there."""
    return _OPTION.sub(lambda match: match[1].replace("-", "_"), message)


def _options_line(error: RequestValidationError) -> str:
    """The first wrong option, without repeating what may be a megabyte long."""
    found: dict[str, Any] = dict(error.errors()[0])
    name = str(found["loc"][-1])[:40]
    if found["type"] == "extra_forbidden":
        return f"unknown option '{name}'; see /openapi.json for those there are"
    return f"{name}: {str(found['msg']).lower()[:120]}; see /openapi.json"


def answer(refusal: Refusal) -> JSONResponse:
    """The refusal as JSON."""
    body = {"error": {"code": refusal.code, "message": refusal.message}}
    return JSONResponse(body, refusal.status, refusal.headers)
