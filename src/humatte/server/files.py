"""Files that belong to humatte: the page, the networks. Callers name them; their paths are ours.

What there is is listed once. A request's path is looked up in that list and never becomes a path
on the disk: there is nothing to climb out of.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from humatte.server.refusals import Refusal

# Not the system's table: on Windows it is the user's, and browsers refuse scripts of other types.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}
ANY_TYPE = "application/octet-stream"
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' blob: data:; "
    "worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FRESH = "no-cache"  # kept, but asked for with its tag each time


class Page:
    """The files below a folder, by their path in it."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in _TYPES
        }

    async def answer(self, request: Request, name: str) -> Response:
        """The file of that name.

        Raises:
            Refusal: there is none.
        """
        path = self._files.get(name)
        if path is None:
            what = "this humatte has no page" if name == "index.html" else "no such file"
            raise Refusal(404, "not_found", f"{what}; see /openapi.json for what there is")
        headers = {"Content-Security-Policy": _PAGE_POLICY}
        return await sent(request, path, _TYPES[path.suffix], headers)


async def sent(
    request: Request, path: Path, media_type: str, headers: dict[str, str] | None = None
) -> Response:
    """A file that only changes with humatte, or that it has not changed since it was asked for."""
    state = path.stat()
    tag = await run_in_threadpool(_tag, path, (state.st_mtime_ns, state.st_size))
    known = {"ETag": tag, "Cache-Control": _FRESH, **(headers or {})}
    asked = [word.strip() for word in request.headers.get("if-none-match", "").split(",")]
    if tag in asked or "*" in asked:
        return Response(status_code=304, headers=known)
    return FileResponse(path, headers=known, media_type=media_type)


@cache
def _tag(path: Path, version: tuple[int, int]) -> str:
    """A strong tag: of the content. `version` tells when it has to be made anew."""
    del version
    return f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}"'
