"""scripts/mean_of_runs.py, as it is typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from drawn import ROOT

from humatte.train.checkpoint import load_checkpoint
from humatte.train.loop import train
from humatte.train.recipe import Recipe


def test_a_mean_is_written_and_scored(small: Recipe, data: Path, tmp_path: Path) -> None:
    settings = small.model_dump(mode="json")
    settings["train"] |= {"steps": 2, "average": 0.0, "save_every": 1, "batch": 6, "lr": 0.1}
    train(Recipe.model_validate(settings), data, tmp_path / "run", tmp_path / "cache")
    epochs = [tmp_path / "run" / f"epoch_000{n}.pt" for n in (1, 2)]
    words = [*epochs, "-o", tmp_path / "mean.pt", "--data", data, "--cache", tmp_path / "cache"]
    script = ROOT / "scripts" / "mean_of_runs.py"
    answer = subprocess.run(
        [sys.executable, script, *words], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "the mean of 2 checkpoints: person_iou" in answer.stdout
    one, two, mean = (load_checkpoint(path) for path in (*epochs, tmp_path / "mean.pt"))
    kernels = [name for name, value in mean.averaged.items() if value.ndim == 4]
    for name in kernels:
        expected = (one.averaged[name] + two.averaged[name]) / 2
        assert torch.allclose(mean.averaged[name], expected, atol=1e-7), name
    assert any(not torch.equal(one.averaged[name], two.averaged[name]) for name in kernels)
    assert set(mean.scores) == {"person_iou", "miou", "mad"}
    assert mean.pictures == one.pictures
