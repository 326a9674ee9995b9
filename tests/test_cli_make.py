"""`humatte data trimap`, `alpha` and `compose` as typed: results, words, exit codes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from drawn import disc, opened, room
from PIL import Image

from humatte import cli
from humatte.arrays import to_bytes, to_float
from humatte.composite import over

TRUTH = disc(60, 80, 20, soft=4)


@pytest.fixture
def humatte(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["humatte", "data", *(str(word) for word in words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0), capsys.readouterr().err

    return run


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set with image/ and mask/, and a folder of backgrounds; the test runs beside them."""
    monkeypatch.chdir(tmp_path)
    red = np.broadcast_to(np.uint8([200, 40, 30]), (60, 80, 3))
    files = {
        "set/image/a.png": over(red, TRUTH, np.uint8([[[20, 60, 190]]])),
        "set/mask/a.png": to_bytes((TRUTH > 0.5).astype(np.float32)),
        "bg/hall.png": room(60, 80),
    }
    for name, pixels in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(name)
    return tmp_path


def test_from_masks_to_a_new_set(humatte, data: Path) -> None:
    assert humatte("trimap", "set", "-o", "set/trimap", "--size", "4") == (
        0,
        "humatte: 1 trimaps\n",
    )
    code, err = humatte("alpha", "set", "-o", "set/alpha", "--method", "cf")
    assert code == 0
    assert "guided by set/trimap" in err
    assert np.abs(to_float(np.asarray(opened(data / "set/alpha/a.png"))) - TRUTH).mean() < 0.002
    compose = ["compose", "--people", "set", "--background", "bg", "-o", "new", "--count", 3]
    assert humatte(*compose, "--shadows", "--several", 0.5) == (0, "humatte: 3 pictures\n")
    assert len(list(Path("new/image").iterdir())) == 3


def test_a_failure_is_one_line_and_exit_code_1(humatte, data: Path) -> None:
    Path("set/mask/a.png").write_bytes(b"no picture")
    for words in (["trimap", "set", "-o", "t"], ["alpha", "set", "-o", "m"]):
        code, err = humatte(*words)
        assert code == 1
        assert "failed: " in err
        assert "not a picture" in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["trimap", "set/mask"], 2, "Missing option"),
        (["trimap", "set/mask", "-o", "t", "--size", "big"], 2, "as 12, or thousandths"),
        (["trimap", "set/mask", "-o", "t", "--kernel", "star"], 2, "no kernel 'star'"),
        (["trimap", "set/mask", "-o", "t", "--jobs", "0"], 2, "'--jobs'"),
        (["trimap", "nix", "-o", "t"], 1, "nix: no such file or folder"),
        (["alpha", "set", "-o", "m", "--method", "magic"], 2, "no method 'magic'"),
        (
            ["alpha", "set", "-o", "m", "--method", "cf", "--neighbours", "3"],
            2,
            "--neighbours is not used by --method cf, but by knn; leave it out",
        ),
        (
            ["alpha", "set", "-o", "m", "--method", "cf", "--penalty", "9"],
            2,
            "--penalty is not used by --method cf, but by knn and lbdm",
        ),
        (["alpha", "set", "-o", "m", "--method", "lbdm", "--neighbours", "3"], 2, "by knn;"),
        (["alpha", "set", "-o", "m", "--neighbours", "0"], 2, "neighbours is 0; expected 1"),
        (["alpha", "set", "-o", "m", "--solve-at", "2"], 2, "solve at is 2; expected 16"),
        (["alpha", "set/image/a.png", "-o", "m.png"], 2, "found 1 inputs"),
        (["alpha", "bg", "-o", "m"], 1, "expected a set with image/"),
        (["compose", "--people", "set", "--background", "bg", "-o", "n"], 2, "--count"),
        (
            ["compose", "--people", "nix", "--background", "bg", "-o", "n", "--count", "1"],
            1,
            "nix: no such folder",
        ),
        (
            [
                "compose",
                "--people",
                "set",
                "--background",
                "bg",
                "-o",
                "n",
                "--count",
                "1",
                "--harmonise",
                "3",
            ],
            2,
            "--harmonise is 3",
        ),
    ],
)
def test_wrong_use(humatte, data: Path, words: list[str], code: int, message: str) -> None:
    before = sorted(data.rglob("*"))
    found, err = humatte(*words)
    assert found == code
    assert message in err
    assert err.count("\n") == 1
    assert sorted(data.rglob("*")) == before
