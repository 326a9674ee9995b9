"""Runs in segments: interrupted, gone on with, and joined, they are as if never stopped."""

from __future__ import annotations

import json
import signal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import VARIED, BarNetwork, clip, shown, times
from drawn_video import TICK, film, frames, heard
from PIL import Image

from humatte import video_io
from humatte.clip import Frame
from humatte.errors import OutputError
from humatte.video_join import Whole, join
from humatte.video_segments import Segments, folder_of
from humatte.video_writer import Settings


class Steadied:
    """Stands in for `VideoMatte`: each matte is half the one before."""

    def __init__(self, network: BarNetwork, **_: object) -> None:
        self._network = network
        self.reset()

    def __call__(self, image: np.ndarray) -> np.ndarray:
        alpha = self._network(image)
        self._last = alpha if self._last is None else (alpha + self._last) / 2
        return self._last

    def reset(self) -> None:
        self._last: np.ndarray | None = None


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit")
    clip(folder / "clip.mp4")
    film(folder / "behind.mp4", frames([0, 1500, 3003], TICK))
    return folder


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> BarNetwork:
    drawn = BarNetwork()
    monkeypatch.setattr("humatte.video_run.load", lambda *_: drawn)
    monkeypatch.setattr("humatte.video_cutout.VideoMatte", Steadied)
    monkeypatch.setattr("humatte.video_cutout.SEGMENT", 3)
    monkeypatch.setattr("humatte.video_cutout._WARM_UP", 2)
    return drawn


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C comes with the frame of this number; None = never."""
    write, state = Segments.write, {"calls": 0, "at": None}

    def written(segments: Segments, *made: Frame) -> None:
        write(segments, *made)
        state["calls"] += 1
        if state["calls"] == state["at"]:
            signal.raise_signal(signal.SIGINT)

    def at(number: int | None) -> None:
        state.update(calls=0, at=number)

    monkeypatch.setattr(Segments, "write", written)
    return at


@pytest.mark.parametrize(
    "name, words",
    [
        ("out.webm", ("--every", "1")),
        ("out.mov", ()),
        ("out.mp4", ("-b", "behind.mp4")),
        ("frames", ("--every", "2")),
    ],
)
def test_a_stopped_run_goes_on_as_if_it_never_was(
    humatte, kit: Path, tmp_path: Path, stop, name: str, words: tuple[str, ...], monkeypatch
) -> None:
    monkeypatch.chdir(kit)
    plain = ["clip.mp4", "--resume", "--mask-out", "", *words]
    for folder, stop_at in (("whole", None), ("stopped", 8 if name != "frames" else 4)):
        stop(stop_at)
        plain[3] = str(tmp_path / folder / "matte.mp4")
        result = humatte("cutout", *plain, "-o", tmp_path / folder / name)
        assert result.code == (130 if stop_at else 0), result.err
    assert "the same command goes on from there" in result.err
    parts = folder_of(tmp_path / "stopped" / name)
    assert [path.name for path in (tmp_path / "stopped").iterdir()] == [parts.name]
    done = json.loads((parts / "journal.json").read_text())["frames"]
    assert done in (3, 6)
    stop(None)
    result = humatte("cutout", *plain, "-o", tmp_path / "stopped" / name)
    assert result.code == 0 and f"{done} were there already" in result.err
    assert not parts.exists()
    for file in (name, "matte.mp4"):
        whole, stopped = (shown(tmp_path / folder / file) for folder in ("whole", "stopped"))
        assert times(whole) == times(stopped)
        assert [f.seconds for f in whole] == [f.seconds for f in stopped]
        # x264 does not encode the same frames to the same bytes each time.
        most = 2 if file.endswith(".mp4") else 0
        for a, b in zip(whole, stopped, strict=True):
            assert np.abs(a.rgb.astype(int) - b.rgb).mean() <= most
        if whole[0].alpha is not None:
            assert all((a.alpha == b.alpha).all() for a, b in zip(whole, stopped, strict=True))


@pytest.mark.parametrize("name, words", [("a.webm", ()), ("a.mp4", ("-b", "red")), ("a", ())])
def test_segments_change_neither_times_nor_sound_nor_facts(
    humatte, kit: Path, tmp_path: Path, name: str, words: tuple[str, ...]
) -> None:
    for folder, more in (("one", ()), ("many", ("--resume",))):
        out = ("-o", tmp_path / folder / name, "--steady", "off")
        assert humatte("cutout", kit / "clip.mp4", *words, *out, *more).code == 0
    one, many = (shown(tmp_path / folder / name) for folder in ("one", "many"))
    assert [f.time for f in one] == [f.time for f in many]
    assert [f.seconds for f in one] == [f.seconds for f in many]
    assert len(one) == len(VARIED)
    for a, b in zip(one, many, strict=True):
        assert np.abs(a.rgb.astype(int) - b.rgb).mean() < 3
    clips = [video_io.read(tmp_path / folder / name).clip for folder in ("one", "many")]
    assert clips[0] == clips[1]
    if clips[0].sounds:
        a, b = (heard(tmp_path / folder / name) for folder in ("one", "many"))
        np.testing.assert_array_equal(a[0], b[0])
        assert a[1] == b[1]


def test_decoding_times_go_up_over_the_joints(tmp_path: Path) -> None:
    """A long gap behind a joint: the second segment's own decoding would begin in the first."""
    import av

    made = frames([0, 1001, 2002, 3003, 4004, 5005, 6006, 90090, 91091, 92092, 93093], TICK)
    settings = Settings(rate=Fraction(30))
    for name, part in (("a", made[:6]), ("b", made[6:])):
        with video_io.write(tmp_path / f"{name}.mp4", settings) as out:
            for frame in part:
                out.write(frame)
    end = made[-1].time + made[-1].seconds
    whole = Whole(tmp_path / "c.mp4", "mp4", settings, Fraction(0), TICK, end)
    join([tmp_path / "a.mp4", tmp_path / "b.mp4"], whole)
    with av.open(str(tmp_path / "c.mp4")) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
    decoding = [packet.dts for packet in packets]
    assert decoding == sorted(set(decoding))
    assert all(packet.dts <= packet.pts for packet in packets)
    found = shown(tmp_path / "c.mp4")
    assert [frame.time for frame in found] == [frame.time for frame in made]
    assert found[-1].seconds == made[-1].seconds


def test_other_commands_do_not_go_on(humatte, kit: Path, tmp_path: Path, stop) -> None:
    stop(5)
    words = ("cutout", kit / "clip.mp4", "-o", tmp_path / "a.mov", "--resume")
    assert humatte(*words).code == 130
    stop(None)
    result = humatte(*words, "--every", 2)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "segments of another command (options differ)" in result.err
    (folder_of(tmp_path / "a.mov") / "journal.json").write_text("{")
    result = humatte(*words)
    assert result.code == 2 and "damaged; delete" in result.err


def test_other_hints_do_not_go_on(humatte, kit: Path, tmp_path: Path, stop) -> None:
    hint = tmp_path / "hint.png"
    Image.fromarray(np.full((48, 64), 255, np.uint8)).save(hint)
    stop(5)
    words = ("cutout", kit / "clip.mp4", "-o", tmp_path / "a.mov", "--resume")
    assert humatte(*words, "--keep", hint).code == 130
    stop(None)
    result = humatte(*words, "--drop", hint)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "segments of another command (hints differ)" in result.err


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.apng"])
def test_what_is_made_in_one_go(humatte, kit: Path, tmp_path: Path, name: str) -> None:
    result = humatte("cutout", kit / "clip.mp4", "-o", tmp_path / name, "--resume")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "made in one go" in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_leaves_no_room(tmp_path: Path) -> None:
    long = folder_of(tmp_path / ("n" * 250 + ".mp4"))
    assert len(long.name) < 255 and long != folder_of(tmp_path / ("m" * 250 + ".mp4"))


def test_a_folder_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder_of(Path()) == tmp_path.with_name(f"{tmp_path.name}.parts")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with video_io.write(tmp_path / "a.mov", Settings()) as out:
        out.write(Frame(np.zeros((16, 16, 3), np.uint8), 0, TICK, None, 1))
    whole = Whole(tmp_path / "a.mov" / "b.mov", "mov", Settings(), Fraction(0), TICK, TICK)
    with pytest.raises(OutputError, match="cannot be written"):
        join([tmp_path / "a.mov"], whole)
