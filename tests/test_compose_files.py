"""`humatte data compose`: the new set, its sources, seeds, resuming, what is left out."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from drawn import noise, opened, put, room
from test_compose import figure

from humatte.data import compose_files as module
from humatte.data.compose import Look
from humatte.data.compose_files import make_picture, make_pictures
from humatte.data.layouts import find_set, write_sources
from humatte.errors import DataError, HumatteError, UsageError

LOOK = Look(long_side=96)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four people, two of whom are the same one, and two backgrounds."""
    people = tmp_path / "people"
    for number, name in enumerate(("ann", "ann2", "bob", "cy")):
        put(people / f"image/{name}.png", noise(120, 90, number))
        put(people / f"alpha/{name}.png", figure(bottom=110 + 10 * (number % 2)))
    licences = {"ann": "CC0", "ann2": "CC0", "bob": "MIT", "cy": ""}
    write_sources(
        people,
        {n: {"source": "mine", "licence": w, "group": n[:3]} for n, w in licences.items()},
    )
    (people / "few.txt").write_text("bob\ncy\n")
    for name in ("hall", "yard"):
        put(tmp_path / f"bg/{name}.png", room(90, 120))
    write_sources(tmp_path / "bg", {"hall": {"repository": "rooms", "licence": "MIT"}})
    return tmp_path


def make(data: Path, out: str = "out", count: int = 8, seed: int = 1, **options: object) -> bool:
    options = {"look": LOOK, **options}
    return make_pictures(data / "people", data / "bg", data / out, count, seed, **options)  # type: ignore[arg-type]


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(p for part in ("image", "alpha") for p in (folder / part).iterdir())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "sources.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_whole_set(data: Path) -> None:
    assert make(data)
    pairs = find_set(data / "out", "people", "all")
    assert [pair.name for pair in pairs] == [f"s1_{number:06d}" for number in range(8)]
    for pair in pairs:
        assert pair.alpha is not None
        picture, matte = opened(pair.image), opened(pair.alpha)
        assert (picture.format, matte.mode) == ("WEBP", "L")
        assert picture.size == matte.size
        assert max(picture.size) == 96
    rows = rows_of(data / "out")
    assert list(rows[0]) == [
        "name",
        "person",
        "background",
        "seed",
        "source",
        "licence",
        "group",
    ]
    people = [row["person"] for row in rows]
    assert sorted(people[:4]) == ["ann", "ann2", "bob", "cy"]  # everybody equally often
    assert {row["background"] for row in rows} == {"hall", "yard"}
    for row in rows:
        hall = row["background"] == "hall"
        assert row["source"] == ("mine; rooms" if hall else "mine; unknown")
        licence = {"ann": "CC0", "ann2": "CC0", "bob": "MIT", "cy": "unknown"}[row["person"]]
        assert row["licence"] == "; ".join(dict.fromkeys([licence, "MIT" if hall else "unknown"]))
        assert row["group"] == row["person"].removesuffix("2")


def test_jobs_and_count_do_not_change_the_bytes(data: Path) -> None:
    make(data, "one")
    make(data, "two", jobs=2)
    assert hashes(data / "one") == hashes(data / "two")
    assert rows_of(data / "one") == rows_of(data / "two")
    make(data, "more", count=3)
    make(data, "more", count=8)
    assert hashes(data / "more") == hashes(data / "one")
    assert rows_of(data / "more") == rows_of(data / "one")
    make(data, "other", seed=2)
    assert not set(hashes(data / "other").values()) & set(hashes(data / "one").values())


def test_resuming_makes_what_is_missing_and_leaves_the_rest(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(data)
    before, rows = hashes(data / "out"), rows_of(data / "out")
    (data / "out/image/s1_000003.webp").unlink()
    (data / "out/alpha/s1_000005.png").unlink()
    capsys.readouterr()
    assert make(data)
    assert "2 pictures, 6 already there" in capsys.readouterr().err
    assert (hashes(data / "out"), rows_of(data / "out")) == (before, rows)
    # Killed before the sources were written: the pictures are made again, the same.
    (data / "out/sources.csv").unlink()
    assert make(data)
    assert (hashes(data / "out"), rows_of(data / "out")) == (before, rows)
    assert make(data, count=2)  # fewer: nothing is lost
    assert rows_of(data / "out") == rows


def test_an_interrupted_run_goes_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(data, "whole")
    made = []

    def interrupted(*words: object, **more: object) -> object:
        if len(made) == 5:
            raise KeyboardInterrupt
        made.append(words)
        return make_picture(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "make_picture", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(data)
    with (data / "out/sources.unfinished.csv").open("a") as file:
        file.write("s1_000005,cy,hall,1,mine,MIT,c")  # the machine was switched off
    made.clear()
    assert make(data)
    assert len(made) == 3
    assert (hashes(data / "out"), rows_of(data / "out")) == (
        hashes(data / "whole"),
        rows_of(data / "whole"),
    )
    assert not (data / "out/sources.unfinished.csv").exists()


def test_other_settings_do_not_go_into_the_same_set(data: Path) -> None:
    make(data, count=2)
    with pytest.raises(UsageError, match="made with seed 1, not 2"):
        make(data, count=2, seed=2)
    with pytest.raises(UsageError, match="made with shadows False, not True"):
        make(data, count=2, look=Look(long_side=96, shadows=True))
    put(data / "bg/new.png", room(90, 120))
    with pytest.raises(UsageError, match=r"made with backgrounds 2 pictures .* not 3 pictures"):
        make(data, count=2)
    put(data / "strange/image/a.png", room(90, 120))
    with pytest.raises(UsageError, match=r"a\.png: is there, but not from this command"):
        make(data, "strange")


def test_several_people_share_a_group(data: Path) -> None:
    make(data, count=30, several=1.0, look=Look(96, shadows=True))
    rows = rows_of(data / "out")
    together = [set(row["person"].split("; ")) for row in rows if ";" in row["person"]]
    assert together
    assert not any({"ann", "ann2"} <= people for people in together)  # nobody stands beside herself
    assert {row["group"] for row in rows} == {"ann"}  # one team


def test_a_list_chooses_the_people(data: Path) -> None:
    make(data, list_file="few.txt", format_name="jpg")
    assert {row["person"] for row in rows_of(data / "out")} == {"bob", "cy"}
    assert opened(data / "out/image/s1_000000.jpg").format == "JPEG"


def test_what_is_left_out_is_said_with_its_reason(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(data / "people/alpha/ann.png", np.zeros((120, 90), np.uint8))
    put(data / "people/alpha/bob.png", figure()[:50])
    assert not make(data, count=4)
    err = capsys.readouterr().err
    assert "2 pictures, 1 skipped, 1 failed" in err
    with (data / "out/skipped.csv").open(newline="") as file:
        why = {row["kind"]: row["why"] for row in csv.DictReader(file)}
    assert why["skipped"] == "ann: nobody is in its matte"
    assert "bob: the matte is 90x50, the photo 90x120" in why["failed"]
    assert len(rows_of(data / "out")) == 2


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"out": "people"}, UsageError, "the output folder is an input folder"),
        ({"out": "bg"}, UsageError, "the output folder is an input folder"),
        ({"count": 0}, UsageError, "--count 0"),
        ({"several": 2.0}, UsageError, r"--several 2\.0"),
        ({"format_name": "gif"}, UsageError, "written as 'gif'; expected webp, png, jpg"),
        ({"list_file": "no.txt"}, DataError, "no such list"),
    ],
)
def test_wrong_use(
    data: Path, options: dict[str, object], error: type[HumatteError], words: str
) -> None:
    before = sorted(data.rglob("*"))
    with pytest.raises(error, match=words):
        make(data, **options)  # type: ignore[arg-type]
    assert sorted(data.rglob("*")) == before


def test_folders_that_are_not_there(data: Path) -> None:
    out = data / "out"
    with pytest.raises(DataError, match="nix: no such folder"):
        make_pictures(data / "nix", data / "bg", out, 1, 1, LOOK)
    (data / "empty").mkdir()
    with pytest.raises(DataError, match="empty: no pictures; expected backgrounds"):
        make_pictures(data / "people", data / "empty", out, 1, 1, LOOK)
    assert not out.exists()
