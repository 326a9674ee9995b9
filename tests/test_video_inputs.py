"""`humatte cutout` of clips that are broken or unusual, and wrong words: one line, or it works."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from clips import VARIED, BarNetwork, clip, shown, times
from drawn import gradient, put
from drawn_video import TICK, colours, film, frames, tone
from PIL import Image

SECOND = [number * 1001 for number in range(30)]


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> BarNetwork:
    drawn = BarNetwork()
    monkeypatch.setattr("humatte.video_run.load", lambda *_: drawn)
    monkeypatch.setattr("humatte.catalog.load", lambda *_: drawn)
    return drawn


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("clip") / "clip.mp4", size=(16, 16), sounds=[])


@pytest.fixture
def cut(humatte, tmp_path: Path):
    def run(source: Path, name: str, *words: object):
        plain = ("--refine", "off", "--steady", "off")
        return humatte("cutout", source, "-o", tmp_path / "out" / name, *plain, *words)

    return run


def sound_only(path: Path) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=48000)
        stream.layout = "stereo"
        part = av.AudioFrame.from_ndarray(tone(0.02), "fltp", "stereo")
        part.sample_rate = 48000
        file.mux(stream.encode(part))
        file.mux(stream.encode(None))


def no_frames(path: Path) -> None:
    with av.open(str(path), "w", format="matroska") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "bgr0"
        file.start_encoding()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda path: path.write_bytes(np.random.default_rng(0).bytes(4000)), "not a video"),
        (lambda path: path.write_bytes(b""), "empty"),
        (sound_only, "sound but no pictures"),
        (no_frames, "not a video that can be read"),
        (lambda path: None, "no such file"),
    ],
    ids=["corrupt", "empty", "sound", "no frames", "missing"],
)
def test_what_is_no_clip(cut, tmp_path: Path, make, message: str) -> None:
    make(tmp_path / "in.mp4")
    result = cut(tmp_path / "in.mp4", "out.webm")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert message in result.err
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "in.mp4"]


def test_a_cut_off_clip_gives_what_there_is(cut, tmp_path: Path) -> None:
    source = film(tmp_path / "in.mkv", frames(SECOND, TICK), options={"crf": "4", "g": "5"})
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    result = cut(source, "out.mov")
    assert result.code == 0
    assert "note:" in result.err and "ends early" in result.err
    found = shown(tmp_path / "out" / "out.mov")
    assert 5 < len(found) < 30 and times(found) == times(shown(source))


@pytest.mark.parametrize(
    "how, size",
    [
        ({"size": (47, 65)}, (47, 65)),
        ({"turn": 90}, (64, 48)),
        ({"codec": "ffv1", "pixels": "yuv444p10le", "options": {}}, (48, 64)),
    ],
    ids=["odd", "rotated", "10 bits"],
)
def test_unusual_clips(cut, tmp_path: Path, how: dict, size: tuple[int, int]) -> None:
    name = "in.mkv" if "codec" in how else "in.mp4"
    source = clip(tmp_path / name, sounds=[], **how)
    truth = shown(source)
    assert truth[0].size == size
    for out in ("out.webm", "out.mov"):
        assert cut(source, out).code == 0
        found = shown(tmp_path / "out" / out)
        assert (len(found), found[0].size) == (len(VARIED), size)
        alpha = BarNetwork()(truth[4].rgb)
        assert np.abs(found[4].alpha - alpha).mean() < 0.02
    assert cut(source, "out.mp4", "-b", "white").code == 0
    even = tuple(side + side % 2 for side in size)
    assert shown(tmp_path / "out" / "out.mp4")[0].size == even


def test_a_very_long_name(cut, humatte, whole: Path, tmp_path: Path) -> None:
    source = tmp_path / ("n" * 251 + ".mp4")
    source.write_bytes(whole.read_bytes())
    assert cut(source, "o" * 250 + ".webm").code == 0
    assert len(list((tmp_path / "out").iterdir())) == 1
    result = humatte("cutout", source)  # no room for .cutout
    assert (result.code, result.err.count("\n")) == (1, 1)


def test_a_name_too_long_in_a_folder_stops_no_other(humatte, whole: Path, tmp_path: Path) -> None:
    """With .webm it has 256 bytes, one more than file systems take."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "n" * 251, "z"):
        (folder / f"{name}.mp4").write_bytes(whole.read_bytes())
    plain = ("--refine", "off", "--steady", "off")
    result = humatte("cutout", folder, "-o", tmp_path / "out", *plain)
    assert result.code == 1
    assert "failed: " in result.err and "name too long" in result.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.webm", "z.webm"}


@pytest.mark.parametrize("name", ["moves.gif", "moves.png"])
def test_what_moves_is_a_clip_only_where_the_result_is_one(cut, tmp_path: Path, name: str) -> None:
    many = [Image.fromarray(colours(number, 40, 40)) for number in range(3)]
    many[0].save(tmp_path / name, save_all=True, append_images=many[1:], duration=100)
    assert cut(tmp_path / name, "out.webm").code == 0
    assert len(shown(tmp_path / "out" / "out.webm")) == 3
    assert cut(tmp_path / name, "out.webp").code == 0
    assert len(shown(tmp_path / "out" / "out.webp")) == 3


@pytest.mark.parametrize(
    "words, message",
    [
        (("-o", "a.mp4"), "mp4 holds no transparency; give a background (-b green"),
        (("-o", "a.png"), "give a folder, or a pattern"),
        (("-o", "a.avi"), "cannot write '.avi'"),
        (("-o", "a.webm", "-f", "mov"), "is not mov"),
        (("-f", "tiff"), "cannot write clips as 'tiff'"),
        (("-o", "-"), "needs --raw rgba"),
        (("-o", "a.webm", "--raw", "rgba"), "--raw is for stdout"),
        (("-o", "-", "--raw", "yuv"), "unknown --raw 'yuv'"),
        (("-o", "-", "--raw", "rgb"), "holds no transparency"),
        (("-o", "-", "--raw", "rgba", "-b", "red"), "give --raw rgb"),
        (("-o", "-", "--raw", "rgb", "--alpha"), "give --raw gray"),
        (("-o", "-", "--raw", "rgba", "--resume"), "leave it out"),
        (("-o", "-", "--raw", "rgba", "--report", "json"), "stdout carries the frames"),
        (("-o", "a.webm", "--crop"), "--crop is for pictures"),
        (("-o", "a.webm", "--crop", "--aspect", "1:1"), "is for pictures"),
        (("-o", "a.webm", "--pad", "3"), "--pad is for pictures"),
        (("-o", "a.webm", "--size", "64"), "give --max-size"),
        (("-o", "a.webm", "--id-photo", "35x45mm"), "--id-photo is for pictures"),
        (("-o", "a.webm", "--dpi", "300"), "--dpi is for pictures"),
        (("-o", "a.webm", "--jobs", "2"), "--jobs is for pictures"),
        (("-o", "a.webm", "--drop", "."), "a clip takes one picture"),
        (("-o", "a.webm", "--steady", "maybe"), "expected on or off"),
        (("-o", "a.webm", "--from", "x"), "expected seconds"),
        (("-o", "a.webm", "--from", "2", "--to", "1"), "expected an end after the start"),
        (("-o", "a.webm", "--from", "99"), "no frame begins in the wanted part"),
        (("-o", "a.webm", "-b", "red", "--fit", "tile"), "--fit is for a picture"),
        (("-o", "a.webm", "-b", "clip.mp4", "--fit", "wide"), "unknown fit 'wide'"),
        (("-o", "a.webm", "-b", "nowhere.mp4"), "unknown background"),
        (("-o", "a.webm", "-b", "bad.mov"), "not a video"),
        (("-o", "a.mp4", "--alpha", "-b", "red"), "--alpha writes the matte alone"),
        (("-o", "clip.mp4", "-b", "red"), "is an input and would be overwritten"),
        (("-o", "."), "is not empty"),
        (("-o", "a.webm", "--mask-out", "a.webm"), "two outputs"),
        (("-o", "a.webm", "--mask-out", "m.xyz"), "cannot write '.xyz'"),
        (("-o", "a.webm", "-m", "nobody"), "no network is called"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_words(
    humatte, whole: Path, tmp_path: Path, words: tuple, message: str, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(whole.read_bytes())
    Path("bad.mov").write_text("no clip")
    result = humatte("cutout", "clip.mp4", *words)
    assert result.err.count("\n") == 1, result.err
    assert message in result.err
    assert result.code == (1 if "not a video" in message or "no frame" in message else 2)
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "bad.mov"}
    assert Path("clip.mp4").read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    "option",
    ["--from 1", "--to 1", "--every 2", "--max-size 9", "--steady off", "--resume", "--raw rgba"],
)
def test_pictures_have_no_options_of_clips(humatte, tmp_path: Path, option: str) -> None:
    photo = put(tmp_path / "photo.png", gradient(20, 30))
    name, *value = option.split()
    result = humatte("cutout", photo, name, *value)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert f"{name} is for clips" in result.err


def test_pictures_are_no_clip(humatte, tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.png", gradient(20, 30))
    put(tmp_path / "in" / "b.png", gradient(20, 30))
    result = humatte("cutout", tmp_path / "in" / "a.png", "-o", tmp_path / "a.webm")
    assert result.code == 2 and "-o" in result.err and "is a clip" in result.err
    result = humatte("cutout", tmp_path / "in", "-o", tmp_path / "a.webm")
    assert result.code == 1 and "no pictures named" in result.err
    two = [tmp_path / "in" / "a.png", tmp_path / "in" / "b.png"]
    result = humatte("cutout", *two, "-o", tmp_path / "a.webm")
    assert result.code == 2 and "several inputs need a folder" in result.err
