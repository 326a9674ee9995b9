"""What is made of pictures, shown and kept while a camera runs."""

from __future__ import annotations

import signal
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from camera_parts import SIZE, Eye, Hand, matte, picture
from drawn import noise, opened
from PIL import Image

from humatte import camera_keep, video_io
from humatte.camera import Newest
from humatte.camera_keep import Keeper, Recorder, snapshot
from humatte.camera_look import Look, Made
from humatte.camera_loop import Loop, Meter
from humatte.camera_view import Command
from humatte.composite import over
from humatte.errors import CameraError, HumatteError, OutputError, UsageError


def test_backgrounds_are_gone_through_and_come_around() -> None:
    look = Look(matte, ["teal", "blur:3", "none"])
    seen = []
    for _ in range(6):
        seen.append(look.background)
        look.turn(1)
    assert seen == ["teal", "blur:3", "none", "blur", "gray", "green"]
    assert look.background == "teal"
    look.turn(-1)
    assert look.background == "green"
    look.choose("blur")
    assert look.background == "blur:3"
    with pytest.raises(UsageError, match="unknown background"):
        Look(matte, ["tael"])


def test_the_person_lies_over_the_background() -> None:
    look = Look(matte, ["teal"])
    image = picture(7)
    made = look(image)
    inside, outside = made.alpha == 1, made.alpha == 0
    assert made.laid is not None
    assert np.array_equal(made.laid[inside], image[inside])
    assert np.all(made.laid[outside] == (0, 128, 128))
    look.choose("none")
    made = look(image)
    assert made.laid is None
    red = np.array([[[255, 0, 0]]], np.uint8)
    assert np.array_equal(made.over(red), over(made.foreground, made.alpha, red))


def test_a_mirror_turns_the_person_but_not_the_background_picture(tmp_path: Path) -> None:
    Image.fromarray(noise(*SIZE)).save(tmp_path / "b.png")
    plain, look = (Look(matte, [str(tmp_path / "b.png")], mirror=on) for on in (False, True))
    image = picture(7)
    as_seen, mirrored = plain(image), look(image)
    assert np.array_equal(mirrored.alpha, as_seen.alpha[:, ::-1])
    assert np.array_equal(mirrored.image, image[:, ::-1])
    outside = mirrored.alpha == 0
    assert mirrored.laid is not None
    assert np.array_equal(mirrored.laid[outside], noise(*SIZE)[outside])


def test_a_background_picture_is_fitted_once_a_size(tmp_path: Path) -> None:
    Image.fromarray(noise(30, 30)).save(tmp_path / "b.png")
    look = Look(matte, [str(tmp_path / "b.png")])
    first = look._background(SIZE).picture
    assert first is not None and first.shape[:2] == SIZE
    assert look._background(SIZE).picture is first
    other = look._background((20, 20)).picture
    assert other is not None and other.shape[:2] == (20, 20)


def made_of(number: int, background: str = "teal") -> Made:
    return Look(matte, [background])(picture(number))


def test_a_snapshot_is_a_cut_out_and_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "snapshot-002.png").write_text("mine")
    made = made_of(9)
    paths = [snapshot(made, tmp_path) for _ in range(2)]
    assert [path.name for path in paths] == ["snapshot-001.png", "snapshot-003.png"]
    assert (tmp_path / "snapshot-002.png").read_text() == "mine"
    cut = np.asarray(opened(paths[0]))
    assert cut.shape == (*SIZE, 4)
    assert np.array_equal(cut[..., 3], np.rint(made.alpha * 255))
    assert np.array_equal(cut[made.alpha == 1, :3], picture(9)[made.alpha == 1])


def test_a_snapshot_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    from humatte import image_io

    def full(*_: object) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr(image_io, "write", full)
    with pytest.raises(OutputError, match="full"):
        snapshot(made_of(1), tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match="cannot be written"):
        snapshot(made_of(1), tmp_path / "nowhere")


def recorded(path: Path) -> list[Fraction]:
    return [frame.time for frame in video_io.read(path)]


def put_all(keeper: Keeper, made: Made, times: list[float]) -> None:
    """Puts pictures as a camera does: the encoder is given the time it needs."""
    for taken in times:
        keeper.put(made, taken)
        while keeper._recorder and not keeper._recorder._frames.empty():
            threading.Event().wait(0.001)


def test_recorded_pictures_keep_the_times_at_which_they_were_taken(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    keeper.start(made_of(1), 50.0)
    assert keeper.recording and keeper.recorded_s(53.5) == 3.5
    put_all(keeper, made_of(1), [50.0, 50.04, 50.1, 50.101, 51.0])
    assert keeper.end() == [f"wrote {tmp_path / 'recording-001.mp4'}"]
    times = recorded(tmp_path / "recording-001.mp4")
    assert [float(time) for time in times] == pytest.approx([0, 0.04, 0.1, 0.101, 1.0], abs=1e-5)
    assert keeper.end() == [] and not keeper.recording


def test_a_recording_without_a_picture_writes_nothing(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    keeper.start(made_of(1), 0.0)
    (line,) = keeper.end()
    assert "before its first picture" in line
    assert not list(tmp_path.iterdir())


def test_where_transparency_comes_the_next_file_begins(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    keeper.start(made_of(1), 0.0)
    put_all(keeper, made_of(1), [0.0, 0.1])
    clear = made_of(1, "none")
    assert keeper.put(clear, 0.2) == [f"wrote {tmp_path / 'recording-001.mp4'}"]
    put_all(keeper, clear, [0.3])
    assert keeper.end() == [f"wrote {tmp_path / 'recording-001.webm'}"]
    shown = list(video_io.read(tmp_path / "recording-001.webm"))
    assert len(shown) == 2
    assert shown[0].alpha is not None
    assert np.abs(shown[0].alpha - clear.alpha).mean() < 0.02


def test_a_slow_encoder_leaves_pictures_out_and_says_so(tmp_path: Path, monkeypatch) -> None:
    gate = threading.Event()
    frame = camera_keep._frame

    def slow(made: Made, pts: int):
        gate.wait()
        return frame(made, pts)

    monkeypatch.setattr(camera_keep, "_frame", slow)
    keeper = Keeper(tmp_path)
    keeper.start(made_of(1), 0.0)
    for number in range(20):  # none of them waits
        keeper.put(made_of(1), number / 10)
    gate.set()
    _, left_out = keeper.end()
    kept = len(recorded(tmp_path / "recording-001.mp4"))
    assert 1 <= kept <= 6
    assert left_out.endswith(f"{20 - kept} frames left out: the encoder was too slow")


def test_a_recording_that_fails_is_told_and_leaves_no_thread(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "nowhere", transparent=False)
    recorder.put(made_of(1), 0.0)
    with pytest.raises(OutputError, match="cannot be written"):
        recorder.close()
    assert "recorder" not in {thread.name for thread in threading.enumerate()}


def test_the_meter_counts_rate_and_latency() -> None:
    meter = Meter()
    assert (meter.rate, meter.latency_s, meter.summary(3)) == (0, 0, [])
    for number in range(41):
        meter.shown(number / 20, number / 20 + (0.05 if number < 38 else 0.2))
    assert meter.latency_s == pytest.approx(0.05)
    assert meter.summary(80) == [
        "41 of 80 pictures shown, 18.6 a second; latency 50 ms, 95 % below 200 ms"
    ]


class Session:
    """A loop over pictures that the test gives, seen by an eye."""

    def __init__(self, folder: Path, specs: tuple[str, ...] = ("teal",)) -> None:
        self.feed, self.said, self.meter = Hand(), list[str](), Meter()
        self.eye = Eye(self.at_each)
        self.look = Look(matte, specs)
        self.folder = folder
        self.plan: dict[int, object] = {}
        self.numbers: list[int] = []

    def at_each(self, count: int) -> None:
        """After each picture: what is planned, then as many pictures as the camera took since."""
        self.numbers.append(int(self.eye.seen[-1].image[0, 0, 2]))
        planned = self.plan.get(count)
        if isinstance(planned, BaseException):
            raise planned
        if isinstance(planned, signal.Signals):
            signal.raise_signal(planned)
        if isinstance(planned, Command):
            self.eye.typed.append(planned)
        self.feed.give()

    def run(self) -> Loop:
        with Newest(self.feed) as newest:
            self.feed.give()
            loop = Loop(
                newest, self.look, [self.eye], Keeper(self.folder), self.said.append, self.meter
            )
            loop.run()
        return loop


def test_keys_do_what_they_say(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.plan = {
        1: Command.NEXT,
        2: Command.MIRROR,
        3: Command.BLUR,
        4: Command.PREVIOUS,
        5: Command.SNAPSHOT,
        6: Command.QUIT,
    }
    session.run()
    named = [line.split("   ")[2:] for line in session.eye.lines]
    assert named == [
        ["background teal"],
        ["background none"],
        ["background none", "mirrored"],
        ["background blur", "mirrored"],
        ["background none", "mirrored"],
        ["background none", "mirrored", f"wrote {tmp_path / 'snapshot-001.png'}"],
    ]
    assert session.said == [f"wrote {tmp_path / 'snapshot-001.png'}"]
    cut = np.asarray(opened(tmp_path / "snapshot-001.png"))
    assert np.array_equal(cut[..., 3], np.rint(session.eye.seen[4].alpha * 255))
    assert session.meter.frames == 6


def test_rate_and_latency_are_shown(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.plan = {3: Command.QUIT}
    session.run()
    assert session.eye.lines[0].startswith("0.0 frames/s   0 ms   ")
    rate, _, latency, _ = session.eye.lines[2].split()[:4]
    assert float(rate) > 0 and float(latency) > 0
    assert session.meter.latency_s > 0


def test_a_slow_view_never_falls_behind(tmp_path: Path) -> None:
    session = Session(tmp_path)

    def slow(count: int) -> None:
        session.at_each(count)
        session.feed.give(9)  # ten pictures came while this one was made
        newest_so_far = 1 + 10 * count
        while session.feed._number < newest_so_far:
            threading.Event().wait(0.001)
        if count == 5:
            session.eye.typed.append(Command.QUIT)

    session.eye = Eye(slow)
    session.run()
    # The loop may ask before the thread has stored the picture it just read.
    expected = [1, 11, 21, 31, 41]
    assert all(
        number in (late, late - 1) for number, late in zip(session.numbers, expected, strict=True)
    )


def test_the_end_of_the_pictures_ends_it(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.eye = Eye(lambda count: session.feed.end())
    assert not session.run().failed
    assert len(session.eye.seen) == 1


def test_ctrl_c_leaves_a_whole_recording(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.plan = {1: Command.RECORD, 6: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        session.run()
    assert "RECORDING 0:00" in session.eye.lines[1]
    path = tmp_path / "recording-001.mp4"
    times = recorded(path)
    assert 1 <= len(times) <= 4 and times == sorted(set(times)) and times[0] == 0
    assert session.said[0] == f"wrote {path}"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_signal_tears_a_recording(tmp_path: Path, monkeypatch, number: signal.Signals) -> None:
    """Neither while it goes on nor, once more, while it is ended."""
    close = Recorder.close

    def interrupted(recorder: Recorder) -> Path | None:
        signal.raise_signal(number)
        return close(recorder)

    monkeypatch.setattr(Recorder, "close", interrupted)
    session = Session(tmp_path)
    session.plan = {1: Command.RECORD, 6: number}
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        session.run()
    path = tmp_path / "recording-001.mp4"
    assert session.said == [f"wrote {path}"] or "left out" in session.said[1]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert recorded(path)
    assert signal.getsignal(number) == before


def test_what_cannot_be_kept_is_said_and_the_camera_goes_on(tmp_path: Path) -> None:
    session = Session(tmp_path / "nowhere")
    session.plan = {1: Command.SNAPSHOT, 2: Command.RECORD, 9: Command.QUIT}
    assert session.run().failed
    assert len(session.eye.seen) == 9
    assert len(session.said) == 2
    assert all("cannot be written" in line for line in session.said)


def test_a_second_press_ends_the_recording(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.plan = {1: Command.RECORD, 4: Command.RECORD, 6: Command.QUIT}
    assert not session.run().failed
    assert session.said[0] == f"wrote {tmp_path / 'recording-001.mp4'}"
    assert "RECORDING" not in session.eye.lines[5]


def test_a_camera_that_fails_ends_it_with_its_line(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.eye = Eye(lambda count: session.feed.end(CameraError("unplugged")))
    with pytest.raises(HumatteError, match="unplugged"):
        session.run()
