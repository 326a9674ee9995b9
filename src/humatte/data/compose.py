"""People from their photos into other scenes: a new picture and its exact matte.

In: people with mattes, a picture without people, a generator. Out: a picture (H, W, 3) and its
matte (H, W), uint8. Colours never touch the matte; the same generator gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from humatte.arrays import Alpha, Image, Size, resize, to_bytes, to_float
from humatte.composite import over
from humatte.data.geometry import Bytes, person_box, placing, warp
from humatte.data.harmonise import Light, Tones, harmonise, in_tones, light_of, tones_of
from humatte.data.placement import MOST_ENLARGED, Place, Subject, frame_for, place, shrunk
from humatte.data.shadow import cast_shadow
from humatte.errors import UsageError
from humatte.foreground import estimate_foreground
from humatte.parts import cut_edges
from humatte.prepare import fitted_size

_ZOOM = 1.6  # a scene is shown whole, or a part of it, down to 1 / this of what just fills
_BLURRED_SCENE = 2.0  # scenes are enlarged no further for variety's sake
_DEFOCUS_CHANCE = 0.35  # of a scene behind a person who does not stand in it
_DEFOCUS = (0.002, 0.012)  # standard deviation, of the frame's long side
_VISIBLE, _VISIBLE_HEAD = 0.35, 0.8  # of a person who stands behind another
_HEADS = 6  # a person is about so many heads high, as far as is seen
_LEAST_WEIGHT = 1e-3  # keeps the division by alpha finite where nobody is
_TRIES = 6  # places that are tried for such a person


@dataclass(frozen=True)
class Look:
    """How pictures are composed."""

    long_side: int = 512
    """Of the new pictures, in pixels; smaller where a person would be enlarged too much."""
    harmonise: float = 0.5
    """How far a person's colours go towards the scene's light, 0 to 1."""
    shadows: bool = False
    """Whether people who stand in the scene throw a shadow."""

    def __post_init__(self) -> None:
        """Raises `UsageError` for values out of range."""
        if self.long_side < 32:
            raise UsageError(f"the long side is {self.long_side} pixels; expected 32 or more")
        if not 0 <= self.harmonise <= 1:
            raise UsageError(f"--harmonise is {self.harmonise}; expected 0 to 1")


@dataclass(frozen=True)
class Cutout:
    """A person without their background: straight colours, alpha as bytes, their photo's facts."""

    foreground: Image
    alpha: Bytes
    subject: Subject
    light: Light
    tones: Tones | None
    """What a photo in black and white makes of each gray; None of one in colour."""


def cut(image: Image, alpha: Bytes, long_side: int) -> Cutout:
    """A person out of their photo (H, W, 3) with its matte (H, W) uint8.

    Photos larger than two frames of `long_side` are made smaller first.
    """
    if max(alpha.shape) > 2 * long_side:
        size = fitted_size((alpha.shape[0], alpha.shape[1]), 2 * long_side)
        image, alpha = resize(image, size), resize(alpha, size)
    foreground = estimate_foreground(image, to_float(alpha))
    subject = Subject((alpha.shape[0], alpha.shape[1]), person_box(alpha), cut_edges(alpha > 127))
    return Cutout(foreground, alpha, subject, light_of(image), tones_of(image))


def compose(
    people: Sequence[Cutout], scene: Image, look: Look, rng: Generator
) -> tuple[Image, Bytes, list[int]]:
    """Lays people over a scene.

    Args:
        people: the first is the one whom the frame is made for; the others stand behind them, if
            there is a place where enough of them is seen.
        scene: a picture (H, W, 3) uint8 without people.
        look: how.
        rng: chooses everything else.

    Returns:
        The picture (h, w, 3) and its matte (h, w), uint8, and the positions in `people` of those
        who are in it.
    """
    people = [_mirrored(person) if rng.random() < 0.5 else person for person in people]
    frame = frame_for(people[0].subject, (scene.shape[0], scene.shape[1]), look.long_side, rng)
    frame, first = shrunk(frame, place(people[0].subject, frame, rng))
    layers = [(0, first), *_behind(people, first, frame, rng)]
    image = _scene(scene, frame, people[0], len(layers) == 1, rng)
    light, alpha = light_of(image), np.zeros(frame, np.float32)
    for index, where in reversed(layers):
        person = people[index]
        foreground, matte = _placed(person, where, frame)
        if look.shadows and not person.subject.cuts.bottom:
            feet = where.top + where.scale * person.subject.box.bottom
            image = cast_shadow(image, matte, feet, rng)
        foreground = harmonise(foreground, person.light, light, look.harmonise)
        image = over(foreground, matte, image)
        alpha = alpha + matte - alpha * matte  # of one layer over another
    return image, to_bytes(np.clip(alpha, 0, 1)), [index for index, _ in layers]


def _mirrored(person: Cutout) -> Cutout:
    subject, width = person.subject, person.alpha.shape[1]
    box = subject.box._replace(left=width - subject.box.right, right=width - subject.box.left)
    cuts = subject.cuts._replace(left=subject.cuts.right, right=subject.cuts.left)
    return Cutout(
        np.ascontiguousarray(person.foreground[:, ::-1]),
        np.ascontiguousarray(person.alpha[:, ::-1]),
        Subject(subject.size, box, cuts),
        person.light,
        person.tones,
    )


def _scene(scene: Image, frame: Size, first: Cutout, alone: bool, rng: Generator) -> Image:
    """A window of the scene that fills the frame."""
    height, width = scene.shape[:2]
    fills = max(frame[0] / height, frame[1] / width)
    zoom = min(math.exp(rng.uniform(0, math.log(_ZOOM))), max(1.0, _BLURRED_SCENE / fills))
    scale = fills * zoom
    lowest = min(0.0, frame[0] - scale * height)
    # The ground is in the lower part: who stands needs it.
    top = rng.uniform(lowest, 0) if first.subject.cuts.bottom else lowest
    left = rng.uniform(min(0.0, frame[1] - scale * width), 0)
    matrix = placing((height, width), scale, 0, top, left)
    image = warp(scene, matrix, scale, frame, cv2.BORDER_REFLECT)
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
    if alone and first.subject.cuts.bottom and rng.random() < _DEFOCUS_CHANCE:
        sigma = max(frame) * rng.uniform(*_DEFOCUS)
        image = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    if first.tones is not None:  # a black and white person in a coloured scene is seen nowhere
        image = in_tones(image, first.tones)
    return np.asarray(image)


def _behind(
    people: Sequence[Cutout], first: Place, frame: Size, rng: Generator
) -> list[tuple[int, Place]]:
    """Places for those behind the first: seen well enough, farther away, and not before them."""
    covered = _placed(people[0], first, frame)[1]
    found: list[tuple[int, Place]] = []
    for index, person in enumerate(people[1:], start=1):
        for _ in range(_TRIES if _may_stand_behind(person, people[0]) else 0):
            where = place(person.subject, frame, rng)
            if where.scale > MOST_ENLARGED or _nearer(person, where, people[0], first):
                continue
            matte = _placed(person, where, frame)[1]
            if _seen(matte, covered):
                found.append((index, where))
                covered = covered + matte - covered * matte
                break
    return found


def _may_stand_behind(person: Cutout, first: Cutout) -> bool:
    """Not who would have to fill the frame, nor a half-length portrait behind a whole figure."""
    cuts = person.subject.cuts
    fills = cuts.top or (cuts.left and cuts.right)
    closer = cuts.bottom and not first.subject.cuts.bottom
    return not fills and not closer and person.tones is None and first.tones is None


def _nearer(person: Cutout, where: Place, first: Cutout, there: Place) -> bool:
    """Whether one who is to stand behind would be the larger or the lower one."""
    boxes = person.subject.box, first.subject.box
    heights = [
        at.scale * (box.bottom - box.top) for box, at in zip(boxes, (where, there), strict=True)
    ]
    feet = [at.top + at.scale * box.bottom for box, at in zip(boxes, (where, there), strict=True)]
    alike = person.subject.cuts.bottom == first.subject.cuts.bottom
    return (alike and heights[0] > heights[1]) or (
        not person.subject.cuts.bottom and feet[0] > feet[1]
    )


def _seen(matte: Alpha, covered: Alpha) -> bool:
    """Whether enough of a person is seen past what covers them, above all of the head."""
    rows = np.flatnonzero((matte > 0.5).any(axis=1))
    if not rows.size:
        return False
    head = slice(int(rows[0]), int(rows[0]) + 1 + rows.size // _HEADS)
    return all(
        float((part * (1 - hidden)).sum()) >= share * float(part.sum())
        for part, hidden, share in (
            (matte, covered, _VISIBLE),
            (matte[head], covered[head], _VISIBLE_HEAD),
        )
    )


def _placed(person: Cutout, where: Place, frame: Size) -> tuple[Image, Alpha]:
    """Straight colours and alpha in the frame."""
    # Weighted by alpha while they are interpolated: the old background is still in the pixels
    # beside the person, and would come into the edge.
    alpha = to_float(person.alpha)[..., None]
    weighted = np.concatenate([person.foreground * alpha, alpha], axis=2)
    matrix = placing(person.subject.size, where.scale, 0, where.top, where.left)
    placed = warp(weighted, matrix, where.scale, frame, cv2.BORDER_CONSTANT)
    matte = np.clip(placed[..., 3], 0, 1)
    colours = placed[..., :3] / np.maximum(255 * matte, _LEAST_WEIGHT)[..., None]
    return to_bytes(colours), matte
