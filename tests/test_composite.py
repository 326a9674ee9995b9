from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import disc, gradient, noise
from PIL import Image, ImageCms

from humatte.composite import (
    Background,
    backdrop,
    blur,
    cover,
    fill_in,
    fit,
    over,
    parse_background,
    with_alpha,
)
from humatte.errors import PictureError, UsageError


def plain_over(foreground: np.ndarray, alpha: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The equation, in float64, one line."""
    a = alpha[..., None].astype(np.float64)
    return a * foreground + (1 - a) * background


def test_over_is_the_equation_rounded() -> None:
    foreground, background = noise(300, 40, 1), noise(300, 40, 2)
    alpha = np.random.default_rng(3).random((300, 40), np.float32)
    found = over(foreground, alpha, background)
    assert np.abs(found - plain_over(foreground, alpha, background)).max() <= 0.5 + 1e-3


def test_over_is_exact_where_alpha_is_decided() -> None:
    foreground, background = noise(9, 9, 1), noise(9, 9, 2)
    assert (over(foreground, np.ones((9, 9), np.float32), background) == foreground).all()
    assert (over(foreground, np.zeros((9, 9), np.float32), background) == background).all()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("none", Background(none=True)),
        ("gray", Background(gray=True)),
        ("Grey", Background(gray=True)),
        ("blur", Background(blur_px=0.0)),
        ("blur:12.5", Background(blur_px=12.5)),
        ("black", Background(colour=(0, 0, 0))),
        ("green", Background(colour=(0, 177, 64))),
        ("#ff8000", Background(colour=(255, 128, 0))),
        ("#f80", Background(colour=(255, 136, 0))),
        ("RebeccaPurple", Background(colour=(102, 51, 153))),
    ],
)
def test_backgrounds_are_understood(spec: str, expected: Background) -> None:
    assert parse_background(spec) == expected


@pytest.mark.parametrize(
    "spec", ["", "nowhere.png", "blur:x", "blur:-3", "#12", "#ff000080", "rgb(300,0,0)", "x" * 300]
)
def test_unknown_backgrounds_are_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="background"):
        parse_background(spec)


def test_a_background_picture_covers_without_being_distorted(tmp_path: Path) -> None:
    circle = np.repeat((disc(100, 200, 30) * 255).astype(np.uint8)[..., None], 3, axis=2)
    Image.fromarray(circle).save(tmp_path / "b.png")
    background = parse_background(str(tmp_path / "b.png"))
    assert background.picture is not None
    seen = cover(background.picture, (300, 300))[..., 0] > 127
    assert seen.any(axis=1).sum() == pytest.approx(seen.any(axis=0).sum(), abs=2)  # still round
    assert seen.any(axis=1).sum() == pytest.approx(180, abs=3)


def test_a_broken_background_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"no")
    with pytest.raises(PictureError, match=r"b\.png"):
        parse_background(str(tmp_path / "b.png"))


@pytest.mark.parametrize("spec", ["blur", "blur:3", "gray", "black", "#123456"])
def test_every_solid_background_keeps_the_person_and_the_size(spec: str) -> None:
    image, alpha = noise(64, 48), disc(64, 48, 15)
    result = over(image, alpha, backdrop(parse_background(spec), image, alpha))
    assert result.shape == image.shape
    assert (result[alpha == 1] == image[alpha == 1]).all()
    assert (result[alpha == 0] != image[alpha == 0]).any()


def test_gray_keeps_colour_in_the_person_alone() -> None:
    image, alpha = gradient(64, 48), disc(64, 48, 15)
    result = over(image, alpha, backdrop(parse_background("gray"), image, alpha))
    behind = result[alpha == 0].astype(int)
    assert (behind.max(axis=1) == behind.min(axis=1)).all()


def test_none_cannot_be_laid_over() -> None:
    with pytest.raises(UsageError):
        backdrop(Background(none=True), noise(4, 4), np.ones((4, 4), np.float32))


def test_with_alpha_is_straight_and_hides_nothing() -> None:
    image, alpha = noise(32, 32), disc(32, 32, 9)
    rgba = with_alpha(image, alpha)
    visible = rgba[..., 3] > 0
    assert (rgba[visible, :3] == image[visible]).all()
    assert (rgba[~visible] == 0).all()


@pytest.mark.parametrize("radius", [1.0, 5.0, 30.0])
def test_blur_keeps_the_mean_and_a_constant(radius: float) -> None:
    assert (blur(np.full((50, 70, 3), 77, np.uint8), radius) == 77).all()
    image = noise(120, 160)
    assert blur(image, radius).mean() == pytest.approx(image.mean(), abs=1.5)
    assert blur(image, radius).std() < image.std() / 2


def test_a_blur_leaves_the_person_out() -> None:
    """A white person before black: not a glow of white may surround them."""
    alpha = disc(200, 200, 40, soft=1)
    image = np.repeat((alpha * 255).astype(np.uint8)[..., None], 3, axis=2)
    behind = blur(image, 12, alpha)
    assert behind[alpha == 0].max() <= 3
    assert blur(image, 12)[alpha == 0].max() > 60  # what a plain blur does


@pytest.mark.parametrize(("radius", "most"), [(3, 30), (12, 3), (30, 3)])
def test_a_blur_does_not_glow_where_the_matte_is_too_small(radius: float, most: int) -> None:
    """The person's edge is 4 pixels soft, the matte ends 2 pixels too early."""
    true, found = disc(300, 300, 70, soft=4), disc(300, 300, 68, soft=3)
    image = np.repeat((true * 255).astype(np.uint8)[..., None], 3, axis=2)
    blurred = blur(image, radius, found)
    assert blurred[found == 0].max() <= most
    deep = blur(image.astype(np.uint16) * 257, radius, found)
    assert np.abs(deep / 257 - blurred).max() <= 2


def test_a_person_who_fills_the_picture_can_be_blurred_behind() -> None:
    assert blur(noise(40, 40), 3, np.ones((40, 40), np.float32)).shape == (40, 40, 3)


def test_filling_in_continues_what_surrounds_the_person() -> None:
    alpha = disc(120, 160, 30)
    room = gradient(120, 160)
    filled = fill_in(over(np.full_like(room, 255), alpha, room), alpha)
    assert np.abs(filled.astype(int) - room)[alpha > 0].mean() < 10
    far = disc(120, 160, 36) == 0
    assert (filled[far] == room[far]).all()


def test_a_contained_background_is_shown_whole_and_undistorted() -> None:
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, :20], picture[:, 20:] = (255, 0, 0), (0, 0, 255)
    found = fit(picture, (100, 100), "contain")
    assert (found[25:75, :45] == (255, 0, 0)).all()
    assert (found[25:75, 55:] == (0, 0, 255)).all()
    assert found[10, 5, 0] > 200  # beyond it, a blurred copy
    assert (fit(picture, (20, 40), "contain") == picture).all()


def test_a_tiled_background_repeats_in_its_own_size() -> None:
    picture = noise(20, 30)
    found = fit(picture, (50, 70), "tile")
    assert (found[20:40, 30:60] == picture).all()
    assert (found[40:, 60:] == picture[:10, :10]).all()
    assert (fit(picture, (10, 10), "tile") == picture[:10, :10]).all()
    with pytest.raises(UsageError, match="cover, contain, tile"):
        fit(picture, (10, 10), "stretch")


def test_a_long_strip_as_background_needs_no_memory() -> None:
    strip = np.full((1, 65_000, 3), 7, np.uint8)
    assert (cover(strip, (400, 40)) == 7).all()


def test_a_transparent_background_picture_shows_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "b.png")
    picture = parse_background(str(tmp_path / "b.png")).picture
    assert picture is not None
    assert (picture == 255).all()


def test_colours_are_given_in_the_profile_of_the_picture() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    alpha = np.zeros((4, 4), np.float32)
    green = parse_background("green")
    assert backdrop(green, noise(4, 4), alpha, None)[0, 0].tolist() == [0, 177, 64]
    assert (
        np.abs(backdrop(green, noise(4, 4), alpha, srgb)[0, 0].astype(int) - (0, 177, 64)).max()
        <= 1
    )
    lab_like = backdrop(green, noise(4, 4), alpha, b"not a profile")
    assert lab_like[0, 0].tolist() == [0, 177, 64]
