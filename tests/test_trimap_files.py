"""`humatte data trimap`: files, folders and sets, what is left out, wrong use."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from drawn import disc, noise, opened, put

from humatte.arrays import to_bytes
from humatte.data.trimap import Band, Reach, parse_band, trimap_of
from humatte.data.trimap_files import make_trimaps
from humatte.errors import DataError, HumatteError, PictureError, UsageError

MATTE = to_bytes(disc(40, 50, 14, soft=5))
BAND = Band(Reach(2))


@pytest.fixture
def a_set(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        put(tmp_path / f"set/image/{name}.jpg", noise(40, 50))
        put(tmp_path / f"set/alpha/{name}.png", MATTE)
    return tmp_path / "set"


def test_one_file(tmp_path: Path) -> None:
    source = put(tmp_path / "mask.png", MATTE)
    assert make_trimaps(source, str(tmp_path / "trimap.png"), BAND)
    expected = trimap_of((MATTE / np.float32(255)).astype(np.float32), 2)
    found = opened(tmp_path / "trimap.png")
    assert found.mode == "L"
    assert (np.asarray(found) == expected).all()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mask.png", "trimap.png"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_set_s_mattes(a_set: Path, jobs: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_trimaps(a_set, f"{a_set}/trimap", BAND, jobs)
    assert sorted(p.name for p in (a_set / "trimap").glob("*.png")) == ["a.png", "b.png", "c.png"]
    assert set(np.unique(np.asarray(opened(a_set / "trimap/a.png")))) == {0, 128, 255}
    assert "3 trimaps" in capsys.readouterr().err


def test_masks_are_taken_where_there_are_no_mattes(a_set: Path) -> None:
    (a_set / "alpha").rename(a_set / "mask")
    assert make_trimaps(a_set, f"{a_set}/trimap", BAND)
    assert len(list((a_set / "trimap").glob("*.png"))) == 3


def test_resuming_leaves_finished_ones_alone(
    a_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_trimaps(a_set, f"{a_set}/trimap", BAND)
    (a_set / "trimap/b.png").unlink()
    (a_set / "trimap/c.png").write_bytes(b"kept")
    capsys.readouterr()
    assert make_trimaps(a_set, f"{a_set}/trimap", BAND)
    assert "1 trimaps, 2 already there" in capsys.readouterr().err
    assert (a_set / "trimap/c.png").read_bytes() == b"kept"


def test_other_settings_do_not_go_into_the_same_folder(a_set: Path) -> None:
    make_trimaps(a_set, f"{a_set}/trimap", BAND)
    with pytest.raises(UsageError, match=r"made with size 2px, not 3px; choose another -o"):
        make_trimaps(a_set, f"{a_set}/trimap", Band(Reach(3)))
    (a_set / "trimap/settings.json").write_text("[]")
    with pytest.raises(UsageError, match="not the settings of earlier results"):
        make_trimaps(a_set, f"{a_set}/trimap", BAND)
    (a_set / "trimap/settings.json").unlink()
    with pytest.raises(UsageError, match=r"a\.png: is there, but not from this command"):
        make_trimaps(a_set, f"{a_set}/trimap", BAND)


def test_what_is_left_out_is_said_with_its_reason(
    a_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(a_set / "alpha/a.png", to_bytes(disc(40, 50, 3)))
    put(a_set / "alpha/b.png", (MATTE > 0).astype(np.uint8))
    (a_set / "alpha/c.png").write_bytes(b"no picture")
    put(a_set / "alpha/d.png", np.zeros((40, 50), np.uint8))
    (a_set / "alpha/notes.txt").write_text("x")
    assert not make_trimaps(a_set, f"{a_set}/trimap", Band(Reach(5)))
    err = capsys.readouterr().err
    assert "1 trimaps, 1 skipped, 2 failed" in err
    assert "1 other files left out (.txt)" in err
    with (a_set / "trimap/skipped.csv").open(newline="") as file:
        rows = {Path(row["name"]).stem: (row["kind"], row["why"]) for row in csv.DictReader(file)}
    assert rows["a"][0] == "skipped"
    assert "no sure person is left; choose a smaller --size" in rows["a"][1]
    assert "largest value is 1 of 255" in rows["b"][1]
    assert "not a picture" in rows["c"][1]
    assert (np.asarray(opened(a_set / "trimap/d.png")) == 0).all()  # nobody: nothing unsure

    for name in "abc":
        put(a_set / f"alpha/{name}.png", MATTE)
    assert make_trimaps(a_set, f"{a_set}/trimap", Band(Reach(5)))
    assert not (a_set / "trimap/skipped.csv").exists()


def test_settings_of_a_run_without_results_are_no_obstacle(a_set: Path) -> None:
    make_trimaps(a_set, f"{a_set}/trimap", Band(Reach(100)))  # all skipped
    assert make_trimaps(a_set, f"{a_set}/trimap", BAND)
    assert json.loads((a_set / "trimap/settings.json").read_text())["size"] == "2px"


@pytest.mark.parametrize(
    ("source", "out", "error", "words"),
    [
        ("set", "set", UsageError, "holds the set's own files"),
        ("set", "set/image", UsageError, "set/trimap"),
        ("set/alpha", "set/alpha", UsageError, "the output folder is the input folder"),
        ("set/alpha/a.png", "set/alpha/a.png", UsageError, "would be overwritten"),
        ("set", "t.jpg", UsageError, r"written as \.png"),
        ("set", "t.png", UsageError, "need a folder"),
        ("nothing", "t", PictureError, "no such file or folder"),
        ("pictures", "t", DataError, r"without alpha/ and mask/"),
    ],
)
def test_wrong_use(
    a_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    out: str,
    error: type[HumatteError],
    words: str,
) -> None:
    monkeypatch.chdir(a_set.parent)
    put(Path("pictures/image/a.jpg"), noise(40, 50))
    before = sorted(Path().rglob("*"))
    with pytest.raises(error, match=words):
        make_trimaps(Path(source), out, BAND)
    assert sorted(Path().rglob("*")) == before


def test_bands_are_understood() -> None:
    band = parse_band("12", "cross", "3")
    assert (band.reach, band.kernel, band.inward) == (Reach(12), "cross", Reach(3))
    assert band.settings() == {"size": "12px", "inward": "3px", "kernel": "cross"}
    with pytest.raises(UsageError, match="no kernel 'round'; expected one of ellipse"):
        parse_band("12", "round")


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("settings.json", '{"theme": "dark"}'),
        ("settings.json", '{"size": "2px"}'),
        ("skipped.csv", "mine"),
    ],
)
def test_files_of_others_stay(a_set: Path, name: str, text: str, single: bool) -> None:
    out = a_set.parent / "out"
    out.mkdir()
    (out / name).write_text(text)
    if single:
        assert make_trimaps(a_set / "alpha/a.png", f"{out}/t.png", BAND)
    else:
        with pytest.raises(UsageError, match=f"{name}: not .*; choose another -o"):
            make_trimaps(a_set, str(out), BAND)
        assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == text


def test_a_single_file_has_no_report(a_set: Path) -> None:
    put(a_set / "alpha/a.png", to_bytes(disc(40, 50, 3)))
    make_trimaps(a_set / "alpha/a.png", f"{a_set}/t.png", Band(Reach(5)))
    assert not (a_set / "skipped.csv").exists()


@pytest.mark.parametrize("out", ["t.png", "folder/"])
def test_a_single_result_is_not_left_from_other_settings(a_set: Path, out: str) -> None:
    mask, out = a_set / "alpha/a.png", f"{a_set}/{out}"
    assert make_trimaps(mask, out, BAND)
    with pytest.raises(UsageError, match=r"png: is there already; remove it or choose another -o"):
        make_trimaps(mask, out, Band(Reach(3)))
