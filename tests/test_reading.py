"""A picture is read as large as its result needs: the result shows nothing of it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from drawn import gradient, noise, opened, put
from PIL import Image

import humatte
from humatte import finish
from humatte.errors import PictureError
from humatte.hints import read_hints
from humatte.image_io import read
from humatte.options import parse_options
from humatte.reading import Reading, read_for


class Sees:
    """A network's stand-in that sees a box of its small matte as a person."""

    class facts:
        best_long_side = 64

    def __init__(self, box: tuple[slice, slice]) -> None:
        self.box = box

    def small(self, image: np.ndarray) -> np.ndarray:
        alpha = np.zeros((48, 64), np.float32)
        alpha[self.box] = 1
        return alpha


LARGE = Sees((slice(5, 48), slice(10, 50)))


def size_read(source: Path | bytes, network: Sees = LARGE, **words: object) -> tuple[int, int]:
    reading = read_for(source, network, parse_options(**words))  # type: ignore[arg-type]
    return reading.picture.image.shape[:2]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return put(tmp_path / "photo.jpg", gradient(600, 800), quality=92)


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ({}, (600, 800)),
        ({"size": 60}, (300, 400)),  # a quarter has less than the closer look and its edges need
        ({"size": 60, "refine": "fast"}, (150, 200)),
        ({"size": 60, "refine": "off"}, (75, 100)),
        ({"size": "200x"}, (300, 400)),
        ({"size": "x210", "refine": "off"}, (600, 800)),  # 280 wide: a half has no pixels to spare
        ({"size": 60, "crop": True}, (600, 800)),
        ({"size": 60, "person": "at 5,5"}, (600, 800)),
        ({"size": 60, "person": "largest"}, (300, 400)),
        ({"size": 400}, (600, 800)),
    ],
)
def test_no_more_is_read_than_needed(photo: Path, words: dict, size: tuple[int, int]) -> None:
    assert size_read(photo, **words) == size
    assert size_read(photo.read_bytes(), **words) == size


def test_all_is_read_of_other_files_with_hints_and_where_places_are_told(
    photo: Path, tmp_path: Path
) -> None:
    options, shape = parse_options(size=60), (600, 800, 3)
    assert size_read(put(tmp_path / "a.png", gradient(600, 800)), size=60) == (600, 800)
    hints = read_hints(keep=np.zeros((600, 800), np.float32))
    assert read_for(photo, LARGE, options, hints).picture.image.shape == shape  # type: ignore[arg-type]
    assert read_for(photo, LARGE, options, whole=True).picture.image.shape == shape  # type: ignore[arg-type]
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(photo.read_bytes())).start()
    assert size_read(pipe, size=60) == (600, 800)


def test_somebody_small_is_seen_with_all_pixels(photo: Path) -> None:
    small = Sees((slice(30, 38), slice(20, 26)))
    assert size_read(photo, small, size=60) == (600, 800)
    assert size_read(photo, small, size=60, refine="off") == (75, 100)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos_keep_what_they_are(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = orientation, "a camera"
    icc = opened(Path(__file__).parent.parent / "examples/astronaut.jpg").info.get("icc_profile")
    path = put(tmp_path / "a.jpg", gradient(200, 302), exif=exif, dpi=(300, 300), icc_profile=icc)
    whole, half = read(path), read(path, least_side=lambda size: max(size) // 2)
    assert half.kept == whole.kept and whole.full is None
    assert half.full == whole.image.shape[:2]
    height, width = half.image.shape[:2]
    assert sorted((height, width)) == [100, 151] and (height < width) == (orientation < 5)
    near = np.asarray(Image.fromarray(whole.image).resize((width, height), Image.Resampling.BOX))
    assert np.abs(half.image.astype(int) - near).mean() < 2


@pytest.mark.parametrize(("width", "read_as"), [(320, (80, 5)), (316, (79, 5)), (317, (317, 20))])
def test_sides_are_divided_exactly(tmp_path: Path, width: int, read_as: tuple[int, int]) -> None:
    """What is rounded up would move everything; the size that is asked for is the upright one."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path, asked = put(tmp_path / "a.jpg", gradient(20, width), exif=exif), []

    def least(size: tuple[int, int]) -> int:
        asked.append(size)
        return 40

    assert read(path, least_side=least).image.shape[:2] == read_as
    assert asked == [(width, 20)]


@pytest.fixture(scope="module")
def portrait(astronaut: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The astronaut, large, with a camera's grain."""
    image = np.asarray(opened(astronaut).resize((2240, 2240), Image.Resampling.LANCZOS))
    grain = noise(2240, 2240).astype(np.int16)[..., :1] // 16 - 8
    pixels = np.clip(image.astype(np.int16) + grain, 0, 255).astype(np.uint8)
    return put(tmp_path_factory.mktemp("portrait") / "p.jpg", pixels, quality=92)


@pytest.mark.parametrize(
    "words", [{"size": 400}, {"size": "x640", "background": "blur", "refine": "fast"}]
)
def test_a_small_result_is_that_of_the_whole_picture(
    portrait: Path, words: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the mean within a level of 255, matte and colours."""
    found = humatte.cutout(portrait, model="night-lite", **words)
    seen = []

    def whole(source: Path, *_: object, **__: object) -> Reading:
        seen.append(source)
        return Reading(read(source))

    monkeypatch.setattr(finish, "read_for", whole)
    expected = humatte.cutout(portrait, model="night-lite", **words)
    assert seen and found.shape == expected.shape
    both = (found[..., -1] == 255) & (expected[..., -1] == 255) if found.shape[2] == 4 else ...
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() > 0  # it was read otherwise
    assert difference[both][..., :3].mean() < 1
    if found.shape[2] == 4:
        assert difference[..., 3].mean() < 1
        assert np.quantile(difference[..., 3], 0.99) < 16


def test_a_report_tells_places_of_the_whole_picture(humatte, photo: Path, tmp_path: Path) -> None:
    words = ("-m", "night", "--size", "60", "-o", tmp_path / "o.png", "--report", "json")
    told = humatte("cutout", photo, *words)
    assert told.code == 0, told.err
    assert '"size": [800, 600], "result_size": [60, 45]' in told.out


def test_a_size_that_cannot_be_is_not_blamed_on_the_file(humatte, photo: Path, tmp_path: Path):
    told = humatte("cutout", photo, "--size", "100", "--pad", "60", "-o", tmp_path / "o.png")
    assert told.code == 2 and "pad" in told.err and "broken" not in told.err


def test_a_name_that_cannot_be_is_one_line() -> None:
    with pytest.raises(PictureError):
        humatte.cutout("a" * 300 + ".jpg", model="night", size=100)
