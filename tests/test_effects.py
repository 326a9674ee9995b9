from __future__ import annotations

import numpy as np
import pytest
from drawn import disc, noise

from humatte.composite import over
from humatte.effects import (
    Effects,
    Outline,
    Shadow,
    outline_alpha,
    parse_outline,
    parse_shadow,
    shadow_alpha,
    under,
)
from humatte.errors import UsageError
from humatte.lengths import Length

RED = np.array((200, 0, 0), np.uint8)


@pytest.mark.parametrize("width", [1, 4, 12.5])
def test_an_outline_is_the_shape_grown_and_antialiased(width: float) -> None:
    rim = outline_alpha(disc(120, 120, 30, soft=4), width)
    true = disc(120, 120, 30 + width, soft=1)
    assert np.abs(rim - true).max() < 0.45
    assert np.abs(rim - true).mean() < 0.005
    assert ((rim > 0.1) & (rim < 0.9)).sum() > 100  # soft, not stairs
    assert outline_alpha(np.zeros((9, 9), np.float32), 3).max() == 0


def test_a_shadow_is_moved_blurred_and_as_dark_as_asked() -> None:
    alpha = disc(120, 120, 20)
    sharp = shadow_alpha(alpha, Shadow(Length(10), Length(-5), Length(0), 0.4), 40)
    expected = np.roll(alpha, (-5, 10), axis=(0, 1)) * np.float32(0.4)
    assert np.abs(sharp - expected).max() < 1e-6
    for sigma in (2, 9):
        soft = shadow_alpha(alpha, Shadow(Length(0), Length(0), Length(sigma), 1.0), 40)
        assert soft.sum() == pytest.approx(alpha.sum(), rel=0.03)
        assert soft.max() < 1.0001
    assert soft.max() < 0.95


def test_percentages_are_of_the_person() -> None:
    alpha = disc(120, 120, 20)
    percent = shadow_alpha(alpha, Shadow(Length(25, True), Length(0), Length(5, True)), 40)
    pixels = shadow_alpha(alpha, Shadow(Length(10), Length(0), Length(2)), 40)
    assert (percent == pixels).all()


def test_a_layer_under_the_person_is_seen_the_same_with_and_without_transparency() -> None:
    """Laid over a background at the end, or layer by layer: one picture."""
    image, alpha, layer = noise(50, 50), disc(50, 50, 12, soft=8), disc(50, 50, 20, soft=9) * 0.6
    behind = noise(50, 50, 1)
    colours, total = under(image, alpha, RED, layer)
    at_once = over(colours, total, behind).astype(int)
    flat = np.broadcast_to(RED, image.shape)
    stepwise = over(image, alpha, over(np.ascontiguousarray(flat), layer, behind))
    assert np.abs(at_once - stepwise).max() <= 1
    deep, _ = under(image.astype(np.uint16) * 257, alpha, RED, layer)
    assert np.abs(deep / 257 - colours).max() <= 0.51
    untouched = (layer == 0) | (alpha == 1)
    assert (colours[untouched] == image[untouched]).all()
    assert (total[untouched] == alpha[untouched]).all()


def test_a_shadow_of_whom_the_frame_cuts_off_goes_on_to_its_edge() -> None:
    alpha = np.zeros((60, 60), np.float32)
    alpha[20:, 20:40] = 1
    moved = shadow_alpha(alpha, Shadow(Length(0), Length(-10), Length(0), 1.0), 40)
    assert (moved[-1, 20:40] == 1).all()


def test_the_room_that_effects_need() -> None:
    rim, shadow = Outline(Length(4)), Shadow(Length(10), Length(0), Length(2))
    assert Effects(rim).room(100) == (4, 4, 4, 4)
    assert Effects(None, shadow).room(100) == (5, 0, 5, 15)
    assert Effects(rim, shadow).room(100) == (9, 4, 9, 19)
    assert not Effects().any


def test_words() -> None:
    assert parse_shadow("") == Shadow()
    full = parse_shadow("x=-4,y=2%,blur=6 opacity=30%,color=navy")
    assert full == Shadow(Length(-4), Length(2, True), Length(6), 0.3, (0, 0, 128))
    assert parse_outline("8") == Outline(Length(8))
    assert parse_outline("1.5%:#f80") == Outline(Length(1.5, True), (255, 136, 0))


@pytest.mark.parametrize(
    "text", ["z=1", "x", "x=a", "blur=-1", "opacity=2", "opacity=140%", "x=1,x=2", "colour=nope"]
)
def test_wrong_shadows_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="shadow"):
        parse_shadow(text)


@pytest.mark.parametrize("text", ["", "0", "-3", "8:nope", "8:#12345678", "thick"])
def test_wrong_outlines_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="outline"):
        parse_outline(text)
