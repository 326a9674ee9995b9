"""A clip cut out frame by frame, for peers that have pictures alone: PyAV in, VP9 with alpha out.

The encoder's settings are those of humatte's WebM; frames keep their times, there is no sound.
"""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np
from av.video.frame import VideoFrame

VP9 = {"crf": "24", "row-mt": "1", "cpu-used": "5", "deadline": "good", "tile-columns": "2"}
VP9 |= {"auto-alt-ref": "0"}


def cut_clip(source: str, target: str, cut: Callable[[np.ndarray], np.ndarray]) -> None:
    """Writes the clip; `cut` makes straight RGBA (H, W, 4) of RGB (H, W, 3), both uint8."""
    with av.open(source) as clip, av.open(target, "w", format="webm") as out:
        given = clip.streams.video[0]
        given.thread_type = "AUTO"
        stream = out.add_stream("libvpx-vp9", rate=given.average_rate, options=VP9)
        stream.width, stream.height, stream.pix_fmt = given.width, given.height, "yuva420p"
        stream.time_base = given.time_base
        for frame in clip.decode(given):
            made = VideoFrame.from_ndarray(cut(frame.to_ndarray(format="rgb24")), format="rgba")
            made.pts, made.time_base = frame.pts, frame.time_base
            out.mux(stream.encode(made.reformat(format="yuva420p")))
        out.mux(stream.encode(None))
