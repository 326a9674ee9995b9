from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from drawn import noise, put
from drawn_video import NTSC, TICK, colours, film, frames, opacity, patches, planes_film, tone

from humatte import video_io
from humatte.clip import Frame, Part
from humatte.errors import TooLargeError, UsageError, VideoError

EVEN = range(0, 20 * 1001, 1001)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 frames at 29.97 a second, a key frame each 6, reordered ones between."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return film(path, frames(EVEN, TICK), options={"crf": "4", "g": "6", "bf": "2"})


def times(got: list[Frame]) -> list[Fraction]:
    return [frame.time for frame in got]


def far(image: np.ndarray, other: np.ndarray) -> float:
    """The mean difference in levels."""
    return float(np.abs(image.astype(int) - other).mean())


def test_facts(clip: Path) -> None:
    facts = video_io.read(clip).clip
    assert (facts.size, facts.frames, facts.codec) == ((48, 64), 20, "h264")
    assert facts.rate == 1 / NTSC
    assert facts.duration == pytest.approx(20 * NTSC, abs=1e-3)  # as MP4 rounds it
    assert (facts.start, facts.pixel_aspect, facts.has_alpha, facts.sounds) == (0, 1, False, ())


def test_facts_of_sound_and_metadata(tmp_path: Path) -> None:
    sounds = [("pcm_s16le", tone(0.1), 0.0), ("aac", tone(0.1, channels=1), 0.0)]
    path = tmp_path / "clip.mov"
    film(path, frames([0, 1001], TICK), sounds=sounds, metadata={"title": "Hé"})
    facts = video_io.read(path).clip
    assert [(s.codec, s.rate, s.channels) for s in facts.sounds] == [
        ("pcm_s16le", 48000, 2),
        ("aac", 48000, 1),
    ]
    assert facts.metadata == {"title": "Hé"}


def test_frames_are_exact_in_time_and_look_right(clip: Path) -> None:
    reader = video_io.read(clip)
    got = list(reader)
    assert times(got) == [n * NTSC for n in range(20)]
    assert all(frame.seconds == NTSC for frame in got)
    assert all(far(frame.rgb, colours(n)) < 1.5 for n, frame in enumerate(got))
    assert reader.notices == []
    assert len(list(reader)) == 20  # again from the beginning


@pytest.mark.parametrize("pts", [[0, 1001, 2002, 6006, 7007, 12012], [450, 1451, 2452, 3453]])
def test_variable_rate_and_start_offset(tmp_path: Path, pts: list[int]) -> None:
    shown = frames(pts, TICK)
    reader = video_io.read(film(tmp_path / "clip.mp4", shown))
    got = list(reader)
    assert times(got) == times(shown)
    assert [f.seconds for f in got[:-1]] == [f.seconds for f in shown[:-1]]
    assert reader.clip.start == shown[0].time


@pytest.mark.parametrize(
    "start, end", [("0", "0.3"), ("0.2335", "0.5"), ("0.6", None), (None, "1")]
)
def test_a_part_is_what_the_whole_has_there(clip: Path, start: str, end: str | None) -> None:
    part = Part(start and Fraction(start), end and Fraction(end))
    got = list(video_io.read(clip, part))
    low, high = Fraction(start or 0), Fraction(end or 9)
    whole = [frame for frame in video_io.read(clip) if low <= frame.time < high]
    assert times(got) == times(whole)
    for frame, other in zip(got, whole, strict=True):
        np.testing.assert_array_equal(frame.rgb, other.rgb)


def test_a_part_begins_to_count_at_the_clips_start(tmp_path: Path) -> None:
    path = film(tmp_path / "late.mp4", frames([n * 1001 + 30000 for n in range(9)], TICK))
    got = list(video_io.read(path, Part(Fraction("0.1"), Fraction("0.2"))))
    assert times(got) == [1 + n * NTSC for n in (3, 4, 5)]


def test_every_third(clip: Path) -> None:
    reader = video_io.read(clip, Part(2 * NTSC, every=3))
    assert times(list(reader)) == [n * NTSC for n in range(2, 20, 3)]
    assert reader.clip.rate == 1 / NTSC / 3
    assert reader.clip.duration == pytest.approx(18 * NTSC, abs=1e-3)


@pytest.mark.parametrize(
    "part",
    [Part(every=10), Part(every=3), Part(end=Fraction("0.65")), Part(end=Fraction("0.5"), every=7)],
)
def test_frames_last_until_the_next_wanted_one_or_the_end(clip: Path, part: Part) -> None:
    reader = video_io.read(clip, part)
    got = list(reader)
    assert sum(frame.seconds for frame in got) == pytest.approx(reader.clip.duration, abs=1e-3)
    for frame, following in pairwise(got):
        assert frame.time + frame.seconds == following.time


def test_an_end_within_a_long_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "long.mp4", frames([0, 1001, 2002, 32032], TICK))
    got = list(video_io.read(path, Part(end=Fraction("0.5"))))
    assert len(got) == 3
    assert got[-1].time + got[-1].seconds == Fraction("0.5")


def test_max_size(clip: Path) -> None:
    reader = video_io.read(clip, max_size=32)
    assert reader.clip.size == next(iter(reader)).size == (24, 32)
    assert video_io.read(clip, max_size=500).clip.size == (48, 64)


@pytest.mark.parametrize(
    "part, message",
    [
        (lambda: Part(Fraction(-1)), "0 or more"),
        (lambda: Part(Fraction(2), Fraction(2)), "after the start"),
        (lambda: Part(every=0), "every"),
    ],
)
def test_wrong_parts(part, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        part()


def test_a_part_after_the_end(clip: Path) -> None:
    with pytest.raises(VideoError, match=r"no frame begins .* lasts 0\.67 seconds"):
        list(video_io.read(clip, Part(Fraction(5))))


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixels", ["yuv444p", "yuv420p", "yuv420p10le", "yuv444p12le"])
def test_colours(tmp_path: Path, matrix: int, full: bool, pixels: str) -> None:
    bits = 12 if "12" in pixels else 10 if "10" in pixels else 8
    image, planes = patches(matrix, full=full, bits=bits)
    path = planes_film(tmp_path / "patches.mkv", planes, pixels, matrix, full=full)
    got = next(iter(video_io.read(path))).rgb
    error = got[4::8, 4::8].astype(int) - image[4::8, 4::8]  # away from the borders
    assert np.abs(error).max() <= 2
    # Rounded, not cut off; but for deep full range, see ToArrays.
    assert abs(error.mean()) <= (0.55 if full and bits > 8 else 0.1)


@pytest.mark.parametrize("lines, matrix", [(64, 6), (640, 1)])
def test_colours_of_clips_that_do_not_name_their_matrix(
    tmp_path: Path, lines: int, matrix: int
) -> None:
    image, planes = patches(matrix, full=False)
    times_ = lines // 64
    path = tmp_path / "patches.mkv"
    planes_film(path, [p.repeat(times_, 0) for p in planes], "yuv444p", 2, full=False)
    got = next(iter(video_io.read(path))).rgb
    assert np.abs(got[:: 8 * times_, ::8].astype(int) - image[::8, ::8]).max() <= 2


# FFmpeg turns counterclockwise by these degrees for display.
@pytest.mark.parametrize("turn, quarters", [(90, 1), (180, 2), (-90, 3)])
def test_rotation(tmp_path: Path, turn: int, quarters: int) -> None:
    shown = frames([0, 1001], TICK)
    path = film(tmp_path / "turned.mp4", shown, turn=turn, aspect=Fraction(4, 3))
    reader = video_io.read(path)
    expected = np.rot90(colours(0), quarters)
    got = next(iter(reader))
    assert got.size == reader.clip.size == expected.shape[:2]
    assert far(got.rgb, expected) < 1.5
    assert reader.clip.pixel_aspect == (Fraction(4, 3) if turn == 180 else Fraction(3, 4))


def test_a_mirrored_clip(tmp_path: Path) -> None:
    path = tmp_path / "mirrored.mov"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        stream.set_display_rotation(0, hflip=True)
        frame = av.VideoFrame.from_ndarray(colours(0), "rgb24")
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    np.testing.assert_array_equal(next(iter(video_io.read(path))).rgb, colours(0)[:, ::-1])


def test_odd_sizes(tmp_path: Path) -> None:
    shown = frames([0, 1001], TICK, (47, 65))
    got = list(video_io.read(film(tmp_path / "odd.mp4", shown)))
    assert got[1].size == (47, 65)
    assert far(got[1].rgb, shown[1].rgb) < 1.5


def test_alpha_of_a_codec_of_rgba(tmp_path: Path) -> None:
    path = tmp_path / "alpha.mov"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "argb"
        rgba = np.dstack([colours(0), np.rint(opacity(0) * 255).astype(np.uint8)])
        file.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, "rgba").reformat(format="argb")))
        file.mux(stream.encode(None))
    reader = video_io.read(path)
    frame = next(iter(reader))
    assert reader.clip.has_alpha and frame.alpha is not None
    np.testing.assert_allclose(frame.alpha, opacity(0), atol=1e-6)
    np.testing.assert_array_equal(frame.rgb, colours(0))


def test_an_hdr_clip_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "hdr.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        stream.codec_context.color_trc = 16
        file.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p10le")))
        file.mux(stream.encode(None))
    reader = video_io.read(path)
    assert reader.clip.colours.transfer == 16
    assert "HDR" in reader.notices[0]


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mkv"
    shown = [Frame(noise(48, 64, seed=n), n * 100, Fraction(1, 1000), None, 100) for n in range(30)]
    return film(path, shown, options={"crf": "20", "g": "5"})


def test_a_cut_off_file_gives_what_it_has(long_clip: Path, tmp_path: Path) -> None:
    data = long_clip.read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(data[: len(data) * 6 // 10])
    reader = video_io.read(path)
    got = list(reader)
    assert 10 < len(got) < 25
    assert "ends early" in reader.notices[-1] and "of 3.00 seconds" in reader.notices[-1]
    assert len(list(reader)) == len(got) and len(reader.notices) == 1  # said once


def test_a_cut_off_file_with_its_index_in_front(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    with av.open(str(whole), "w", container_options={"movflags": "+faststart"}) as file:
        stream = file.add_stream("libx264", rate=25, options={"crf": "20"})
        stream.width, stream.height = 64, 48
        for n in range(30):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(noise(48, 64, seed=n), "rgb24")))
        file.mux(stream.encode(None))
    data = whole.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: len(data) // 2])
    reader = video_io.read(path)
    assert 5 < len(list(reader)) < 25
    assert "ends early" in reader.notices[-1]


def test_a_damaged_file_goes_on_after_the_damage(long_clip: Path, tmp_path: Path) -> None:
    data = bytearray(long_clip.read_bytes())
    with av.open(str(long_clip)) as file:
        places = [packet.pos for packet in file.demux(video=0) if packet.size]
    for at in range(places[12] + 40, places[14]):
        data[at] ^= 0x5A
    path = tmp_path / "damaged.mkv"
    path.write_bytes(data)
    reader = video_io.read(path)
    got = list(reader)
    assert got[-1].time == Fraction("2.9") and len(got) > 20
    assert "damaged" in reader.notices[0] or "ends early" in reader.notices[0]


def audio_only(path: Path) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(tone(0.1), "fltp", "stereo")
        frame.sample_rate = 48000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def no_frames(path: Path) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        file.start_encoding()


def playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n")


@pytest.mark.parametrize(
    "name, make, message",
    [
        ("nothing.mp4", lambda path: None, "no such file"),
        ("empty.mp4", lambda path: path.touch(), r"empty \(0 bytes\)"),
        ("text.mp4", lambda path: path.write_text("hello " * 99), "not a video"),
        ("noise.mp4", lambda path: path.write_bytes(noise(60, 60).tobytes()), "not a video"),
        ("photo.mp4", lambda path: put(path, noise(9, 9), format="JPEG"), "not a video"),
        ("song.m4a", audio_only, "sound but no pictures"),
        ("none.mp4", no_frames, "no frame|no pictures"),
        ("list.m3u8", playlist, "not a video"),
        ("still.webp", lambda path: put(path, noise(9, 9)), "a picture, expected a video"),
        ("broken.webp", lambda path: path.write_bytes(b"RIFF\x09\0\0\0WEBPVP8 "), "broken"),
        ("f" * 300 + ".mp4", lambda path: None, "cannot be read"),
        ("http:/example.org/a.mp4", lambda path: None, "no such file"),
        ("f_%d_%d.png", lambda path: None, "one number"),
        ("f_%d.png", lambda path: None, "no pictures named"),
    ],
)
def test_what_is_no_video(tmp_path: Path, name: str, make, message: str) -> None:
    make(tmp_path / name)
    with pytest.raises((VideoError, UsageError), match=message) as error:
        video_io.read(tmp_path / name)
    assert "\n" not in str(error.value)


def test_names_of_the_greatest_length_and_with_colons(clip: Path, tmp_path: Path) -> None:
    for name in ("n" * 246 + ".mp4", "http:x?y#%d.mp4"[:-7] + ".mp4", "-i.mp4"):
        (tmp_path / name).write_bytes(clip.read_bytes())
        assert len(list(video_io.read(tmp_path / name, Part(Fraction("0.6"))))) == 2


def test_pictures_without_times_are_taken_as_25_a_second(tmp_path: Path) -> None:
    for number in (2, 10, 1):
        put(tmp_path / f"{number:06d}.png", noise(8, 8, seed=number))
    reader = video_io.read(tmp_path)
    got = list(reader)
    assert times(got) == [Fraction(n, 25) for n in range(3)]
    np.testing.assert_array_equal(got[2].rgb, noise(8, 8, seed=10))
    assert "25 frames a second" in reader.notices[0]


def test_pictures_of_several_sizes_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "f1.png", noise(8, 8))
    put(tmp_path / "f2.png", noise(8, 9))
    with pytest.raises(VideoError, match=r"f2.png: 9x8 pixels, expected 8x8"):
        list(video_io.read(tmp_path / "f%d.png"))


@pytest.mark.parametrize(
    "rows, message",
    [
        ("", "times that go up"),
        ("1.png,0,1/25,1\n2.png,0,1/25,1\n", "times that go up"),
        ("1.png,0,1/0,1\n", "not a table of times"),
        ("1.png,x,1/25,1\n", "not a table of times"),
        ("1.png,0,1/25,1\n2.png,2,1/24,1\n", "one time base"),
    ],
)
def test_tables_of_times_that_cannot_be_used(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "times.csv").write_text("file,pts,time_base,duration\n" + rows)
    with pytest.raises(VideoError, match=message):
        video_io.read(tmp_path)


def test_too_large_frames_are_not_decoded(tmp_path: Path) -> None:
    """Neither where the head says it, nor where they grow on the way."""
    times_of = [0, 1001, 2002]
    small = film(tmp_path / "small.h264", frames(times_of, TICK))
    large = film(tmp_path / "large.h264", frames(times_of, TICK, (192, 256)))
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(TooLargeError, match=r"frames of 256x192 are too large; .* 0\.01 mega"):
        video_io.read(large, most_pixels=10_000)
    reader = video_io.read(both)
    assert len(list(reader)) == 6
    assert "another size" in reader.notices[0]
    reader = video_io.read(both, most_pixels=10_000)
    assert 1 <= len(list(reader)) <= 3
    assert "another size" not in str(reader.notices)


def test_every_decoded_frame_is_looked_at(clip: Path) -> None:
    seen: list[Fraction] = []
    reader = video_io.read(clip, Part(10 * NTSC, every=100))
    assert len(list(reader.frames(looked=seen.append))) == 1
    assert len(seen) >= 10
    assert seen[-1] == 19 * NTSC


@pytest.mark.parametrize(
    "aspect, size", [("4/3", (48, 85)), ("3/4", (64, 64)), ("200/201", (48, 64)), ("99", (48, 64))]
)
def test_square_pixels_where_they_are_asked_for(
    tmp_path: Path, aspect: str, size: tuple[int, int]
) -> None:
    path = film(tmp_path / "wide.mp4", frames([0, 1001], TICK), aspect=Fraction(aspect))
    assert video_io.read(path).clip.size == (48, 64)
    reader = video_io.read(path, square=True)
    frame = next(iter(reader))
    assert (reader.clip.size, frame.size, reader.clip.pixel_aspect) == (size, size, 1)
    assert max(video_io.read(path, square=True, max_size=40).clip.size) == 40
    if size != (48, 64):
        with pytest.raises(TooLargeError, match=f"frames of {size[1]}x{size[0]} are too large"):
            video_io.read(path, square=True, most_pixels=48 * 64)
