"""Cut-outs with MediaPipe's selfie segmenter: a line "source<TAB>target" each on stdin."""

import os
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

SIDE = 256


def main(model: str) -> None:
    """The shortest pipeline: fit to the network's square, enlarge its mask, save as PNG."""
    interpreter = Interpreter(model_path=model, num_threads=len(os.sched_getaffinity(0)))
    interpreter.allocate_tensors()
    (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()

    def cut(picture: Image.Image) -> Image.Image:
        small = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        interpreter.set_tensor(entry["index"], small[None].astype(np.float32) / 255)
        interpreter.invoke()
        mask = interpreter.get_tensor(exit_["index"])[0, :, :, 0]
        alpha = Image.fromarray(np.rint(mask * 255).astype(np.uint8))
        picture.putalpha(alpha.resize(picture.size, Image.Resampling.BILINEAR))
        return picture

    for line in sys.stdin:
        source, target = line.rstrip("\n").split("\t")
        if target.endswith(".webm"):
            from clips import cut_clip  # noqa: PLC0415  (pictures need no PyAV)

            cut_clip(source, target, lambda rgb: np.asarray(cut(Image.fromarray(rgb))))
            continue
        with Image.open(source) as opened:
            cut(opened.convert("RGB")).save(Path(target))


if __name__ == "__main__":
    main(sys.argv[1])
