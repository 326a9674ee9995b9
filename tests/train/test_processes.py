"""Two processes on the CPU, through torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from gradients import step_once

from humatte.train.checkpoint import load_checkpoint

# Three processes load torch. What each of two would see is in test_loop.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

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


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "two.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def two(recipe: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left, started once: each of them loads torch, and so does torchrun."""
    out = tmp_path_factory.mktemp("two")
    script = str(Path(__file__).with_name("gradients.py"))
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script]
    answer = subprocess.run(
        [sys.executable, *words, str(recipe), str(data), str(out), "train.batch=2"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    return out


def test_two_processes_step_as_one_with_the_doubled_batch(
    two: Path, recipe: Path, data: Path, tmp_path: Path
) -> None:
    step_once(recipe, data, tmp_path, ["train.batch=4"])
    alone, together = (torch.load(f / "gradients.pt", weights_only=True) for f in (tmp_path, two))
    for name, gradient in alone.items():
        assert torch.allclose(gradient, together[name], rtol=1e-4, atol=1e-7), name


def test_torchrun_trains_to_the_end(two: Path) -> None:
    checkpoint = load_checkpoint(two / "run" / "last.pt")
    assert checkpoint.step == 2
    assert len((two / "run" / "metrics.csv").read_text().splitlines()) == 3
