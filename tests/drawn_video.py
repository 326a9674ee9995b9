"""Clips drawn by code, encoded by PyAV itself: what the readers and writers are tested with."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from humatte.clip import Frame

NTSC = Fraction(1001, 30000)
TICK = Fraction(1, 30000)
# Weights of red and blue in luma, by the matrix's number in ITU-T H.273.
LUMA = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def colours(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """An image (H, W, 3) of soft colours with a bar that moves to the right."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bar = np.clip(6 - np.abs(x - 8 - 6 * number), 0, 4) * 40
    planes = 40 + 120 * x / width + bar / 4, 60 + 130 * y / height, 140 - bar / 2
    return np.rint(np.stack(np.broadcast_arrays(*planes), axis=2)).astype(np.uint8)


def opacity(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Alpha (H, W) of a soft disc that moves to the right; whole bytes."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot(x - 16 - 6 * number, y - height / 2)
    return np.rint(np.clip((12 - distance) / 8 + 0.5, 0, 1) * 255).astype(np.float32) / 255


def frames(
    pts: Sequence[int], base: Fraction, size: tuple[int, int] = (48, 64), *, alpha: bool = False
) -> list[Frame]:
    """Drawn frames at these times, each as long as to the next."""
    lengths = [after - before for before, after in pairwise(pts)]
    lengths.append(lengths[-1] if lengths else 1)
    return [
        Frame(colours(n, *size), at, base, opacity(n, *size) if alpha else None, length)
        for n, (at, length) in enumerate(zip(pts, lengths, strict=True))
    ]


def tone(seconds: float, rate: int = 48000, channels: int = 2) -> np.ndarray:
    """Sound (channels, N) float32: tones that rise, so that no part is like another."""
    t = np.arange(round(seconds * rate)) / rate
    waves = [np.sin(2 * np.pi * (200 + 150 * c + 600 * t) * t) * 0.4 for c in range(channels)]
    return np.stack(waves).astype(np.float32)


def film(
    path: Path,
    shown: Sequence[Frame],
    *,
    codec: str = "libx264",
    pixels: str = "yuv444p",
    options: dict[str, str] | None = None,
    turn: int = 0,
    aspect: Fraction | None = None,
    sounds: Sequence[tuple[str, np.ndarray, float]] = (),
    metadata: dict[str, str] | None = None,
) -> Path:
    """Encodes frames, and sounds as (codec, samples (C, N) at 48 kHz, when they begin)."""
    with av.open(str(path), "w") as file:
        rate = 1 / (shown[0].seconds or NTSC)
        picture = file.add_stream(codec, rate=rate, options=options or {"crf": "4"})
        picture.height, picture.width = shown[0].size
        picture.pix_fmt = pixels
        picture.codec_context.time_base = shown[0].time_base
        if aspect:
            picture.codec_context.sample_aspect_ratio = aspect
        if turn:
            picture.set_display_rotation(turn)
        file.metadata.update(metadata or {})
        tracks = [(_track(file, name, samples), samples, at) for name, samples, at in sounds]
        made = [(float(frame.time), 0, picture, _picture(frame, pixels)) for frame in shown] + [
            entry for number, track in enumerate(tracks) for entry in _blocks(number + 1, *track)
        ]
        for _, _, stream, frame in sorted(made, key=lambda entry: entry[:2]):
            file.mux(stream.encode(frame))
        for stream in [picture, *(track[0] for track in tracks)]:
            file.mux(stream.encode(None))
    return path


def _picture(frame: Frame, pixels: str) -> av.VideoFrame:
    made = av.VideoFrame.from_ndarray(frame.rgb, "rgb24").reformat(format=pixels)
    made.pts, made.time_base, made.duration = frame.pts, frame.time_base, frame.duration
    return made


def _track(file: av.container.OutputContainer, codec: str, samples: np.ndarray) -> av.AudioStream:
    stream = file.add_stream(codec, rate=48000)
    stream.layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
    return stream


def _blocks(
    number: int, stream: av.AudioStream, samples: np.ndarray, begin: float
) -> list[tuple[float, int, av.AudioStream, av.AudioFrame]]:
    blocks = []
    for at in range(0, samples.shape[1], 960):
        part = np.ascontiguousarray(samples[:, at : at + 960])
        frame = av.AudioFrame.from_ndarray(part, "fltp", stream.layout.name)
        frame.sample_rate, frame.pts = 48000, at + round(begin * 48000)
        frame.time_base = Fraction(1, 48000)
        blocks.append((begin + at / 48000, number, stream, frame))
    return blocks


def heard(path: Path, number: int = 0) -> tuple[np.ndarray, Fraction]:
    """A file's sound stream: samples (C, N) as decoded, and when they begin, in seconds."""
    with av.open(str(path)) as file:
        decoded = list(file.decode(audio=number))
    values = [frame.to_ndarray() for frame in decoded]
    channels = decoded[0].layout.nb_channels
    if not decoded[0].format.is_planar:
        values = [value.reshape(-1, channels).T for value in values]
    return np.concatenate(values, axis=1), decoded[0].pts * decoded[0].time_base


def patches(matrix: int, *, full: bool, bits: int = 8) -> tuple[np.ndarray, list[np.ndarray]]:
    """An image (64, 64, 3) of patches of 8, and its planes Y, Cb, Cr by the equations of H.273."""
    values = np.random.default_rng(0).integers(0, 256, (8, 8, 3))
    image = values.repeat(8, 0).repeat(8, 1).astype(np.uint8)
    red, green, blue = (image[..., n] / 255 for n in range(3))
    of_red, of_blue = LUMA[matrix]
    y = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    cb, cr = (blue - y) / 2 / (1 - of_blue), (red - y) / 2 / (1 - of_red)
    step, most = 2 ** (bits - 8), 2**bits - 1
    if full:
        planes = [y * most, cb * most + 128 * step, cr * most + 128 * step]
    else:
        planes = [step * (16 + 219 * y), step * (128 + 224 * cb), step * (128 + 224 * cr)]
    return image, [np.clip(np.rint(plane), 0, most) for plane in planes]


def planes_film(
    path: Path, planes: list[np.ndarray], pixels: str, matrix: int, *, full: bool
) -> Path:
    """One frame of these planes, without loss, with its matrix and range named."""
    height, width = planes[0].shape
    made = av.VideoFrame(width, height, pixels)
    kind = np.uint8 if "le" not in pixels else np.dtype("<u2")
    for number, (plane, values) in enumerate(zip(made.planes, planes, strict=True)):
        step = 2 if number and "420" in pixels else 1
        buffer = np.frombuffer(plane, kind).reshape(plane.height, -1)
        buffer[:, : plane.width] = values[::step, ::step].astype(kind)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        made.pts = 0
        file.mux(stream.encode(made))
        file.mux(stream.encode(None))
    return path


def lag(sound: np.ndarray, begin: Fraction, samples: np.ndarray, at: float) -> tuple[int, float]:
    """By how many samples a sound comes later than `samples` that begin `at` seconds, and how
    alike the two are (1 = equal) once that is undone; looked for within 10 ms.
    """
    first = round(float(begin) * 48000)
    inner = sound[0, 3000:11000].astype(np.float64)  # codecs fade in and out
    expected = first + 3000 - round(at * 48000)
    alike = {}
    for shift in range(-480, 481):
        begins = expected - shift
        if begins >= 0 and begins + len(inner) <= samples.shape[1]:
            alike[shift] = np.corrcoef(inner, samples[0, begins : begins + len(inner)])[0, 1]
    best = max(alike, key=lambda shift: alike[shift])
    return best, float(alike[best])
