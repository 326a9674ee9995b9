from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import disc, put
from PIL import Image

from humatte.errors import PictureError, UsageError
from humatte.hint_files import HintFiles
from humatte.hints import Hints, guided, read_hints

SOFT = np.full((60, 80), 0.5, np.float32)


def left(height: int = 60, width: int = 80, value: int = 255) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = value
    return mask


def test_keep_and_drop_decide_where_they_are_white_and_nothing_elsewhere() -> None:
    kept = guided(SOFT, read_hints(keep=left()))
    dropped = guided(SOFT, read_hints(drop=left()))
    assert (kept[:, :40] == 1).all() and (dropped[:, :40] == 0).all()
    assert (kept[:, 40:] == 0.5).all() and (dropped[:, 40:] == 0.5).all()
    assert guided(SOFT, Hints()) is SOFT


def test_keep_wins_over_drop_and_both_over_the_mask_and_the_trimap() -> None:
    black = np.zeros((60, 80), np.uint8)
    found = guided(SOFT, read_hints(keep=left(), drop=left(), mask=black, trimap=black))
    assert (found[:, :40] == 1).all()
    assert (found[:, 40:] == 0).all()
    white = black + 255
    assert (guided(SOFT, read_hints(drop=left(), trimap=white))[:, :40] == 0).all()


def test_a_trimap_leaves_its_gray_to_the_network() -> None:
    trimap = np.tile(np.array([0, 3, 6, 128, 249, 252, 255], np.uint8), (60, 1))
    found = guided(np.full((60, 7), 0.25, np.float32), read_hints(trimap=trimap))
    assert found[0].tolist() == [0, 0, 0.25, 0.25, 0.25, 1, 1]


def test_nothing_is_left_beyond_a_rough_mask_grown_by_a_little() -> None:
    alpha = np.ones((200, 200), np.float32)
    found = guided(alpha, read_hints(mask=disc(200, 200, 50) > 0.5))
    assert (found[disc(200, 200, 50) > 0.5] == 1).all()
    assert (found[disc(200, 200, 55) < 0.5] == 0).all()
    assert 0 < found[disc(200, 200, 53) > 0.5].mean() < 1
    assert guided(alpha, read_hints(mask=np.zeros((200, 200)))).max() == 0


def test_hints_of_another_size_are_fitted_and_of_another_shape_refused() -> None:
    assert (guided(SOFT, read_hints(keep=left(30, 40)))[:, :38] == 1).all()
    assert set(np.unique(guided(SOFT, read_hints(trimap=left(31, 41))))) == {0, 1}
    big = np.zeros((3000, 4001), np.float32)
    assert guided(big, read_hints(keep=left(75, 100))).shape == big.shape
    with pytest.raises(UsageError, match="keep: found 80x80 for a picture of 80x60"):
        guided(SOFT, read_hints(keep=left(80, 80)))


def test_hints_are_read_from_files_and_arrays_alike(tmp_path: Path) -> None:
    put(tmp_path / "gray.png", left())
    clear = np.dstack([np.full((60, 80, 3), 255, np.uint8), left()])
    put(tmp_path / "brush.png", clear)  # white painted on transparency
    expected = left() / np.float32(255)
    for name in ("gray.png", "brush.png"):
        assert np.allclose(read_hints(drop=tmp_path / name).drop, expected)
    for array in (left(), left() > 0, expected, left().astype(np.uint16) * 257):
        assert np.allclose(read_hints(drop=array).drop, expected)
    assert read_hints(keep=left(), mask=left()).given() == ["keep", "mask"]
    with pytest.raises(PictureError):
        read_hints(keep=tmp_path / "none.png")
    for wrong in (np.zeros((2, 2, 3), np.uint8), np.full((2, 2), 7.0), np.zeros((2, 2), np.int64)):
        with pytest.raises(UsageError, match="keep: found an array"):
            read_hints(keep=wrong)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """hints/a.png, hints/sub/a.png, hints/b.jpg.png."""
    for number, name in enumerate(("a.png", "sub/a.png", "b.jpg.png")):
        put(tmp_path / "hints" / name, np.full((4, 4), number, np.uint8))
    return tmp_path / "hints"


def test_a_folder_of_hints_is_matched_by_name(folder: Path) -> None:
    sources = [Path(name) for name in ("in/A.jpg", "in/sub/a.webp", "in/b.jpg", "in/c.jpg")]
    found = HintFiles.of(folder, None, None, None).match(sources)
    expected = [folder / "a.png", folder / "sub/a.png", folder / "b.jpg.png"]
    assert [found.files[source].get("keep") for source in sources] == [*expected, None]
    assert found.without("keep") == 1
    assert found.all_files() == set(expected)
    assert found.read(sources[3]) == Hints()


def test_one_file_is_for_every_picture(folder: Path) -> None:
    found = HintFiles.of(None, folder / "a.png", None, None).match([Path("x.jpg"), Path("y.jpg")])
    assert found.read(Path("y.jpg")).given() == ["drop"]


def test_ambiguous_and_useless_hints_are_refused(folder: Path) -> None:
    hints = HintFiles.of(folder, None, None, None)
    with pytest.raises(UsageError, match="no file is named as a picture"):
        hints.match([Path("z.jpg")])
    with pytest.raises(UsageError, match="is for both"):
        hints.match([Path("one/a.jpg"), Path("two/a.jpg")])
    Image.new("L", (4, 4)).save(folder / "a.bmp")
    with pytest.raises(UsageError, match="leave one"):
        hints.match([Path("in/a.jpg")])
    with pytest.raises(UsageError, match="no such file or folder"):
        HintFiles.of(folder / "none", None, None, None)
