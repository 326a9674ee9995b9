"""The example that goes the whole way, on drawn people."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn import ROOT, disc, gradient, noise
from PIL import Image

from humatte.composite import over


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_masks_to_scores(tmp_path: Path) -> None:
    for folder in ("mine/img", "mine/masks_human", "rooms"):
        (tmp_path / folder).mkdir(parents=True)
    for number in range(8):
        alpha = disc(160, 140, 40 + number, soft=4)
        person = over(
            noise(160, 140, number), np.full_like(alpha, 0.5), gradient(160, 140)[:, ::-1]
        )
        photo = over(np.ascontiguousarray(person), alpha, gradient(160, 140))
        Image.fromarray(photo).save(tmp_path / f"mine/img/p{number}.png")
        mask = ((alpha > 0.5) * 255).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / f"mine/masks_human/p{number}.png")
        Image.fromarray(noise(200, 240, 50 + number)).save(tmp_path / f"rooms/r{number}.png")
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    words = ["bash", "examples/own_pictures.sh", "mine", "rooms", "out", "24", "2"]
    words[2:5] = [str(tmp_path / word) for word in words[2:5]]
    done = subprocess.run(
        words,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PATH": tools},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("mattes.html", "check.html", "mine.onnx", "scores.html"):
        assert (tmp_path / "out" / name).stat().st_size > 1000
    assert len(list((tmp_path / "out/people/alpha").glob("*.png"))) == 8
    assert "person_iou" in done.stdout
