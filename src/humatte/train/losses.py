"""Losses by name. Each is a pure function of a network's outputs and the true alpha.

In: logits (N, 2, h, w) for (background, person), alpha (N, 1, h, w) in [0, 1]. Out: a scalar.
`weighted_loss` adds them with a recipe's weights and returns every term by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch.nn.functional as F
from torch import Tensor


def binary_cross_entropy(logits: Tensor, alpha: Tensor) -> Tensor:
    """Cross-entropy against the soft two-channel target (1 - alpha, alpha), as LikeUnet trains."""
    # A softmax over two channels is a sigmoid of their difference.
    return F.binary_cross_entropy_with_logits(logits[:, 1:] - logits[:, :1], alpha)


def soft_iou(logits: Tensor, alpha: Tensor) -> Tensor:
    """1 - the soft person IoU of each picture, averaged: every picture weighs the same.

    Source: the soft Jaccard loss of Rahman and Wang 2016, with a constant that makes an empty
    picture's loss small only where the prediction is empty too.
    """
    person = logits.softmax(dim=1)[:, 1:]
    smooth = 0.005 * alpha[0].numel()  # half a percent of the picture
    both = (person * alpha).sum(dim=(1, 2, 3))
    either = (person + alpha - person * alpha).sum(dim=(1, 2, 3))
    return (1 - (both + smooth) / (either + smooth)).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "binary_cross_entropy": binary_cross_entropy,
    "soft_iou": soft_iou,
}


def weighted_loss(
    weights: Mapping[str, float], logits: Tensor, alpha: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum of the named losses, and each term before weighting."""
    terms = {name: LOSSES[name](logits, alpha) for name in weights}
    total = sum(weights[name] * term for name, term in terms.items())
    assert isinstance(total, Tensor)  # a recipe has at least one loss: checked when it is read
    return total, {name: float(term.detach()) for name, term in terms.items()}
