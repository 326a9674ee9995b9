"""`humatte data alpha`: sets and files, guides, resuming, what is left out, wrong use."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from drawn import disc, opened, put
from test_alpha import drawn

from humatte.arrays import to_bytes, to_float
from humatte.data.alpha import Solver
from humatte.data.alpha_files import make_alphas
from humatte.data.trimap import Band, Reach, trimap_of
from humatte.errors import DataError, HumatteError, UsageError

TRUTH = disc(40, 50, 14, soft=5)
SOLVER, BAND = Solver("cf"), Band(Reach(2))


def make(inputs: list[Path], out: Path, guide: str | None = None, jobs: int = 1) -> bool:
    return make_alphas(inputs, str(out), SOLVER, BAND, guide, jobs)


def error_of(path: Path) -> float:
    found = opened(path)
    assert found.mode == "L"
    return float(np.abs(to_float(np.asarray(found)) - TRUTH).mean())


@pytest.fixture
def a_set(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        put(tmp_path / f"set/image/{name}.png", drawn(TRUTH))
        put(tmp_path / f"set/mask/{name}.png", to_bytes((TRUTH > 0.5).astype(np.float32)))
        put(tmp_path / f"set/trimap/{name}.png", trimap_of(TRUTH, 2))
    return tmp_path / "set"


def test_a_picture_and_its_guide(a_set: Path, tmp_path: Path) -> None:
    assert make([a_set / "image/a.png", a_set / "trimap/a.png"], tmp_path / "1.png")
    assert make([a_set / "image/a.png", a_set / "mask/a.png"], tmp_path / "2.png")
    assert error_of(tmp_path / "1.png") < 0.001
    assert 0.001 < error_of(tmp_path / "2.png") < 0.03  # its band is too narrow for the soft edge


def test_trimaps_come_before_masks(a_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make([a_set], a_set / "alpha")
    err = capsys.readouterr().err
    assert "guided by" in err
    assert "s a matte (median), at most" in err
    assert "3 mattes" in err
    assert error_of(a_set / "alpha/b.png") < 0.001
    assert make([a_set], a_set / "other", guide="mask")
    assert error_of(a_set / "other/b.png") > 0.001


def test_two_jobs_give_the_same_bytes(a_set: Path) -> None:
    assert make([a_set], a_set / "one")
    assert make([a_set], a_set / "two", jobs=2)
    for name in ("a.png", "b.png", "c.png"):
        assert (a_set / "one" / name).read_bytes() == (a_set / "two" / name).read_bytes()


def test_resuming(a_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make([a_set], a_set / "alpha")
    (a_set / "alpha/a.png").unlink()
    (a_set / "alpha/b.png").write_bytes(b"kept")
    assert make([a_set], a_set / "alpha")
    assert "1 mattes, 2 already there" in capsys.readouterr().err
    assert (a_set / "alpha/b.png").read_bytes() == b"kept"
    with pytest.raises(UsageError, match="made with method cf, not lbdm"):
        make_alphas([a_set], str(a_set / "alpha"), Solver("lbdm"), BAND, None)


def test_what_is_left_out_is_said_with_its_reason(
    a_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(a_set / "trimap/a.png", np.full((40, 50), 128, np.uint8))
    put(a_set / "trimap/b.png", trimap_of(TRUTH, 2)[:30])
    put(a_set / "trimap/d.png", trimap_of(TRUTH, 2))
    put(a_set / "image/e.png", drawn(TRUTH))
    (a_set / "image/c.png").write_bytes(b"no picture")
    assert not make([a_set], a_set / "alpha")
    assert "0 mattes, 3 skipped, 2 failed" in capsys.readouterr().err
    with (a_set / "alpha/skipped.csv").open(newline="") as file:
        rows = {row["name"]: f"{row['kind']} {row['why']}" for row in csv.DictReader(file)}
    for name, words in {
        "a": "skipped a: the trimap has no sure person",
        "b": "b.png is 50x30, the picture 50x40",
        "c": "not a picture",
        "d": "skipped d: no picture",
        "e": "skipped e: no trimap or mask",
    }.items():
        assert words in rows[name]


@pytest.mark.parametrize(
    ("inputs", "out", "error", "words"),
    [
        (["set/image/a.png"], "o.png", UsageError, "found 1 inputs; expected a set"),
        (["set", "set"], "o.png", DataError, "set: no such file"),
        (["set/image/a.png", "nix.png"], "o.png", DataError, "nix.png: no such file"),
        (["set/image/a.png", "set/mask/a.png"], "o.jpg", UsageError, r"written as \.png"),
        (["set/image/a.png", "set/mask/a.png"], "set/mask", UsageError, "is an input"),
        (["set"], "set", UsageError, "as set/alpha"),
        (["set"], "set/trimap", UsageError, "as set/alpha"),
        (["set"], "o.png", UsageError, "not a folder for new mattes"),
        (["set/image"], "o", DataError, "expected a set with image/ and trimap/, mask/ or alpha/"),
        (["empty"], "o", DataError, "no pictures in image/ and mask/"),
    ],
)
def test_wrong_use(
    a_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    inputs: list[str],
    out: str,
    error: type[HumatteError],
    words: str,
) -> None:
    monkeypatch.chdir(a_set.parent)
    for part in ("image", "mask"):
        Path("empty", part).mkdir(parents=True)
    before = sorted(Path().rglob("*"))
    with pytest.raises(error, match=words):
        make([Path(item) for item in inputs], Path(out))
    assert sorted(Path().rglob("*")) == before


def test_an_unknown_guide(a_set: Path) -> None:
    with pytest.raises(UsageError, match="no guide 'star'; expected one of trimap, mask, alpha"):
        make([a_set], a_set / "alpha", guide="star")
    with pytest.raises(DataError, match="expected a set with image/ and alpha/"):
        make([a_set], a_set / "new", guide="alpha")


def test_a_single_matte_is_not_left_from_other_settings(a_set: Path) -> None:
    files = [a_set / "image/a.png", a_set / "trimap/a.png"]
    report = a_set / "skipped.csv"
    report.write_text("name,kind,why\n")
    assert make(files, a_set / "m.png")
    assert report.exists()
    with pytest.raises(UsageError, match=r"m\.png: is there already; remove it or choose another"):
        make_alphas(files, str(a_set / "m.png"), Solver("knn"), BAND, None)


def test_settings_are_those_that_the_method_uses(a_set: Path) -> None:
    make([a_set], a_set / "alpha")
    noted = json.loads((a_set / "alpha/settings.json").read_text())
    assert noted == {"method": "cf", "solve_at": 640, "guide": "trimap"}
