from __future__ import annotations

import math

import pytest
import torch

from humatte.train.losses import LOSSES, binary_cross_entropy, soft_iou, weighted_loss


def logits_of(person: torch.Tensor) -> torch.Tensor:
    """Two-channel scores whose softmax gives this person probability."""
    return torch.cat((torch.log(1 - person), torch.log(person)), dim=1)


def test_cross_entropy_is_the_formula() -> None:
    person = torch.tensor([0.2, 0.5, 0.9]).reshape(1, 1, 1, 3)
    alpha = torch.tensor([0.0, 0.5, 0.7]).reshape(1, 1, 1, 3)
    expected = (
        -(
            math.log(0.8)
            + 0.5 * (math.log(0.5) + math.log(0.5))
            + 0.7 * math.log(0.9)
            + 0.3 * math.log(0.1)
        )
        / 3
    )
    assert float(binary_cross_entropy(logits_of(person), alpha)) == pytest.approx(expected)


def test_soft_iou_is_zero_when_right_and_one_when_wrong() -> None:
    alpha = torch.zeros(2, 1, 20, 20)
    alpha[:, :, :10] = 1
    sure = (alpha * 2 - 1) * 30
    right = torch.cat((-sure, sure), dim=1)
    assert float(soft_iou(right, alpha)) == pytest.approx(0, abs=1e-4)
    assert float(soft_iou(-right, alpha)) > 0.98
    empty = torch.zeros(1, 1, 20, 20)
    assert float(soft_iou(torch.cat((empty + 30, empty - 30), 1), empty)) == pytest.approx(
        0, abs=1e-4
    )


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_pulls_towards_the_truth(name: str) -> None:
    torch.manual_seed(0)
    alpha = torch.rand(2, 1, 16, 16)
    logits = torch.randn(2, 2, 16, 16, requires_grad=True)
    before = LOSSES[name](logits, alpha)
    (gradient,) = torch.autograd.grad(before, logits)
    assert torch.isfinite(gradient).all()
    assert LOSSES[name](logits - 5 * gradient, alpha) < before


def test_the_weighted_sum_names_its_terms() -> None:
    alpha, logits = torch.rand(1, 1, 8, 8), torch.randn(1, 2, 8, 8)
    total, terms = weighted_loss({"binary_cross_entropy": 1.0, "soft_iou": 0.5}, logits, alpha)
    assert set(terms) == {"binary_cross_entropy", "soft_iou"}
    assert float(total) == pytest.approx(terms["binary_cross_entropy"] + 0.5 * terms["soft_iou"])
