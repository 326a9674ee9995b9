from __future__ import annotations

import numpy as np
import pytest
from drawn import disc

from humatte.second_look import Box, boxes_of_small_people, put_in

FULL = (960, 1280)


def with_people(*places: tuple[int, int, int, int]) -> np.ndarray:
    small = np.zeros((240, 320), np.float32)
    for top, left, height, width in places:
        small[top : top + height, left : left + width] = 1
    return small


def test_a_box_holds_the_person_and_a_margin() -> None:
    (box,) = boxes_of_small_people(with_people((100, 150, 40, 20)), FULL)
    assert (box.top, box.bottom) == (4 * (100 - 13), 4 * (140 + 13))
    assert (box.left, box.right) == (4 * (150 - 13), 4 * (170 + 13))


def test_at_the_edge_of_the_picture_the_box_ends() -> None:
    (box,) = boxes_of_small_people(with_people((200, 300, 40, 20)), FULL)
    assert (box.bottom, box.right) == FULL


def test_each_of_several_people_gets_a_box_those_together_one() -> None:
    apart = boxes_of_small_people(with_people((20, 20, 30, 15), (150, 250, 40, 20)), FULL)
    assert len(apart) == 2
    assert apart[0].top > apart[1].top  # the larger one first
    together = boxes_of_small_people(with_people((20, 20, 30, 15), (25, 45, 30, 15)), FULL)
    assert len(together) == 1


def test_boxes_never_overlap_and_are_bounded() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        places = [(*rng.integers(0, (220, 300)), *rng.integers(3, 20, 2)) for _ in range(12)]
        boxes = boxes_of_small_people(with_people(*places), FULL)
        assert len(boxes) <= 4
        for number, box in enumerate(boxes):
            assert not any(box.touches(other) for other in boxes[:number])


@pytest.mark.parametrize(
    "small",
    [
        with_people(),
        with_people((100, 100, 4, 4)),
        with_people((20, 100, 200, 80)),
        np.full((240, 320), 0.4, np.float32),
    ],
    ids=["nobody", "a speck", "someone large", "unsure of everything"],
)
def test_no_box_where_a_second_look_does_not_pay(small: np.ndarray) -> None:
    assert boxes_of_small_people(small, FULL) == []


def test_no_box_in_a_picture_the_network_has_seen_whole() -> None:
    assert boxes_of_small_people(with_people((100, 150, 40, 20)), (240, 320)) == []


BOX = Box(50, 60, 150, 180)


def test_the_second_look_replaces_what_the_first_saw() -> None:
    first = np.zeros((300, 300), np.float32)
    first[80:120, 100:140] = 0.7
    second = disc(100, 120, 25)
    put_in(first, second.copy(), BOX)
    assert (first[85:115, 105:135] == second[35:65, 45:75]).all()


def test_what_is_made_up_far_from_the_first_look_does_not_count() -> None:
    first = np.zeros((300, 300), np.float32)
    first[90:110, 110:130] = 1
    put_in(first, np.ones((100, 120), np.float32), BOX)
    assert first[90:110, 110:130].min() == 1
    assert first[:78].max() == first[122:].max() == 0
    assert first[:, :98].max() == first[:, 142:].max() == 0


def test_the_box_leaves_no_edge() -> None:
    first = np.full((300, 300), 0.5, np.float32)
    put_in(first, np.ones((100, 120), np.float32), BOX)
    assert first[100, 120] == 1
    assert np.abs(np.diff(first, axis=0)).max() < 0.12
    assert np.abs(np.diff(first, axis=1)).max() < 0.12
    assert (first[:50] == 0.5).all()


def test_at_the_edge_of_the_picture_the_second_look_counts_fully() -> None:
    first = np.full((100, 120), 0.5, np.float32)
    put_in(first, np.ones((100, 120), np.float32), Box(0, 0, 100, 120))
    assert (first == 1).all()
