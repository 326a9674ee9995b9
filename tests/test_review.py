"""Mattes to look at: what is drawn where, and what is said of what cannot be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import a_set, disc, matte, noise, opened, put
from test_page import Parsed

from humatte.arrays import to_bytes
from humatte.data.lists import write_list
from humatte.data.review import View, choose, review
from humatte.data.sheets import MAGENTA, Tile, cells, contact_sheet
from humatte.errors import DataError, UsageError

CELL = 64


@pytest.fixture
def people(tmp_path: Path) -> Path:
    folder = a_set(tmp_path / "people", [*"abcde"], 48, 64)
    write_list(folder / "val.txt", "db")
    return folder


def names(pairs) -> str:
    return "".join(pair.name for pair in pairs)


def test_cells_are_picture_matte_and_person_on_magenta() -> None:
    image, alpha = noise(48, 64), disc(48, 64, 15)
    picture, gray, person = cells(Tile("", image, [alpha]), CELL, gray=True)
    assert (picture == image).all()
    assert (gray == to_bytes(alpha)[..., None]).all()
    assert (person[alpha == 1] == image[alpha == 1]).all()
    assert (person[alpha == 0] == MAGENTA[0, 0]).all()
    assert len(cells(Tile("", image, [alpha, alpha]), CELL)) == 3


def test_a_sheet_holds_every_tile_and_any_caption() -> None:
    tile = Tile("名前 " * 40, noise(48, 64), [disc(48, 64, 15)])
    sheet = contact_sheet([tile] * 5, columns=2, cell_px=CELL, gray=True)
    assert sheet.shape == (3 * (CELL + 16), 2 * (3 * CELL + 4), 3)
    assert (sheet[16 : 16 + 48, :64] == tile.image).all()
    assert (sheet[-CELL:, 3 * CELL + 4 :] == 255).all()  # the sixth place is empty


def test_which_pictures(people: Path) -> None:
    assert names(choose(people)) == "abcde"
    assert names(choose(people, "val.txt")) == "db"
    assert names(choose(people, names=["c", "a"])) == "ca"
    drawn = choose(people, count=3, seed=4)
    assert (len(drawn), drawn) == (3, choose(people, count=3, seed=4))
    assert len({names(choose(people, count=3, seed=seed)) for seed in range(9)}) > 3
    assert names(choose(people, count=99)) == "abcde"
    for words, error in (
        ({"names": ["x"]}, UsageError),
        ({"count": 0}, UsageError),
        ({"list_file": "no.txt"}, DataError),
    ):
        with pytest.raises(error):
            choose(people, **words)


def test_sheets_are_numbered(people: Path, tmp_path: Path) -> None:
    view = View(CELL, per_sheet=2)
    (tmp_path / "out").mkdir()
    assert review(choose(people), tmp_path / "out/sheet.png", view)
    made = sorted(tmp_path.glob("out/*"))
    assert [path.name for path in made] == ["sheet-001.png", "sheet-002.png", "sheet-003.png"]
    assert opened(made[0]).size == (2 * (3 * CELL + 4), CELL + 16)
    assert review(choose(people, "val.txt"), tmp_path / "one.png", view)
    first = np.asarray(opened(tmp_path / "one.png"))[16 : 16 + 48, :64]
    assert (first == noise(48, 64, seed=3)).all()  # d comes first, as in the list


def test_a_page_holds_everything(people: Path, tmp_path: Path) -> None:
    odd = "<i>\"&' 名"
    put(people / f"image/{odd}.png", noise(48, 64))
    put(people / f"alpha/{odd}.png", matte(48, 64))
    assert review(choose(people), tmp_path / "page.html", View(CELL))
    parsed = Parsed((tmp_path / "page.html").read_text("utf-8"))
    assert parsed.outside == []
    assert parsed.alts == [odd, *"abcde"]
    assert len(parsed.images) == 6


def test_other_mattes_beside_them(people: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    put(other / "a.png", matte(48, 64))
    put(other / "b.png", 255 - matte(48, 64))
    put(other / "c.png", matte(24, 32))
    assert review(choose(people), tmp_path / "page.html", View(CELL, others=other))
    said = Parsed((tmp_path / "page.html").read_text("utf-8")).alts
    assert said[0] == "a: mean difference 0.0000"
    assert float(said[1].split()[-1]) > 0.9
    assert 0 < float(said[2].split()[-1]) < 0.05
    assert said[3] == "d: no other matte"
    assert review(choose(people), tmp_path / "sheet.png", View(CELL, others=other))
    assert opened(tmp_path / "sheet.png").width == 5 * (5 * CELL + 4)


@pytest.mark.parametrize("out", ["sheet.png", "page.html"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_cannot_be_read_is_said_and_stops_nothing(
    humatte, people: Path, tmp_path: Path, out: str, jobs: int
) -> None:
    put(people / "alpha/b.png", matte(48, 65))
    result = humatte("data", "review", people, "-o", tmp_path / out, "--jobs", jobs)
    assert result.code == 1
    assert "b: the matte is 65x48, the photo 64x48" in result.err
    assert "pictures on" in result.err
    assert (tmp_path / out).stat().st_size > 1000


def test_wrong_use_is_one_line(humatte, people: Path, tmp_path: Path) -> None:
    wrong = {
        ("-o", tmp_path / "sheet.jpg"): ".png or .html",
        ("-o", tmp_path / "a.png", "--mattes", tmp_path / "no"): "no such folder",
        ("-o", tmp_path / "a.png", "--names", "nobody"): "'nobody' is not in all",
        ("-o", tmp_path / "a.png", "--random", "0"): "--random 0",
        ("-o", tmp_path / "a.png", "--cell", "1"): "--cell",
    }
    for words, expected in wrong.items():
        result = humatte("data", "review", people, *words)
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert expected in result.err
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    "out", ["people/image/a.png", "people/alpha/new.html", "other/a.png", "folder.html", "no/a.png"]
)
def test_nothing_of_the_set_is_replaced(humatte, people: Path, tmp_path: Path, out: str) -> None:
    put(tmp_path / "other/a.png", matte(48, 64))
    (tmp_path / "folder.html").mkdir()
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    mattes = ("--mattes", tmp_path / "other")
    result = humatte("data", "review", people, "-o", tmp_path / out, *mattes)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_numbered_sheets_replace_no_picture(humatte, people: Path) -> None:
    put(people / "image/a-001.png", noise(48, 64))
    words = ("-o", people / "image/a.png", "--per-sheet", "2")
    assert humatte("data", "review", people, *words).code == 2
