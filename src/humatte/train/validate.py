"""Scores during training: the network as users will run it, on the validation list."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from humatte.arrays import to_float
from humatte.metrics import mad, mean_iou, person_iou
from humatte.prepare import fit, restore
from humatte.train.samples import Store


def validate(alpha_of: Callable[[Tensor], Tensor], store: Store, long_side: int) -> dict[str, float]:
    """Mean person IoU, mIoU and MAD over a store, each picture fitted and restored.

    Args:
        alpha_of: a network in evaluation mode: batch (1, 3, h, w) to alpha (1, 1, h, w).
        store: pictures with mattes.
        long_side: what pictures are fitted to.
    """
    rows = []
    for position in range(len(store)):
        sample = store[position]
        batch, placement = fit(sample.image, long_side, stride=32)
        with torch.inference_mode():
            found = alpha_of(torch.from_numpy(batch)).float().cpu().numpy()
        alpha, truth = restore(found, placement), to_float(sample.alpha)
        rows.append((person_iou(alpha, truth), mean_iou(alpha, truth), mad(alpha, truth)))
    iou, both, error = np.mean(rows, axis=0)
    return {"person_iou": float(iou), "miou": float(both), "mad": float(error)}
