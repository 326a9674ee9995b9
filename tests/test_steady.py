from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from drawn import opened, room

import humatte
from humatte import metrics
from humatte.arrays import resize
from humatte.errors import UsageError
from humatte.matting import matte
from humatte.motion import compare, look, same_scene
from humatte.steady import VideoMatte

HEIGHT, WIDTH, RADIUS = 180, 320, 40


class Faked:
    """A network that knows the true mattes, and is wrong by a little, differently every time."""

    def __init__(self, truths: list[np.ndarray], error: float) -> None:
        self.truths, self.error, self.rng = iter(truths), error, np.random.default_rng(0)

    def __call__(self, image: np.ndarray, long_side: int | None = None) -> np.ndarray:
        truth = next(self.truths)
        wrong = cv2.resize(self.rng.normal(0, 1, (9, 16)).astype(np.float32), truth.shape[::-1])
        return np.clip(truth + self.error * wrong, 0, 1).astype(np.float32)

    small = __call__


def scene(x: float, rng: np.random.Generator, light: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A spotted disc before a room, with a camera's noise, and its alpha."""
    down, across = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    alpha = np.clip((RADIUS - np.hypot(down - 90, across - x)) / 2 + 0.5, 0, 1)
    spots = 110 + 50 * np.sin((across - x) / 5) * np.sin(down / 6)
    disc = np.dstack([spots, 60 + 0 * spots, 150 - spots / 2])
    image = (disc * alpha[..., None] + room(HEIGHT, WIDTH) * (1 - alpha[..., None])) * light
    noise = rng.normal(0, 2, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8), alpha.astype(np.float32)


def clip(places: list[float], light: dict[int, float] | None = None) -> tuple[list, list]:
    rng = np.random.default_rng(1)
    shown = [scene(x, rng, (light or {}).get(number, 1)) for number, x in enumerate(places)]
    return [image for image, _ in shown], [alpha for _, alpha in shown]


def mattes(
    images: list, truths: list, *, steady: bool = True, error: float = 0.2
) -> list[np.ndarray]:
    video = VideoMatte(Faked(truths, error), refine="off", steady=steady)  # type: ignore[arg-type]
    return [video(image) for image in images]


def dtssd(found: list, truths: list) -> float:
    pairs = zip(pairwise(found), pairwise(truths), strict=True)
    return float(np.mean([metrics.dtssd(b, a, tb, ta) for (a, b), (ta, tb) in pairs]))


def error_where_it_moves(found: list, truths: list) -> float:
    errors = []
    for alpha, (before, truth) in zip(found[1:], pairwise(truths), strict=True):
        moving = cv2.dilate((np.abs(truth - before) > 0.01).astype(np.uint8), np.ones((7, 7))) > 0
        errors.append(metrics.mad(alpha, truth, moving))
    return float(np.mean(errors))


def test_a_still_clip_gets_steadier() -> None:
    images, truths = clip([160] * 10)
    raw, found = mattes(images, truths, steady=False), mattes(images, truths)
    assert dtssd(found[3:], truths[3:]) < 0.3 * dtssd(raw[3:], truths[3:])
    assert metrics.mad(found[-1], truths[-1]) < metrics.mad(raw[-1], truths[-1])
    for alpha in found:
        assert alpha.dtype == np.float32
        assert alpha.min() >= 0
        assert alpha.max() <= 1


@pytest.mark.parametrize("speed", [0.15, 0.6, 2.3, 9])
def test_an_edge_that_moves_does_not_lag(speed: float) -> None:
    images, truths = clip([60 + speed * number for number in range(14)])
    found = mattes(images, truths, error=0)  # any error is then the smoothing's
    assert error_where_it_moves(found, truths) < 0.012
    wrong = mattes(images, truths, steady=False), mattes(images, truths)
    assert error_where_it_moves(wrong[1], truths) < 1.02 * error_where_it_moves(wrong[0], truths)


def test_a_smoothing_that_lags_would_be_seen() -> None:
    """The bound above can be missed: a plain mean of frames misses it."""
    _, truths = clip([60 + 0.6 * number for number in range(14)])
    mean = [truths[0]]
    for truth in truths[1:]:
        mean.append(mean[-1] + (truth - mean[-1]) / 6)
    assert error_where_it_moves(mean, truths) > 0.05


def test_what_leaves_leaves_no_ghost() -> None:
    images, truths = clip([100] * 8 + [230] * 3)
    found = mattes(images, truths, error=0)
    gone = (truths[0] > 0) & (truths[8] == 0)
    assert found[8][gone].mean() < 0.02


def other_place() -> np.ndarray:
    return np.ascontiguousarray(np.rot90(room(WIDTH, HEIGHT)))


def test_a_cut_forgets_the_past() -> None:
    images, truths = clip([160] * 5)
    empty = np.zeros((HEIGHT, WIDTH), np.float32)
    found = mattes([*images, other_place()], [*truths, empty], error=0)
    assert found[5].max() == 0
    assert not same_scene(look(other_place()), look(images[0]))


def test_a_flash_is_no_cut_and_the_past_goes_on_after_it() -> None:
    images, truths = clip([160] * 9, light={6: 2.2})
    sights = [look(image) for image in images]
    assert compare(sights[6], sights[5], sights[5].colour).lost
    assert same_scene(sights[6], sights[5])
    raw, found = mattes(images, truths, steady=False), mattes(images, truths)
    assert (found[6] == raw[6]).all()
    assert np.abs(found[7] - found[5]).mean() < 0.3 * np.abs(raw[7] - raw[5]).mean()


def test_light_that_stays_different_is_taken_up() -> None:
    images, truths = clip([160] * 12, light=dict.fromkeys(range(5, 12), 2.2))
    raw, found = mattes(images, truths, steady=False), mattes(images, truths)
    assert dtssd(found[9:], truths[9:]) < 0.6 * dtssd(raw[9:], truths[9:])


@pytest.mark.parametrize("step", [3, 40, 70])
def test_a_swing_of_the_camera_is_no_cut(step: int) -> None:
    wide = cv2.resize(np.random.default_rng(2).integers(0, 256, (14, 40, 3), np.uint8), (640, 180))
    one, two = look(wide[:, 100:420]), look(wide[:, 100 + step : 420 + step])
    assert same_scene(two, one)
    assert compare(two, one, one.colour).lost == (step > 20)


def test_what_moves_is_found_where_it_was() -> None:
    wide = cv2.resize(np.random.default_rng(2).integers(0, 256, (30, 60, 3), np.uint8), (640, 180))
    one, two = look(wide[:, 100:420]), look(wide[:, 105:425])
    motion = compare(two, one, one.colour)
    sure = motion.trust > 0.5
    assert sure.mean() > 0.5
    assert np.abs(motion.flow[sure] - (5, 0)).max() < 1
    assert motion.still.mean() < 0.1


def test_another_size_begins_anew() -> None:
    images, truths = clip([160] * 3)
    half = images[0][::2, ::2], truths[0][::2, ::2]
    shown, known = [*images, half[0]], [*truths, half[1]]
    found, raw = mattes(shown, known), mattes(shown, known, steady=False)
    assert (found[3] == raw[3]).all()


def test_reset_begins_anew() -> None:
    images, truths = clip([160] * 4)
    video = VideoMatte(Faked(truths, 0.2), refine="off")  # type: ignore[arg-type]
    raw = mattes(images, truths, steady=False)
    found = []
    for image in images:
        found.append(video(image))
        video.reset()
    assert all((one == other).all() for one, other in zip(found, raw, strict=True))


def test_the_same_frames_give_the_same_mattes() -> None:
    images, truths = clip([60 + 2 * number for number in range(5)])
    for one, other in zip(mattes(images, truths), mattes(images, truths), strict=True):
        assert (one == other).all()


def test_a_matte_is_the_callers() -> None:
    images, truths = clip([160] * 6)
    video = VideoMatte(Faked(truths, 0), refine="off")  # type: ignore[arg-type]
    for image in images:
        alpha = video(image)
        assert alpha[90, 160] == 1
        alpha[:] = 0


@pytest.mark.parametrize("refine", ["off", "fast", "detail"])
def test_off_is_a_pictures_matte_and_so_is_a_first_frame(astronaut: Path, refine: str) -> None:
    with opened(astronaut) as photo:
        image = np.asarray(photo.resize((400, 400)))
    network = humatte.load()
    plain = VideoMatte(network, refine=refine, steady=False)  # type: ignore[arg-type]
    wanted = matte(image, network, refine)  # type: ignore[arg-type]
    assert (plain(image) == wanted).all()
    assert (plain(image) == wanted).all()
    assert (VideoMatte(network, refine=refine)(image) == wanted).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (400, 3), (25, 31)])
def test_any_size_is_steadied(size: tuple[int, int]) -> None:
    def small(image: np.ndarray, long_side: int | None = None) -> np.ndarray:
        return resize(image[..., 0] / np.float32(255), (8, 8))

    network = SimpleNamespace(small=small, facts=SimpleNamespace(best_long_side=8, stride=8))
    video = VideoMatte(network, refine="fast")  # type: ignore[arg-type]
    for seed in range(3):
        image = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
        alpha = video(image)
        assert alpha.shape == size
        assert 0 <= alpha.min() <= alpha.max() <= 1


def test_wrong_use_is_named() -> None:
    with pytest.raises(UsageError, match=r"'best'.*off, fast or detail"):
        VideoMatte(Faked([], 0), refine="best")  # type: ignore[arg-type]
    for steady in (True, False):
        with pytest.raises(UsageError, match="an image"):
            VideoMatte(Faked([], 0), steady=steady)(np.zeros((4, 4)))  # type: ignore[arg-type]
