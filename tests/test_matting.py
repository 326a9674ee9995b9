from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from drawn import noise, opened, room
from PIL import Image

import humatte
from humatte.errors import UsageError
from humatte.matting import matte
from humatte.metrics import person_iou

REFINEMENTS = ["off", "fast", "detail"]


def test_off_is_the_network_alone(astronaut: Path) -> None:
    image, network = np.asarray(opened(astronaut)), humatte.load()
    assert (matte(image, network, refine="off") == network(image)).all()


@pytest.mark.parametrize("refine", ["fast", "detail"])
def test_refined_edges_change_and_nothing_decided_far_from_them(
    astronaut: Path, refine: str
) -> None:
    with opened(astronaut) as photo:
        image = np.asarray(photo.resize((700, 700)))
    off = matte(image, humatte.load(), refine="off")
    found = matte(image, humatte.load(), refine=refine)  # type: ignore[arg-type]
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    assert (found != off).any()
    soft = ((off > 0) & (off < 1)).astype(np.uint8)
    # Five pixels of the network's: what the closer look may reach.
    far = cv2.dilate(soft, np.ones((23, 23), np.uint8)) == 0
    assert far.mean() > 0.2
    assert (found[far] == off[far]).all()


@pytest.mark.parametrize("refine", REFINEMENTS)
def test_opaque_pixels_keep_their_bytes(astronaut: Path, refine: str) -> None:
    with opened(astronaut) as photo:
        image = np.asarray(photo.resize((700, 700)))
    rgba = humatte.cutout(image, refine=refine)  # type: ignore[arg-type]
    opaque = rgba[..., 3] == 255
    assert opaque.mean() > 0.2
    assert (rgba[opaque, :3] == image[opaque]).all()


@pytest.mark.parametrize("refine", ["fast", "detail"])
def test_a_small_person_is_looked_at_again(astronaut: Path, refine: str) -> None:
    """The astronaut before the front of a room, cut off by the picture's edge as in her photo."""
    network, side = humatte.load(), 180
    with opened(astronaut) as photo:
        person = np.asarray(photo.resize((side, side)))
    wanted = network(person)
    image = room(660, 880)
    place = (slice(660 - side, 660), slice(380, 380 + side))
    weight = wanted[..., None]
    image[place] = np.rint(person * weight + image[place] * (1 - weight)).astype(np.uint8)
    truth = np.zeros(image.shape[:2], np.float32)
    truth[place] = wanted
    once = np.abs(network(image) - truth).mean()
    again = matte(image, network, refine=refine)  # type: ignore[arg-type]
    assert np.abs(again - truth).mean() < 0.7 * once
    assert person_iou(again, truth) > 0.9


@pytest.mark.parametrize("refine", ["fast", "detail"])
def test_an_empty_room_stays_empty(refine: str) -> None:
    assert matte(room(900, 1200), humatte.load(), refine=refine).max() < 0.5  # type: ignore[arg-type]


@pytest.mark.parametrize("refine", ["fast", "detail"])
@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (700, 500), (641, 640)])
def test_any_size_is_refined(size: tuple[int, int], refine: str) -> None:
    found = matte(noise(*size), humatte.load(), refine=refine)  # type: ignore[arg-type]
    assert found.shape == size


def test_thirty_thousand_by_two_hundred(astronaut: Path) -> None:
    image = np.full((200, 30_000, 3), 220, np.uint8)
    with opened(astronaut) as photo:
        image[:, 5000:5200] = np.asarray(photo.resize((200, 200), Image.Resampling.BOX))
    found = matte(image, humatte.load())
    assert found.shape == (200, 30_000)


def test_refinements_are_named() -> None:
    with pytest.raises(UsageError, match=r"'best'.*off, fast or detail"):
        matte(noise(20, 20), humatte.load(), refine="best")  # type: ignore[arg-type]


def test_the_network_is_asked_about_the_picture_and_its_parts_only() -> None:
    """One look at the whole; none again where the matte has no edge and nobody small."""
    looks = []

    def small(image: np.ndarray, long_side: int | None = None) -> np.ndarray:
        looks.append(image.shape)
        return np.zeros((320, 240), np.float32)

    network = SimpleNamespace(small=small, facts=SimpleNamespace(best_long_side=320, stride=32))
    assert matte(noise(1280, 960), network).max() == 0  # type: ignore[arg-type]
    assert looks == [(1280, 960, 3)]
