"""The private engine's stages beside the library's, in node; its files beside other readers'."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from drawn import disc, gradient, noise, opened, room, strands
from engine_node import RUNTIME, Job, engine, needs_node, needs_runtime, rgba
from skimage import data

import humatte
from humatte.arrays import Box, resize, to_bytes
from humatte.catalog import find
from humatte.detail import look_closer
from humatte.foreground import estimate_foreground
from humatte.hints import Hints, guided
from humatte.matting import matte
from humatte.network import settle
from humatte.prepare import fit, unpadded
from humatte.refine import sharpen
from humatte.second_look import boxes_of_small_people, put_in

pytestmark = needs_node

NEAR = 2 / 255  # what the engine's mattes may differ from the library's
SINGLE = 2e-6  # what the order of sums leaves in single precision


class Stub:
    """The network that engine_run.mjs calls a stub."""

    facts = SimpleNamespace(best_long_side=96, stride=32)

    def small(self, image: np.ndarray, long_side: int | None = None) -> np.ndarray:
        batch, placement = fit(image, long_side or 96, 32)
        found = np.clip((batch.sum(axis=1, keepdims=True) - 1) * np.float32(1.5), 0, 1)
        return unpadded(settle(found), placement)


def farthest(found: np.ndarray, wanted: np.ndarray) -> float:
    assert found.shape == wanted.shape
    return float(np.abs(found.astype(np.float64) - wanted).max())


# Smaller, larger, one of each, halved, whole and broken factors, one pixel wide.
SIZES = [
    ((120, 160), (50, 67)),
    ((99, 101), (33, 50)),
    ((100, 80), (50, 40)),
    ((90, 100), (30, 20)),
    ((64, 80), (100, 70)),
    ((67, 50), (100, 177)),
    ((672, 4), (1000, 4)),
    ((517, 1), (384, 1)),
    ((1, 1), (7, 9)),
]


def test_pictures_are_resized_byte_by_byte_as_opencv_does(tmp_path: Path) -> None:
    images = [noise(*size) for size, _ in SIZES]
    jobs = [
        Job("resize", {"values": image}, {"size": size}, np.uint8)
        for image, (_, size) in zip(images, SIZES, strict=True)
    ]
    for job, found, image in zip(jobs, engine(tmp_path, jobs), images, strict=True):
        np.testing.assert_array_equal(found, resize(image, job.options["size"]))


def test_mattes_are_resized_as_opencv_does(tmp_path: Path) -> None:
    alphas = [noise(*size)[..., 0] / np.float32(255) for size, _ in SIZES]
    jobs = [
        Job("resize", {"values": alpha}, {"size": size})
        for alpha, (_, size) in zip(alphas, SIZES, strict=True)
    ]
    for job, found, alpha in zip(jobs, engine(tmp_path, jobs), alphas, strict=True):
        assert farthest(found, resize(alpha, job.options["size"])) < SINGLE


def test_filters_have_opencvs_borders(tmp_path: Path) -> None:
    jobs: list[Job] = []
    wanted: list[np.ndarray] = []
    for shape in [(40, 30), (60, 1), (2, 3)]:  # also smaller than their windows
        plane = np.random.default_rng(0).random(shape)
        for mirror, border in [(True, cv2.BORDER_REFLECT), (False, cv2.BORDER_DEFAULT)]:
            jobs.append(Job("blur", {"plane": plane}, {"radius": 4, "mirror": mirror}, np.float64))
            wanted.append(cv2.blur(plane, (9, 9), borderType=border))
        single = plane.astype(np.float32)
        for name, made in [("dilate", cv2.dilate), ("erode", cv2.erode)]:
            jobs.append(Job(name, {"plane": single}, {"radius": 5}))
            wanted.append(made(single, np.ones((11, 11), np.uint8)))
        jobs.append(Job("ellipse", {"plane": single}))
        ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
        wanted.append(cv2.dilate(single, ellipse))
    for found, filtered in zip(engine(tmp_path, jobs), wanted, strict=True):
        assert farthest(found, filtered) < 1e-12


def pictures() -> list[np.ndarray]:
    return [data.astronaut()[:333, :517], noise(120, 90), noise(300, 1), gradient(133, 217)]


@pytest.mark.parametrize(
    ("call", "library"),
    [("sharpen", sharpen), ("closer", lambda image, small: look_closer(image, small, Stub()))],
)
def test_edges_are_drawn_as_by_the_library(
    tmp_path: Path, call: str, library: Callable[..., np.ndarray]
) -> None:
    smalls = [(image, Stub().small(image)) for image in pictures()]
    jobs = [Job(call, {"image": rgba(image), "small": small}) for image, small in smalls]
    for found, (image, small) in zip(engine(tmp_path, jobs), smalls, strict=True):
        wanted = library(image, small)
        assert farthest(found, wanted) < SINGLE
        assert np.any((wanted > 0) & (wanted < 1))  # there was an edge to draw


def test_foreground_is_the_librarys_within_a_byte(tmp_path: Path) -> None:
    images = [*pictures(), cv2.resize(data.astronaut(), (700, 500))]  # the last one is spread small
    alphas = [np.clip(resize(strands(200, 200), image.shape[:2]), 0, 1) for image in images]
    jobs = [
        Job("foreground", {"image": rgba(image), "alpha": alpha}, dtype=np.uint8)
        for image, alpha in zip(images, alphas, strict=True)
    ]
    for found, image, alpha in zip(engine(tmp_path, jobs), images, alphas, strict=True):
        assert farthest(found[..., :3], estimate_foreground(image, alpha)) <= 1
        np.testing.assert_array_equal(found[..., 3], to_bytes(alpha))


def crowd() -> np.ndarray:
    """A matte (96, 128) with small people at a corner, close together, far apart; and dust."""
    alpha = np.zeros((96, 128), np.float32)
    for top, left, size in [(0, 0, 14), (40, 30, 12), (44, 44, 9), (70, 100, 16), (10, 100, 4)]:
        person = disc(size, size, size / 2)
        alpha[top : top + size, left : left + size] = person
    return alpha


def test_small_people_are_found_where_the_library_finds_them(tmp_path: Path) -> None:
    large = np.clip(disc(96, 128, 40), 0, 1)
    alphas = [crowd(), crowd()[:, :64].copy(), large, np.zeros((40, 50), np.float32)]
    sizes = [(900, 1200), (777, 517), (960, 1280), (400, 500)]
    jobs = [
        Job("boxes", {"small": alpha}, {"size": size})
        for alpha, size in zip(alphas, sizes, strict=True)
    ]
    found = engine(tmp_path, jobs)
    wanted = [boxes_of_small_people(a, size) for a, size in zip(alphas, sizes, strict=True)]
    assert [[Box(**box) for box in boxes] for boxes in found] == wanted
    assert [len(boxes) for boxes in wanted] == [3, 2, 0, 0]


def test_a_second_look_goes_into_the_matte_as_by_the_library(tmp_path: Path) -> None:
    first = resize(crowd(), (480, 640))
    boxes = [Box(0, 0, 120, 130), Box(170, 120, 300, 310), Box(300, 420, 480, 640)]
    parts = [noise(*box.size)[..., 0] / np.float32(255) for box in boxes]
    jobs = [
        Job("put_in", {"matte": first, "part": part}, {"box": box._asdict()})
        for box, part in zip(boxes, parts, strict=True)
    ]
    for found, box, part in zip(engine(tmp_path, jobs), boxes, parts, strict=True):
        wanted = first.copy()
        put_in(wanted, part, box)
        assert farthest(found, wanted) < SINGLE
        assert farthest(wanted, first) > 0.5


def test_a_brush_keeps_and_drops_as_the_library_does(tmp_path: Path) -> None:
    alpha, keep, drop = disc(30, 40, 12), noise(30, 40)[..., 0], noise(30, 40, 1)[..., 0]
    hints = {"keep": keep, "drop": drop}
    given: list[dict[str, np.ndarray]] = [{}, {"keep": keep}, {"drop": drop}, hints]
    found = engine(tmp_path, [Job("guided", {"matte": alpha, **some}) for some in given])
    for values, some in zip(found, given, strict=True):
        scaled = {kind: hint / np.float32(255) for kind, hint in some.items()}
        assert farthest(values, guided(alpha, Hints(**scaled))) < 1e-7


def test_png_holds_exact_straight_colours(tmp_path: Path) -> None:
    images = [np.dstack([noise(h, w), noise(h, w, 1)[..., 0]]) for h, w in [(1, 1), (90, 300)]]
    images.append(np.dstack([gradient(200, 150), to_bytes(disc(200, 150, 60))]))
    images[1][:40, :, 3], images[1][40:60, :, 3] = 0, 1  # a canvas loses these colours
    jobs = [Job("png", {"image": image}, dtype=np.uint8) for image in images]
    for found, image in zip(engine(tmp_path, jobs), images, strict=True):
        picture = opened(found.tobytes())
        assert (picture.format, picture.mode) == ("PNG", "RGBA")
        np.testing.assert_array_equal(np.asarray(picture), image)


def test_zip_holds_every_file_under_a_name_of_its_own(tmp_path: Path) -> None:
    names = ["größe 人.png", "a.png", "A.png", "a.png", "../b/c.png", "", "noend"]
    (found,) = engine(tmp_path, [Job("zip", {}, {"names": names}, np.uint8)])
    with zipfile.ZipFile(io.BytesIO(found.tobytes())) as files:
        assert files.testzip() is None
        assert [files.read(name).decode() for name in files.namelist()] == [
            f"file {number}" for number in range(len(names))
        ]
        assert files.namelist() == [
            "größe 人.png", "a.png", "A (2).png", "a (3).png", "__b_c.png", "_", "noend",
        ]  # fmt: skip


def facts_of(model: str) -> dict[str, Any]:
    facts = humatte.load(model).facts
    return {
        "runtime": str(RUNTIME),
        "file": str(find(model)),
        "long_side": facts.best_long_side,
        "stride": facts.stride,
    }


def check_mattes(folder: Path, model: str, images: list[np.ndarray], refine: list[str]) -> None:
    jobs = [
        Job("matte", {"image": rgba(image)}, {"refine": how}) for image in images for how in refine
    ]
    cases = [(image, how) for image in images for how in refine]
    network = humatte.load(model)
    for found, (image, how) in zip(engine(folder, jobs, facts_of(model)), cases, strict=True):
        assert farthest(found, matte(image, network, how)) <= NEAR, (model, image.shape, how)


@needs_runtime
def test_the_same_matte_as_the_library(tmp_path: Path) -> None:
    check_mattes(tmp_path, "night", [data.astronaut()], ["fast"])


@needs_runtime
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("model", ["night", "dawn"])
def test_the_same_mattes_as_the_library_in_every_refinement(tmp_path: Path, model: str) -> None:
    astronaut = data.astronaut()
    far = room(900, 1400)
    far[500:800, 300:600] = cv2.resize(astronaut, (300, 300), interpolation=cv2.INTER_AREA)
    images = [
        astronaut,
        cv2.resize(astronaut, (1600, 1200), interpolation=cv2.INTER_CUBIC),
        cv2.resize(astronaut, (517, 333), interpolation=cv2.INTER_AREA),
        cv2.resize(astronaut, (120, 90), interpolation=cv2.INTER_AREA),
        np.ascontiguousarray(astronaut[:, 200:201]),
        far,
        room(),
    ]
    check_mattes(tmp_path, model, images, ["off", "fast", "detail"])
