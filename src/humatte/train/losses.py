"""Losses by name. Each is a pure function of what a network predicts and what is true.

In: a `Prediction` and a `Target`. Out: a scalar. `weighted_loss` adds them with a recipe's weights
and returns every term by name. `NEEDS` says which part of a prediction a loss cannot do without.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humatte.metrics import PERSON_THRESHOLD

_ROOT_EPSILON = 1e-6  # SHM's: keeps the root's slope finite at 0
_DECIDED = 0.02  # a matte within this of 0 or 1 is background or person
_UNSURE_SHARE = 0.015  # how far the unsure band is grown, in long sides
_LEVELS = 5  # of the Laplacian pyramid
_BOUNDARY_WEIGHT = 4.0


class Prediction(NamedTuple):
    """What a network says of a batch. Parts that it does not have are None."""

    alpha: Tensor
    """(N, 1, h, w); a matting network's may leave [0, 1] while it trains."""
    logits: Tensor | None = None
    """(N, 2, h, w) for (background, person)."""
    trimap: Tensor | None = None
    """Logits (N, 3, h, w) for (background, unsure, person)."""


class Target(NamedTuple):
    """What is true of a batch."""

    image: Tensor
    """(N, 3, h, w) in [0, 1]."""
    alpha: Tensor
    """(N, 1, h, w) in [0, 1]; what a network's alpha is to be."""
    truth: Tensor | None = None
    """The true alpha, where `alpha` is mixed with a teacher's; None = `alpha` is true."""

    @property
    def true_alpha(self) -> Tensor:
        """(N, 1, h, w) in [0, 1]: the true matte, with and without a teacher."""
        return self.alpha if self.truth is None else self.truth

    @property
    def labels(self) -> Tensor:
        """Trimap labels (N, h, w) of the true matte: where a teacher is unsure, it is not."""
        return trimap_of(self.true_alpha)


Loss = Callable[[Prediction, Target], Tensor]


def predict(network: nn.Module, batch: Tensor, losses: Collection[str] = ()) -> Prediction:
    """Runs a network and sorts its outputs; what none of the named `losses` needs may be left out.

    SHM's first phase trains its trimap network alone: its detail network then does not run, and
    the unsure is taken for half a person.
    """
    if hasattr(network, "parts"):
        parts = network.parts(batch, detail=set(losses) != {"trimap"})  # type: ignore[operator]
        return Prediction(parts.alpha, trimap=parts.trimap)
    # Half precision would leave 1/256 between an alpha and 1: losses and scores need more.
    logits: Tensor = network.logits(batch).float()  # type: ignore[operator]
    # A softmax over two channels is a sigmoid of their difference.
    return Prediction((logits[:, 1:] - logits[:, :1]).sigmoid(), logits=logits)


def offers(network: type[nn.Module]) -> frozenset[str]:
    """Which parts of a prediction a network class gives."""
    return frozenset({"alpha", "trimap" if hasattr(network, "parts") else "logits"})


def binary_cross_entropy(prediction: Prediction, target: Target) -> Tensor:
    """Cross-entropy against the soft two-channel target (1 - alpha, alpha), as LikeUnet trains."""
    logits = prediction.logits
    assert logits is not None  # a recipe that asks for it from another network is refused
    return F.binary_cross_entropy_with_logits(logits[:, 1:] - logits[:, :1], target.alpha)


def soft_iou(prediction: Prediction, target: Target) -> Tensor:
    """1 - the soft person IoU of each picture, averaged: every picture weighs the same.

    Source: the soft Jaccard loss of Rahman and Wang 2016, with a constant that makes an empty
    picture's loss small only where the prediction is empty too.
    """
    person, alpha = prediction.alpha, target.alpha
    smooth = 0.005 * alpha[0].numel()  # half a percent of the picture
    both = (person * alpha).sum(dim=(1, 2, 3))
    either = (person + alpha - person * alpha).sum(dim=(1, 2, 3))
    return (1 - (both + smooth) / (either + smooth)).mean()


def trimap_of(alpha: Tensor) -> Tensor:
    """Labels (N, h, w), 0 background, 1 unsure, 2 person, of alpha (N, 1, h, w).

    Unsure is what is not nearly 0 or 1, grown by 1.5 % of the long side, as SHM's scripts grow
    masks by erosion and dilation.
    """
    reach = max(1, round(_UNSURE_SHARE * max(alpha.shape[2:])))

    person, background = alpha >= 1 - _DECIDED, alpha <= _DECIDED
    return (1 + _eroded(person, reach).long() - _eroded(background, reach).long())[:, 0]


def _eroded(sure: Tensor, reach: int) -> Tensor:
    """Where all of a square that reaches so far is sure; beyond the picture's edge it is.

    Windows of twice the length are two of the half: bytes and a few steps, where a pooling on
    floats took an eighth of a training step.
    """
    sure = F.pad(sure, (reach,) * 4, value=True)
    for axis in (2, 3):
        length, whole = 1, 2 * reach + 1
        while length < whole:
            shift = min(length, whole - length)
            size = sure.shape[axis] - shift
            sure = sure.narrow(axis, 0, size) & sure.narrow(axis, shift, size)
            length += shift
    return sure


def trimap(prediction: Prediction, target: Target) -> Tensor:
    """SHM's L_t: cross-entropy of the three classes. Source: Chen et al. 2018, section 4.4."""
    assert prediction.trimap is not None  # as above
    return F.cross_entropy(prediction.trimap, target.labels)


def alpha(prediction: Prediction, target: Target) -> Tensor:
    """SHM's L_alpha: mean of sqrt((alpha_p - alpha)^2 + 1e-6). Source: Chen et al. 2018, eq. 3."""
    return _root(prediction.alpha - target.alpha)


def composition(prediction: Prediction, target: Target) -> Tensor:
    """SHM's L_c: the same of alpha times the picture. Source: Chen et al. 2018, eq. 3."""
    return _root((prediction.alpha - target.alpha) * target.image)


def _root(difference: Tensor) -> Tensor:
    return torch.sqrt(difference.square() + _ROOT_EPSILON).mean()


def laplacian(prediction: Prediction, target: Target) -> Tensor:
    """Mean absolute difference of the Laplacian pyramids, each level weighted by its size.

    Source: Hou and Liu 2019, "Context-Aware Image Matting", eq. 5 (levels weighted by 2^(s-1)),
    here with means instead of sums so that the value does not depend on the picture's size.
    """
    found, wanted = prediction.alpha, target.alpha
    total = found.new_zeros(())
    for level in range(_LEVELS):
        if min(found.shape[2:]) < 4:
            break
        (found_detail, found), (wanted_detail, wanted) = _halve(found), _halve(wanted)
        total = total + 2**level * (found_detail - wanted_detail).abs().mean()
    return total / _LEVELS


def _halve(x: Tensor) -> tuple[Tensor, Tensor]:
    """What x (N, 1, h, w) loses when it is blurred and halved, and its half.

    Source: Burt and Adelson 1983, "The Laplacian Pyramid as a Compact Image Code": both ways blur
    with the same kernel. The half holds every second pixel, the first one too; an enlargement that
    takes them for the middles of pairs, as most do, is half a pixel off, and a ramp is then detail.
    """
    row = x.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = torch.outer(row, row)[None, None]
    half = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), kernel, stride=2)
    # Pixels between two others get a quarter of the kernel's weights; the padding of one pixel is
    # cut off again, with what the kernel reaches beyond it.
    more = tuple(1 - side % 2 for side in x.shape[2:])
    padded = F.pad(half, (1, 1, 1, 1), mode="replicate")
    grown = F.conv_transpose2d(padded, 4 * kernel, stride=2, padding=4, output_padding=more)
    return x - grown, half


def gradient(prediction: Prediction, target: Target) -> Tensor:
    """Mean absolute difference of the Sobel gradients of alpha.

    Source: Tang et al. 2019, "Learning-Based Sampling for Natural Image Matting", section 3.4.
    """
    side = target.alpha.new_tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]) / 8
    kernels = torch.stack((side, side.T))[:, None]
    difference = F.pad(prediction.alpha - target.alpha, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(difference, kernels).abs().mean()


def boundary(prediction: Prediction, target: Target) -> Tensor:
    """Mean absolute error in which pixels of the unsure band weigh five times the others."""
    weight = 1 + _BOUNDARY_WEIGHT * (target.labels == 1).float()[:, None]
    return (weight * (prediction.alpha - target.alpha).abs()).sum() / weight.sum()


@torch.no_grad()
def mean_iou(prediction: Prediction, target: Target) -> Tensor:
    """`humatte.metrics.mean_iou`, averaged over a batch's pictures: no loss, but a curve to see."""
    found = prediction.alpha >= PERSON_THRESHOLD
    wanted = target.true_alpha >= PERSON_THRESHOLD
    return (_iou(found, wanted) + _iou(~found, ~wanted)).mean() / 2


def _iou(found: Tensor, wanted: Tensor) -> Tensor:
    both, either = ((found & wanted).sum((1, 2, 3)), (found | wanted).sum((1, 2, 3)))
    return torch.where(either > 0, both / either, 1.0)  # 1 where neither has any


LOSSES: dict[str, Loss] = {
    "binary_cross_entropy": binary_cross_entropy,
    "soft_iou": soft_iou,
    "trimap": trimap,
    "alpha": alpha,
    "composition": composition,
    "laplacian": laplacian,
    "gradient": gradient,
    "boundary": boundary,
}
NEEDS = {"binary_cross_entropy": "logits", "trimap": "trimap"}


def weighted_loss(
    weights: Mapping[str, float], prediction: Prediction, target: Target
) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum of the named losses, and each term before weighting."""
    terms = {name: LOSSES[name](prediction, target) for name in weights}
    total = sum(weights[name] * term for name, term in terms.items())
    assert isinstance(total, Tensor)  # a recipe has at least one loss: checked when it is read
    return total, {name: float(term.detach()) for name, term in terms.items()}
