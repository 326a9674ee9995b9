from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from drawn_video import NTSC, TICK, film, frames, heard, lag, tone

from humatte import video_io
from humatte.clip import Part
from humatte.video_writer import Settings, Writer

SECOND = range(0, 30 * 1001, 1001)
VP9 = {"deadline": "realtime", "cpu-used": "8"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clips of a second, their sound the same tone; in "late" it begins at 0.25 s."""
    folder = tmp_path_factory.mktemp("clips")
    shown, sound = frames(SECOND, TICK, (16, 16)), tone(1)
    vp9 = {"codec": "libvpx-vp9", "pixels": "yuv420p", "options": VP9}
    return {
        "aac": film(folder / "aac.mp4", shown, sounds=[("aac", sound, 0)]),
        "pcm": film(folder / "pcm.mov", shown, sounds=[("pcm_s16le", sound, 0)]),
        "opus": film(folder / "opus.webm", shown, **vp9, sounds=[("libopus", sound, 0)]),
        "late": film(folder / "late.mov", shown, sounds=[("pcm_s16le", sound, 0.25)]),
        "ts": film(folder / "clip.ts", shown, pixels="yuv420p", sounds=[("aac", sound, 0)]),
    }


def carried(source: Path, target: Path, part: Part | None = None) -> Writer:
    reader = video_io.read(source, part)
    tracks = reader.tracks()
    with video_io.write(target, Settings.of(reader.clip, cut=reader.cut), tracks=tracks) as out:
        for frame in reader:
            out.write(frame)
    return out


@pytest.mark.parametrize(
    "clip, name",
    [
        ("aac", "out.mp4"),
        ("aac", "out.mov"),
        ("pcm", "out.mov"),
        ("opus", "out.webm"),
        ("late", "out.mov"),
        ("ts", "out.mp4"),
    ],
)
def test_copied_sound_has_the_same_samples(
    clips: dict[str, Path], tmp_path: Path, clip: str, name: str
) -> None:
    out = carried(clips[clip], tmp_path / name)
    (samples, begin), (copied, later) = heard(clips[clip]), heard(tmp_path / name)
    np.testing.assert_array_equal(copied, samples)
    # Beside the pictures as before: the two begin at their distance.
    before = begin - next(iter(video_io.read(clips[clip]))).time
    after = later - next(iter(video_io.read(tmp_path / name))).time
    assert after == pytest.approx(before, abs=1e-4)
    assert out.notices == []


@pytest.mark.parametrize(
    "clip, name, anew",
    [
        ("aac", "out.webm", "aac to opus"),
        ("pcm", "out.webm", "pcm_s16le to opus"),
        ("pcm", "out.mp4", "pcm_s16le to aac"),
        ("opus", "out.mov", "opus to aac"),
        ("late", "out.mp4", "pcm_s16le to aac"),
        ("late", "out.webm", "pcm_s16le to opus"),
    ],
)
@pytest.mark.parametrize("part", [None, Part(Fraction("0.3"), Fraction("0.8"))])
def test_sound_encoded_anew_is_in_time_and_said(
    clips: dict[str, Path], tmp_path: Path, clip: str, name: str, anew: str, part: Part | None
) -> None:
    out = carried(clips[clip], tmp_path / name, part)
    samples, begin = heard(tmp_path / name)
    starts = 0.25 if clip == "late" else 0.0
    late, alike = lag(samples, begin, tone(1), starts - float(out.origin))
    assert abs(late) <= 48  # a millisecond, the unit of WebM's times
    assert alike > 0.97
    assert [anew in notice for notice in out.notices] == [True]
    if part:  # to the sample, but for AAC, whose last packet is filled up
        end = float(begin) + samples.shape[1] / 48000
        assert end == pytest.approx(0.8 - float(out.origin), abs=0.025)


@pytest.mark.parametrize("clip, name", [("aac", "o.mp4"), ("pcm", "o.mov"), ("opus", "o.webm")])
def test_copied_sound_is_cut_between_packets(
    clips: dict[str, Path], tmp_path: Path, clip: str, name: str
) -> None:
    out = carried(clips[clip], tmp_path / name, Part(Fraction("0.3"), Fraction("0.8")))
    samples, begin = heard(tmp_path / name)
    assert next(iter(video_io.read(tmp_path / name))).time == 0
    late, alike = lag(samples, begin, tone(1), -float(out.origin))
    assert abs(late) <= 48 and alike > 0.98
    assert 0 <= begin < Fraction("0.025")
    assert abs(samples.shape[1] / 48000 - 0.5) < 0.045
    assert out.notices == []


def test_several_streams_and_their_languages(tmp_path: Path) -> None:
    source = tmp_path / "two.mp4"
    sounds = [("aac", tone(0.5), 0.0), ("aac", tone(0.5, channels=1), 0.1)]
    film(source, frames(SECOND[:15], TICK, (16, 16)), sounds=sounds)
    carried(source, tmp_path / "out.mov")
    carried(source, tmp_path / "out.webm")
    for name in ("out.mov", "out.webm"):
        facts = video_io.read(tmp_path / name).clip.sounds
        assert [sound.channels for sound in facts] == [2, 1]
        assert heard(tmp_path / name, 1)[1] == pytest.approx(heard(source, 1)[1], abs=0.002)


def test_a_hole_in_the_sound_stays_a_hole(tmp_path: Path) -> None:
    source, sound = tmp_path / "hole.mkv", tone(1)
    film(source, frames(SECOND, TICK, (16, 16)), sounds=[("pcm_s16le", sound, 0)])
    holed = tmp_path / "holed.mkv"
    with av.open(str(source)) as file, av.open(str(holed), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in file.streams]
        for packet in file.demux():
            passed = packet.stream_index == 1 and 0.3 < float(packet.pts * packet.time_base) < 0.6
            if packet.size and not passed:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    carried(holed, tmp_path / "out.webm")
    samples, begin = heard(tmp_path / "out.webm")
    late, alike = lag(samples[:, 30000:], begin + Fraction(30000, 48000), sound, 0)
    assert abs(late) <= 48 and alike > 0.98
    assert np.abs(samples[0, 16000:27000]).max() < 0.01


def test_an_interrupted_file_has_sound_for_its_pictures_only(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    reader = video_io.read(clips["pcm"])
    tracks = reader.tracks()
    out = video_io.write(tmp_path / "out.mov", Settings.of(reader.clip), tracks=tracks)
    with pytest.raises(KeyboardInterrupt), out:
        for number, frame in enumerate(reader):
            if number == 10:
                raise KeyboardInterrupt
            out.write(frame)
    assert len(list(video_io.read(tmp_path / "out.mov"))) == 10
    assert heard(tmp_path / "out.mov")[0].shape[1] / 48000 == pytest.approx(10 * NTSC, abs=0.03)


def with_subtitles(path: Path, codec: str) -> None:
    header = b"[Script Info]\n\n[Events]\n"
    with av.open(str(path), "w") as file:
        picture = file.add_stream("libx264", rate=25)
        picture.width, picture.height = 16, 16
        words = file.add_stream(codec)
        words.codec_context.subtitle_header = header
        words.metadata["language"] = "swe"
        for _ in range(25):
            file.mux(picture.encode(av.VideoFrame(16, 16, "yuv420p")))
        made = av.subtitles.subtitle.SubtitleSet.create(b"0,0,Default,,0,0,0,,Hej", 0, 400, 200000)
        packet = words.codec_context.encode_subtitle(made)
        packet.stream, packet.pts, packet.dts, packet.duration = words, 200, 200, 400
        packet.time_base = Fraction(1, 1000)
        file.mux(packet)
        file.mux(picture.encode(None))


def test_subtitles_are_copied_where_the_container_holds_them(tmp_path: Path) -> None:
    source = tmp_path / "words.mp4"
    with_subtitles(source, "mov_text")
    assert video_io.read(source).clip.subtitles == ("mov_text",)
    assert carried(source, tmp_path / "out.mov").notices == []
    with av.open(str(tmp_path / "out.mov")) as file:
        words = [bytes(packet) for packet in file.demux(subtitles=0) if packet.size > 2]
    assert len(words) == 1 and b"Hej" in words[0]
    notices = carried(source, tmp_path / "out.webm").notices
    assert "subtitles (mov_text) left out: WebM" in notices[0]


def test_formats_without_sound_say_so(clips: dict[str, Path], tmp_path: Path) -> None:
    part = Part(end=Fraction("0.1"))
    for name in ("out.gif", "frames"):
        notices = carried(clips["pcm"], tmp_path / name, part).notices
        assert "no sound" in notices[0]


def test_a_silent_clip_gives_no_notice(tmp_path: Path) -> None:
    source = film(tmp_path / "silent.mp4", frames([0, 1001], TICK))
    for name in ("out.gif", "out.webm"):
        assert carried(source, tmp_path / name).notices == []


@pytest.mark.parametrize("name, words", [("out.webm", "left out: WebM"), ("out.gif", "no sound")])
def test_sound_that_nobody_decodes_is_said_to_be_lost(
    clips: dict[str, Path], tmp_path: Path, name: str, words: str
) -> None:
    source = tmp_path / "strange.mov"
    data = clips["pcm"].read_bytes()
    assert data.count(b"sowt") == 1  # the codec's name
    source.write_bytes(data.replace(b"sowt", b"zzzz"))
    assert [sound.codec for sound in video_io.read(source).clip.sounds] == ["unknown"]
    (notice,) = carried(source, tmp_path / name, Part(end=Fraction("0.1"))).notices
    assert words in notice


def broadcast(path: Path, start: int, layout: str) -> bytes:
    """A second of a transport stream: pictures, and AC-3 sound of that layout."""
    with av.open(str(path), "w", format="mpegts") as file:
        pictures = file.add_stream("mpeg2video", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = file.add_stream("ac3", rate=48000)
        sound.layout = layout
        channels = sound.layout.nb_channels
        for number in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), "rgb24")
            frame.pts, frame.time_base = start * 25 + number, Fraction(1, 25)
            file.mux(pictures.encode(frame))
        for number in range(31):
            at = np.arange(number * 1536, (number + 1) * 1536) / 48000
            wave = np.tile(np.sin(2 * np.pi * 440 * at) / 4, (channels, 1)).astype(np.float32)
            block = av.AudioFrame.from_ndarray(wave, "fltp", layout)
            block.sample_rate, block.time_base = 48000, Fraction(1, 48000)
            block.pts = start * 48000 + number * 1536
            file.mux(sound.encode(block))
        file.mux(pictures.encode(None))
        file.mux(sound.encode(None))
    return path.read_bytes()


def test_sound_that_changes_its_channels_goes_on(tmp_path: Path) -> None:
    parts = [broadcast(tmp_path / f"{n}.ts", n, lay) for n, lay in enumerate(("stereo", "5.1"))]
    source = tmp_path / "both.ts"
    source.write_bytes(b"".join(parts))
    carried(source, tmp_path / "out.webm")
    samples, _ = heard(tmp_path / "out.webm")
    assert samples.shape[1] > 1.8 * 48000
    for start in (0.3, 1.4):  # the tone is there before and after
        part = samples[0, int(start * 48000) : int((start + 0.4) * 48000)]
        assert np.abs(part).max() > 0.1
