from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import disc, noise, opened

import humatte
from humatte.arrays import to_bytes
from humatte.composite import parse_background
from humatte.errors import PictureError, UsageError
from humatte.finish import cut_out
from humatte.image_io import Kept, Picture


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
    result = cut_out(picture, network, parse_background("none"))  # type: ignore[arg-type]
    assert (result.pixels[..., 3] == to_bytes(own * network.alpha)).all()
    assert (network.seen[:, 20:] == 255).all()


@pytest.mark.parametrize("spec", ["blur:3", "gray"])
def test_what_an_own_alpha_hides_stays_hidden(spec: str) -> None:
    image = np.full((40, 40, 3), (0, 0, 255), np.uint8)
    network = FixedNetwork(np.zeros((40, 40), np.float32))
    picture = Picture(image, np.zeros((40, 40), np.float32), Kept())
    result = cut_out(picture, network, parse_background(spec))  # type: ignore[arg-type]
    assert (result.pixels == 255).all()


def test_straight_colours_of_an_own_alpha_are_not_corrected_again() -> None:
    image = np.full((40, 40, 3), (200, 40, 60), np.uint8)
    own = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (40, 1))
    network = FixedNetwork(np.ones((40, 40), np.float32))
    result = cut_out(Picture(image, own, Kept()), network, parse_background("none"))  # type: ignore[arg-type]
    visible = result.pixels[..., 3] > 0
    assert (result.pixels[visible, :3] == (200, 40, 60)).all()


@pytest.mark.parametrize(("radius", "found"), [(0, False), (1, False), (6, True)])
def test_says_whether_a_person_was_found(radius: float, found: bool) -> None:
    alpha = disc(100, 100, radius, soft=0.5)
    network = FixedNetwork(alpha if radius else np.zeros_like(alpha))
    picture = Picture(noise(100, 100), None, Kept())
    result = cut_out(picture, network, parse_background("black"))  # type: ignore[arg-type]
    assert result.person_found == found


def test_bad_input_raises(tmp_path: Path) -> None:
    with pytest.raises(PictureError):
        humatte.cutout(tmp_path / "none.jpg")
    with pytest.raises(UsageError):
        humatte.cutout(np.zeros((4, 4), np.uint8))
    with pytest.raises(UsageError):
        humatte.cutout(noise(4, 4), background="nowhere")
