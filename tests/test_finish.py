from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn import disc, gradient, noise, opened, person

import humatte
from humatte.arrays import to_bytes
from humatte.composite import Background
from humatte.errors import PictureError, UsageError
from humatte.finish import CutOut, cut_out
from humatte.hints import read_hints
from humatte.image_io import Kept, Picture
from humatte.options import parse_options


class FixedNetwork:
    """Stands in for a network: always the same matte, and remembers what it was shown."""

    def __init__(self, alpha: np.ndarray) -> None:
        self.alpha = alpha

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.seen = image
        return self.alpha

    small = __call__


def test_path_bytes_and_array_give_the_same(astronaut: Path) -> None:
    from_path = humatte.cutout(str(astronaut))
    assert (humatte.cutout(astronaut.read_bytes()) == from_path).all()
    assert (humatte.cutout(np.asarray(opened(astronaut))) == from_path).all()
    assert from_path.shape == (512, 512, 4)


def test_background_and_alpha(astronaut: Path) -> None:
    rgba = humatte.cutout(astronaut)
    assert (humatte.cutout(astronaut, alpha_only=True) == rgba[..., 3]).all()
    solid = humatte.cutout(astronaut, background="#00ff00")
    assert solid.shape == (512, 512, 3)
    behind = rgba[..., 3] == 0
    assert (solid[behind] == (0, 255, 0)).all()


def test_opaque_pixels_keep_their_exact_values(astronaut: Path) -> None:
    rgba, original = humatte.cutout(astronaut), np.asarray(opened(astronaut))
    opaque = rgba[..., 3] == 255
    assert opaque.mean() > 0.2
    assert (rgba[opaque, :3] == original[opaque]).all()


def test_an_own_alpha_multiplies_and_what_it_hides_is_not_seen() -> None:
    own = np.zeros((40, 40), np.float32)
    own[:, :20] = 0.5
    network = FixedNetwork(disc(40, 40, 15))
    picture = Picture(noise(40, 40), own, Kept())
    result = cut_out(picture, network, parse_options(background="none"))  # type: ignore[arg-type]
    assert (result.pixels[..., 3] == to_bytes(own * network.alpha)).all()
    assert (network.seen[:, 20:] == 255).all()


@pytest.mark.parametrize("spec", ["blur:3", "gray"])
def test_what_an_own_alpha_hides_stays_hidden(spec: str) -> None:
    image = np.full((40, 40, 3), (0, 0, 255), np.uint8)
    network = FixedNetwork(np.zeros((40, 40), np.float32))
    picture = Picture(image, np.zeros((40, 40), np.float32), Kept())
    result = cut_out(picture, network, parse_options(background=spec))  # type: ignore[arg-type]
    assert (result.pixels == 255).all()


def test_straight_colours_of_an_own_alpha_are_not_corrected_again() -> None:
    image = np.full((40, 40, 3), (200, 40, 60), np.uint8)
    own = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (40, 1))
    network = FixedNetwork(np.ones((40, 40), np.float32))
    result = cut_out(Picture(image, own, Kept()), network, parse_options(background="none"))  # type: ignore[arg-type]
    visible = result.pixels[..., 3] > 0
    assert (result.pixels[visible, :3] == (200, 40, 60)).all()


@pytest.mark.parametrize(("radius", "found"), [(0, False), (1, False), (6, True)])
def test_says_whether_a_person_was_found(radius: float, found: bool) -> None:
    alpha = disc(100, 100, radius, soft=0.5)
    network = FixedNetwork(alpha if radius else np.zeros_like(alpha))
    picture = Picture(noise(100, 100), None, Kept())
    result = cut_out(picture, network, parse_options(background="black"))  # type: ignore[arg-type]
    assert result.person_found == found


def test_premultiplied(astronaut: Path) -> None:
    straight = humatte.cutout(astronaut).astype(int)
    products = humatte.cutout(astronaut, premultiplied=True)
    assert (products[..., 3] == straight[..., 3]).all()
    expected = np.rint(straight[..., :3] * straight[..., 3:] / 255)
    assert (products[..., :3] == expected).all()
    for wrong in ({"alpha_only": True}, {"background": "red"}):
        with pytest.raises(UsageError, match="premultiplied is for transparent results"):
            humatte.cutout(astronaut, premultiplied=True, **wrong)


def test_bad_input_raises(tmp_path: Path) -> None:
    with pytest.raises(PictureError):
        humatte.cutout(tmp_path / "none.jpg")
    with pytest.raises(UsageError):
        humatte.cutout(np.zeros((4, 4), np.uint8))
    with pytest.raises(UsageError):
        humatte.cutout(noise(4, 4), background="nowhere")


def result_of(alpha: np.ndarray, image: np.ndarray, **words: object) -> CutOut:
    network = FixedNetwork(alpha)
    return cut_out(Picture(image, None, Kept()), network, parse_options(**words))  # type: ignore[arg-type]


@pytest.mark.parametrize("background", ["none", "gray", "blur:3", "white"])
def test_colours_and_matte_move_together(background: str) -> None:
    image, alpha = gradient(120, 100), disc(120, 100, 30)
    plain = result_of(alpha, image, background=background)
    found = result_of(alpha, image, crop="4", pad="3", background=background)
    rows, columns = np.nonzero(alpha > 0.05)
    top, left = rows[0] - 4, columns.min() - 4
    inside = found.alpha > 0
    assert inside.sum() == (alpha > 0).sum()
    cut = plain.pixels[top - 3 :, left - 3 :][: inside.shape[0], : inside.shape[1]]
    opaque = found.alpha == 1
    assert (found.pixels[opaque] == cut[opaque]).all()
    assert found.matte.shape == (120, 100)


def test_effects_are_in_pixels_of_the_result_and_have_room_in_a_crop() -> None:
    found = result_of(disc(200, 200, 40), noise(200, 200), crop="0", size=400, outline="20:red")
    both, person = found.pixels[..., 3] > 127, found.alpha >= 0.5
    assert (both[200].sum() - person[200].sum()) / 2 == pytest.approx(20, abs=1)
    assert (found.pixels[both & (found.alpha == 0)] == (255, 0, 0, 255)).all(axis=1).mean() > 0.9
    assert both.shape == (400, 400)
    assert 2 <= np.flatnonzero(both.any(axis=1))[0] <= 8  # whole, with the soft edge's room


def test_a_shadow_darkens_an_opaque_background_and_is_soft_on_none() -> None:
    image, alpha = noise(100, 100), disc(100, 100, 20)
    words = {"shadow": "x=15,y=0,blur=2,opacity=50%"}
    white = result_of(alpha, image, background="white", **words).pixels
    clear = result_of(alpha, image, **words).pixels
    assert white[50, 76].tolist() == [128] * 3
    assert np.abs(clear[50, 76].astype(int) - (0, 0, 0, 128)).max() <= 1
    assert (white[alpha == 1] == image[alpha == 1]).all()
    assert (result_of(alpha, image, **words).alpha == alpha).all()  # the matte knows no shadow


def test_hints_and_own_transparency_and_person_come_in_order() -> None:
    alpha = np.zeros((100, 200), np.float32)
    keep = np.zeros((100, 200), np.uint8)
    keep[20:80, 20:80] = 255
    keep[40:60, 140:160] = 255
    own = np.full((100, 200), 0.5, np.float32)
    picture = Picture(noise(100, 200), own, Kept())
    options = parse_options(person="largest")
    found = cut_out(picture, FixedNetwork(alpha), options, read_hints(keep=keep))  # type: ignore[arg-type]
    assert (found.alpha[20:80, 20:80] == 0.5).all()
    assert found.alpha[:, 100:].max() == 0


def test_metadata_follows_the_size() -> None:
    kept = Kept(icc=b"profile", dpi=(72, 72))
    picture = Picture(noise(240, 200), None, kept)
    network = FixedNetwork(person(240, 200))
    found = cut_out(picture, network, parse_options(id_photo="35x45mm", dpi=100))  # type: ignore[arg-type]
    assert found.pixels.shape == (177, 138, 3)
    assert found.kept == Kept(icc=b"profile", dpi=(100, 100))
    assert cut_out(picture, network, parse_options()).kept is kept  # type: ignore[arg-type]


def test_nobody_to_crop_to_is_said() -> None:
    found = result_of(np.zeros((40, 40), np.float32), noise(40, 40), crop=True)
    assert found.pixels.shape == (40, 40, 4)
    assert "nobody to crop to" in found.warnings[0]


def test_a_background_picture_is_fitted_to_the_result() -> None:
    behind = noise(30, 30)
    options = replace(
        parse_options(size="60x60"), background=Background(picture=behind, fit="tile")
    )
    picture = Picture(noise(40, 20), None, Kept())
    found = cut_out(picture, FixedNetwork(np.zeros((40, 20), np.float32)), options)  # type: ignore[arg-type]
    assert (found.pixels[30:, 30:] == behind).all()
