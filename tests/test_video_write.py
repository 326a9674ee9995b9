from __future__ import annotations

import io
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from drawn_video import NTSC, TICK, colours, frames
from PIL import Image

from humatte import video_io, video_kinds
from humatte.clip import Clip, Colours, Frame
from humatte.errors import OutputError, UsageError
from humatte.video_write import FileWriter
from humatte.video_writer import Settings, Writer

# A variable rate that begins late, in 29.97's ticks.
VARIED = [500, 1501, 2502, 5505, 6506, 9509]
PLAIN = Settings(rate=1 / NTSC)
LOSSLESS = Settings(rate=1 / NTSC, lossless=True)


def put(path: Path, shown: list[Frame], settings: Settings = PLAIN) -> Writer:
    with video_io.write(path, settings) as out:
        for frame in shown:
            out.write(frame)
    return out


def rounded(times: list[Fraction], unit: Fraction) -> list[Fraction]:
    return [round(time / unit) * unit for time in times]


# Format, settings, unit of its times; levels that alpha (most) and colours (mean) may be off.
KEPT = [
    ("out.webm", PLAIN, Fraction(1, 1000), 5, 2.5),
    ("out.webm", LOSSLESS, Fraction(1, 1000), 0, 2.0),
    ("out.mov", PLAIN, TICK, 0.2, 0.1),
    ("out.webp", PLAIN, Fraction(1, 1000), 0, 2.5),
    ("out.webp", LOSSLESS, Fraction(1, 1000), 0, 0),
    ("out.apng", PLAIN, None, 0, 0),
    ("frames", PLAIN, TICK, 0, 0),
    ("f_%03d.png", PLAIN, TICK, 0, 0),
]


@pytest.mark.parametrize("name, settings, unit, off, colour_off", KEPT)
def test_alpha_colours_and_times_come_back(
    tmp_path: Path,
    name: str,
    settings: Settings,
    unit: Fraction | None,
    off: float,
    colour_off: float,
) -> None:
    shown = frames(VARIED, TICK, (47, 65), alpha=True)
    writer = put(tmp_path / name, shown, settings)
    reader = video_io.read(tmp_path / name)
    got = list(reader)
    assert (len(got), reader.clip.has_alpha, reader.clip.size) == (6, True, (47, 65))
    times = [frame.time for frame in shown]
    if unit:
        # An animated picture begins with its first frame.
        begin = times[0] if name.endswith("webp") else 0
        assert [f.time + begin for f in got] == pytest.approx(rounded(times, unit), abs=0.001)
        if name != "out.webp":
            assert [frame.time for frame in got] == rounded(times, unit)
        assert got[-1].seconds == pytest.approx(shown[-1].seconds, abs=0.001)
    else:  # exact in the file; FFmpeg reads them in 1/100000
        passed = [frame.time - times[0] for frame in shown]
        assert [frame.time for frame in got] == pytest.approx(passed, abs=1e-4)
    for frame, true in zip(got, shown, strict=True):
        assert np.abs(frame.alpha - true.alpha).max() * 255 <= off + 1e-3
        seen = true.alpha > 0.5
        assert np.abs(frame.rgb.astype(int) - true.rgb)[seen].mean() <= colour_off
    assert writer.notices == reader.notices == []


@pytest.mark.parametrize("name", ["out.webm", "out.mov", "out.mp4"])
@pytest.mark.parametrize("size", [(48, 64), (47, 65)])
def test_opaque_clips_come_back(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    shown = frames(VARIED, TICK, size)
    put(tmp_path / name, shown)
    reader = video_io.read(tmp_path / name)
    got = list(reader)
    even = size[0] + size[0] % 2, size[1] + size[1] % 2
    assert reader.clip.size == (size if name == "out.webm" else even)
    unit = Fraction(1, 1000) if name == "out.webm" else TICK
    assert [frame.time for frame in got] == rounded([frame.time for frame in shown], unit)
    assert got[-1].seconds == pytest.approx(shown[-1].seconds, abs=0.002)
    for frame, true in zip(got, shown, strict=True):
        inside = frame.rgb[: size[0], : size[1]].astype(int)
        assert np.abs(inside - true.rgb).mean() < 2
        assert np.abs(frame.rgb[-1].astype(int) - frame.rgb[-2]).mean() < 8  # repeated, not black
    assert got[0].alpha is None


@pytest.mark.parametrize("lines, matrix, primaries", [(576, 6, 6), (578, 1, 1)])
def test_mp4_names_its_colours(tmp_path: Path, lines: int, matrix: int, primaries: int) -> None:
    put(tmp_path / "out.mp4", frames([0], TICK, (lines, 16)))
    with av.open(str(tmp_path / "out.mp4")) as file:
        frame = next(file.decode(video=0))
    found = frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc
    assert found == (matrix, 1, primaries, primaries)
    assert np.abs(next(iter(video_io.read(tmp_path / "out.mp4"))).rgb.astype(int) - 0).mean() > 50


def test_primaries_pixel_aspect_and_title_are_handed_on(tmp_path: Path) -> None:
    clip = Clip(
        size=(48, 64),
        time_base=TICK,
        pixel_aspect=Fraction(4, 3),
        colours=Colours(9, 14),
        metadata={"title": "Två"},
    )
    for name in ("out.mp4", "out.webm", "out.mov"):
        put(tmp_path / name, frames([0, 1001], TICK), Settings.of(clip))
        got = video_io.read(tmp_path / name).clip
        assert got.colours == clip.colours
        assert got.pixel_aspect == (1 if name == "out.webm" else clip.pixel_aspect)
        assert got.metadata["title"] == "Två"
    for name in ("a.gif", "a.webm", "a"):  # where they cannot be told, it is said
        notices = put(tmp_path / name, frames([0], TICK), Settings.of(clip)).notices
        assert "stretched" in notices[0]
    with video_io.write_raw(io.BytesIO(), Settings.of(clip)) as raw:
        raw.write(frames([0], TICK)[0])
    assert "stretched" in raw.notices[0]


def test_gif_alpha_is_whole_and_times_are_hundredths(tmp_path: Path) -> None:
    shown = frames(VARIED, TICK, alpha=True)
    put(tmp_path / "out.gif", shown)
    got = list(video_io.read(tmp_path / "out.gif"))
    first = rounded([shown[0].time], Fraction(1, 100))[0]
    hundredths = rounded([frame.time for frame in shown], Fraction(1, 100))
    assert [frame.time for frame in got] == [time - first for time in hundredths]
    assert got[-1].seconds == Fraction(1, 10)
    for frame, true in zip(got, shown, strict=True):
        np.testing.assert_array_equal(frame.alpha == 1, true.alpha * 255 > 127.5)
        seen = true.alpha > 0.5
        assert np.abs(frame.rgb.astype(int) - true.rgb)[seen].mean() < 4
    with Image.open(tmp_path / "out.gif") as picture:  # another reader, and it repeats for ever
        assert picture.info["loop"] == 0 and picture.n_frames == 6
        picture.seek(5)
        other = np.asarray(picture.convert("RGBA"))[..., 3]
    np.testing.assert_array_equal(other > 0, got[5].alpha == 1)


def test_gif_leaves_out_what_browsers_would_slow_down(tmp_path: Path) -> None:
    writer = put(tmp_path / "out.gif", frames(range(12), Fraction(1, 60)))
    got = list(video_io.read(tmp_path / "out.gif"))
    gaps = {after.time - before.time for before, after in pairwise(got)}
    assert gaps <= {Fraction(2, 100), Fraction(3, 100)}
    assert f"{12 - len(got)} frames left out" in writer.notices[0]


def test_a_cut_begins_at_0_and_an_origin_is_taken_off(tmp_path: Path) -> None:
    shown = frames([90090, 91091], TICK)
    for origin, first in ((None, 0), (Fraction(3), Fraction(3, 1000))):
        path = tmp_path / "out.mov"
        put(path, shown, Settings(origin=origin))
        got = [frame.time for frame in video_io.read(path)]
        assert got == [first, first + NTSC]


def test_times_before_the_origin_move_it(tmp_path: Path) -> None:
    put(tmp_path / "out.mov", frames([-1001, 0], TICK))
    assert [frame.time for frame in video_io.read(tmp_path / "out.mov")] == [0, NTSC]


def test_raw_bytes() -> None:
    for alpha in (False, True):
        stream = io.BytesIO()
        shown = frames([0, 1, 2], NTSC, (5, 7), alpha=alpha)
        with video_io.write_raw(stream, PLAIN) as out:
            for frame in shown:
                out.write(frame)
        got = np.frombuffer(stream.getvalue(), np.uint8).reshape(3, 5, 7, 4 if alpha else 3)
        np.testing.assert_array_equal(got[2, ..., :3], shown[2].rgb)
        if alpha:
            np.testing.assert_array_equal(got[1, ..., 3], np.rint(shown[1].alpha * 255))


def test_raw_bytes_that_nobody_reads() -> None:
    class Closed(io.BytesIO):
        def write(self, data: object) -> int:
            raise BrokenPipeError

    with pytest.raises(OutputError, match="nobody reads"), video_io.write_raw(Closed(), PLAIN) as w:
        for frame in frames([0, 1], NTSC):
            w.write(frame)


TARGETS = ["out.webm", "out.mov", "out.mp4", "out.webp", "out.apng", "out.gif", "frames"]


@pytest.mark.parametrize("name", TARGETS)
def test_ctrl_c_leaves_a_whole_shorter_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyboardInterrupt), video_io.write(tmp_path / name, PLAIN) as out:
        for frame in frames([0, 1001, 2002, 3003], TICK)[:3]:
            out.write(frame)
        raise KeyboardInterrupt
    assert len(list(video_io.read(tmp_path / name))) == 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out.gif"])
def test_ctrl_c_while_a_frame_is_written(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mux, calls = FileWriter._mux, []

    def interrupted(writer: FileWriter, packets: list) -> None:
        mux(writer, packets)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(FileWriter, "_mux", interrupted)
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path / name, frames([0, 1001, 2002, 3003], TICK))
    assert len(list(video_io.read(tmp_path / name))) == 3


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_other_errors_leave_nothing(tmp_path: Path, name: str, error: type) -> None:
    with pytest.raises(error), video_io.write(tmp_path / name, PLAIN) as out:
        if error is RuntimeError:
            for frame in frames([0, 1001, 2002], TICK):
                out.write(frame)
        raise error
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", TARGETS)
def test_no_frame_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="no frame came"), video_io.write(tmp_path / name, PLAIN):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".mp4")
    path.write_text("old")
    with video_io.write(path, PLAIN) as out:
        out.write(frames([0], TICK)[0])
        assert path.read_text() == "old"
    assert len(list(video_io.read(path))) == 1


def test_a_disk_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        put(tmp_path / "file" / "out.mp4", frames([0, 1], NTSC))


def test_a_build_without_x264(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has = video_kinds.can_encode
    monkeypatch.setattr("humatte.video_write.can_encode", lambda n: n != "libx264" and has(n))
    writer = put(tmp_path / "out.mp4", frames([0, 1], NTSC))
    assert "encoded by mpeg4: this PyAV has no libx264" in writer.notices[0]
    assert video_io.read(tmp_path / "out.mp4").clip.codec == "mpeg4"


@pytest.mark.parametrize("kind", video_kinds.KINDS)
def test_this_build_has_the_first_choice_of_encoders(kind: str) -> None:
    assert video_kinds.can_encode(video_kinds.KINDS[kind].encoders[0])
    assert not video_kinds.can_encode("nothing")


def wrong_size(out: Writer) -> None:
    out.write(frames([1], NTSC, (8, 8))[0])


def wrong_alpha(out: Writer) -> None:
    out.write(frames([1], NTSC, alpha=True)[0])


def wrong_time(out: Writer) -> None:
    out.write(frames([0], NTSC)[0])


def wrong_array(out: Writer) -> None:
    out.write(Frame(colours(0).astype(float), 1, NTSC))


def wrong_base(out: Writer) -> None:
    out.write(Frame(colours(0), 1, Fraction(0)))


@pytest.mark.parametrize(
    "wrong, message",
    [
        (wrong_size, r"expected a frame like the one before \(\(48, 64\)"),
        (wrong_alpha, "alpha: True"),
        (wrong_time, "expected a frame after 0 seconds"),
        (wrong_array, "expected an image"),
        (wrong_base, "time base above 0"),
    ],
)
def test_wrong_frames(tmp_path: Path, wrong, message: str) -> None:
    with pytest.raises(UsageError, match=message), video_io.write(tmp_path / "a.mov", PLAIN) as out:
        out.write(frames([0], NTSC)[0])
        wrong(out)


@pytest.mark.parametrize(
    "name, settings, message",
    [
        ("out.avi", PLAIN, "cannot write '.avi'"),
        ("out.png", PLAIN, r"give a folder, or a pattern"),
        ("out.mp4", LOSSLESS, "no lossless form"),
        ("a_%d_%d.png", PLAIN, "one number"),
    ],
)
def test_wrong_targets(tmp_path: Path, name: str, settings: Settings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        video_io.write(tmp_path / name, settings)


def test_what_stands_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a file"):
        video_io.write(Path("/dev/null"), PLAIN, kind="mp4")
    put(tmp_path / "frames", frames([0], NTSC))
    with pytest.raises(UsageError, match="already"):
        video_io.write(tmp_path / "frames", PLAIN)


def test_mp4_has_no_transparency(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no transparency; choose webm"):
        put(tmp_path / "out.mp4", frames([0], NTSC, alpha=True))
    assert list(tmp_path.iterdir()) == []
