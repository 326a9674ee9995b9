"""Ctrl-C at every moment of a clip's way: nothing is torn, nothing untrue is said."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import VARIED, BarNetwork, clip, shown
from drawn_video import TICK, film, frames

from humatte.clip import Frame, Moment
from humatte.video_behind import Behind
from humatte.video_join import join
from humatte.video_read import FileSource
from humatte.video_segments import Segments, folder_of
from humatte.video_unfinished import mark_of
from humatte.video_write import FileWriter

PLAIN = ("--refine", "off", "--steady", "off")


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit")
    clip(folder / "clip.mp4", sounds=[])
    film(folder / "behind.mp4", frames(range(0, 60 * 1001, 1001), TICK, (16, 16)))
    return folder


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> BarNetwork:
    drawn = BarNetwork()
    monkeypatch.setattr("humatte.video_run.load", lambda *_: drawn)
    monkeypatch.setattr("humatte.video_cutout.SEGMENT", 3)
    return drawn


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C comes once, with the frame of this number of a run in segments."""
    write = Segments.write

    def at(number: int) -> None:
        calls: list[int] = []

        def written(segments: Segments, *made: Frame) -> None:
            write(segments, *made)
            calls.append(1)
            if len(calls) == number:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(Segments, "write", written)

    return at


@pytest.mark.parametrize("name", ["out.webm", "frames", "f_%03d.png"])
def test_a_shorter_result_is_not_taken_for_a_finished_one(
    humatte, kit: Path, tmp_path: Path, name: str, network: BarNetwork
) -> None:
    network.stop_at = 4
    words = ("cutout", kit / "clip.mp4", "-o", tmp_path / name, *PLAIN, "--skip-existing")
    assert humatte(*words).code == 130
    assert 0 < len(shown(tmp_path / name)) < len(VARIED)
    result = humatte(*words)
    assert result.code == 0, result.err
    assert len(shown(tmp_path / name)) == len(VARIED)
    assert not mark_of(tmp_path / name).exists()
    assert "skipped (already there)" in humatte(*words).err


def test_frames_of_others_are_not_replaced(
    humatte, kit: Path, tmp_path: Path, network: BarNetwork
) -> None:
    network.stop_at = 4
    words = ("cutout", kit / "clip.mp4", "-o", tmp_path / "frames", *PLAIN)
    assert humatte(*words).code == 130
    (tmp_path / "frames" / "notes.txt").write_text("mine")
    result = humatte(*words)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "is not empty" in result.err


def test_where_nothing_was_made_nothing_is_said_of_it(
    humatte, kit: Path, tmp_path: Path, monkeypatch
) -> None:
    moment, main = FileSource._moment, threading.main_thread().ident

    def pressed(source: FileSource, *words: object) -> Moment:
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.1)  # the signal arrives before the first frame does
        return moment(source, *words)

    monkeypatch.setattr(FileSource, "_moment", pressed)
    (tmp_path / "out.mov").write_text("old")
    result = humatte("cutout", kit / "clip.mp4", "-o", tmp_path / "out.mov", *PLAIN)
    assert result.code == 130
    assert "shorter than the clip" not in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["out.mov"]
    assert (tmp_path / "out.mov").read_text() == "old"
    result = humatte("cutout", kit / "clip.mp4", "-o", tmp_path / "new.mov", *PLAIN, "--resume")
    assert result.code == 130
    assert "segments so far are kept" not in result.err
    assert not folder_of(tmp_path / "new.mov").exists()


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_while_the_file_is_ended(
    humatte, kit: Path, tmp_path: Path, network: BarNetwork, presses: int, monkeypatch
) -> None:
    """One more is of no effect; yet another gives the file up."""
    flush, network.stop_at = FileWriter._flush, 4

    def interrupted(writer: FileWriter) -> None:
        for _ in range(presses):
            signal.raise_signal(signal.SIGINT)
        flush(writer)

    monkeypatch.setattr(FileWriter, "_flush", interrupted)
    result = humatte("cutout", kit / "clip.mp4", "-o", tmp_path / "out.mov", *PLAIN)
    assert result.code == 130
    assert "interrupted: ending what was made" in result.err
    if presses == 1:
        assert 0 < len(shown(tmp_path / "out.mov")) < len(VARIED)
    else:
        assert list(tmp_path.iterdir()) == []
        assert "shorter than the clip" not in result.err


def test_ctrl_c_after_the_last_frame_stops_the_clips_to_come(
    humatte, kit: Path, tmp_path: Path, monkeypatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(kit / "clip.mp4", folder / name)
    flush = FileWriter._flush

    def interrupted(writer: FileWriter) -> None:
        signal.raise_signal(signal.SIGINT)
        flush(writer)

    monkeypatch.setattr(FileWriter, "_flush", interrupted)
    result = humatte("cutout", folder, "-o", tmp_path / "out", *PLAIN)
    assert result.code == 130
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.webm"]
    assert len(shown(tmp_path / "out" / "a.webm")) == len(VARIED)
    assert "10 frames in" in result.err and "shorter" not in result.err


def test_ctrl_c_while_a_resumed_run_decodes_its_way_back(
    humatte, kit: Path, tmp_path: Path, network: BarNetwork, stop, monkeypatch
) -> None:
    words = ("cutout", kit / "clip.mp4", "-o", tmp_path / "out.mov", *PLAIN, "--resume")
    stop(8)
    assert humatte(*words).code == 130
    moment, decoded, main = FileSource._moment, [], threading.main_thread().ident

    def pressed(source: FileSource, *words: object) -> Moment:
        decoded.append(1)
        if len(decoded) == 2:
            signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.05)  # a long clip: the signal arrives
        return moment(source, *words)

    monkeypatch.setattr(FileSource, "_moment", pressed)
    calls = network.calls
    result = humatte(*words)
    assert result.code == 130
    assert "same command goes on from there" in result.err
    assert network.calls == calls  # it did not wait for the first new frame
    assert len(decoded) < 6


def test_ctrl_c_while_a_background_clip_is_sought(kit: Path) -> None:
    def pressed(seconds: Fraction) -> None:
        if seconds > 0.5:
            raise KeyboardInterrupt

    behind = Behind(kit / "behind.mp4", (16, 16), "cover", looked=pressed)
    behind.at(Fraction("0.1"))
    with pytest.raises(KeyboardInterrupt):
        behind.at(Fraction("1.9"))


def test_what_a_resumed_run_says_is_of_all_frames(humatte, tmp_path: Path, stop) -> None:
    source = tmp_path / "in.mkv"
    made = frames(VARIED, TICK)
    blue = np.full((48, 64, 3), (0, 0, 255), np.uint8)
    made = [*made[:4], *(Frame(blue, f.pts, TICK, None, f.duration) for f in made[4:])]
    film(source, made)
    words = ("cutout", source, *PLAIN, "--report", "json")
    whole = json.loads(humatte(*words, "-o", tmp_path / "whole.mov").out)
    words = (*words, "-o", tmp_path / "out.mov", "--resume")
    stop(8)
    assert humatte(*words).code == 130
    result = humatte(*words)
    assert "no person found" not in result.err
    entry = json.loads(result.out)
    assert entry["resumed"] >= 6
    for name in ("frames", "frames_with_person", "person_found", "share", "result_size"):
        assert entry[name] == whole[name], name


def test_a_run_stopped_in_the_join_reports_all_frames(
    humatte, kit: Path, tmp_path: Path, monkeypatch
) -> None:
    words = ("cutout", kit / "clip.mp4", *PLAIN, "-o", tmp_path / "out.mov", "--resume")

    def stopped(*_: object) -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr("humatte.video_segments.join", stopped)
    assert humatte(*words, "--report", "json").code == 130
    monkeypatch.setattr("humatte.video_segments.join", join)
    result = humatte(*words, "--report", "json")
    entry = json.loads(result.out)
    assert (entry["frames"], entry["resumed"]) == (len(VARIED), len(VARIED))
    assert entry["person_found"] and entry["result_size"] == [64, 48]
    assert "no person found" not in result.err
    assert len(shown(tmp_path / "out.mov")) == len(VARIED)
