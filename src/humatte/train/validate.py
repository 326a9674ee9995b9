"""Scores during training: the network as users will run it, on the validation list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from humatte.arrays import Alpha, to_float
from humatte.data.sheets import Tile, contact_sheet
from humatte.image_io import Kept, encode, write
from humatte.metrics import mad, mean_iou, person_iou
from humatte.network import settle
from humatte.prepare import Placement, fit, restore
from humatte.train.losses import Prediction, Target, weighted_loss
from humatte.train.recipe import Recipe
from humatte.train.samples import Store

_SHEET_PICTURES = 24


def validate(
    predicted: Callable[[Tensor], Prediction],
    store: Store,
    long_side: int,
    stride: int,
    loss: Mapping[str, float],
) -> tuple[dict[str, float], float]:
    """Mean person IoU, mIoU and MAD over a store, each picture fitted and restored; mean loss.

    Args:
        predicted: a network in evaluation mode: what it says of a batch (1, 3, h, w).
        store: pictures with mattes.
        long_side: what pictures are fitted to.
        stride: what the padded sides are multiples of.
        loss: weights of the named losses, taken at the fitted size.
    """
    rows = []
    for position in range(len(store)):
        sample = store[position]
        batch, placement = fit(sample.image, long_side, stride)
        prediction = _on_cpu(predicted(torch.from_numpy(batch)))
        wanted, _ = fit(np.repeat(sample.alpha[..., None], 3, axis=2), long_side, stride)
        target = Target(torch.from_numpy(batch), torch.from_numpy(wanted[:, :1]))
        total, _ = weighted_loss(loss, prediction, target)
        alpha, truth = _restored(prediction, placement), to_float(sample.alpha)
        scores = (person_iou(alpha, truth), mean_iou(alpha, truth), mad(alpha, truth))
        rows.append((*scores, float(total)))
    iou, both, error, total_mean = np.mean(rows, axis=0)
    named = {"person_iou": float(iou), "miou": float(both), "mad": float(error)}
    return named, float(total_mean)


def _on_cpu(prediction: Prediction) -> Prediction:
    return Prediction._make(part if part is None else part.float().cpu() for part in prediction)


def _restored(prediction: Prediction, placement: Placement) -> Alpha:
    """The matte of the picture itself; a matting network's may leave [0, 1] while it trains."""
    return restore(settle(prediction.alpha.clamp(0.0, 1.0).numpy()), placement)


def draw_sheet(
    predicted: Callable[[Tensor], Prediction],
    store: Store,
    recipe: Recipe,
    stride: int,
    path: Path,
) -> None:
    """A PNG of some validation pictures: the photo, the true and the found person on magenta."""
    tiles = []
    for position in np.linspace(0, len(store) - 1, min(_SHEET_PICTURES, len(store))).astype(int):
        sample = store[position]
        batch, placement = fit(sample.image, recipe.network.best_long_side, stride)
        found = _restored(_on_cpu(predicted(torch.from_numpy(batch))), placement)
        alphas = [to_float(sample.alpha), found]
        tiles.append(Tile(store.names[position], np.array(sample.image), alphas))
    write(encode(contact_sheet(tiles, columns=4), "PNG", Kept()), path)
