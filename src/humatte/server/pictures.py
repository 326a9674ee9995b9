"""One picture: bytes in, a finished file out. Runs in a thread of the line.

Everything is checked before it is decoded: what it is, and how many pixels it has.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from humatte.arrays import Box, Size
from humatte.errors import PictureError, TooLargeError, one_line
from humatte.finish import cut_out
from humatte.hints import KINDS, NO_HINTS, Hints, read_hints
from humatte.image_io import DEEP_FORMATS, Picture, encode, head, read
from humatte.options import Options
from humatte.parts import box_of
from humatte.server import tasks
from humatte.server.refusals import Refusal
from humatte.server.service import Service

PARTS = ("background_image", *KINDS)
MIME = {
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "TIFF": "image/tiff",
    "JPEG": "image/jpeg",
}
NOBODY = "no person found (the matte is empty or almost so)"


@dataclass
class Stages:
    """How long each stage took, in seconds, in their order."""

    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def done(self, name: str) -> None:
        """Ends a stage; the next one begins. Between stages it is asked whether to go on."""
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now
        tasks.go_on()

    def header(self) -> str:
        """As the header Server-Timing has it: milliseconds."""
        return ", ".join(f"{name};dur={1000 * value:.1f}" for name, value in self.seconds.items())


@dataclass(frozen=True)
class Made:
    """A finished file, and what is known of it. No pixels: it may wait for a slow reader."""

    data: bytes
    media_type: str
    size: Size
    person_found: bool
    box: Box | None
    """Where the people are in the result; None where nobody is."""
    warnings: tuple[str, ...]
    stages: Stages


def check_head(data: bytes, what: str, most_pixels: int) -> Size:
    """The (height, width) of a picture, refusing what is none or has too many pixels.

    Raises:
        Refusal: 415 or 413.
    """
    if not data:
        raise Refusal(400, "no_picture", f"found no {what} (0 bytes); send the file's bytes")
    try:
        _, size = head(data)
    except TooLargeError as error:
        raise Refusal(413, "picture_too_large", _named(error, what)) from None
    except PictureError as error:
        raise Refusal(415, "not_a_picture", _named(error, what)) from None
    if size[0] * size[1] > most_pixels:
        raise Refusal(
            413,
            "picture_too_large",
            f"{what}: {size[1]}x{size[0]} is too large; expected at most "
            f"{most_pixels / 1e6:g} megapixels; make it smaller first",
        )
    return size


def _named(error: PictureError, what: str) -> str:
    return one_line(error).replace("the picture's bytes", what, 1)


def check_all(parts: Mapping[str, bytes], main: str, most_pixels: int) -> float:
    """Checks every picture of a request; their megapixels together.

    Raises:
        Refusal: as `check_head`; the main one is missing; together they are more than two of the
            largest.
    """
    if main not in parts:
        raise Refusal(400, "no_picture", f"found no part '{main}'; send the picture as it")
    total = 0
    for name, data in parts.items():
        height, width = check_head(data, name, most_pixels)
        total += height * width
    if total > 2 * most_pixels:
        raise Refusal(
            413,
            "picture_too_large",
            f"the pictures have {total / 1e6:.1f} megapixels together; expected at most "
            f"{2 * most_pixels / 1e6:g}; hints and backgrounds may be smaller than the picture",
        )
    return total / 1e6


def hints_of(parts: Mapping[str, bytes]) -> Hints:
    """The hints among the parts.

    Raises:
        PictureError: one cannot be read.
    """
    given = {name: parts[name] for name in KINDS if name in parts}
    return read_hints(**given) if given else NO_HINTS


def make(
    service: Service,
    picture: Picture,
    options: Options,
    format_name: str,
    hints: Hints,
    model: str | None,
    stages: Stages,
) -> Made:
    """Cuts out and encodes a picture that is read.

    Raises:
        HumatteError: it cannot be done as asked.
        StoppedError: nobody waits for it any more.
    """
    cut = cut_out(picture, service.network(model), options, hints)
    stages.seconds["matte"] = cut.seconds["matte"]
    stages.done("finish")
    # What came between is the network's.
    stages.seconds["finish"] -= cut.seconds["matte"]
    data = encode(cut.pixels, format_name, cut.kept, premultiplied=options.premultiplied)
    stages.done("encode")
    nobody = () if cut.person_found else (NOBODY,)
    return Made(
        data,
        MIME[format_name],
        (cut.pixels.shape[0], cut.pixels.shape[1]),
        cut.person_found,
        box_of(cut.alpha),
        (*nobody, *cut.warnings),
        stages,
    )


def decode(data: bytes, format_name: str, stages: Stages) -> Picture:
    """Reads a picture whose head has been checked.

    Raises:
        PictureError: it is broken.
    """
    try:
        picture = read(data, keep_deep=format_name in DEEP_FORMATS)
    except PictureError as error:
        raise PictureError(_named(error, "the picture")) from error
    stages.done("decode")
    return picture
