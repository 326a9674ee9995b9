"""Frames to the 255 colours and one transparent entry that a GIF frame has.

Each frame gets a palette of its own (median cut, by FFmpeg's palettegen) and error diffusion. Alpha
becomes 0 or 1: 128/255 and more is opaque.
"""

from __future__ import annotations

from fractions import Fraction

import av
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from humatte.arrays import Size
from humatte.clip import Frame
from humatte.video_pixels import interleaved

ALPHA_THRESHOLD = 128


class Palette:
    """Frames of one size to palette frames; keeps the filters between them."""

    def __init__(self, size: Size) -> None:
        self._graph = Graph()
        entry = self._graph.add_buffer(
            width=size[1], height=size[0], format=VideoFormat("rgba"), time_base=Fraction(1, 100)
        )
        split = self._graph.add("split")
        make = self._graph.add("palettegen", "stats_mode=single:reserve_transparent=1")
        use = self._graph.add(
            "paletteuse", f"new=1:alpha_threshold={ALPHA_THRESHOLD}:dither=sierra2_4a"
        )
        out = self._graph.add("buffersink")
        entry.link_to(split)
        split.link_to(make, 0, 0)
        split.link_to(use, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(out)
        self._graph.configure()
        self._count = 0

    def __call__(self, frame: Frame) -> VideoFrame:
        """The frame in its own palette, without a time."""
        values = interleaved(frame)
        source = VideoFrame.from_ndarray(values, "rgba" if values.shape[2] == 4 else "rgb24")
        source = source.reformat(format="rgba")
        # The filters pair frames and palettes by their times.
        source.pts, source.time_base = self._count, Fraction(1, 100)
        self._count += 1
        self._graph.push(source)
        made = self._graph.pull()
        if not isinstance(made, VideoFrame):
            raise av.FFmpegError(0, "the palette filters gave no picture")
        return made
