"""From a stored picture to a training sample of a given size, varied at random.

In: stores, an index, a size, a random generator. Out: image (h, w, 3) and alpha (h, w), both
uint8. Geometry moves picture and alpha alike; colour never touches alpha; everything random comes
from the generator that is passed in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from humatte.arrays import Size, to_bytes, to_float
from humatte.composite import over
from humatte.data.geometry import Bytes, placing, warp
from humatte.train.patterns import draw_blob, draw_pattern
from humatte.train.recipe import AugmentPart
from humatte.train.samples import Sample, Store

# A picture whose proportions differ by more than this from the wanted size would lose a head or
# gain wide bars; it gets a new background instead, where a recipe has such at all.
_MAX_ASPECT_RATIO = 1.4
_CUTOUT_SHARE = 0.7  # of the things are cut-outs, where there are any; the others are drawn blobs


@dataclass(frozen=True)
class Sources:
    """What samples are made of. Without `backgrounds`, new backgrounds are drawn patterns."""

    people: Store
    backgrounds: Store | None
    things: Store | None = None


def make_sample(
    sources: Sources, index: int, size: Size, options: AugmentPart, rng: Generator
) -> tuple[Bytes, Bytes]:
    """One varied sample: image (h, w, 3) and alpha (h, w), uint8, of the given size."""
    kind, replace = rng.random(), options.replace_background
    sample = sources.people[index]
    if kind < options.empty:
        image, alpha = _background(sources, size, options, rng), np.zeros(size, np.uint8)
    elif kind < options.empty + replace or (replace and _misfit(sample, size)):
        image, alpha = _replaced(sources, index, size, options, rng)
    else:
        image, alpha = _reframe(sample, size, options, rng)
    if rng.random() < 0.5:
        image, alpha = image[:, ::-1], alpha[:, ::-1]
    return camera(np.ascontiguousarray(image), options, rng), np.ascontiguousarray(alpha)


def _misfit(sample: Sample, size: Size) -> bool:
    height, width = sample.alpha.shape
    return abs(math.log(height / width * size[1] / size[0])) > math.log(_MAX_ASPECT_RATIO)


def _reframe(
    sample: Sample, size: Size, options: AugmentPart, rng: Generator
) -> tuple[Bytes, Bytes]:
    """The picture itself, moved, turned and scaled; its edge is repeated where it ends."""
    height, width = sample.alpha.shape
    fits = min(size[0] / height, size[1] / width)
    covers = max(size[0] / height, size[1] / width)
    scale = (
        covers * _between(*options.crop, rng) if rng.random() < 0.7 else _between(fits, covers, rng)
    )
    top = rng.uniform(*sorted((0.0, size[0] - scale * height)))
    left = rng.uniform(*sorted((0.0, size[1] - scale * width)))
    turn = rng.normal(0, options.rotate_degrees)
    matrix = placing(sample.alpha.shape, scale, turn, top, left)
    image = warp(sample.image, matrix, scale, size, cv2.BORDER_REPLICATE)
    return image, warp(sample.alpha, matrix, scale, size, cv2.BORDER_REPLICATE)


def _replaced(
    sources: Sources, index: int, size: Size, options: AugmentPart, rng: Generator
) -> tuple[Bytes, Bytes]:
    """One person or several over another background."""
    image = _background(sources, size, options, rng)
    alpha = np.zeros(size, np.float32)
    people = [index]
    if rng.random() < options.group:
        more = int(rng.integers(1, options.people))
        people = [*(int(one) for one in rng.integers(len(sources.people), size=more)), index]
    for person in people:
        foreground, matte = _placed_person(sources.people, person, size, options, rng)
        if rng.random() < 0.5:
            foreground = colour(foreground, rng, strength=0.6)
        image = over(foreground, matte, image)
        alpha = alpha + matte - alpha * matte  # alpha of one layer over another
    if rng.random() < options.occluder:
        thing, blob = colour(_scene(sources, size, options, rng), rng), draw_blob(size, rng)
        image, alpha = over(thing, blob, image), alpha * (1 - blob)
    return image, to_bytes(alpha)


def _placed_person(
    people: Store, index: int, size: Size, options: AugmentPart, rng: Generator
) -> tuple[Bytes, NDArray[np.float32]]:
    """A person's straight colours and alpha, placed in a frame."""
    sample = people[index]
    _, left_box, bottom_box, right_box = (int(side) for side in people.box[index])
    height, width = sample.alpha.shape
    scale = min(size[0] / height, size[1] / width) * _between(*options.scale, rng)
    if bottom_box >= height - 2:
        # Cut off by the photo's lower edge: must stay at or below the frame's, or bodies float.
        top = size[0] - scale * height + rng.random() * max(0.0, scale * height - size[0])
    else:
        top = rng.uniform(*sorted((-0.05 * size[0], 1.05 * size[0] - scale * height)))
    centre = scale * (left_box + right_box) / 2
    left = size[1] * np.clip(rng.normal(0.5, 0.2), 0.0, 1.0) - centre
    turn = rng.normal(0, options.rotate_degrees / 2)
    matrix = placing(sample.alpha.shape, scale, turn, float(top), float(left))
    matte = warp(sample.alpha, matrix, scale, size, cv2.BORDER_CONSTANT)
    foreground = warp(sample.foreground, matrix, scale, size, cv2.BORDER_REPLICATE)
    return foreground, to_float(matte)


def _background(sources: Sources, size: Size, options: AugmentPart, rng: Generator) -> Bytes:
    """A random background, before which there may be a thing that is not a person."""
    image = _scene(sources, size, options, rng)
    if rng.random() < options.thing:
        for _ in range(int(rng.integers(1, 4))):
            if sources.things is not None and rng.random() < _CUTOUT_SHARE:
                thing, matte = _placed_thing(sources.things, size, rng)
            else:
                thing, matte = _scene(sources, size, options, rng), draw_blob(size, rng)
            image = over(colour(thing, rng), matte, image)
    return image


def _placed_thing(things: Store, size: Size, rng: Generator) -> tuple[Bytes, NDArray[np.float32]]:
    """The straight colours and alpha of a thing somewhere in a frame, of any size."""
    sample = things[int(rng.integers(len(things)))]
    height, width = sample.alpha.shape
    scale = min(size[0] / height, size[1] / width) * _between(0.2, 2.0, rng)
    top, left = (
        float(rng.uniform(0, 1) * side - scale * own / 2)
        for side, own in zip(size, (height, width), strict=True)
    )
    matrix = placing((height, width), scale, float(rng.normal(0, 15)), top, left)
    matte = warp(sample.alpha, matrix, scale, size, cv2.BORDER_CONSTANT)
    thing = warp(sample.foreground, matrix, scale, size, cv2.BORDER_REPLICATE)
    if rng.random() < 0.5:
        thing, matte = thing[:, ::-1], matte[:, ::-1]
    return np.ascontiguousarray(thing), to_float(np.ascontiguousarray(matte))


def _scene(sources: Sources, size: Size, options: AugmentPart, rng: Generator) -> Bytes:
    """A window of a random background, mirrored or blurred at random, or a drawn pattern."""
    if sources.backgrounds is None or rng.random() < options.drawn:
        return draw_pattern(size, rng)
    image = sources.backgrounds[int(rng.integers(len(sources.backgrounds)))].image
    height, width = image.shape[:2]
    scale = max(size[0] / height, size[1] / width) * _between(*options.zoom, rng)
    top = rng.uniform(min(0.0, size[0] - scale * height), 0)  # by rounding it may be above
    left = rng.uniform(min(0.0, size[1] - scale * width), 0)
    matrix = placing((height, width), scale, 0, top, left)
    image = warp(image, matrix, scale, size, cv2.BORDER_REFLECT)
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
    if rng.random() < 0.3:  # shallow depth of field
        image = cv2.GaussianBlur(image, (0, 0), _between(0.7, 4.0, rng))
    return image


def colour(image: Bytes, rng: Generator, strength: float = 1.0) -> Bytes:
    """Another exposure, contrast, gamma, saturation and white balance."""
    saturation = 1 + strength * rng.uniform(-0.6, 0.4)
    gray = np.full((3, 3), 1 / 3)
    balance = np.diag(np.exp(strength * rng.normal(0, 0.1, 3)))
    matrix = balance @ (saturation * np.eye(3) + (1 - saturation) * gray)
    image = cv2.transform(image, matrix.astype(np.float32))
    exposure = math.exp(strength * rng.normal(0, 0.25))
    gamma = math.exp(strength * rng.normal(0, 0.2))
    contrast = 1 + strength * rng.uniform(-0.3, 0.3)
    levels = np.linspace(0, 1, 256, dtype=np.float32)
    levels = ((levels**gamma - 0.5) * contrast + 0.5) * exposure
    return np.asarray(cv2.LUT(image, to_bytes(levels)))


def low_light(image: Bytes, rng: Generator) -> Bytes:
    """A picture taken with a fraction of the light it needs, brightened afterwards or not."""
    light = _between(0.06, 0.5, rng)
    brighter = light ** -rng.uniform(0, 0.9)
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(_between(1, 6, rng))
    image = cv2.addWeighted(image, light, noise, 1, 0, dtype=cv2.CV_8U)
    return np.asarray(cv2.convertScaleAbs(image, alpha=brighter))


def camera(image: Bytes, options: AugmentPart, rng: Generator) -> Bytes:
    """What a camera and a file do to a picture: colour, blur, noise, compression."""
    if rng.random() < options.colour:
        image = colour(image, rng)
    if rng.random() < options.dark:
        image = low_light(image, rng)
    if rng.random() < options.gray:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < options.blur:
        image = cv2.GaussianBlur(image, (0, 0), _between(0.4, 1.6, rng))
    if rng.random() < options.noise:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(_between(1, 14, rng))
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    if rng.random() < options.jpeg:
        quality = int(rng.integers(25, 90))
        _, packed = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
        # The codec calls its channels blue first; read back the same way, RGB stays RGB.
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return np.asarray(image)


def _between(low: float, high: float, rng: Generator) -> float:
    """A number whose logarithm is uniform."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))
