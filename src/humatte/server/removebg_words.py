"""remove.bg's parameters, to the library's options. What we do not do is refused, with its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from humatte.arrays import Alpha, Size, resize
from humatte.composite import picture_background
from humatte.errors import UsageError
from humatte.hints import NO_HINTS, Hints
from humatte.image_io import Picture
from humatte.lengths import parse_colour
from humatte.options import Options, parse_options
from humatte.server.refusals import Refusal
from humatte.server.words import within

PARAMETERS = (
    "image_url",
    "size",
    "type",
    "type_level",
    "format",
    "roi",
    "crop",
    "crop_margin",
    "scale",
    "position",
    "channels",
    "add_shadow",
    "shadow_type",
    "shadow_opacity",
    "semitransparency",
    "bg_color",
    "bg_image_url",
)
_MEGAPIXELS = {
    "preview": 0.25,
    "small": 0.25,
    "regular": 0.25,
    "medium": 1.5,
    "hd": 4.0,
    "4k": 10.0,
    "auto": None,
    "full": None,
    "50mp": None,
}
_FORMATS = {"auto": "", "png": "PNG", "jpg": "JPEG", "webp": "WEBP"}
_LEVELS = ("none", "1", "2", "latest")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
Roi = tuple[tuple[float, bool], ...]
"""Left, top, right, bottom; each a number, and whether it is percent."""


@dataclass(frozen=True)
class Asked:
    """What a request asks for.

    `most_pixels` is the size that a picture is reduced to first; None leaves it.
    """

    format_name: str
    most_pixels: int | None
    tells_type: bool
    roi: Roi | None
    alpha_only: bool
    background: str | None
    crop: str | None
    shadow: str | bool | None

    def options(self, bg_image: bytes | None, most_pixels: int) -> Options:
        """The library's options.

        Raises:
            UsageError: words that are none, or that contradict each other.
            PictureError: the background picture cannot be read.
        """
        options = parse_options(
            background="black" if bg_image is not None else self.background,
            alpha_only=self.alpha_only,
            crop=self.crop,
            shadow=self.shadow,
        )
        if bg_image is not None:
            options = replace(options, background=picture_background(bg_image))
        return within(options, most_pixels)


def parse(fields: Mapping[str, str], has_bg_image: bool) -> Asked:
    """Understands the parameters and checks them together.

    Raises:
        Refusal: an unknown value, or one that we do not do.
    """
    _refuse_what_is_not_done(fields)
    colour = _colour(fields.get("bg_color"))
    if colour and has_bg_image:
        raise _bad("bg_color", "given with bg_image_file", "one of them")
    alpha_only = _one_of(fields, "channels", ("rgba", "alpha")) == "alpha"
    if alpha_only and (colour or has_bg_image):
        raise _bad("channels", "alpha with a background", "rgba")
    opaque = bool(colour or has_bg_image or alpha_only)
    format_name = _FORMATS[_one_of(fields, "format", tuple(_FORMATS))]
    format_name = format_name or ("JPEG" if opaque and not alpha_only else "PNG")
    if format_name == "JPEG" and not opaque:
        colour = "white"  # what remove.bg's JPEG shows, too
    size = _one_of(fields, "size", ("auto", *_MEGAPIXELS), "auto")
    megapixels = _MEGAPIXELS[size]
    return Asked(
        format_name=format_name,
        most_pixels=None if megapixels is None else int(megapixels * 1e6),
        tells_type=_one_of(fields, "type_level", _LEVELS, "1") != "none",
        roi=_roi(fields.get("roi")),
        alpha_only=alpha_only,
        background=colour,
        crop=_crop(fields),
        shadow=None if alpha_only else _shadow(fields),
    )


def _refuse_what_is_not_done(fields: Mapping[str, str]) -> None:
    for name in ("image_url", "bg_image_url"):
        if name in fields:
            raise Refusal(
                400,
                "url_refused",
                f"{name}: this service fetches no address; send the file as "
                f"{name.replace('_url', '_file')}",
            )
    if fields.get("format", "").lower() == "zip":
        raise Refusal(400, "zip_refused", "format: zip is not made; expected png, jpg or webp")
    _one_of(fields, "type", ("auto", "person"))
    if fields.get("scale", "original").lower() != "original":
        raise _bad("scale", fields["scale"], "original; crop with crop_margin instead")
    if fields.get("position", "original").lower() != "original":
        raise _bad("position", fields["position"], "original")
    if not _truth(fields, "semitransparency", default=True):
        raise _bad("semitransparency", fields["semitransparency"], "true")


def _bad(name: str, found: str, expected: str) -> Refusal:
    return Refusal(
        400, "bad_parameter", f"{name}: found '{found[:60]}'; this service does {expected} here"
    )


def _one_of(
    fields: Mapping[str, str], name: str, known: tuple[str, ...], default: str | None = None
) -> str:
    word = fields.get(name, default or known[0]).lower()
    if word not in known:
        raise _bad(name, word, " or ".join(dict.fromkeys(known)))
    return word


def _truth(fields: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    word = fields.get(name, str(default)).lower()
    if word not in (*_TRUE, *_FALSE):
        raise _bad(name, word, "true or false")
    return word in _TRUE


def _colour(word: str | None) -> str | None:
    """A colour by name, or hexadecimal with or without #, opaque."""
    if word is None:
        return None
    plain = word.lower().removeprefix("#")
    if re.fullmatch(r"[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8}", plain):
        opacity = plain[3:] if len(plain) == 4 else plain[6:]
        if opacity.strip("f"):
            raise _bad("bg_color", word, "opaque colours")
        return f"#{plain[:3] if len(plain) == 4 else plain[:6]}"
    try:
        known = parse_colour(plain, "bg_color") is not None
    except UsageError:
        known = False
    if not known:
        raise _bad("bg_color", word, "a colour's name or hexadecimal, as 81d4fa")
    return plain


def _crop(fields: Mapping[str, str]) -> str | None:
    wanted = _truth(fields, "crop")
    margin = fields.get("crop_margin")
    if margin is not None and not wanted:
        raise _bad("crop_margin", margin, "it with crop=true only; nothing")
    if margin is not None and not re.fullmatch(r"\d{1,4}(\.\d+)?(px|%)?", margin):
        raise _bad("crop_margin", margin, "one margin for all sides, as 30px or 10%,")
    return (margin or "0") if wanted else None


def _shadow(fields: Mapping[str, str]) -> str | bool | None:
    kind = _one_of(fields, "shadow_type", ("none", "drop"))
    wanted = _truth(fields, "add_shadow") or kind == "drop"
    opacity = fields.get("shadow_opacity")
    if opacity is None:
        return wanted or None
    if not wanted:
        raise _bad("shadow_opacity", opacity, "it with add_shadow=true only; nothing")
    if not re.fullmatch(r"\d{1,3}", opacity) or int(opacity) > 100:
        raise _bad("shadow_opacity", opacity, "0 to 100")
    return f"opacity={opacity}%"


def _roi(text: str | None) -> Roi | None:
    """A rectangle, as `0% 0% 100% 100%` or in pixels."""
    if text is None:
        return None
    words = [re.fullmatch(r"(\d{1,6}(?:\.\d+)?)(px|%)?", word) for word in text.split()]
    if len(words) != 4 or None in words:
        raise _bad("roi", text, "LEFT TOP RIGHT BOTTOM in pixels or percent, as '10% 0% 90% 100%',")
    return tuple((float(word[1]), word[2] == "%") for word in words if word)


def roi_hints(roi: Roi | None, size: Size, whole: Size) -> Hints:
    """Hints that drop what is outside a rectangle.

    Args:
        roi: in pixels of the picture as it was sent.
        size: the (height, width) of the hints: those of the picture when it has been reduced.
        whole: those of the picture as it was sent.

    Raises:
        Refusal: an empty rectangle.
    """
    if roi is None:
        return NO_HINTS
    height, width = size
    sides, sent = (width, height) * 2, (whole[1], whole[0]) * 2
    left, top, right, bottom = (
        min(side, round(side * value / (100 if percent else before)))
        for (value, percent), side, before in zip(roi, sides, sent, strict=True)
    )
    if left >= right or top >= bottom:
        raise Refusal(400, "bad_parameter", "roi: nothing lies in this rectangle")
    outside = np.ones(size, np.float32)
    outside[top:bottom, left:right] = 0
    return Hints(drop=outside)


def resized(picture: Picture, most_pixels: int | None) -> Picture:
    """The picture with at most so many pixels, of 8 bits where it is made smaller."""
    height, width = picture.image.shape[:2]
    if most_pixels is None or height * width <= most_pixels:
        return picture
    scale = (most_pixels / (height * width)) ** 0.5
    size = (max(1, int(height * scale)), max(1, int(width * scale)))
    alpha: Alpha | None = None if picture.alpha is None else resize(picture.alpha, size)
    return Picture(resize(picture.image, size), alpha, picture.kept)
