from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from humatte.data.layouts import find_pairs
from humatte.train.losses import Prediction
from humatte.train.samples import build_store
from humatte.train.validate import validate


def test_a_right_network_has_the_best_scores_and_no_loss(data: Path, tmp_path: Path) -> None:
    store = build_store(find_pairs(data / "people", "val.txt"), tmp_path, 64)

    def right(batch: Tensor) -> Prediction:
        alpha = torch.from_numpy(store[position.pop(0)].alpha.copy())[None, None] / 255
        return Prediction(torch.nn.functional.pad(alpha, (0, batch.shape[3] - alpha.shape[3])))

    position = [0, 1]
    scores, loss = validate(right, store, 64, 32, {"boundary": 2.0})
    assert scores == pytest.approx({"person_iou": 1.0, "miou": 1.0, "mad": 0.0}, abs=1e-3)
    assert loss == pytest.approx(0, abs=1e-6)

    def nobody(batch: Tensor) -> Prediction:
        return Prediction(torch.full_like(batch[:, :1], -0.5))

    scores, loss = validate(nobody, store, 64, 32, {"boundary": 2.0})
    assert scores["person_iou"] == 0 and 0 < scores["mad"] < 0.5 < loss
