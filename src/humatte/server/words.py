"""The options of a request: the CLI's names as query parameters, to the library's options.

What needs a path on the command line (a background picture, hints, a network of one's own) comes
as a part of the body here, or not at all: no word of a request is looked up on the disk.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from humatte.composite import Background, picture_background, plain_background
from humatte.errors import UsageError
from humatte.framing import Framing
from humatte.image_io import check_channels, output_format
from humatte.options import Options, parse_options

_PICTURE = "picture"
_STAND_IN = "black"  # for a background picture that is read later: it is as opaque
_ALONE = {"": True, "yes": True, "true": True, "no": False, "false": False}


def _word(what: str, *examples: str) -> object:
    return Field(default=None, max_length=200, description=what, examples=list(examples))


Text = str | None


class MatteWords(BaseModel):
    """Options of `POST /v1/alpha`, as of `humatte cutout --alpha`."""

    model_config = ConfigDict(extra="forbid")

    person: Annotated[
        Text, _word("all, largest, at X,Y or box LEFT,TOP,RIGHT,BOTTOM", "largest")
    ] = None
    refine: Annotated[Text, _word("off, fast or detail; detail unless given", "fast")] = None
    model: Annotated[Text, _word("a network of GET /v1/models", "dawn")] = None
    crop: Annotated[Text, _word("empty or a margin, as 10% or 20: crop to the person", "10%")] = (
        None
    )
    aspect: Annotated[Text, _word("of the crop", "1:1")] = None
    pad: Annotated[Text, _word("1 to 4 lengths in the order of CSS", "5%")] = None
    size: Annotated[Text, _word("1200x800, 1200x, x800, or the longer side", "1024")] = None

    @property
    def enlarges(self) -> bool:
        """Whether the result may have more pixels than the picture."""
        return any(word is not None for word in (self.crop, self.pad, self.size))

    def framed(self) -> dict[str, str | bool | None]:
        """What `parse_options` takes of these."""
        names = ("person", "refine", "aspect", "pad", "size")
        return {name: getattr(self, name) for name in names} | {"crop": alone(self.crop)}


class CutoutWords(MatteWords):
    """Options of `POST /v1/cutout`, as of `humatte cutout`."""

    background: Annotated[
        Text,
        _word(
            "none, blur[:radius], gray, black, green, a colour name or #rrggbb; picture with a "
            "part background_image",
            "blur",
            "#336699",
        ),
    ] = None
    fit: Annotated[Text, _word("of background_image: cover, contain or tile", "contain")] = None
    id_photo: Annotated[Text, _word("a format, as 35x45mm or 2x2in", "35x45mm")] = None
    dpi: Annotated[float | None, Field(description="written into the file", examples=[300])] = None
    shadow: Annotated[Text, _word("empty, or x=…,y=…,blur=…,opacity=…,colour=…", "opacity=40%")] = (
        None
    )
    outline: Annotated[Text, _word("WIDTH or WIDTH:COLOUR", "8:white")] = None
    premultiplied: Annotated[bool, Field(description="colours multiplied by alpha")] = False
    format: Annotated[Text, _word("png, webp, jpg, tiff or avif; png unless given", "webp")] = None

    @property
    def enlarges(self) -> bool:
        """As of a matte; an id photo has its own size."""
        return super().enlarges or self.id_photo is not None


def alone(word: str | None) -> str | bool | None:
    """An option that may stand alone: `?crop` is `?crop=yes`."""
    return _ALONE.get(word.lower(), word) if word is not None else None


def matte_options(words: MatteWords, most_pixels: int) -> Options:
    """What is asked of a matte alone.

    Raises:
        UsageError: words that are none, or that contradict each other.
    """
    return within(parse_options(alpha_only=True, **words.framed()), most_pixels)  # type: ignore[arg-type]


def cutout_options(
    words: CutoutWords, background_image: bytes | None, most_pixels: int
) -> tuple[Options, str]:
    """What is asked of a cut-out, and Pillow's name of the format.

    Args:
        words: of the query.
        background_image: a picture's bytes; their head has been checked.
        most_pixels: of the result.

    Raises:
        UsageError: words that are none, or that contradict each other.
        PictureError: a background picture that cannot be read.
    """
    background = _background_word(words, background_image is not None)
    options = parse_options(
        background=background,
        id_photo=words.id_photo,
        dpi=words.dpi,
        shadow=alone(words.shadow),
        outline=words.outline,
        premultiplied=words.premultiplied,
        **words.framed(),  # type: ignore[arg-type]
    )
    if background_image is not None:
        behind = picture_background(background_image, words.fit or "cover")
        options = replace(options, background=behind)
    format_name = output_format(None, words.format)
    check_channels(format_name, options.transparent)
    return within(options, most_pixels), format_name


def _background_word(words: CutoutWords, has_image: bool) -> str | None:
    """The background in the library's words; never a path."""
    if has_image:
        if words.background not in (None, _PICTURE):
            raise UsageError("background and background_image are both given; leave one out")
        return _STAND_IN
    if words.fit is not None:
        raise UsageError("fit is for a background_image; leave it out, or send one")
    if words.background is not None:
        plain(words.background)
    return words.background


def plain(word: str) -> Background:
    """A background of words; a path is none.

    Raises:
        UsageError: another word.
    """
    found = plain_background(word)
    if found is None:
        raise UsageError(
            f"unknown background '{word[:60]}'; expected none, blur[:radius], gray, a colour name "
            "or #rrggbb; send a picture as the part background_image"
        )
    return found


def within(options: Options, most_pixels: int) -> Options:
    """The options, refusing results of more pixels.

    Raises:
        UsageError: an id photo of more pixels.
    """
    if options.id_photo and options.megapixels * 1e6 > most_pixels:
        raise UsageError(
            f"an id photo of {options.megapixels:.0f} megapixels is refused; expected at most "
            f"{most_pixels / 1e6:g}; lower dpi"
        )
    if options.framing == Framing():
        return options
    return replace(options, framing=replace(options.framing, most_pixels=most_pixels))
