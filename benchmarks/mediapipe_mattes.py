"""Mattes of MediaPipe's selfie segmenter, to be scored by `humatte evaluate`.

    npm pack @mediapipe/selfie_segmentation && tar xzf mediapipe-selfie_segmentation-*.tgz
    pip install ai-edge-litert
    python benchmarks/mediapipe_mattes.py package/selfie_segmentation.tflite --data DIR --out mattes
    humatte evaluate mattes night --data DIR

The picture is stretched to the network's 256 x 256, as MediaPipe's own graph does, and its answer
back. Nothing of it is shipped with humatte. scoreboard.py times it beside our networks.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from humatte.arrays import Alpha, Image, resize, to_bytes, to_float
from humatte.data.layouts import find_set
from humatte.image_io import Kept, encode, read, write


class Segmenter:
    """The network in its own runtime."""

    def __init__(self, path: Path, threads: int = 2) -> None:
        self._run = Interpreter(str(path), num_threads=threads)
        self._run.allocate_tensors()
        self._entry = self._run.get_input_details()[0]
        self._answer = self._run.get_output_details()[0]
        self._size = tuple(int(side) for side in self._entry["shape"][1:3])

    def __call__(self, image: Image) -> Alpha:
        """The matte (H, W) in [0, 1] of an image (H, W, 3)."""
        small = to_float(resize(image, self._size))[None]
        self._run.set_tensor(self._entry["index"], small)
        self.run()
        alpha = np.clip(self._run.get_tensor(self._answer["index"])[0, :, :, 0], 0, 1)
        return resize(np.ascontiguousarray(alpha), image.shape[:2])

    def run(self) -> None:
        """One pass over what was last set."""
        self._run.invoke()


def main() -> None:
    """Writes a matte for every picture of the list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--list", default="val.txt")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    segmenter = Segmenter(options.network)
    for pair in find_set(options.data, "people", options.list):
        alpha = to_bytes(segmenter(read(pair.image).image))
        write(encode(alpha, "PNG", Kept()), options.out / f"{pair.name}.png")


if __name__ == "__main__":
    main()
