from __future__ import annotations

import numpy as np
import pytest
from drawn import disc

from humatte.arrays import Box
from humatte.errors import PictureError, UsageError
from humatte.parts import box_of, choose, find_parts, parse_person


def spot(alpha: np.ndarray, x: int, y: int, radius: float, soft: float = 3) -> np.ndarray:
    """The matte with a soft disc more."""
    rows, columns = np.mgrid[: alpha.shape[0], : alpha.shape[1]].astype(np.float32)
    away = np.hypot(rows - y, columns - x)
    return np.maximum(alpha, np.clip((radius - away) / soft + 0.5, 0, 1)).astype(np.float32)


def crowd(scale: int = 1) -> np.ndarray:
    """Two people: a large one at 80,100, a smaller one at 220,140, in 300 x 200."""
    empty = np.zeros((200 * scale, 300 * scale), np.float32)
    large = spot(empty, 80 * scale, 100 * scale, 50 * scale)
    return spot(large, 220 * scale, 140 * scale, 30 * scale)


def chosen(alpha: np.ndarray, words: str) -> np.ndarray:
    choice = parse_person(words)
    assert choice
    return choose(alpha, choice)


@pytest.mark.parametrize("scale", [1, 4])
def test_each_choice_keeps_its_person_and_the_soft_edge_exactly(scale: int) -> None:
    alpha = crowd(scale)
    middle = 150 * scale
    large, small = alpha.copy(), alpha.copy()
    large[:, middle:], small[:, :middle] = 0, 0
    assert (chosen(alpha, "largest") == large).all()
    assert (chosen(alpha, "at 73%,70%") == small).all()
    assert (chosen(alpha, f"at {80 * scale},{100 * scale}") == large).all()
    assert (chosen(alpha, "box 60% 40% 100% 100%") == small).all()
    assert (chosen(alpha, "box 0,0,100%,100%") == alpha).all()
    # Most of nobody: who fills most of the box.
    assert (
        chosen(alpha, f"box {75 * scale},{95 * scale},{85 * scale},{105 * scale}") == large
    ).all()


def test_a_hand_and_a_tuft_of_hair_stay_with_their_person_and_a_bystander_does_not() -> None:
    person = spot(np.zeros((400, 600), np.float32), 150, 200, 100)
    whole = spot(spot(person, 265, 200, 12), 150, 92, 3)  # 3 pixels of gap each
    assert (chosen(spot(whole, 480, 200, 30), "largest") == whole).all()
    assert (chosen(spot(whole, 480, 200, 12), "largest") == whole).all()  # small, but far away
    assert (chosen(spot(whole, 480, 200, 30), "at 265,200") == whole).all()


def test_a_bag_at_a_hand_is_the_persons() -> None:
    person = spot(np.zeros((400, 600), np.float32), 150, 200, 100)
    both = spot(person, 303, 200, 43)  # 18 % of the area
    assert (chosen(both, "largest") == both).all()


def test_somebody_small_beside_a_large_person_is_somebody_else() -> None:
    person = spot(np.zeros((400, 600), np.float32), 150, 200, 100)
    both = spot(person, 305, 200, 50)  # a quarter of the area, 5 pixels away
    alone = chosen(both, "largest")
    assert (alone[:, :250] == both[:, :250]).all()
    assert alone[:, 260:].max() == 0


def test_a_point_beside_somebody_means_them_and_far_from_all_nobody() -> None:
    alpha = crowd()
    assert chosen(alpha, "at 256,140")[140, 220] == 1
    with pytest.raises(PictureError, match=r"nobody found at 150,10; 2 found elsewhere"):
        chosen(alpha, "at 150,10")
    with pytest.raises(PictureError, match="nobody found in the box"):
        chosen(alpha, "box 290,0,300,10")
    with pytest.raises(PictureError, match="the picture is empty"):
        chosen(np.zeros((50, 50), np.float32), "at 10,10")
    empty = np.full((50, 50), 0.3, np.float32)
    assert (chosen(empty, "largest") == empty).all()


@pytest.mark.parametrize("words", ["", "me", "at 3", "box 1,2,3", "at -1,4", "largest 1", "at a,b"])
def test_unknown_people_are_refused(words: str) -> None:
    with pytest.raises(UsageError, match="person"):
        parse_person(words)


def test_all_is_everyone() -> None:
    assert parse_person("all") is None


def test_the_box_holds_soft_edges_and_pieces_but_no_specks() -> None:
    alpha = spot(np.zeros((200, 300), np.float32), 100, 100, 40, soft=20)
    inside = alpha > 0.05
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    expected = Box(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
    assert box_of(alpha) == expected
    assert box_of(spot(alpha, 280, 10, 2)) == expected
    tuft = box_of(spot(alpha, 100, 47, 3))
    assert tuft and tuft.top < expected.top
    assert box_of(np.full((50, 50), 0.4, np.float32)) is None


def test_parts_are_listed_the_largest_first() -> None:
    alpha = crowd(4)
    large, small = find_parts(alpha)
    assert large.share == pytest.approx(np.pi * 50**2 / 60_000, rel=0.02)
    assert np.abs(np.array(large.box) - (200, 120, 600, 520)).max() <= 6
    assert small.share < large.share
    assert find_parts(np.zeros((30, 30), np.float32)) == []
    assert len(find_parts(disc(100, 100, 30))) == 1
