"""What the result shows, and pixels moved into it."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import disc, gradient, noise
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from humatte.arrays import Box
from humatte.composite import over
from humatte.effects import Room
from humatte.errors import UsageError
from humatte.frame import Frame, move_alpha, move_person, move_scene
from humatte.framing import (
    Framing,
    frame_of,
    look,
    parse_aspect,
    parse_crop,
    parse_pad,
    parse_size,
)

BODY = (60, 40, 140, 90)  # top, left, bottom, right


def block(height: int = 200, width: int = 160, box: tuple[int, ...] = BODY) -> np.ndarray:
    alpha = np.zeros((height, width), np.float32)
    alpha[box[0] : box[2], box[1] : box[3]] = 1
    return alpha


def framed(alpha: np.ndarray, inside: bool = False, room: Room = Room(), **words: str) -> Frame:  # noqa: B008
    parse = {"crop": parse_crop, "aspect": parse_aspect, "pad": parse_pad, "size": parse_size}
    asked = Framing(**{name: parse[name](word) for name, word in words.items()})
    return frame_of(look(alpha), asked, room, inside=inside)


def test_nothing_asked_is_the_whole_picture() -> None:
    frame = framed(block())
    assert frame.is_whole((200, 160))
    assert not framed(block(), pad="1").is_whole((200, 160))
    assert not framed(block(), crop="0").is_whole((200, 160))


def test_a_crop_has_its_margin_in_pixels_or_of_the_person() -> None:
    assert framed(block(), crop="0").box == BODY
    assert framed(block(), crop="10").box == (50, 30, 150, 100)
    assert framed(block(), crop="25%").box == (40, 20, 160, 110)  # 20 pixels: a quarter of 80


def test_the_margin_goes_beyond_the_photo_only_where_its_background_is_not_seen() -> None:
    assert framed(block(), crop="50").box == (10, -10, 190, 140)
    assert framed(block(), crop="50", inside=True).box == (10, 0, 190, 140)


def test_an_edge_that_cuts_the_person_off_gets_no_margin() -> None:
    alpha = block(box=(60, 0, 200, 90))
    assert framed(alpha, crop="20").box == (40, 0, 200, 110)
    wide = framed(alpha, crop="20", aspect="2:1")
    assert wide.box == (40, 0, 200, 320)
    assert framed(alpha, size="100x400").pads == (275, 0, 0, 0)  # all of it above


def test_the_aspect_grows_the_crop_around_the_person() -> None:
    assert framed(block(), crop="0", aspect="1:1").box == (60, 25, 140, 105)
    assert framed(block(), crop="0", aspect="1:4").box == (0, 40, 200, 90)
    near = block(box=(60, 5, 140, 55))
    assert framed(near, crop="0", aspect="1:1").box == (60, -10, 140, 70)
    assert framed(near, crop="0", aspect="1:1", inside=True).box == (60, 0, 140, 80)


def test_nobody_there_leaves_the_picture_whole() -> None:
    assert framed(np.zeros((20, 30), np.float32), crop="3").is_whole((20, 30))


@pytest.mark.parametrize(
    ("size", "pad", "expected", "inner"),
    [
        ("100", "0", (100, 80), (100, 80)),
        ("100", "10", (100, 84), (80, 64)),
        ("100x", "0", (125, 100), (125, 100)),
        ("x100", "5", (100, 82), (90, 72)),
        ("300x100", "0", (100, 300), (100, 80)),
        ("300x100", "10%", (100, 300), (40, 32)),
        ("400x400", "10 20 30 40", (400, 400), (360, 288)),
    ],
)
def test_a_size_includes_the_padding(
    size: str, pad: str, expected: tuple[int, int], inner: tuple[int, int]
) -> None:
    frame = framed(block(), size=size, pad=pad)
    assert (frame.size, frame.inner) == (expected, inner)


def test_a_full_size_gives_the_crop_its_proportions() -> None:
    frame = framed(block(), crop="0", size="300x300", pad="10")
    assert frame == Frame(Box(60, 25, 140, 105), (280, 280), (10, 10, 10, 10))


def test_padding_in_the_order_of_css() -> None:
    sides = [tuple(length.value for length in parse_pad(text)) for text in ("1", "1 2", "1,2,3")]
    assert sides == [(1, 1, 1, 1), (1, 2, 1, 2), (1, 2, 3, 2)]
    assert framed(block(), pad="1,2,3,4").pads == (1, 2, 3, 4)
    assert framed(block(), pad="10%").pads == (20, 20, 20, 20)


def test_cropping_leaves_room_for_effects() -> None:
    assert framed(block(), crop="5", room=Room(1, 2, 3, 4)).box == (54, 33, 148, 99)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_crop, "1 2"),
        (parse_crop, "-3"),
        (parse_crop, "x"),
        (parse_aspect, "1:0"),
        (parse_aspect, "wide"),
        (parse_aspect, "100:1"),
        (parse_pad, ""),
        (parse_pad, "1 2 3 4 5"),
        (parse_size, "0"),
        (parse_size, "0x10"),
        (parse_size, "x"),
        (parse_size, ""),
        (parse_size, "10*10"),
    ],
)
def test_wrong_words_are_refused(parse, text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing is left"):
        framed(block(), size="100", pad="50")
    with pytest.raises(UsageError, match="megapixels"):
        framed(block(), size="99999")
    for asked in ({"crop": "999999%", "size": "100"}, {"crop": "20000", "size": "100"}):
        with pytest.raises(UsageError, match="megapixels"):  # it would be made, then reduced
            framed(block(), **asked)


@settings(max_examples=40)
@given(st.integers(-9, 30), st.integers(-9, 30), st.integers(1, 40), st.integers(1, 40))
def test_cutting_and_padding_change_no_pixel(top: int, left: int, height: int, width: int) -> None:
    image, alpha = noise(31, 31), disc(31, 31, 12)
    box = Box(top, left, top + height, left + width)
    assume(box.bottom > 0 and box.right > 0)
    frame = Frame(box, (height, width), (1, 2, 3, 4))
    moved, matte = move_person(image, alpha, frame)
    plain = np.zeros((120, 120, 4), np.float32)
    plain[40:71, 40:71, :3], plain[40:71, 40:71, 3] = image, alpha
    expected = np.zeros((height + 4, width + 6, 4), np.float32)
    expected[1:-3, 4:-2] = plain[40 + top : 40 + box.bottom, 40 + left : 40 + box.right]
    assert (moved == expected[..., :3]).all()
    assert (matte == expected[..., 3]).all()
    assert (move_alpha(alpha, frame) == matte).all()


@pytest.mark.parametrize("size", [(50, 50), (237, 237)])
def test_scaled_colours_take_nothing_from_what_is_hidden(size: tuple[int, int]) -> None:
    alpha = disc(100, 100, 30)
    image = np.zeros((100, 100, 3), np.uint8)
    image[alpha > 0] = (200, 100, 50)  # hidden pixels are black
    for kind in (np.uint8, np.uint16):
        whole = Frame(Box(0, 0, 100, 100), size)
        moved, matte = move_person(
            image.astype(kind) * (1 if kind is np.uint8 else 257), alpha, whole
        )
        visible = matte > 0.01
        unit = 1 if kind is np.uint8 else 257
        assert moved.dtype == kind
        assert np.abs(moved[visible] / unit - (200, 100, 50)).max() <= 1
    assert matte.sum() / alpha.sum() == pytest.approx(size[0] ** 2 / 1e4, rel=0.01)


def test_the_scene_goes_on_beyond_the_photo_without_the_person() -> None:
    """A white person at the lower edge of a gray room: below it, no mirrored white."""
    alpha = block(100, 100, (40, 30, 100, 70))
    room = np.full((100, 100, 3), 120, np.uint8)
    image = over(np.full_like(room, 255), alpha, room)
    for frame in (
        Frame(Box(0, 0, 140, 100), (140, 100)),
        Frame(Box(0, 0, 100, 100), (100, 100), (0, 0, 40, 0)),
    ):
        scene = move_scene(image, alpha, frame)
        assert (scene[:100] == image).all()
        assert np.abs(scene[100:].astype(int) - 120).max() <= 2


def test_a_scene_inside_the_photo_is_only_cut() -> None:
    image = gradient(60, 80)
    scene = move_scene(image, np.zeros((60, 80), np.float32), Frame(Box(5, 6, 45, 66), (40, 60)))
    assert (scene == image[5:45, 6:66]).all()
