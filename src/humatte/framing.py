"""The part of the picture that the result shows, and its size: crop, aspect, pad, size.

In: where the person is, and what is asked for. Out: a `Frame`. A person whom the photo's edge cuts
off stays cut off by the result's edge: no margin is made there, and nothing is cut off of anybody.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from humatte.arrays import Alpha, Box, Size
from humatte.effects import Room
from humatte.errors import UsageError
from humatte.frame import MOST_PIXELS, Frame, Pads, checked
from humatte.lengths import Length, parse_lengths
from humatte.metrics import PERSON_THRESHOLD
from humatte.parts import Cuts, box_of, cut_edges


@dataclass(frozen=True)
class Wish:
    """A size that is asked for: both sides, one, or the longer one, in pixels."""

    width: int | None = None
    height: int | None = None
    long_side: int | None = None


@dataclass(frozen=True)
class Framing:
    """What is asked of the frame."""

    crop: Length | None = None
    """The margin around the person; percent of the longer side of their box."""
    aspect: float | None = None
    """Width by height of the crop."""
    pad: tuple[Length, Length, Length, Length] | None = None
    """Top, right, bottom, left, of the result; percent of its longer side."""
    size: Wish | None = None
    """Of the result, what is padded included."""
    most_pixels: int = MOST_PIXELS
    """Of the crop and of the result; more are refused."""


def parse_crop(text: str) -> Length:
    """A margin in pixels or percent.

    Raises:
        UsageError: anything else.
    """
    lengths = parse_lengths(text, "crop")
    if len(lengths) != 1:
        raise UsageError(f"crop: found '{text}'; expected one margin, as 10% or 20")
    return lengths[0]


def parse_aspect(text: str) -> float:
    """W:H or a number, as 1:1, 3:4, 0.8: width by height, from 1:20 to 20:1.

    Raises:
        UsageError: anything else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:[:/x](\d+(?:\.\d+)?))?", text.strip())
    width, height = (float(match[1]), float(match[2] or 1)) if match else (0.0, 1.0)
    if not height or not 0.05 <= width / height <= 20:
        raise UsageError(f"aspect: found '{text}'; expected WIDTH:HEIGHT, as 1:1 or 3:4")
    return width / height


def parse_pad(text: str) -> tuple[Length, Length, Length, Length]:
    """One to four lengths as in CSS: top, right, bottom, left; what is missing is as opposite.

    Raises:
        UsageError: anything else.
    """
    found = parse_lengths(text, "pad")
    if len(found) not in (1, 2, 3, 4):
        raise UsageError(f"pad: found '{text}'; expected 1 to 4 lengths: top,right,bottom,left")
    top, right, bottom, left = (found[i % len(found)] for i in (0, 1, 2, 3))
    if len(found) == 3:
        left = right
    return top, right, bottom, left


def parse_size(text: str) -> Wish:
    """WxH, Wx, xH, or the longer side alone.

    Raises:
        UsageError: anything else, or a side of 0.
    """
    match = re.fullmatch(r"([1-9]\d{0,4})?(x)?([1-9]\d{0,4})?", text.strip().lower())
    width, height = (int(match[1] or 0), int(match[3] or 0)) if match else (0, 0)
    if not match or not (width or height) or (height and not match[2]):
        raise UsageError(
            f"size: found '{text}'; expected WIDTHxHEIGHT, WIDTHx, xHEIGHT or the longer side, "
            "as 1200x800 or 1024"
        )
    if not match[2]:
        return Wish(long_side=width)
    return Wish(width or None, height or None)


@dataclass(frozen=True)
class Subject:
    """What a frame must know of a picture: its size, where people are, which edges cut them off."""

    size: Size
    box: Box | None
    cuts: Cuts

    @property
    def long_side(self) -> int:
        """Of the people's box; 0 without anybody."""
        return max(self.box.size) if self.box else 0


def look(alpha: Alpha) -> Subject:
    """The subject of a matte (H, W)."""
    size = (alpha.shape[0], alpha.shape[1])
    return Subject(size, box_of(alpha), cut_edges(alpha >= PERSON_THRESHOLD))


def frame_of(subject: Subject, asked: Framing, room: Room, *, inside: bool) -> Frame:
    """The frame of a picture.

    Args:
        subject: what is in it. Without a person the crop is left out.
        asked: what is asked for.
        room: how far effects reach beyond the person, in pixels of the picture: cropping leaves it.
        inside: keep the crop within the photo where that is possible, because its background will
            be seen.

    Raises:
        UsageError: padding that leaves no room, a crop or a result of too many pixels.
    """
    box = Box(0, 0, *subject.size)
    if asked.crop and subject.box:
        margin = asked.crop.px(subject.long_side)
        box = _cropped(subject.box, subject, Room(*(margin + side for side in room)), inside)
        if aspect := asked.aspect or _aspect_of(asked):
            box = _widened(box, aspect, subject, inside)
    return _sized(box, asked, subject.cuts)


def _cropped(person: Box, subject: Subject, margin: Room, inside: bool) -> Box:
    size, cuts = subject.size, subject.cuts
    box = Box(
        0 if cuts.top else math.floor(person.top - margin.top),
        0 if cuts.left else math.floor(person.left - margin.left),
        size[0] if cuts.bottom else math.ceil(person.bottom + margin.bottom),
        size[1] if cuts.right else math.ceil(person.right + margin.right),
    )
    if not inside:
        return box
    return Box(max(0, box.top), max(0, box.left), min(size[0], box.bottom), min(size[1], box.right))


def _aspect_of(asked: Framing) -> float | None:
    """The proportions that a full size leaves to the crop."""
    if not (asked.size and asked.size.width and asked.size.height):
        return None
    height, width = asked.size.height, asked.size.width
    top, right, bottom, left = _pads_px(asked.pad, max(height, width))
    return max(1, width - left - right) / max(1, height - top - bottom)


def _widened(box: Box, aspect: float, subject: Subject, inside: bool) -> Box:
    """A box around the box with the given proportions; it grows away from edges that cut."""
    (height, width), size, cuts = box.size, subject.size, subject.cuts
    left, right = _grown(
        (box.left, box.right), round(height * aspect), (cuts.left, cuts.right), size[1], inside
    )
    top, bottom = _grown(
        (box.top, box.bottom), round(width / aspect), (cuts.top, cuts.bottom), size[0], inside
    )
    return Box(top, left, bottom, right)


def _grown(
    ends: tuple[int, int], length: int, cut: tuple[bool, bool], whole: int, inside: bool
) -> tuple[int, int]:
    more = length - (ends[1] - ends[0])
    if more <= 0:
        return ends
    start = ends[0] - _share_before(more, cut)
    if inside and length <= whole:
        start = min(max(0, start), whole - length)
    return start, start + length


def _share_before(more: int, cut: tuple[bool, bool]) -> int:
    """How much of the added pixels comes before: none at an end that cuts the person off."""
    return more // 2 if cut[0] == cut[1] else (0 if cut[0] else more)


def _pads_px(pad: tuple[Length, Length, Length, Length] | None, whole: float) -> Pads:
    top, right, bottom, left = (round(length.px(whole)) for length in pad or (Length(0),) * 4)
    return top, right, bottom, left


def _sized(box: Box, asked: Framing, cuts: Cuts) -> Frame:
    """The frame with its size and padding."""
    inner, wish = box.size, asked.size
    if wish is None:
        return checked(Frame(box, inner, _pads_px(asked.pad, max(inner))), asked.most_pixels)
    whole = wish.long_side or max(wish.width or 0, wish.height or 0)
    top, right, bottom, left = _pads_px(asked.pad, whole)
    width = (wish.long_side or wish.width or MOST_PIXELS) - left - right
    height = (wish.long_side or wish.height or MOST_PIXELS) - top - bottom
    if min(width, height) < 1:
        raise UsageError(f"pad: nothing is left of the size {whole}; make the padding smaller")
    scale = min(height / inner[0], width / inner[1])
    inner = max(1, round(inner[0] * scale)), max(1, round(inner[1] * scale))
    if wish.width and wish.height:  # what proportions leave over, away from edges that cut
        above = _share_before(height - inner[0], (cuts.top, cuts.bottom))
        before = _share_before(width - inner[1], (cuts.left, cuts.right))
        top, bottom = top + above, bottom + height - inner[0] - above
        left, right = left + before, right + width - inner[1] - before
    return checked(Frame(box, inner, (top, right, bottom, left)), asked.most_pixels)
