"""Which pictures show the same: crops and mirror images do, two people in one studio do not."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from drawn import disc, noise

from humatte.arrays import Image, to_bytes
from humatte.data import looks
from humatte.data.looks import AGREEING, Looks, agreement, describe, find_alike
from humatte.image_io import read


def full(image: Image) -> np.ndarray:
    return np.full(image.shape[:2], 255, np.uint8)


def pattern(seed: int) -> Image:
    grain = np.random.default_rng(seed).normal(0, 1, (256, 256, 3))
    cloth = sum(cv2.GaussianBlur(grain, (0, 0), sigma) * sigma for sigma in (2, 4, 8))
    return np.clip(128 + 60 * cloth, 0, 255).astype(np.uint8)


def person(seed: int, moved: int = 0) -> tuple[Image, np.ndarray]:
    """Somebody in clothes of their own, before a wall that everybody has; and the matte."""
    clothes, alpha = (
        np.roll(p, moved, axis=1) for p in (pattern(seed), to_bytes(disc(256, 256, 90)))
    )
    return np.where(alpha[..., None] > 127, clothes, pattern(99)), alpha


@pytest.fixture(scope="module")
def astronaut_image(astronaut: Path) -> Image:
    return read(astronaut).image


CHANGES = {
    "smaller": lambda x: cv2.resize(x, (300, 300), interpolation=cv2.INTER_AREA),
    "cropped": lambda x: x[20:330, 60:400],
    "darker": lambda x: cv2.convertScaleAbs(x, alpha=0.6, beta=5),
    "without colour": lambda x: cv2.cvtColor(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), 8),
    "packed": lambda x: cv2.imdecode(cv2.imencode(".jpg", x, [1, 25])[1], cv2.IMREAD_COLOR),
}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_the_same_photo_changed(astronaut_image: Image, change: str, mirrored: bool) -> None:
    again = CHANGES[change](astronaut_image)
    again = np.ascontiguousarray(again[:, ::-1] if mirrored else again)
    other = person(1)
    every = [describe(p, full(p)) for p in (other[0], astronaut_image, noise(200, 200), again)]
    (pair,) = find_alike(every, [0, 0, 1, 1], [(range(2), range(2, 4))])
    assert (pair.first, pair.second, pair.mirrored) == (1, 3, mirrored)
    assert pair.agreeing >= AGREEING


def test_people_before_one_wall_are_not_alike() -> None:
    people = [person(seed) for seed in range(4)]
    assert find_alike([describe(*one) for one in people], [0] * 4, [(range(4), range(4))]) == []
    first, second = (describe(image, full(image)) for image, _ in people[:2])
    assert agreement(first, second) >= AGREEING  # it is the matte that tells them apart


def test_the_same_person_elsewhere_in_the_picture() -> None:
    assert agreement(describe(*person(3, -20)), describe(*person(3, 20))) >= AGREEING


def test_copies_without_points_are_told_by_their_colours() -> None:
    plain = [np.full((60, 80, 3), value, np.uint8) for value in ((90, 20, 200), (20, 90, 20))]
    for image in plain:
        image[20:40, 30:50] = 255 - image[20:40, 30:50]
    every = [describe(image, np.zeros((60, 80), np.uint8)) for image in (*plain, plain[0] + 1)]
    (pair,) = find_alike(every, [0] * 3, [])
    assert (pair.first, pair.second) == (0, 2)


def test_mirrored_descriptors_are_those_of_the_mirror_image(astronaut_image: Image) -> None:
    one = describe(astronaut_image, full(astronaut_image))
    mirror = np.ascontiguousarray(astronaut_image[:, ::-1])
    other = describe(mirror, full(mirror))
    assert agreement(one, other, mirrored=True) > 60
    assert agreement(one, other) < AGREEING


def test_the_search_finds_what_plain_counting_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "_ROWS", 7)
    monkeypatch.setattr(looks, "_COLUMNS", 5)
    rng = np.random.default_rng(0)
    kinds = np.sqrt(rng.dirichlet(np.full(128, 0.2), 12))
    every = []
    for _ in range(9):
        some = np.rint(kinds[rng.integers(0, 12, rng.integers(0, 9))] * 255).astype(np.uint8)
        small = np.zeros((32, 32, 3), np.uint8)
        points = np.zeros((len(some), 2), np.float32)
        every.append(Looks((np.uint64(0), np.uint64(0)), small, points, some.reshape(-1, 128), 9))
    for first, second in ((range(9), range(9)), (range(4), range(4, 9))):
        calls = Mock()
        found = {*looks._near_points(every, first, second, calls)}
        assert calls.call_count == looks._steps(every, first)
        for mirrored in (False, True):
            expected = set()
            for i, j in combinations(range(9), 2):
                ours = every[i].descriptors
                ours = looks._mirrored(ours) if mirrored else ours
                cosines = (ours / 255.0) @ (every[j].descriptors / 255.0).T
                several = (cosines > 0.92).any(axis=1).sum() >= 2
                if i in first and j in second and several:
                    expected.add((i, j, mirrored))
            assert {pair for pair in found if pair[2] == mirrored} == expected
        assert found


def test_nothing_is_like_nothing() -> None:
    assert find_alike([], [], [(range(0), range(0))]) == []
    empty = describe(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8))
    assert empty.points.shape == (0, 2)
    assert find_alike([empty], [0], [(range(1), range(1))]) == []


def test_the_order_of_two_pictures_does_not_matter(astronaut_image: Image) -> None:
    crops = [astronaut_image[40:300, 90:420], astronaut_image[60:280, 420:120:-1], noise(90, 90)]
    every = [describe(image, full(image)) for image in map(np.ascontiguousarray, crops)]
    (pair,), (turned,) = (
        find_alike(some, [0] * 3, [(range(3), range(3))]) for some in (every, every[::-1])
    )
    assert (pair.first, pair.second) == (2 - turned.second, 2 - turned.first) == (0, 1)
    assert pair.agreeing == turned.agreeing


def test_a_burst_is_linked_and_every_pair_of_two_lists_is_named(astronaut_image: Image) -> None:
    shots = [astronaut_image[shift : 400 + shift, 40 : 440 + shift] for shift in (0, 9, 18, 27, 36)]
    every = [describe(shot, full(shot)) for shot in shots]
    one_list = find_alike(every, [0] * 5, [(range(5), range(5))])
    assert len(one_list) == 4
    two_lists = find_alike(every, [0, 0, 0, 1, 1], [(range(3), range(3, 5))])
    across = {(pair.first, pair.second) for pair in two_lists if pair.first < 3 <= pair.second}
    assert across == {(i, j) for i in range(3) for j in (3, 4)}
    assert len(two_lists) < 10
