"""Files joined by `cat`: their times begin anew within, and all of them is shown once, in step."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from clips import BarNetwork
from drawn_video import NTSC, TICK, film, frames, heard, lag, tone

from humatte import video_io
from humatte.clip import Part
from humatte.video_writer import Settings, Writer

COUNT = 45
SOUND = tone(1.5)


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two transport streams of 1.5 s, one behind the other."""
    folder = tmp_path_factory.mktemp("joined")
    shown = frames(range(0, COUNT * 1001, 1001), TICK, (16, 320))
    how = {"pixels": "yuv420p", "options": {"crf": "8", "g": "10", "bf": "2"}}
    one = film(folder / "one.ts", shown, sounds=[("aac", SOUND, 0)], **how)
    path = folder / "two.ts"
    path.write_bytes(one.read_bytes() * 2)
    return path


def carried(source: Path, target: Path, part: Part | None = None) -> Writer:
    reader = video_io.read(source, part)
    settings = Settings.of(reader.clip, cut=reader.cut)
    with video_io.write(target, settings, tracks=reader.tracks()) as out:
        for frame in reader:
            out.write(frame)
    return out


def by_time(path: Path) -> np.ndarray:
    """A file's sound (C, N) from its second 0 on, every frame at its own time."""
    with av.open(str(path)) as file:
        made = [(float(f.pts * f.time_base), f.to_ndarray()) for f in file.decode(audio=0)]
    end = made[-1][0] + made[-1][1].shape[1] / 48000
    samples = np.zeros((len(made[0][1]), round(end * 48000)), np.float32)
    for time, values in made:
        at = max(0, round(time * 48000))
        late = at - round(time * 48000)
        samples[:, at : at + values.shape[1] - late] = values[:, late:]
    return samples


def numbers(shown: list) -> list[int]:
    """Which of the drawn frames each is, by where its bar stands."""
    bars = [np.clip(110 - frame.rgb[..., 2].mean(0), 0, None) for frame in shown]
    return [round((float((bar * np.arange(320)).sum() / bar.sum()) - 8) / 6) for bar in bars]


def test_all_frames_come_once_and_on_time(joined: Path) -> None:
    reader = video_io.read(joined)
    got = list(reader)
    assert numbers(got) == [*range(COUNT), *range(COUNT)]
    assert {after.time - before.time for before, after in pairwise(got)} == {NTSC}
    (line,) = reader.notices
    assert "its times begin anew 1 time, as where files were joined" in line


@pytest.mark.parametrize("start", ["0.7", "1.6"])
def test_a_part_is_what_the_whole_has_there(joined: Path, start: str) -> None:
    whole, begin = list(video_io.read(joined)), video_io.read(joined).clip.start
    got = list(video_io.read(joined, Part(Fraction(start))))
    expected = [frame for frame in whole if frame.time >= Fraction(start) + begin]
    assert [frame.time for frame in got] == [frame.time for frame in expected]
    for frame, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(frame.rgb, other.rgb)


@pytest.mark.parametrize(
    "name, part",
    [("out.mp4", None), ("out.webm", None), ("out.mov", Part(Fraction("1.2"), Fraction("2.8")))],
)
def test_the_sound_stays_in_step(
    joined: Path, tmp_path: Path, name: str, part: Part | None
) -> None:
    out = carried(joined, tmp_path / name, part)
    samples = by_time(tmp_path / name)
    shown = list(video_io.read(tmp_path / name))
    second = numbers(shown).index(0, 1 if part is None else 0)  # the first frame of part two
    starts = float(shown[second].time)
    assert starts == pytest.approx(1.5015 - (0 if part is None else 1.2), abs=0.05)
    at = round(starts * 48000)
    late, alike = lag(samples[:, at:], Fraction(at, 48000), SOUND, starts)
    assert abs(late) <= 144 and alike > 0.95  # 3 ms
    if part is None:
        late, alike = lag(samples, Fraction(0), SOUND, float(shown[0].time))
        assert abs(late) <= 48 and alike > 0.95
        assert samples.shape[1] / 48000 == pytest.approx(3, abs=0.08)
    assert len([line for line in out.notices if "go back" in line]) <= (name != "out.webm")


def test_segments_are_joined_all_the_same(
    humatte, joined: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("humatte.video_run.load", lambda *_: BarNetwork())
    monkeypatch.setattr("humatte.video_cutout.SEGMENT", 32)
    words = ("--refine", "off", "--steady", "off", "-b", "white", "--resume")
    result = humatte("cutout", joined, "-o", tmp_path / "out.mp4", *words)
    assert result.code == 0, result.err
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert len(list(video_io.read(tmp_path / "out.mp4"))) == 2 * COUNT
    assert heard(tmp_path / "out.mp4")[0].shape[1] / 48000 == pytest.approx(3, abs=0.08)


def test_sound_without_pictures_to_follow_is_not_lost(tmp_path: Path) -> None:
    """The second part is shorter than what counts as beginning anew, but its sound is not."""
    how = {"pixels": "yuv420p", "options": {"crf": "8"}}
    one = film(tmp_path / "a.ts", frames([0, 1001], TICK, (16, 16)), **how)
    with_sound = {"sounds": [("aac", SOUND, 0)], **how}
    film(tmp_path / "b.ts", frames([0, 1001], TICK, (16, 16)), **with_sound)
    path = tmp_path / "c.ts"
    path.write_bytes((tmp_path / "b.ts").read_bytes() * 2 + one.read_bytes())
    out = carried(path, tmp_path / "out.mp4")
    assert any("their times go back" in line for line in out.notices)
    assert heard(tmp_path / "out.mp4")[0].shape[1] / 48000 == pytest.approx(1.5, abs=0.07)
