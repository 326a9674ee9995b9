"""A request's body, read with limits while it comes: nothing is kept on disk but a clip's file.

In: a request. Out: its parts by name, as bytes. File names and types that parts claim are ignored:
what something is, its content says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from humatte.server.refusals import GoneError, Refusal

_DRAIN_S = 3.0
_MOST_PARTS = 40
_RAW_TYPES = ("image/", "video/", "application/octet-stream")


class Sink(Protocol):
    """Takes a part's bytes as they come."""

    def write(self, data: bytes, /) -> object:
        """The next of them."""
        ...


class Memory:
    """A part that is kept in memory."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """The next bytes."""
        self._pieces.append(data)

    def whole(self) -> bytes:
        """All that came since this was last asked for."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


@dataclass(frozen=True)
class Allowance:
    """What a body may be.

    Args:
        most: bytes, all parts together.
        seconds: for all of it.
        hold: is told of every piece that is kept; refuses by raising.
        formats: types it may have beside those of files and forms.
        store: called in a thread after each piece: a disk may be slow.
    """

    most: int
    seconds: float
    hold: Callable[[int], None]
    formats: Collection[str] = ()
    store: Callable[[], None] | None = None


async def read_parts(
    request: Request, main: str, others: Collection[str], allowance: Allowance
) -> dict[str, bytes]:
    """The parts of a multipart body by name; a raw body is the part `main`.

    Raises:
        Refusal: too large, too slow, of another type, cut off, a part that is unknown or twice.
        GoneError: the connection was closed.
    """
    sinks: dict[str, Memory] = {}

    def open_part(name: str) -> Sink:
        return sinks.setdefault(name, Memory())

    await receive(request, main, others, allowance, open_part)
    return {name: sink.whole() for name, sink in sinks.items()}


async def receive(
    request: Request,
    main: str,
    others: Collection[str],
    allowance: Allowance,
    open_part: Callable[[str], Sink],
) -> None:
    """As `read_parts`, into what `open_part` gives for each name."""
    _refuse_announced(request, allowance.most)
    boundary = _boundary(request, main, allowance.formats)
    pieces = _limited(request, allowance)
    try:
        async with asyncio.timeout(allowance.seconds):
            if boundary is None:
                sink = open_part(main)
                async for piece in pieces:
                    sink.write(piece)
            else:
                await _Form([main, *others], open_part).read(pieces, boundary)
    except TimeoutError:
        raise Refusal(
            408,
            "slow_body",
            f"the body was not whole after {allowance.seconds:g} s; send it faster, or smaller",
            {"Connection": "close"},
        ) from None
    except ClientDisconnect:
        raise GoneError from None


def _refuse_announced(request: Request, most: int) -> None:
    """What says that it is too large need not be sent."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_large(int(length), most)


def _too_large(found: int | None, most: int) -> Refusal:
    what = f"a body of {found:,} bytes" if found else "the body"
    return Refusal(
        413, "body_too_large", f"{what} is too large; expected at most {most:,} bytes in all"
    )


def _boundary(request: Request, main: str, formats: Collection[str]) -> bytes | None:
    """What parts of a multipart body are divided by; None for a raw one."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == b"multipart/form-data":
        boundary = options.get(b"boundary", b"")
        if not 0 < len(boundary) <= 200:
            raise Refusal(400, "bad_body", "multipart without a usable boundary; send it anew")
        return boundary
    name = kind.decode("latin-1").lower()
    if name and not name.startswith(_RAW_TYPES) and name not in formats:
        raise Refusal(
            415,
            "wrong_type",
            f"found a body of type {name[:60]}; expected the file itself as image/…, video/… or "
            f"application/octet-stream, or multipart/form-data with a part '{main}'",
        )
    return None


async def _limited(request: Request, allowance: Allowance) -> AsyncIterator[bytes]:
    total = 0
    async for piece in request.stream():
        total += len(piece)
        if total > allowance.most:
            raise _too_large(None, allowance.most)
        allowance.hold(len(piece))
        yield piece
        if allowance.store is not None:
            await run_in_threadpool(allowance.store)


class _Form:
    """The parts of one multipart body, as they come (RFC 7578)."""

    def __init__(self, names: Collection[str], open_part: Callable[[str], Sink]) -> None:
        self._names, self._open = names, open_part
        self._seen: set[str] = set()
        self._field, self._value, self._disposition = b"", b"", b""
        self._sink: Sink | None = None
        self._whole = False

    async def read(self, pieces: AsyncIterator[bytes], boundary: bytes) -> None:
        """Reads all of them into their sinks."""
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_end": self._on_end,
            },
        )
        try:
            async for piece in pieces:
                parser.write(piece)
        except MultipartParseError as error:
            raise Refusal(
                400, "bad_body", f"the multipart body is broken ({error}); send it anew"
            ) from None
        if not self._whole:
            raise Refusal(400, "bad_body", "the multipart body ends in the middle; send it anew")

    def _begin(self) -> None:
        self._disposition, self._field, self._value, self._sink = b"", b"", b"", None

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field, self._value = b"", b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name not in self._names:
            expected = ", ".join(self._names)
            raise Refusal(400, "bad_body", f"unknown part '{name[:40]}'; expected {expected}")
        if name in self._seen or len(self._seen) >= _MOST_PARTS:
            raise Refusal(400, "bad_body", f"the part '{name}' comes twice; send it once")
        self._seen.add(name)
        self._sink = self._open(name)

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._sink is not None:
            self._sink.write(data[start:end])

    def _on_end(self) -> None:
        self._whole = True


async def drain(request: Request, most: int) -> None:
    """Takes what is left of a body and forgets it, for a moment.

    A client that still sends when the connection is closed sees a broken pipe, not the answer.
    """
    total = 0
    try:
        async with asyncio.timeout(_DRAIN_S):
            while total <= most:
                message = await request.receive()
                total += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return  # it is slower than we are patient
