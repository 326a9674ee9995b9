"""`humatte cutout` of a clip, into every format; everything is read back and compared."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import VARIED, BarNetwork, clip, shown, times
from drawn import ROOT, put
from drawn_video import TICK, colours, film, frames, heard
from PIL import Image

from humatte.arrays import resize
from humatte.composite import over, with_alpha
from humatte.foreground import quick_foreground

DOC = (ROOT / "docs" / "video.md").read_text("utf-8")


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of ten frames, a shorter one of green and blue frames, a picture."""
    folder = tmp_path_factory.mktemp("kit")
    clip(folder / "clip.mp4", metadata={"title": "Två"})
    plain = [np.full((24, 32, 3), colour, np.uint8) for colour in ((0, 200, 0), (0, 0, 200))]
    two = frames([0, 3003], TICK, (24, 32))
    two = [type(f)(rgb, f.pts, f.time_base, None, 3003) for f, rgb in zip(two, plain, strict=True)]
    film(folder / "two.mp4", two)
    put(folder / "beach.png", colours(3, 24, 40))
    return folder


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> BarNetwork:
    drawn = BarNetwork()
    monkeypatch.setattr("humatte.video_run.load", lambda *_: drawn)
    monkeypatch.setattr("humatte.catalog.load", lambda *_: drawn)
    return drawn


def test_every_command_of_the_text_works(
    humatte, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("humatte.console.Stdout.write", lambda _, data: None)
    shutil.copy(kit / "clip.mp4", "clip.mp4")
    shutil.copy(kit / "two.mp4", "waves.mp4")
    Image.fromarray(colours(0, 20, 20)).save("beach.jpg")
    (block, *_) = re.findall(r"^```\n(.*?)^```$", DOC, re.S | re.M)
    commands = [line.split(" > ")[0].split("  #")[0] for line in block.splitlines()]
    assert len(commands) > 8
    for command in commands:
        name, *words = shlex.split(command)
        result = humatte(*words, "--refine", "off")
        assert (name, result.code) == ("humatte", 0), f"{command}: {result.err}"
    assert len(shown(tmp_path / "out.gif")) == 4


def test_the_text_tells_of_every_option_of_clips() -> None:
    from typer.main import get_command

    from humatte.cli import app

    options = {name for p in get_command(app).commands["cutout"].params for name in p.opts}  # type: ignore[attr-defined]
    for option in options - {"inputs", "-o", "--out", "--model", "--background", "-j", "--format"}:
        assert f"`{option}" in DOC, option


@pytest.fixture
def cut(humatte, kit: Path, tmp_path: Path):
    """Runs the command on the clip; returns the frames of the result."""

    def run(name: str, *words: object, source: str = "clip.mp4"):
        plain = ("--refine", "off", "--steady", "off")
        result = humatte("cutout", kit / source, "-o", tmp_path / name, *plain, *words)
        assert result.code == 0, result.err
        return shown(tmp_path / name), result

    return run


def truth(kit: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """The person's colours and the matte of each frame."""
    pairs = [(frame.rgb, BarNetwork()(frame.rgb)) for frame in shown(kit / "clip.mp4")]
    return [(quick_foreground(rgb, alpha), alpha) for rgb, alpha in pairs]


@pytest.mark.parametrize(
    "name, unit, off",
    [
        ("out.webm", Fraction(1, 1000), 24),
        ("out.mov", TICK, 1),
        ("out.apng", Fraction(1, 100000), 0),
        ("out.webp", Fraction(1, 1000), 0),
        ("out.gif", Fraction(1, 100), 128),
        ("frames", TICK, 0),
        ("f_%03d.png", TICK, 0),
    ],
)
def test_every_format_with_transparency(
    cut, kit: Path, name: str, unit: Fraction, off: int
) -> None:
    found, result = cut(name)
    expected, true = times(shown(kit / "clip.mp4")), truth(kit)
    assert len(found) == len(VARIED)
    assert max(abs(a - b) for a, b in zip(times(found), expected, strict=True)) <= 3 * unit
    for frame, (rgb, alpha) in zip(found, true, strict=True):
        assert np.abs(frame.alpha - alpha).max() * 255 <= off + 0.51
        if unit in (TICK, Fraction(1, 100000)) and name != "out.mov":
            np.testing.assert_array_equal(frame.rgb, with_alpha(rgb, alpha)[..., :3])
        sure = alpha > 0.9
        assert np.abs(frame.rgb.astype(int) - rgb)[sure].mean() < 8
    assert "10 frames in" in result.err


def test_sound_title_and_times_go_along(cut, kit: Path, tmp_path: Path) -> None:
    from humatte import video_io

    samples, begin = heard(kit / "clip.mp4")
    source = video_io.read(kit / "clip.mp4").clip
    for name, words in (("out.mov", ()), ("out.mp4", ("-b", "white"))):
        found, _ = cut(name, *words)
        copied, later = heard(tmp_path / name)
        np.testing.assert_array_equal(copied, samples)
        assert found[0].time - later == shown(kit / "clip.mp4")[0].time - begin
        assert [f.time - found[0].time for f in found] == times(shown(kit / "clip.mp4"))
        assert video_io.read(tmp_path / name).clip.metadata["title"] == "Två"
        assert video_io.read(tmp_path / name).clip.start == source.start - source.start
    _, result = cut("out.webm")
    assert "note:" in result.err and "encoded anew (aac to opus)" in result.err


def test_a_matte_besides_and_alone(cut, kit: Path, tmp_path: Path) -> None:
    _, _ = cut("out.mov", "--mask-out", tmp_path / "matte.mp4")
    alone, _ = cut("alone.mp4", "--alpha")
    besides = shown(tmp_path / "matte.mp4")
    for frame, other, (_, alpha) in zip(besides, alone, truth(kit), strict=True):
        assert np.abs(frame.rgb[..., 0] / 255 - alpha).mean() < 0.02
        assert (frame.time, frame.alpha) == (other.time, None)
    cut("frames", "--mask-out", f"{tmp_path}/mattes/")
    with Image.open(tmp_path / "mattes" / "000004.png") as picture:
        assert picture.mode == "L"
        gray = np.asarray(picture)
    assert np.abs(gray / 255 - truth(kit)[3][1]).max() < 0.003


@pytest.mark.parametrize(
    "words, behind",
    [
        (("-b", "white"), (255, 255, 255)),
        (("-b", "green"), (0, 177, 64)),
        (("-b", "#203040"), (32, 48, 64)),
    ],
)
def test_a_colour_behind(cut, kit: Path, words: tuple[str, ...], behind: tuple) -> None:
    found, _ = cut("frames", *words)
    ground = np.array([[behind]], np.uint8)
    for frame, (rgb, alpha) in zip(found, truth(kit), strict=True):
        np.testing.assert_array_equal(frame.rgb, over(rgb, alpha, ground))
        assert frame.alpha is None


def test_a_picture_a_blur_and_gray_behind(cut, kit: Path) -> None:
    picture, _ = cut("a", "-b", kit / "beach.png")
    tiled, _ = cut("b", "-b", kit / "beach.png", "--fit", "tile")
    blurred, _ = cut("c", "-b", "blur:4")
    gray, _ = cut("d", "-b", "gray")
    empty = truth(kit)[0][1] == 0
    assert (tiled[0].rgb[:24, :40][empty[:24, :40]] == colours(3, 24, 40)[empty[:24, :40]]).all()
    assert picture[0].rgb[empty].std() > 5
    assert (np.ptp(gray[0].rgb[empty].astype(int), axis=1) == 0).all()
    first = shown(kit / "clip.mp4")[0].rgb
    assert 0 < np.abs(blurred[0].rgb.astype(int) - first)[empty].mean() < 20


def test_a_shorter_clip_behind_is_looped(cut, kit: Path) -> None:
    found, _ = cut("frames", "-b", kit / "two.mp4")
    corner = [frame.rgb[47, 0] for frame in found]
    seen = ["green" if pixel[1] > 100 else "blue" for pixel in corner]
    expected = [("green", "blue")[(pts - VARIED[0]) // 3003 % 2] for pts in VARIED]
    assert seen == expected


def test_pixels_that_are_not_square(
    cut, humatte, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stay where the format can tell of them; else the frames get wider."""
    from humatte import video_io

    film(kit / "wide.mp4", frames(VARIED, TICK), aspect=Fraction(2))
    put(kit / "wide.png", colours(3, 48, 128))
    for name in ("out.webm", "out.gif", "frames"):
        found, result = cut(name, source="wide.mp4")
        assert found[0].size == (48, 128)
        assert "stretched" not in result.err
    got: list[bytes] = []
    monkeypatch.setattr("humatte.console.Stdout.write", lambda _, data: got.append(bytes(data)))
    assert humatte("cutout", kit / "wide.mp4", "-o", "-", "--raw", "gray").code == 0
    assert {len(data) for data in got} == {48 * 128}
    found, _ = cut("out.mp4", "-b", kit / "wide.png", source="wide.mp4")
    assert video_io.read(tmp_path / "out.mp4").clip.pixel_aspect == 2
    empty = truth(kit)[0][1] == 0
    behind = resize(colours(3, 48, 128), (48, 64)).astype(int)  # all of it, as it is shown
    assert np.abs(found[0].rgb - behind)[empty].mean() < 4


def test_a_part_of_the_clip(cut, kit: Path) -> None:
    every = shown(kit / "clip.mp4")
    start = every[0].time
    # 0.1 s is the first frame's own start: sound begins the clip at 0.
    found, _ = cut("a", "--from", "0.15", "--to", "0:00.46")
    inside = [f for f in every if 0.15 <= f.time < 0.46]
    assert 2 < len(inside) < 9
    assert times(found) == times(inside)
    found, _ = cut("b", "--every", 3)
    assert times(found) == [f.time - start for f in every[::3]]
    found, _ = cut("c", "--max-size", 32)
    assert found[0].size == (24, 32)


def test_person_hints_and_effects(cut, kit: Path, tmp_path: Path) -> None:
    nobody, result = cut("a", "--person", "box 90%,0,100%,5%")
    assert max(frame.alpha.max() for frame in nobody[:3]) == 0
    half = np.zeros((48, 64), np.uint8)
    half[:24] = 255
    put(tmp_path / "drop.png", half)
    dropped, _ = cut("b", "--drop", tmp_path / "drop.png")
    assert max(frame.alpha[:20].max() for frame in dropped) == 0
    assert dropped[0].alpha[30:].max() > 0.5
    rim, _ = cut("c", "--outline", "3:red")
    plain = truth(kit)[0][1]
    assert (rim[0].alpha >= plain - 0.003).all() and rim[0].alpha.sum() > plain.sum() + 50
    multiplied, _ = cut("d", "--premultiplied")
    assert (multiplied[0].rgb <= np.ceil(multiplied[0].alpha * 255)[..., None]).all()
    del result


def test_a_report_of_a_clip(cut, kit: Path, tmp_path: Path) -> None:
    _, result = cut("out.mov", "--report", "json", "--mask-out", tmp_path / "m.mp4")
    entry = json.loads(result.out)
    assert entry["source"] == str(kit / "clip.mp4")
    assert (entry["frames"], entry["resumed"], entry["size"]) == (10, 0, [64, 48])
    assert entry["mask"] == str(tmp_path / "m.mp4")
    assert set(entry["seconds"]) == {"read", "matte", "finish", "write", "total"}
    assert min(entry["seconds"].values()) > 0
    assert entry["person_found"] and 0 < entry["share"] < 1


@pytest.mark.parametrize(
    "words, channels", [((), 4), (("-b", "white", "--raw", "rgb"), 3), (("--raw", "gray"), 1)]
)
def test_bare_frames_to_stdout(
    humatte, kit: Path, words: tuple[str, ...], channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[bytes] = []
    monkeypatch.setattr("humatte.console.Stdout.write", lambda _, data: got.append(bytes(data)))
    plain = ("--refine", "off", "--steady", "off")
    words = words or ("--raw", "rgba")
    assert humatte("cutout", kit / "clip.mp4", "-o", "-", *plain, *words).code == 0
    pixels = np.frombuffer(b"".join(got), np.uint8).reshape(10, 48, 64, channels)
    rgb, alpha = truth(kit)[4]
    if channels == 4:
        np.testing.assert_array_equal(pixels[4], with_alpha(rgb, alpha))
    else:
        white = np.full((1, 1, 3), 255, np.uint8)
        true = over(rgb, alpha, white) if channels == 3 else np.rint(alpha * 255)[..., None]
        assert np.abs(pixels[4].astype(int) - true).max() <= 1


def test_ctrl_c_leaves_a_shorter_clip(humatte, kit: Path, tmp_path: Path, network) -> None:
    network.stop_at = 5
    out, matte = tmp_path / "out.mov", tmp_path / "m.mp4"
    result = humatte("cutout", kit / "clip.mp4", "-o", out, "--mask-out", matte, "--refine", "off")
    assert result.code == 130
    assert "it ends where it was interrupted" in result.err
    found, mattes = shown(out), shown(matte)
    assert 0 < len(found) < 10
    assert times(found) == times(mattes) == times(shown(kit / "clip.mp4"))[: len(found)]
    names = ["m.mp4", "m.mp4.unfinished", "out.mov", "out.mov.unfinished"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_failure_keeps_what_was_there(
    humatte, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.mov").write_text("old")
    calls = []

    def broken(*_: object, **__: object) -> np.ndarray:
        calls.append(1)
        if len(calls) == 4:
            raise MemoryError("full")
        return np.zeros((48, 64, 3), np.uint8)

    monkeypatch.setattr("humatte.video_finish.quick_foreground", broken)
    result = humatte("cutout", kit / "clip.mp4", "-o", tmp_path / "out.mov", "--refine", "off")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mov"]
    assert (tmp_path / "out.mov").read_text() == "old"


def test_progress_says_how_fast_it_goes(cut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    _, result = cut("out.mp4", "-b", "white")
    assert "clip.mp4" in result.err and "frames/s" in result.err and "10/10" in result.err


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_other_programs_see_the_same(cut, tmp_path: Path) -> None:
    for name, codec, words in (
        ("out.webm", "vp9", ()),
        ("out.mov", "prores", ()),
        ("out.mp4", "h264", ("-b", "white")),
        ("out.gif", "gif", ()),
        ("out.apng", "apng", ()),
        ("f_%03d.png", "png", ()),
    ):
        cut(name, *words)
        command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json"]
        answer = subprocess.run([*command, tmp_path / name], capture_output=True, check=True)
        picture, *sounds = json.loads(answer.stdout)["streams"]
        assert (picture["codec_name"], int(picture["nb_read_frames"])) == (codec, 10)
        assert (picture["width"], picture["height"]) == (64, 48)
        holds = codec in ("vp9", "prores", "h264")
        assert [sound["codec_type"] for sound in sounds] == ["audio"] * holds
        if name == "out.webm":
            assert {k.lower(): v for k, v in picture["tags"].items()}["alpha_mode"] == "1"
        if name == "out.mov":
            assert picture["pix_fmt"].startswith("yuva444")


def test_skip_existing(humatte, kit: Path, tmp_path: Path, network) -> None:
    (tmp_path / "out.webm").write_text("old")
    words = ("-o", tmp_path / "out.webm", "--skip-existing")
    assert humatte("cutout", kit / "clip.mp4", *words).code == 0
    assert (tmp_path / "out.webm").read_text() == "old"
    assert network.calls == 0


def test_frames_become_a_clip_again(cut, humatte, kit: Path, tmp_path: Path) -> None:
    cut("frames")
    words = ("-b", "white", "--refine", "off", "-o", tmp_path / "out.mp4")
    for source in (tmp_path / "frames", tmp_path / "frames" / "%06d.png"):
        assert humatte("cutout", source, *words).code == 0
        assert times(shown(tmp_path / "out.mp4")) == times(shown(kit / "clip.mp4"))


def test_a_folder_with_pictures_and_clips(humatte, kit: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    shutil.copy(kit / "clip.mp4", folder / "sub" / "a.mp4")
    shutil.copy(kit / "beach.png", folder / "a.png")
    (folder / "bad.mov").write_text("no clip")
    (folder / "notes.txt").write_text("text")
    report = tmp_path / "r.jsonl"
    out = tmp_path / "out"
    result = humatte("cutout", folder, "-o", out, "--report", report, "--steady", "off")
    assert result.code == 1
    assert "1 cut out" in result.err and "failed: " in result.err and "bad.mov" in result.err
    assert "1 other files left out (.txt)" in result.err
    assert {str(p.relative_to(out)) for p in out.rglob("*.*")} == {"a.png", "sub/a.webm"}
    lines = {
        Path(line["source"]).name: line for line in map(json.loads, report.read_text().splitlines())
    }
    assert set(lines) == {"a.png", "a.mp4", "bad.mov"} and "error" in lines["bad.mov"]
    again = humatte("cutout", folder, "-o", tmp_path / "cropped", "--crop")
    assert "2 clips left out: --crop is for pictures" in again.err
    assert again.code == 0
