from __future__ import annotations

import numpy as np
import pytest
from drawn import disc, gradient
from hypothesis import given, settings
from hypothesis import strategies as st

from humatte.arrays import to_bytes
from humatte.prepare import fit, restore

SIDES = st.integers(1, 700)


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, st.sampled_from([64, 256, 320]), st.sampled_from([1, 16, 32]))
def test_any_size_is_fitted_padded_and_restored(
    height: int, width: int, long_side: int, stride: int
) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    batch, placement = fit(image, long_side, stride)
    assert batch.shape[:2] == (1, 3)
    assert all(side % stride == 0 for side in batch.shape[2:])
    assert max(placement.inner) == long_side
    assert all(
        0 <= pad - side < stride for pad, side in zip(batch.shape[2:], placement.inner, strict=True)
    )
    assert restore(batch[:, :1], placement).shape == (height, width)


@pytest.mark.parametrize("size", [(1, 1), (10, 30_000), (30_000, 10), (2, 3)])
def test_extreme_sizes(size: tuple[int, int]) -> None:
    batch, placement = fit(np.full((*size, 3), 200, np.uint8), 320, 32)
    assert batch == pytest.approx(200 / 255)  # the padding repeats the edge
    assert restore(batch[:, :1], placement).shape == size


@pytest.mark.parametrize("size", [(640, 480), (333, 500), (97, 61)])
def test_a_matte_comes_back_in_place(size: tuple[int, int]) -> None:
    truth = disc(*size, radius=min(size) / 3, soft=6)
    image = np.repeat(to_bytes(truth)[..., None], 3, axis=2)
    batch, placement = fit(image, 320, 32)
    found = restore(batch[:, :1], placement)
    assert np.abs(found - truth).mean() < 0.005
    weights = [np.mgrid[: size[0], : size[1]] * a for a in (truth, found)]
    centres = [w.sum(axis=(1, 2)) / a.sum() for w, a in zip(weights, (truth, found), strict=True)]
    assert np.abs(centres[0] - centres[1]).max() < 0.1  # pixels: not half a pixel off


def test_the_padding_is_not_in_the_matte() -> None:
    batch, placement = fit(gradient(100, 320), 320, 32)
    alpha = np.zeros((1, 1, *batch.shape[2:]), np.float32)
    alpha[:, :, placement.inner[0] :] = 1.0
    assert restore(alpha, placement).max() == 0.0
