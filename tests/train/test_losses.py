from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from drawn import disc
from torch import Tensor

from humatte.metrics import mean_iou
from humatte.train import losses
from humatte.train.losses import LOSSES, Prediction, Target, predict, trimap_of, weighted_loss
from humatte.train.nets import NETS


def sure(alpha: torch.Tensor) -> torch.Tensor:
    """Logits (N, 2, h, w) that are certain of an alpha of zeros and ones."""
    score = (alpha * 2 - 1) * 30
    return torch.cat((-score, score), dim=1)


def target_of(alpha: torch.Tensor) -> Target:
    return Target(torch.full((len(alpha), 3, *alpha.shape[2:]), 0.5), alpha)


def drawn(soft: float = 4.0) -> torch.Tensor:
    return torch.from_numpy(disc(64, 64, 20, soft))[None, None]


def test_cross_entropy_is_the_formula() -> None:
    person = torch.tensor([0.2, 0.5, 0.9]).reshape(1, 1, 1, 3)
    alpha = torch.tensor([0.0, 0.5, 0.7]).reshape(1, 1, 1, 3)
    logits = torch.cat((torch.log(1 - person), torch.log(person)), dim=1)
    terms = [
        math.log(0.8),
        0.5 * (math.log(0.5) + math.log(0.5)),
        0.7 * math.log(0.9) + 0.3 * math.log(0.1),
    ]
    found = losses.binary_cross_entropy(Prediction(person, logits), target_of(alpha))
    assert float(found) == pytest.approx(-sum(terms) / 3)


def test_the_unsure_band_is_grown_by_a_square() -> None:
    alpha = torch.from_numpy(disc(150, 200, 40))[None, None]
    alpha[..., 3, 5], alpha[..., 75, 100] = 0.5, 0.5  # near a corner, and inside the person
    labels = trimap_of(alpha)[0].numpy()
    reach = 3  # 1.5 % of 200
    values = alpha[0, 0].numpy()
    for row, column in np.random.default_rng(0).integers((150, 200), size=(400, 2)):
        window = values[
            max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1
        ]
        expected = 2 if window.min() >= 0.98 else 0 if window.max() <= 0.02 else 1
        assert labels[row, column] == expected, (row, column)


@pytest.mark.parametrize("size", [(9, 300), (64, 64), (200, 131)])
def test_the_unsure_band_is_the_one_that_pooling_grows(size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    alpha = (F.avg_pool2d(torch.rand(2, 1, *size), 7, 1, 3) * 8 - 3.5).clamp(0, 1)
    reach = max(1, round(0.015 * max(size)))

    def eroded(sure: Tensor) -> Tensor:
        return -F.max_pool2d(-sure.float(), 2 * reach + 1, stride=1, padding=reach)

    expected = 1 + eroded(alpha >= 0.98) - eroded(alpha <= 0.02)
    assert torch.equal(trimap_of(alpha)[:, None].float(), expected)


def test_soft_iou_is_zero_when_right_and_one_when_wrong() -> None:
    alpha = torch.zeros(2, 1, 20, 20)
    alpha[:, :, :10] = 1
    assert float(losses.soft_iou(Prediction(alpha), target_of(alpha))) == pytest.approx(0)
    assert float(losses.soft_iou(Prediction(1 - alpha), target_of(alpha))) > 0.98
    empty = torch.zeros(1, 1, 20, 20)
    assert float(losses.soft_iou(Prediction(empty), target_of(empty))) == pytest.approx(0)


def test_shm_losses_are_the_formulas() -> None:
    alpha, found = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8)
    image = torch.rand(1, 3, 8, 8)
    prediction, target = Prediction(found), Target(image, alpha)
    a, f, i = (x.numpy().astype(np.float64) for x in (alpha, found, image))
    expected = np.sqrt((f - a) ** 2 + 1e-6).mean()
    assert float(losses.alpha(prediction, target)) == pytest.approx(expected)
    expected = np.sqrt((f * i - a * i) ** 2 + 1e-6).mean()
    assert float(losses.composition(prediction, target)) == pytest.approx(expected)


def test_the_trimap_is_unsure_around_the_edge_and_nowhere_else() -> None:
    alpha = drawn()
    labels = trimap_of(alpha)[0].numpy()
    matte = alpha[0, 0].numpy()
    soft = (matte > 0.02) & (matte < 0.98)
    assert set(np.unique(labels)) == {0, 1, 2}
    assert (labels[soft] == 1).all()
    assert (matte[labels == 2] > 0.98).all()
    assert (matte[labels == 0] < 0.02).all()
    assert (labels == 1).mean() < 0.3
    assert set(np.unique(trimap_of(torch.zeros(1, 1, 9, 9)))) == {0}
    assert set(np.unique(trimap_of(torch.ones(1, 1, 9, 9)))) == {2}


def test_boundary_errors_weigh_five_times_as_much() -> None:
    alpha = drawn()
    band = trimap_of(alpha)[:, None] == 1
    masks = (band & (alpha > 0.5), alpha == 1)
    at_edge, inside = (torch.where(mask, alpha * 0.5, alpha) for mask in masks)
    plain = [float((f - alpha).abs().sum()) for f in (at_edge, inside)]
    found = [float(losses.boundary(Prediction(f), target_of(alpha))) for f in (at_edge, inside)]
    assert found[0] / plain[0] > 3 * found[1] / plain[1]


@pytest.mark.parametrize("name", ["laplacian", "gradient"])
def test_detail_losses_see_edges_and_not_constants(name: str) -> None:
    alpha = drawn(soft=1)
    blurred = torch.nn.functional.avg_pool2d(alpha, 5, stride=1, padding=2)
    right = float(LOSSES[name](Prediction(alpha), target_of(alpha)))
    assert right == pytest.approx(0, abs=1e-7)
    assert float(LOSSES[name](Prediction(blurred), target_of(alpha))) > 1e-3
    flat = torch.full_like(alpha, 0.3)
    found = float(losses.gradient(Prediction(flat), target_of(flat + 0.1)))
    assert found == pytest.approx(0, abs=1e-6)


def test_a_teacher_who_is_unsure_makes_no_truth_unsure() -> None:
    truth = drawn()
    mixed = truth.lerp(torch.full_like(truth, 0.9), 0.5)
    target = Target(torch.zeros(1, 3, 64, 64), mixed, truth)
    assert torch.equal(target.labels, trimap_of(truth))
    assert not torch.equal(trimap_of(mixed), trimap_of(truth))
    logits = F.one_hot(trimap_of(truth), 3).permute(0, 3, 1, 2) * 30.0
    assert float(losses.trimap(Prediction(truth, trimap=logits), target)) < 1e-6
    off, band = Prediction(mixed + 0.1), trimap_of(truth) == 1
    weight = 1 + 4 * band.float()[:, None]
    errors = (weight * (off.alpha - mixed).abs()).sum() / weight.sum()
    assert float(losses.boundary(off, target)) == pytest.approx(float(errors))


@pytest.mark.parametrize("size", [(64, 96), (63, 97)])
def test_the_laplacian_pyramid_is_opencvs(size: tuple[int, int]) -> None:
    found = np.random.default_rng(2).random(size, np.float32)
    expected = found
    for _ in range(3):
        detail, half = losses._halve(torch.from_numpy(found)[None, None])
        smaller = cv2.pyrDown(expected)
        lost = expected - cv2.pyrUp(smaller, dstsize=expected.shape[::-1])
        assert detail.shape[2:] == expected.shape and half.shape[2:] == smaller.shape
        inside = (slice(8, -8), slice(8, -8))  # at the edge OpenCV mirrors, here it is repeated
        np.testing.assert_allclose(detail[0, 0].numpy()[inside], lost[inside], atol=1e-6)
        found = expected = half[0, 0].numpy()


def test_a_ramp_has_no_detail() -> None:
    ramp = torch.linspace(0, 1, 128).expand(1, 1, 96, 128)
    level = ramp
    for reach in (4, 6, 8):
        detail, level = losses._halve(level)
        assert float(detail[..., reach:-reach, reach:-reach].abs().max()) < 1e-6
    flat = torch.full_like(ramp, 0.7)
    assert float(losses._halve(flat)[0].abs().max()) < 1e-6  # at the edge, too


def test_the_mean_iou_is_the_metrics() -> None:
    torch.manual_seed(4)
    alpha, truth = torch.rand(3, 1, 20, 30), torch.rand(3, 1, 20, 30)
    alpha[2], truth[2] = 0.1, 0.2  # nobody there, and nobody found
    expected = [mean_iou(a[0].numpy(), t[0].numpy()) for a, t in zip(alpha, truth, strict=True)]
    found = float(losses.mean_iou(Prediction(alpha), target_of(truth)))
    assert found == pytest.approx(np.mean(expected), abs=1e-6)
    taught = Target(torch.zeros(3, 3, 20, 30), 1 - truth, truth)
    assert float(losses.mean_iou(Prediction(alpha), taught)) == pytest.approx(found)


def prediction_from(raw: torch.Tensor, name: str) -> Prediction:
    if name == "trimap":
        return Prediction(raw[:, :1].sigmoid(), trimap=raw)
    logits = raw[:, :2]
    return Prediction((logits[:, 1:] - logits[:, :1]).sigmoid(), logits=logits)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_pulls_towards_the_truth(name: str) -> None:
    torch.manual_seed(0)
    target = Target(torch.rand(1, 3, 64, 64), drawn())
    raw = torch.randn(1, 3, 64, 64, requires_grad=True)
    before = LOSSES[name](prediction_from(raw, name), target)
    (slope,) = torch.autograd.grad(before, raw)
    assert torch.isfinite(slope).all()
    after = LOSSES[name](prediction_from(raw - slope / slope.abs().max(), name), target)
    assert after < before


def test_the_weighted_sum_names_its_terms() -> None:
    target = target_of(torch.rand(1, 1, 8, 8))
    prediction = prediction_from(torch.randn(1, 3, 8, 8), "soft_iou")
    weights = {"binary_cross_entropy": 1.0, "soft_iou": 0.5}
    total, terms = weighted_loss(weights, prediction, target)
    assert set(terms) == set(weights)
    assert float(total) == pytest.approx(terms["binary_cross_entropy"] + 0.5 * terms["soft_iou"])


@pytest.mark.parametrize("name", NETS)
def test_every_network_gives_what_its_losses_need(name: str) -> None:
    network = NETS[name](width=0.1).eval()
    side = int(network.stride) * 2
    batch = torch.rand(1, 3, side, side)
    prediction = predict(network, batch)
    given = {part for part, value in prediction._asdict().items() if value is not None}
    assert given == losses.offers(type(network))
    assert torch.allclose(prediction.alpha.clamp(0, 1), network(batch), atol=1e-5)
