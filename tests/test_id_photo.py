from __future__ import annotations

import numpy as np
import pytest
from drawn import person

from humatte.errors import PictureError, UsageError
from humatte.id_photo import find_head, id_frame, parse_id_photo

PASSPORT = parse_id_photo("35x45mm")


@pytest.mark.parametrize(("scale", "x"), [(0.5, 0.5), (1.0, 0.4), (4.0, 0.5)])
def test_a_drawn_head_is_found_where_it_is(scale: float, x: float) -> None:
    head = find_head(person(round(240 * scale), round(200 * scale), scale, x))
    assert head
    assert head.top == pytest.approx(20 * scale, abs=2 * scale)
    assert head.chin == pytest.approx(104 * scale, abs=8 * scale)  # its ellipse ends there
    assert head.middle == pytest.approx(200 * scale * x, abs=2 * scale)


def long_hair() -> np.ndarray:
    alpha = person(240, 200)
    alpha[62:130, 68:132] = 1  # as wide as the head, down over the shoulders' beginning
    return alpha


def test_hair_over_the_neck_leaves_the_heads_proportions() -> None:
    head = find_head(long_hair())
    assert head
    assert 90 <= head.chin <= 116


def test_a_strand_of_hair_on_top_is_no_head() -> None:
    alpha = person(240, 200)
    alpha[4:22, 98:102] = 1
    head = find_head(alpha)
    assert head
    assert head.chin > 90


def skirt_and_shoes() -> np.ndarray:
    """A body without a head that is seen: wide, then two legs close together, then shoes."""
    alpha = np.zeros((300, 200), np.float32)
    alpha[20:180, 40:160], alpha[180:260, 80:120], alpha[260:280, 65:135] = 1, 1, 1
    return alpha


@pytest.mark.parametrize(
    "alpha",
    [
        skirt_and_shoes(),
        np.zeros((100, 100), np.float32),
        np.ones((100, 100), np.float32),
        person(240, 200)[::-1],
        person(240, 200).T,
        np.tile((np.arange(100) > 30).astype(np.float32)[:, None], (1, 100)),
    ],
    ids=["a body", "nobody", "everything", "upside down", "lying", "a wall"],
)
def test_no_upright_head_is_refused(alpha: np.ndarray) -> None:
    with pytest.raises(PictureError):
        id_frame(np.ascontiguousarray(alpha), PASSPORT, 300)


def test_the_head_has_its_place_and_its_share() -> None:
    alpha = person(1200, 1000, 4)
    head = find_head(alpha)
    assert head
    frame, warnings = id_frame(alpha, PASSPORT, 250)
    box = frame.box
    assert frame.inner == (443, 344)
    assert not warnings
    height = box.bottom - box.top
    assert (head.chin - head.top) / height == pytest.approx(34 / 45, abs=0.01)
    assert (head.top - box.top) / height == pytest.approx(4 / 45, abs=0.01)
    assert (box.left + box.right) / 2 == pytest.approx(head.middle, abs=1)
    assert (box.right - box.left) / height == pytest.approx(35 / 45, abs=0.01)


def test_other_rules() -> None:
    square = parse_id_photo("2x2in")
    assert square.pixels(300) == (600, 600)
    assert 25 / 50.8 < square.head < 35 / 50.8
    own = parse_id_photo("3.5x4.5cm,head=60%,top=0.2")
    assert (own.width_mm, own.height_mm, own.head, own.top) == (35, 45, 0.6, 0.2)


def test_an_enlarged_photo_is_said() -> None:
    _, warnings = id_frame(person(240, 200), PASSPORT, 600)
    assert "too small for 35x45mm at 600 dpi: enlarged" in warnings[0]


def test_what_the_photo_does_not_show_is_refused() -> None:
    with pytest.raises(PictureError, match="upper edge"):
        id_frame(np.ascontiguousarray(person(240, 200)[40:]), PASSPORT, 300)
    with pytest.raises(PictureError, match="lower edge"):
        id_frame(np.ascontiguousarray(person(240, 200)[:118]), PASSPORT, 300)
    with pytest.raises(PictureError, match="left edge"):
        id_frame(person(240, 200, x=0.2), parse_id_photo("35x45mm,head=40%"), 300)


@pytest.mark.parametrize(
    "text", ["", "35x45", "35mm", "1x1mm", "35x45mm,head=95%,top=9%", "35x45mm,eyes=3", "ax4in"]
)
def test_wrong_formats_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="id-photo"):
        parse_id_photo(text)
