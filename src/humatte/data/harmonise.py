"""A person's colours brought closer to another scene's light, within limits.

In: the person's colours, the photo they come from, the scene they go into. Out: the colours, as if
the scene's light had fallen on them. Never touches alpha, and knows nothing of where light is from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Image, resize, to_bytes
from humatte.errors import UsageError
from humatte.prepare import fitted_size

# A whole transfer (strength 1) changes no more than this. Means of pictures say little of their
# light: a white wall is no lamp, and a dark coat no night.
_MOST_EXPOSURE = 1.0  # stops, powers of two of the light
_MOST_TINT = 0.2  # stops of one channel against the mean of all
_MOST_CONTRAST = 1.3  # factor, and its inverse
_DARK = 0.01  # of full light: below, differences are noise
_SEEN_PX = 128  # long side at which light is measured
_ONE_TONE = (
    2.5  # in bytes: colours that deviate less (RMS) from a curve are tones of black and white
)

Tones = NDArray[np.uint8]
"""A colour (256, 3) for each gray."""


@dataclass(frozen=True)
class Light:
    """The light of a picture: per channel the mean, over all channels the spread, in stops."""

    mean: tuple[float, float, float]
    spread: float


def light_of(image: Image) -> Light:
    """Measures mean and spread of the logarithm of an image's (H, W, 3) linear light."""
    size = (image.shape[0], image.shape[1])
    small = resize(image, fitted_size(size, min(_SEEN_PX, max(size))))
    stops = np.log2(_LINEAR[small] + _DARK).reshape(-1, 3)
    mean = stops.mean(axis=0)
    return Light((float(mean[0]), float(mean[1]), float(mean[2])), float(stops.mean(axis=1).std()))


def harmonise(foreground: Image, old: Light, new: Light, strength: float) -> Image:
    """Colours of a person from a photo with light `old`, brought closer to the light `new`.

    Args:
        foreground: (H, W, 3) uint8, straight colours.
        old: of the whole photo that the person is from: of the person alone it would be skin and
            clothes, not light.
        new: of the scene.
        strength: 0 = nothing, 1 = the whole difference, but never more than one stop of exposure,
            0.2 stops of tint and a third of contrast.

    Returns:
        (H, W, 3) uint8. Black stays black; no colour gets clipped.

    Raises:
        UsageError: a strength outside of [0, 1].

    Source: E. Reinhard, M. Ashikhmin, B. Gooch, P. Shirley, "Color Transfer between Images", IEEE
    CG&A 2001: means and deviations of logarithmic colours; limits and shoulder are ours.
    """
    if not 0 <= strength <= 1:
        raise UsageError(f"the strength of harmonising is {strength}; expected 0 to 1")
    if strength == 0:
        return foreground
    curves = np.stack([_curve(old, new, strength, channel) for channel in range(3)], axis=1)
    return np.asarray(cv2.LUT(foreground, to_bytes(_encoded(curves))[None]))


def _curve(old: Light, new: Light, strength: float, channel: int) -> NDArray[np.float64]:
    """What becomes of each of the 256 values of a channel, in linear light."""
    shift = np.subtract(new.mean, old.mean)
    exposure = np.clip(shift.mean(), -_MOST_EXPOSURE, _MOST_EXPOSURE)
    tint = np.clip(shift[channel] - shift.mean(), -_MOST_TINT, _MOST_TINT)
    ratio = (new.spread + _DARK) / (old.spread + _DARK)
    contrast = np.clip(ratio, 1 / _MOST_CONTRAST, _MOST_CONTRAST) ** strength
    pivot = np.mean(old.mean)
    stops = pivot + contrast * (np.log2(_LINEAR + _DARK) - pivot)
    light = np.clip(2.0**stops - 2.0 ** stops[0], 0, None)
    light *= min(1.0, 1.0 / light[-1]) if contrast > 1 else 1.0
    gain = 2.0 ** (strength * (exposure + tint))
    # More light, as film takes it: a slope of `gain` at black, and white at white.
    return np.asarray(gain * light / (1 + max(0.0, gain - 1) * light))


def tones_of(image: Image) -> Tones | None:
    """The colour (256, 3) of each gray in a photo in black and white, toned or not; else None."""
    size = (image.shape[0], image.shape[1])
    small = resize(image, fitted_size(size, min(_SEEN_PX, max(size)))).reshape(-1, 3)
    gray = cv2.cvtColor(small[None], cv2.COLOR_RGB2GRAY)[0].astype(np.intp)
    powers = (np.arange(256)[:, None] / 255) ** np.arange(3)  # a parabola for each channel
    fit = np.linalg.lstsq(powers[gray], small.astype(np.float64), rcond=None)[0]
    tones = powers @ fit
    if math.sqrt(np.square(tones[gray] - small).mean()) > _ONE_TONE:
        return None
    return to_bytes((tones / 255).astype(np.float32))


def in_tones(image: Image, tones: Tones) -> Image:
    """An image (H, W, 3) in black and white, with the tones of another."""
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.LUT(gray, tones[None]))


def _encoded(light: NDArray[np.float64]) -> NDArray[np.float32]:
    """Linear light to sRGB values in [0, 1] (IEC 61966-2-1)."""
    curved = 1.055 * np.clip(light, 0.0031308, 1) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, curved).astype(np.float32)


def _linear() -> NDArray[np.float64]:
    values = np.arange(256) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


_LINEAR = _linear()
