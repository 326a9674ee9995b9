"""Scores during training: the network as users will run it, on the validation list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from humatte.arrays import to_float
from humatte.data.sheets import Tile, contact_sheet
from humatte.image_io import Kept, encode, write
from humatte.metrics import mad, mean_iou, person_iou
from humatte.network import settle
from humatte.prepare import fit, restore
from humatte.train.recipe import Recipe
from humatte.train.samples import Store

_SHEET_PICTURES = 24


def validate(
    alpha_of: Callable[[Tensor], Tensor], store: Store, long_side: int, stride: int
) -> dict[str, float]:
    """Mean person IoU, mIoU and MAD over a store, each picture fitted and restored.

    Args:
        alpha_of: a network in evaluation mode: batch (1, 3, h, w) to alpha (1, 1, h, w).
        store: pictures with mattes.
        long_side: what pictures are fitted to.
        stride: what the padded sides are multiples of.
    """
    rows = []
    for position in range(len(store)):
        sample = store[position]
        batch, placement = fit(sample.image, long_side, stride)
        with torch.inference_mode():
            found = alpha_of(torch.from_numpy(batch)).float().cpu().numpy()
        alpha, truth = restore(settle(found), placement), to_float(sample.alpha)
        rows.append((person_iou(alpha, truth), mean_iou(alpha, truth), mad(alpha, truth)))
    iou, both, error = np.mean(rows, axis=0)
    return {"person_iou": float(iou), "miou": float(both), "mad": float(error)}


def draw_sheet(
    alpha_of: Callable[[Tensor], Tensor], store: Store, recipe: Recipe, stride: int, path: Path
) -> None:
    """A PNG of some validation pictures: the photo, the true and the found person on magenta."""
    tiles = []
    for position in np.linspace(0, len(store) - 1, min(_SHEET_PICTURES, len(store))).astype(int):
        sample = store[position]
        batch, placement = fit(sample.image, recipe.network.best_long_side, stride)
        found = alpha_of(torch.from_numpy(batch)).float().cpu().numpy()
        alphas = [to_float(sample.alpha), restore(settle(found), placement)]
        tiles.append(Tile(store.names[position], np.array(sample.image), alphas))
    write(encode(contact_sheet(tiles, columns=4), "PNG", Kept()), path)
