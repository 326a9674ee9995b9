"""Mattes of MediaPipe's selfie segmenter, to be scored by `humatte evaluate`, and its time.

    npm pack @mediapipe/selfie_segmentation && tar xzf mediapipe-selfie_segmentation-*.tgz
    pip install ai-edge-litert
    python benchmarks/mediapipe_mattes.py package/selfie_segmentation.tflite --data DIR --out mattes
    humatte evaluate mattes night --data DIR

The picture is stretched to the network's 256 x 256, as MediaPipe's own graph does, and its answer
back. Nothing of it is shipped with humatte.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from humatte.arrays import resize, to_bytes, to_float
from humatte.data.layouts import find_set
from humatte.image_io import Kept, encode, read, write

PASSES = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--list", default="val.txt")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    segmenter = Interpreter(str(options.network), num_threads=options.threads)
    segmenter.allocate_tensors()
    entry, answer = segmenter.get_input_details()[0], segmenter.get_output_details()[0]
    height, width = (int(side) for side in entry["shape"][1:3])
    options.out.mkdir(parents=True, exist_ok=True)
    for pair in find_set(options.data, "people", options.list):
        image = read(pair.image).image
        segmenter.set_tensor(entry["index"], to_float(resize(image, (height, width)))[None])
        segmenter.invoke()
        small = np.clip(segmenter.get_tensor(answer["index"])[0, :, :, 0], 0, 1)
        alpha = to_bytes(resize(small, image.shape[:2]))
        write(encode(alpha, "PNG", Kept()), options.out / f"{pair.name}.png")
    times = []
    for _ in range(PASSES):
        start = time.perf_counter()
        segmenter.invoke()
        times.append((time.perf_counter() - start) * 1000)
    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    print(json.dumps({"threads": options.threads, "p50_ms": p50, "p95_ms": p95}))


if __name__ == "__main__":
    main()
