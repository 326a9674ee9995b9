"""The command line in process: what a user types, what they see, the exit code."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from clips import BarNetwork
from drawn import gradient, opened
from PIL import Image

from humatte import cli


@pytest.fixture
def two_pictures(tmp_path: Path) -> Path:
    """A folder with a.jpg and b.jpg, nobody in them."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        Image.fromarray(gradient(40, 30)).save(folder / name)
    return folder


def test_the_person_is_cut_out(humatte, astronaut: Path, tmp_path: Path) -> None:
    result = humatte("cutout", astronaut, "-o", tmp_path / "a.png")
    assert (result.code, result.err) == (0, "")
    cut = opened(tmp_path / "a.png")
    assert (cut.mode, cut.size) == ("RGBA", (512, 512))
    share = np.asarray(cut)[..., 3].mean() / 255
    assert 0.3 < share < 0.8


@pytest.mark.parametrize("background", ["blur:4", "gray", "black", "green", "#abc", "teal"])
def test_a_solid_background_is_opaque(
    humatte, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, background: str
) -> None:
    monkeypatch.setattr("humatte.catalog.load", lambda *_: BarNetwork())  # half a person all over
    for name in ("a.png", "a.jpg"):
        assert humatte("cutout", photo, "-b", background, "-o", tmp_path / name).code == 0
        assert opened(tmp_path / name).mode == "RGB"


@pytest.mark.parametrize("extension", ["png", "webp", "avif", "tiff"])
def test_every_transparent_format(humatte, photo: Path, tmp_path: Path, extension: str) -> None:
    assert humatte("cutout", photo, "-o", tmp_path / f"a.{extension}").code == 0
    found = opened(tmp_path / f"a.{extension}")
    assert (found.format, found.size) == (extension.upper(), (80, 60))
    assert found.convert("RGBA").getchannel("A").getextrema()[0] == 0  # nobody is in it


def test_the_matte_alone(humatte, astronaut: Path, tmp_path: Path) -> None:
    humatte("cutout", astronaut, "--alpha", "-o", tmp_path / "a.png")
    humatte("cutout", astronaut, "-o", tmp_path / "b.png")
    matte = np.asarray(opened(tmp_path / "a.png"))
    assert matte.ndim == 2
    assert (matte == np.asarray(opened(tmp_path / "b.png"))[..., 3]).all()


def test_refine_off_writes_the_networks_own_matte(humatte, astronaut: Path, tmp_path: Path) -> None:
    from humatte import load
    from humatte.arrays import to_bytes

    for words in ([], ["--refine", "off"]):
        name = tmp_path / f"{len(words)}.png"
        assert humatte("cutout", astronaut, "--alpha", "-o", name, *words).code == 0
    plain = to_bytes(load()(np.asarray(opened(astronaut))))
    assert (np.asarray(opened(tmp_path / "2.png")) == plain).all()
    assert (np.asarray(opened(tmp_path / "0.png")) != plain).any()


def test_nobody_there_is_said_and_is_no_failure(humatte, photo: Path, tmp_path: Path) -> None:
    result = humatte("cutout", photo, "-o", tmp_path / "a.png")
    assert result.code == 0
    assert "no person found" in result.err
    assert np.asarray(opened(tmp_path / "a.png"))[..., 3].mean() / 255 < 0.02


def test_a_folder_goes_on_past_a_bad_file(humatte, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.jpg", "deep/c.png"):
        Image.fromarray(gradient(40, 30)).save(folder / name)
    (folder / "b.jpg").write_text("not a picture")
    result = humatte("cutout", folder, "-o", tmp_path / "out")
    assert result.code == 1
    assert "b.jpg: not a picture" in result.err
    assert "2 cut out, 1 failed" in result.err
    written = sorted(
        p.relative_to(tmp_path / "out").as_posix() for p in tmp_path.glob("out/**/*.*")
    )
    assert written == ["a.png", "deep/c.png"]


def test_whatever_happens_to_one_picture_the_others_go_on(
    humatte, two_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from humatte import finish

    cut_out, seen = finish.cut_out, []

    def out_of_memory_once(*words):
        seen.append(words)
        if len(seen) == 1:
            raise MemoryError("no room")
        return cut_out(*words)

    monkeypatch.setattr(finish, "cut_out", out_of_memory_once)
    result = humatte("cutout", two_pictures, "-o", tmp_path / "out", "--jobs", 1)
    assert result.code == 1
    assert "a.jpg: no room" in result.err
    assert "1 cut out, 1 failed" in result.err


def test_a_real_interrupt_in_a_process_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(300):
        Image.fromarray(gradient(200, 200)).save(folder / f"{number:03d}.jpg")
    words = [sys.executable, "-m", "humatte", "cutout", str(folder), "-o", str(tmp_path / "out")]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("out/*.png")):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err
    assert not list(tmp_path.rglob("*.part"))
    written = list(tmp_path.glob("out/*.png"))
    assert 0 < len(written) < 300
    assert all(opened(path).size == (200, 200) for path in written)


def test_skip_existing_resumes(humatte, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    for name in ("a.jpg", "b.jpg"):
        Image.fromarray(gradient(40, 30)).save(folder / name)
    (out / "a.png").write_bytes(b"already there")
    result = humatte("cutout", folder, "-o", out, "--skip-existing")
    assert "1 cut out, 1 skipped" in result.err
    assert (out / "a.png").read_bytes() == b"already there"
    assert opened(out / "b.png").size == (30, 40)


def test_an_interrupt_keeps_what_is_finished(
    humatte, two_pictures: Path, tmp_path: Path, interrupt_at_b: None
) -> None:
    result = humatte("cutout", two_pictures, "-o", tmp_path / "out")
    assert result.code == 130
    assert "interrupted" in result.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_stdin_to_stdout(
    humatte, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(photo.read_bytes())))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(received))
    monkeypatch.setattr(received, "close", lambda: None, raising=False)
    assert humatte("cutout", "-", "-f", "webp").code == 0
    assert opened(received.getvalue()).format == "WEBP"


BAD_USE = {
    "a missing path": (["cutout", "nobody.jpg"], 1, "no such file"),
    "an empty folder": (["cutout", "empty"], 1, "no pictures"),
    "a text file": (["cutout", "text.jpg"], 1, "not a picture"),
    "a truncated JPEG": (["cutout", "cut.jpg"], 1, "cut off"),
    "a zero-byte file": (["cutout", "zero.jpg"], 1, "empty"),
    "a bomb": (["cutout", "bomb.png"], 1, "megapixels"),
    "an unknown network": (["cutout", "good.jpg", "-m", "nigth"], 2, "bundled"),
    "an unknown background": (["cutout", "good.jpg", "-b", "nowhere"], 2, "background"),
    "an unknown refinement": (["cutout", "good.jpg", "--refine", "best"], 2, "off, fast or detail"),
    "an unknown format": (["cutout", "good.jpg", "-o", "a.docx"], 2, "cannot write"),
    "transparency in a JPEG": (["cutout", "good.jpg", "-o", "a.jpg"], 2, "no transparency"),
    "an unwritable output": (
        ["cutout", "good.jpg", "-o", "zero.jpg/a.png"],
        1,
        "cannot be made a folder",
    ),
    "output equal to input": (["cutout", "good.jpg", "-o", "good.jpg"], 2, "overwritten"),
    "stdin among others": (["cutout", "-", "good.jpg"], 2, "one picture"),
    "a contradiction": (["cutout", "good.jpg", "--alpha", "-b", "red"], 2, "--alpha"),
    "premultiplied opaque": (
        ["cutout", "good.jpg", "--premultiplied", "-b", "red"],
        2,
        "--background",
    ),
    "premultiplied matte": (["cutout", "good.jpg", "--premultiplied", "--alpha"], 2, "--alpha"),
    "premultiplied JPEG": (["cutout", "good.jpg", "--premultiplied", "-f", "jpg"], 2, "no transp"),
    "format against name": (["cutout", "good.jpg", "-o", "a.png", "-f", "webp"], 2, "not webp"),
    "a long name": (["cutout", "x" * 300 + ".jpg"], 1, "no such file"),
    "a long background": (["cutout", "good.jpg", "-b", "x" * 300], 2, "unknown background"),
    "a long output": (["cutout", "good.jpg", "-o", "x" * 300 + ".png"], 1, "cannot be written"),
    "stdin to a folder": (["cutout", "-", "-o", "empty"], 2, "a folder"),
    "the background as output": (["cutout", "good.jpg", "-b", "b.png", "-o", "b.png"], 2, "over"),
    "a folder for the scores": (
        ["evaluate", "night", "--data", "empty", "--csv", "no/a.csv"],
        2,
        "no such folder",
    ),
    "an unknown option": (["cutout", "good.jpg", "--nope"], 2, "--nope"),
    "an unknown verb": (["cut"], 2, "No such command 'cut'"),
    "a missing argument": (["cutout"], 2, "INPUT"),
    "no data folder": (["evaluate", "night", "--data", "empty"], 1, "image/"),
    "no recipe": (["train", "no.toml", "--data", ".", "--out", "r"], 2, "no such recipe"),
    "nothing to export": (["export", "empty", "-o", "a.onnx"], 1, "no such checkpoint"),
}


@pytest.mark.parametrize("case", BAD_USE)
def test_bad_use_gets_one_clear_line(
    humatte, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    words, code, expected = BAD_USE[case]
    monkeypatch.chdir(tmp_path)
    Image.fromarray(gradient(40, 30)).save("good.jpg")
    before = Path("good.jpg").read_bytes()
    Image.fromarray(gradient(40, 30)).save("b.png")
    Path("empty").mkdir()
    Path("text.jpg").write_text("hello")
    Path("zero.jpg").write_bytes(b"")
    Path("cut.jpg").write_bytes(before[:-60])
    if "bomb.png" in words:
        Image.new("1", (20_000, 10_000)).save("bomb.png")
    result = humatte(*words)
    assert result.code == code
    assert expected in result.err
    assert result.err.count("\n") == 1
    assert result.err.startswith("humatte: ")
    assert Path("good.jpg").read_bytes() == before
    assert not list(tmp_path.rglob("*.part"))


def test_a_missing_extra_names_its_command() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; "
        "sys.argv = ['humatte', 'export', 'run', '-o', 'a.onnx']; "
        "from humatte.cli import main; main()"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert "pip install 'humatte[train]'" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_verbose_shows_the_trace(humatte, monkeypatch: pytest.MonkeyPatch) -> None:
    from humatte.errors import PictureError

    monkeypatch.setattr(sys, "argv", ["humatte", "cutout", "nobody.jpg", "--verbose"])
    with pytest.raises(PictureError):
        cli.main()


@pytest.mark.parametrize("size", [(1, 1), (30_000, 10), (10, 30_000)])
def test_extreme_pictures(humatte, tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, (90, 100, 110)).save(tmp_path / "a.png")
    assert humatte("cutout", tmp_path / "a.png", "-o", tmp_path / "b.png").code == 0
    assert opened(tmp_path / "b.png").size == size


def test_models_and_version_and_help(humatte) -> None:
    from humatte import __version__

    assert "dawn (default)" in humatte("models").out
    assert humatte("--version").out == f"humatte {__version__}\n"
    for verb in ("cutout", "models", "train", "evaluate", "export"):
        assert verb in humatte("--help").out
        assert "Usage" in humatte(verb, "--help").out
    assert "cutout" in humatte().out


def test_premultiplied_reaches_the_file(tmp_path: Path, astronaut: Path, humatte) -> None:
    for name, words in (("s.png", []), ("p.png", ["--premultiplied"])):
        assert humatte("cutout", astronaut, "-o", tmp_path / name, *words).code == 0
    straight, products = (np.asarray(opened(tmp_path / name)) for name in ("s.png", "p.png"))
    expected = np.rint(straight[..., :3] * (straight[..., 3:] / 255.0))
    assert (products[..., :3] == expected).all()
    assert (products != straight).any()
