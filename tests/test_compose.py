"""Composing one picture: places, colours, shadows, the matte, the same bytes for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import disc, gradient, noise, room
from hypothesis import given
from hypothesis import strategies as st

from humatte.arrays import Box, to_bytes, to_float
from humatte.composite import over
from humatte.data.compose import Cutout, Look, compose, cut
from humatte.data.geometry import person_box
from humatte.data.harmonise import Light, harmonise, in_tones, light_of, tones_of
from humatte.data.placement import MOST_ENLARGED, Subject, frame_for, place, shrunk
from humatte.data.shadow import cast_shadow
from humatte.errors import UsageError
from humatte.parts import Cuts, cut_edges

RED = np.array([200, 40, 30], np.uint8)


def figure(height: int = 120, width: int = 90, bottom: int = 110) -> np.ndarray:
    """Alpha (H, W) uint8 of a figure: a head on a body, down to `bottom`."""
    alpha = to_bytes(disc(height, width, 12))
    alpha = np.roll(alpha, 25 - height // 2, axis=0)
    alpha[36:bottom, width // 2 - 16 : width // 2 + 16] = 255
    return alpha


def person(alpha: np.ndarray, colour: np.ndarray = RED) -> Cutout:
    image = over(np.broadcast_to(colour, (*alpha.shape, 3)), to_float(alpha), room(*alpha.shape))
    return cut(image, alpha, 512)


def test_where_a_person_is_and_what_cuts_them_off() -> None:
    assert person_box(figure()) == Box(13, 29, 110, 61)
    assert person_box(np.zeros((9, 7), np.uint8)) == Box(0, 0, 9, 7)
    assert cut_edges(figure() > 127) == Cuts(False, False, False, False)
    assert cut_edges(figure(bottom=120) > 127) == Cuts(False, False, True, False)
    assert cut_edges(figure(bottom=120)[:, 40:] > 127) == Cuts(False, True, True, False)
    assert cut_edges(figure()[30:100] > 127) == Cuts(True, False, True, False)
    hair = figure()
    hair[:, -1] = 0
    hair[50, 60:] = 255  # one strand touches the edge: nobody is cut off
    assert not cut_edges(hair > 127).right


sides = st.integers(20, 600)
subjects = st.builds(
    lambda size, cuts, inner: Subject(
        size,
        Box(
            0 if cuts.top else int(inner[0] * size[0] * 0.4),
            0 if cuts.left else int(inner[1] * size[1] * 0.4),
            size[0] if cuts.bottom else size[0] - 1 - int(inner[2] * size[0] * 0.4),
            size[1] if cuts.right else size[1] - 1 - int(inner[3] * size[1] * 0.4),
        ),
        cuts,
    ),
    st.tuples(sides, sides),
    st.builds(Cuts, *[st.booleans()] * 4),
    st.tuples(*[st.floats(0, 1)] * 4),
)


@given(subjects, st.tuples(sides, sides), st.integers(0, 10**6))
def test_bodies_never_float(subject: Subject, background: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = frame_for(subject, background, 512, rng)
    assert max(frame) == 512
    frame, where = shrunk(frame, place(subject, frame, rng))
    box, cuts = subject.box, subject.cuts
    top, left = where.top + where.scale * box.top, where.left + where.scale * box.left
    bottom, right = where.top + where.scale * box.bottom, where.left + where.scale * box.right
    assert 0 < where.scale <= MOST_ENLARGED
    assert not cuts.top or top <= 1e-6
    assert not cuts.left or left <= 1e-6
    assert not cuts.bottom or bottom >= frame[0] - 1e-6
    assert not cuts.right or right >= frame[1] - 1e-6
    seen = min(bottom, frame[0]) - max(top, 0), min(right, frame[1]) - max(left, 0)
    assert seen[0] > 0.2 * frame[0] or seen[1] > 0.6 * frame[1]  # no specks
    if not (cuts.left or cuts.right or (cuts.top and cuts.bottom)):
        assert left >= -1e-6
        assert right <= frame[1] + 1


def test_harmonising_goes_towards_the_scene_and_no_further_than_it_may() -> None:
    image = room()
    dark = np.rint(image * 0.4).astype(np.uint8)
    old, new = light_of(image), light_of(dark)
    half, whole = (harmonise(image, old, new, strength) for strength in (0.5, 1.0))
    assert dark.mean() < whole.mean() < half.mean() < image.mean()
    # Never more than a stop: half of white's linear light is 188 of 255.
    day, night = Light((-2.0, -2.0, -2.0), 1.0), Light((-7.0, -7.0, -7.0), 1.0)
    assert (harmonise(np.full((1, 1, 3), 255, np.uint8), day, night, 1.0) == 188).all()


def test_harmonising_with_the_same_light_changes_nothing() -> None:
    image = gradient(60, 80)
    light = light_of(image)
    assert harmonise(image, light, light_of(noise(60, 80)), 0.0) is image
    same = harmonise(image, light, light, 1.0).astype(int)
    assert np.abs(same - image).max() <= 1


@given(
    st.tuples(*[st.floats(-7, 0)] * 3),
    st.floats(0, 4),
    st.tuples(*[st.floats(-7, 0)] * 3),
    st.floats(0, 4),
    st.floats(0, 1),
)
def test_harmonising_keeps_black_and_the_order_of_grays(
    mean: tuple, spread: float, new_mean: tuple, new_spread: float, strength: float
) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)
    found = harmonise(ramp, Light(mean, spread), Light(new_mean, new_spread), strength)
    assert (found[0, 0] == 0).all()
    assert (np.diff(found.astype(int), axis=1) >= 0).all()


def test_photos_in_black_and_white_give_their_tones_to_the_scene() -> None:
    assert tones_of(room()) is None
    gray = np.repeat(room()[..., :1], 3, axis=2)
    sepia = np.clip(gray * [1.0, 0.88, 0.7] + [20, 8, 0], 0, 255).astype(np.uint8)
    tones = tones_of(sepia)
    assert tones is not None
    toned = in_tones(gradient(40, 40), tones)
    assert toned[..., 0].mean() > toned[..., 1].mean() > toned[..., 2].mean()
    black = tones_of(gray)
    assert black is not None
    assert np.abs(black.astype(int) - np.arange(256)[:, None])[20:236].max() <= 2


def test_shadows_only_darken_and_most_at_the_feet() -> None:
    scene = np.full((200, 160, 3), 200, np.uint8)
    alpha = np.zeros((200, 160), np.float32)
    alpha[40:180, 60:90] = 1
    found = cast_shadow(scene, alpha, 180, np.random.default_rng(0))
    assert (found <= scene).all()
    taken = (200 - found[..., 0].astype(int)).sum(axis=1)
    assert abs(int(taken.argmax()) - 180) < 15
    assert taken[:60].max() == 0
    assert cast_shadow(scene, np.zeros_like(alpha), 180, np.random.default_rng(0)) is scene


@pytest.mark.parametrize("seed", range(8))
def test_the_matte_is_exactly_where_the_person_is(seed: int) -> None:
    scene = np.full((200, 260, 3), (30, 60, 200), np.uint8)
    one, look = person(figure(bottom=120)), Look(long_side=200, harmonise=0)
    image, alpha, used = compose([one], scene, look, np.random.default_rng(seed))
    assert used == [0]
    assert image.shape[:2] == alpha.shape
    assert (image[alpha == 0] == scene[0, 0]).all()
    assert np.abs(image[alpha == 255].astype(int) - RED).max() <= 6
    assert (alpha[-1] == 255).any()  # stays cut off by the lower edge
    assert 0.02 < (alpha > 127).mean() < 0.9


@pytest.mark.parametrize("long_side", [40, 70, 200])
def test_nothing_of_the_old_background_comes_along(long_side: int) -> None:
    alpha, blue, green = figure(240, 180, 220), (0, 0, 255), (0, 200, 0)
    image = over(
        np.broadcast_to(RED, (240, 180, 3)), to_float(alpha), np.full((240, 180, 3), blue, np.uint8)
    )
    scene = np.full((120, 160, 3), green, np.uint8)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        found, _, _ = compose([cut(image, alpha, 512)], scene, Look(long_side, harmonise=0), rng)
        assert found[..., 2].max() <= RED[2] + 6


def test_the_same_seed_gives_the_same_bytes() -> None:
    people = [person(figure()), person(figure(bottom=120), np.uint8([60, 160, 90]))]
    look = Look(200, shadows=True)
    found = [compose(people, room(), look, np.random.default_rng(5)) for _ in range(2)]
    assert (found[0][0] == found[1][0]).all()
    assert (found[0][1] == found[1][1]).all()
    other = compose(people, room(), look, np.random.default_rng(6))
    assert other[0].shape != found[0][0].shape or (other[0] != found[0][0]).any()


def test_others_stand_behind_and_are_seen() -> None:
    people = [person(figure()), person(figure(), np.uint8([60, 160, 90]))]
    scene = np.full((200, 260, 3), (30, 60, 200), np.uint8)
    together = 0
    for seed in range(12):
        look = Look(200, harmonise=0)
        image, alpha, used = compose(people, scene, look, np.random.default_rng(seed))
        green = (np.abs(image.astype(int) - (60, 160, 90)).max(axis=2) < 10) & (alpha == 255)
        assert (len(used) == 2) == (green.sum() > 0.005 * green.size)
        together += len(used) == 2
    assert together >= 4


def test_who_cannot_stand_behind_is_left_out() -> None:
    portrait = person(figure(bottom=120))
    assert compose([person(figure()), portrait], room(), Look(200), np.random.default_rng(0))[
        2
    ] == [0]


def test_large_photos_are_made_smaller_first() -> None:
    alpha = to_bytes(disc(300, 400, 90))
    assert cut(noise(300, 400), alpha, 100).alpha.shape == (150, 200)


def test_wrong_use() -> None:
    with pytest.raises(UsageError, match="long side is 8 pixels"):
        Look(8)
    with pytest.raises(UsageError, match="--harmonise is 2"):
        Look(harmonise=2)
    with pytest.raises(UsageError, match="harmonising is nan"):
        harmonise(RED[None, None], Light((0, 0, 0), 1), Light((0, 0, 0), 1), float("nan"))
