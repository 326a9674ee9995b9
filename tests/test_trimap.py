from __future__ import annotations

import numpy as np
import pytest
from drawn import disc
from hypothesis import given
from hypothesis import strategies as st

from humatte.arrays import to_float
from humatte.data.trimap import (
    BACKGROUND,
    KERNELS,
    PERSON,
    UNSURE,
    Kernel,
    Reach,
    parse_reach,
    permille_px,
    trimap_of,
)
from humatte.errors import UsageError

HARD = (disc(41, 51, 12) > 0.5).astype(np.float32)


def slow_trimap(alpha: np.ndarray, reach: int, kernel: Kernel, inward: int) -> np.ndarray:
    """Straight from the definition: a pixel is sure if all within reach of it are alike."""
    shapes = {
        "ellipse": lambda y, x, r: y * y + x * x <= r * r,
        "rectangle": lambda y, x, r: True,
        "cross": lambda y, x, r: y == 0 or x == 0,
    }
    result = np.full(alpha.shape, UNSURE, np.uint8)
    height, width = alpha.shape
    for value, r, alike in (
        (PERSON, inward, alpha >= np.float32(0.98)),
        (BACKGROUND, reach, alpha <= np.float32(0.02)),
    ):
        steps = [(dy, dx) for dy in range(-r, r + 1) for dx in range(-r, r + 1)]
        steps = [step for step in steps if shapes[kernel](*step, r)]
        for y in range(height):
            for x in range(width):
                inside = [
                    alike[y + dy, x + dx]
                    for dy, dx in steps
                    if 0 <= y + dy < height and 0 <= x + dx < width
                ]
                if all(inside):
                    result[y, x] = value
    return result


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(0, 4),
    st.integers(0, 4),
    st.sampled_from(KERNELS),
    st.randoms(use_true_random=False),
)
def test_equals_the_slow_definition(
    height: int, width: int, reach: int, inward: int, kernel: Kernel, random
) -> None:
    values = random.choices([0, 3, 5, 6, 128, 249, 250, 255], [9, 1, 1, 1, 1, 1, 1, 9], k=144)
    alpha = to_float(np.array(values, np.uint8)[: height * width].reshape(height, width))
    found = trimap_of(alpha, reach, kernel, inward)
    assert found.dtype == np.uint8
    assert (found == slow_trimap(alpha, reach, kernel, inward)).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_hard_edge_grows_to_both_sides(kernel: Kernel) -> None:
    row = trimap_of(HARD, 3, kernel)[20]
    edges = np.flatnonzero(np.diff(HARD[20].astype(int)))
    for edge in edges:  # the edge lies between pixels `edge` and `edge + 1`
        assert (row[edge - 2 : edge + 4] == UNSURE).all()
        assert {row[edge - 3], row[edge + 4]} == {BACKGROUND, PERSON}


def test_inward_and_outward_differ_when_asked() -> None:
    row = trimap_of(HARD, 5, inward_px=1)[20]
    edge = int(np.flatnonzero(np.diff(HARD[20].astype(int)))[0])
    assert (np.flatnonzero(row[:25] == UNSURE) == np.arange(edge - 4, edge + 2)).all()


def test_soft_pixels_are_unsure_and_nothing_nearly_sure_is() -> None:
    alpha = disc(60, 60, 20, soft=8)
    found = trimap_of(alpha, 0)
    assert ((found == UNSURE) == ((alpha > 0.02) & (alpha < 0.98))).all()


def test_the_picture_s_edge_is_no_edge_of_the_person() -> None:
    alpha = np.zeros((40, 40), np.float32)
    alpha[10:, 10:30] = 1  # cut off by the lower edge
    found = trimap_of(alpha, 4)
    assert (found[-1, 14:26] == PERSON).all()
    assert (found[-1, :6] == BACKGROUND).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_of_one_kind_has_nothing_unsure(value: float) -> None:
    found = trimap_of(np.full((9, 7), value, np.float32), 50)
    assert (found == round(255 * value)).all()


def test_a_wide_reach_leaves_nothing_sure() -> None:
    assert (trimap_of(HARD, 100) == UNSURE).all()


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.floats(0.1, 1000))
def test_thousandths_of_the_long_side(height: int, width: int, permille: float) -> None:
    found = permille_px((height, width), permille)
    assert found >= 1
    assert found == 1 or abs(found - max(height, width) * permille / 1000) <= 0.5


@pytest.mark.parametrize(
    ("text", "reach", "px"),
    [
        ("12", Reach(12), 12),
        (" 12px", Reach(12), 12),
        ("0", Reach(0), 0),
        ("20permille", Reach(permille=20), 8),
        ("20‰", Reach(permille=20), 8),
        ("2%", Reach(permille=20), 8),
        ("0.5permille", Reach(permille=0.5), 1),
    ],
)
def test_sizes(text: str, reach: Reach, px: int) -> None:
    assert parse_reach(text) == reach
    assert reach.px((300, 400)) == px


@pytest.mark.parametrize("text", ["", "wide", "-3", "1.5", "0%", "101%", "2 ells", "99999", "1e3"])
def test_sizes_that_make_no_sense(text: str) -> None:
    with pytest.raises(UsageError, match="as 12, or thousandths"):
        parse_reach(text)


def test_wrong_use() -> None:
    with pytest.raises(UsageError, match="reach is -1"):
        trimap_of(HARD, -1)
    with pytest.raises(UsageError, match="no kernel 'star'"):
        trimap_of(HARD, 1, "star")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="float32"):
        trimap_of(HARD.astype(np.uint8), 1)  # type: ignore[arg-type]
