"""Decoded frames to arrays and back: colour matrix, range, bit depth, rotation.

FFmpeg's scaler converts, with the flags that make it round rather than cut off: without them it
darkens 8-bit 4:2:0 by one to two levels. Nothing here knows of files.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image, to_bytes, to_float
from humatte.clip import UNSPECIFIED, Frame

_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
# Above the 576 lines of PAL, clips that do not name their matrix are bt709, below bt601: what
# players do, and what is written here.
SD_LINES = 576
# Matrix numbers of ITU-T H.273.
BT709, BT601 = 1, 6
# 90° turns: the first two columns and rows of a display matrix, in 16.16 fixed point.
Turn = tuple[int, int, int, int]
UPRIGHT: Turn = (1, 0, 0, 1)


def matrix_of_lines(lines: int) -> int:
    """The colour matrix (ITU-T H.273) of a clip with so many lines that does not name its own."""
    return BT709 if lines > SD_LINES else BT601


def turn_of(frame: VideoFrame) -> Turn:
    """The signs of the frame's display matrix (ISO/IEC 14496-12, 6.2.2): how it is to be turned.

    Turns by other angles than right ones are taken for the nearest right one.
    """
    side_data: Any = frame.side_data  # a container of them, though its stub says a dictionary
    found = [data for data in side_data if data.type is SideDataType.DISPLAYMATRIX]
    if not found:
        return UPRIGHT
    a, b, _, c, d = struct.unpack("=9i", bytes(found[0]))[:5]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
    return (0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)


def turned(values: NDArray[Any], turn: Turn) -> NDArray[Any]:
    """The values (H, W) or (H, W, C) as they are to be seen.

    The pixel at (x, y) goes to (a x + c y, b x + d y).
    """
    a, b, c, d = turn
    if b:
        values = values.swapaxes(0, 1)
        a, d = c, b
    if a < 0:
        values = values[:, ::-1]
    if d < 0:
        values = values[::-1]
    return np.ascontiguousarray(values)


def has_alpha(frame: VideoFrame) -> bool:
    """Whether the frame's format holds transparency."""
    return frame.format.name == "pal8" or any(part.is_alpha for part in frame.format.components)


_WIDEST = Fraction(8)  # pixel, by its height, that is believed


def pixel_aspect(aspect: Fraction | None, turn: Turn) -> Fraction:
    """Width by height of an upright pixel; 1 where the file does not say, or says nonsense."""
    if not aspect or not 1 / _WIDEST <= aspect <= _WIDEST:
        return Fraction(1)
    return 1 / aspect if turn[1] else aspect


class ToArrays:
    """Decoded frames to upright arrays; keeps the scaler's tables between frames.

    Colours of 10, 12 and 16 bits are rounded to 8 (in full range half a level too bright:
    the scaler shifts there, and its way by 16-bit RGB overflows). A YUV format's alpha keeps its
    bits.
    """

    def __init__(self, turn: Turn, *, alpha: bool) -> None:
        self._turn, self._alpha = turn, alpha
        self._scaler = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> tuple[Image, Alpha | None]:
        """Image (H, W, 3), and alpha (H, W) if the clip has transparency."""
        guess = Colorspace.ITU709 if frame.height > SD_LINES else Colorspace.ITU601
        apart = frame.format.name.startswith("yuva")
        converted = self._scaler.reformat(
            frame,
            format="rgba" if self._alpha and not apart else "rgb24",
            src_colorspace=guess if frame.colorspace == UNSPECIFIED else None,
            dst_color_range=ColorRange.JPEG,
            interpolation=_EXACT,
        )
        values = turned(converted.to_ndarray(), self._turn)
        if not self._alpha:
            return values, None
        if not apart:
            return np.ascontiguousarray(values[..., :3]), to_float(values[..., 3])
        plane, most = alpha_plane(frame)
        return values, turned(plane, self._turn) * np.float32(1 / most)


def alpha_plane(frame: VideoFrame) -> tuple[NDArray[Any], int]:
    """The alpha (H, W) of a frame of a yuva format, to be read or written, and its largest value.

    The array is the frame's own memory.
    """
    plane, bits = frame.planes[3], frame.format.components[3].bits
    dtype = np.dtype(np.uint8 if bits == 8 else "<u2")
    rows = np.frombuffer(memoryview(plane), dtype).reshape(
        plane.height, plane.line_size // dtype.itemsize
    )
    return rows[:, : plane.width], 2**bits - 1


class FromArrays:
    """Arrays to frames for an encoder, in its pixel format; colours in limited range.

    Args:
        pixel_format: FFmpeg's name; formats with alpha get the frame's, or an opaque one.
        matrix: of YUV formats, 1 (bt709) or 6 (bt601).
        even: repeat the last row and column where their number is odd.
    """

    def __init__(self, pixel_format: str, matrix: int = BT601, *, even: bool = False) -> None:
        self._format, self._even = pixel_format, even
        self._space = Colorspace.ITU709 if matrix == BT709 else Colorspace.ITU601
        self._scaler = VideoReformatter()

    def __call__(self, frame: Frame) -> VideoFrame:
        """The frame, without a time."""
        if not self._format.startswith("yuv"):
            source = _from_bytes(interleaved(frame))
            return self._scaler.reformat(source, format=self._format)
        made = self._scaler.reformat(
            _from_bytes(self._sized(frame.rgb)),
            format=self._format,
            dst_colorspace=self._space,
            dst_color_range=ColorRange.MPEG,
            interpolation=_EXACT,
        )
        if frame.alpha is not None and self._format.startswith("yuva"):
            plane, most = alpha_plane(made)
            plane[:] = np.rint(self._sized(frame.alpha) * np.float32(most))
        return made

    def _sized(self, values: NDArray[Any]) -> NDArray[Any]:
        odd = [(0, side % 2) for side in values.shape[:2]] + [(0, 0)] * (values.ndim - 2)
        if self._even and sum(after for _, after in odd):
            return np.pad(values, odd, mode="edge")
        return values


def _from_bytes(values: NDArray[np.uint8]) -> VideoFrame:
    values = np.ascontiguousarray(values)
    return VideoFrame.from_ndarray(values, "rgba" if values.shape[2] == 4 else "rgb24")


def interleaved(frame: Frame) -> NDArray[np.uint8]:
    """The frame's bytes: (H, W, 4) straight RGBA if it has alpha, else (H, W, 3) RGB."""
    if frame.alpha is None:
        return np.ascontiguousarray(frame.rgb)
    return np.dstack([frame.rgb, to_bytes(frame.alpha)])
