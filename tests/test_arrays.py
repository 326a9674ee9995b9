from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from humatte.arrays import (
    check_alpha,
    check_colours,
    check_image,
    resize,
    to_bytes,
    to_float,
    to_integers,
)
from humatte.errors import UsageError

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=1, max_dims=3),
        elements=st.floats(0, 1, width=32),
    )
)
def test_to_bytes_rounds_to_the_nearest(values: np.ndarray) -> None:
    found = to_bytes(values)
    assert found.dtype == np.uint8
    assert found.shape == values.shape
    assert np.abs(found - values.astype(np.float64) * 255).max() <= 0.5 + 1e-4


def test_to_bytes_clips_and_keeps_every_byte() -> None:
    assert to_bytes(np.float32([[-3.0, 1.5]])).tolist() == [[0, 255]]
    every = np.arange(256, dtype=np.uint8)
    assert (to_bytes(to_float(every)) == every).all()


def test_16_bit_values_survive_as_floats() -> None:
    every = np.arange(65536, dtype=np.uint16)
    assert (to_integers(to_float(every), np.uint16) == every).all()
    assert to_integers(np.float32([[-3.0, 1.5]]), np.uint16).tolist() == [[0, 65535]]


def test_colours_have_8_or_16_bits() -> None:
    for dtype in (np.uint8, np.uint16):
        assert check_colours(np.zeros((4, 4, 3), dtype)).dtype == dtype
    for wrong in (np.zeros((4, 4), np.uint16), np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(UsageError, match="expected an image"):
            check_colours(wrong)


def test_to_float_of_16_bits_ends_at_one() -> None:
    assert to_float(np.uint16([0, 65535])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        "photo.jpg",
    ],
)
def test_wrong_images_are_refused_with_what_was_found(image: object) -> None:
    with pytest.raises(UsageError, match="found"):
        check_image(image)


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.1])
def test_alpha_outside_its_range_is_refused(value: float) -> None:
    with pytest.raises(UsageError, match="found"):
        check_alpha(np.full((2, 2), value, np.float32))


def test_alpha_of_another_size_or_type_is_refused() -> None:
    with pytest.raises(UsageError, match="size"):
        check_alpha(np.zeros((2, 2), np.float32), (3, 3))
    with pytest.raises(UsageError, match="float64"):
        check_alpha(np.zeros((2, 2)))


@given(SIZES, SIZES)
def test_resize_keeps_range_and_constants(size: tuple[int, int], target: tuple[int, int]) -> None:
    assert resize(np.full(size, 0.25, np.float32), target) == pytest.approx(0.25)
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = resize(image, target)
    assert found.shape == (*target, 3)
    assert image.min() <= found.min() <= found.max() <= image.max()
