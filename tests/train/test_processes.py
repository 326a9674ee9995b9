"""Two processes on the CPU, through torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

from humatte.train.checkpoint import load_checkpoint

RECIPE = """
name = "two"
[network]
name = "unet"
width = 0.0625
best_long_side = 64
[data]
workers = 0
[augment]
noise = 0
[train]
precision = "32-true"
sizes = [[64, 64]]
steps = 2
clip = 0.0
"""
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def call(words: list[str]) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr[-3000:]


def test_two_processes_step_as_one_with_the_doubled_batch(data: Path, tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(RECIPE)
    script = str(Path(__file__).with_name("gradients.py"))
    found = {}
    for name, batch, start in (("one", 4, []), ("two", 2, TORCHRUN)):
        out = tmp_path / name
        out.mkdir()
        files = [str(tmp_path / "two.toml"), str(data), str(out)]
        call([*start, script, *files, f"train.batch={batch}"])
        found[name] = torch.load(out / "gradients.pt", weights_only=True)
    for name, gradient in found["one"].items():
        assert torch.allclose(gradient, found["two"][name], rtol=1e-4, atol=1e-7), name


def test_torchrun_trains_to_the_end(data: Path, tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(RECIPE)
    words = ["humatte", "train", str(tmp_path / "two.toml"), "--data", str(data)]
    words += ["--out", str(tmp_path / "run"), "--cache", str(tmp_path / "cache")]
    call([*TORCHRUN, "-m", *words, "--set", "train.batch=2"])
    checkpoint = load_checkpoint(tmp_path / "run" / "last.pt")
    assert checkpoint.step == 2
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 3
