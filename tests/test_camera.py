"""Cameras and the clips that stand in for them; the newest picture only."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from camera_parts import Hand, picture
from drawn_video import film, frames

from humatte import camera_feed, video_io
from humatte.camera import Newest
from humatte.camera_feed import CameraFeed, ClipFeed, open_feed, why_not
from humatte.errors import CameraError, UsageError

FOREVER_S = 60.0  # what a test waits for comes at once; on a busy machine not quite


def came(newest: Newest, count: int) -> None:
    until = time.monotonic() + FOREVER_S
    while newest.count < count:
        assert time.monotonic() < until
        time.sleep(0.001)


def test_whoever_is_slow_gets_the_newest_picture_and_no_other() -> None:
    feed = Hand()
    with Newest(feed) as newest:
        feed.give()
        first = newest.after(0, FOREVER_S)
        assert first is not None and first.number == 1
        feed.give(7)
        came(newest, 8)
        before_the_last = time.monotonic()
        feed.give()
        came(newest, 9)
        late = newest.after(first.number, FOREVER_S)
        assert late is not None and late.number == 9
        assert np.array_equal(late.image, picture(9))
        # Its age is that of the last picture, not of the first one that was missed.
        assert before_the_last <= late.taken <= time.monotonic()
        assert newest.after(9, 0.01) is None
        assert not newest.over


def test_the_thread_that_reads_gives_the_device_back() -> None:
    feed = Hand()
    with Newest(feed) as newest:
        feed.give()
        came(newest, 1)
    assert feed.closed_by == "camera"
    assert "camera" not in {thread.name for thread in threading.enumerate()}


def test_the_last_picture_comes_before_the_end() -> None:
    feed = Hand()
    with Newest(feed) as newest:
        feed.give(2)
        came(newest, 2)
        feed.end()
        last = newest.after(1, FOREVER_S)
        assert last is not None and last.number == 2
        assert newest.after(2, FOREVER_S) is None
        assert newest.over


def test_what_fails_in_the_thread_is_told_after_the_last_picture() -> None:
    feed = Hand()
    with Newest(feed) as newest:
        feed.give()
        came(newest, 1)
        feed.end(CameraError("unplugged"))
        assert newest.after(0, FOREVER_S) is not None
        with pytest.raises(CameraError, match="unplugged"):
            newest.after(1, FOREVER_S)
    assert feed.closed_by == "camera"


class Watch:
    """A clock that goes on when somebody waits, and says when pictures were due."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False

    def is_set(self) -> bool:
        return False


def played(
    path: Path, monkeypatch: pytest.MonkeyPatch, count: int, *, loop: bool = False
) -> tuple[list[float], list[Any], float]:
    """When the pictures of a clip came, the pictures, and when the clock stood at the end."""
    watch = Watch()
    monkeypatch.setattr(camera_feed, "time", watch)
    feed = ClipFeed(path, loop=loop)
    feed._stopped = watch  # type: ignore[assignment]
    moments, images = [], []
    for _ in range(count):
        image = feed.read()
        if image is None:
            break
        moments.append(watch.now - 100)
        images.append(image)
    return moments, images, watch.now - 100


def test_a_clip_is_played_at_its_own_times(tmp_path: Path, monkeypatch) -> None:
    clip = film(tmp_path / "a.mkv", frames([0, 40, 120, 160], Fraction(1, 1000)))
    moments, images, end = played(clip, monkeypatch, 9)
    assert moments == pytest.approx([0, 0.04, 0.12, 0.16])
    assert end == pytest.approx(0.2, abs=0.05)  # the last one is shown, too
    read = [frame.rgb for frame in video_io.read(clip)]
    assert all(np.array_equal(*pair) for pair in zip(images, read, strict=True))


def test_a_looped_clip_goes_on_at_its_own_speed(tmp_path: Path, monkeypatch) -> None:
    clip = film(tmp_path / "a.mp4", frames(range(3), Fraction(1, 10)))
    moments, images, _ = played(clip, monkeypatch, 7, loop=True)
    assert moments == pytest.approx([0.1 * number for number in range(7)])
    assert np.array_equal(images[1], images[4]) and np.array_equal(images[0], images[6])


def test_a_clip_that_is_stopped_ends_at_once(tmp_path: Path) -> None:
    feed = ClipFeed(film(tmp_path / "a.mp4", frames([0, 1000], Fraction(1))))
    assert feed.read() is not None
    feed.stop()
    assert feed.read() is None  # it would have waited for a quarter of an hour


class Driver:
    """Stands in for cv2.VideoCapture."""

    opens, lost = True, 0

    def __init__(self, where: int | str, interface: int) -> None:
        self.where, self.interface = where, interface
        self.asked: dict[int, float] = {}
        self.released = False
        self.reads = 0
        Driver.last = self

    last: Driver

    def isOpened(self) -> bool:
        return self.opens

    def set(self, key: int, value: float) -> bool:
        self.asked[key] = value
        return True

    def get(self, key: int) -> float:
        return 29.97 if key == cv2.CAP_PROP_FPS else 0.0

    def read(self) -> tuple[bool, Any]:
        self.reads += 1
        if self.reads <= self.lost:
            return False, None
        return True, np.full((48, 64, 3), (10, 20, 30), np.uint8)  # blue, green, red

    def release(self) -> None:
        self.released = True


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> type[Driver]:
    monkeypatch.setattr(cv2, "VideoCapture", Driver)
    monkeypatch.setattr(Driver, "opens", True)
    monkeypatch.setattr(Driver, "lost", 0)
    return Driver


def test_a_camera_gives_rgb_and_says_what_it_gives(driver: type[Driver]) -> None:
    feed = open_feed("2", (720, 1280), 60)
    image = feed.read()
    assert image is not None and image[0, 0].tolist() == [30, 20, 10]
    assert (feed.size, feed.rate) == ((48, 64), 29.97)
    assert driver.last.where == 2
    asked = driver.last.asked
    assert (asked[cv2.CAP_PROP_FRAME_WIDTH], asked[cv2.CAP_PROP_FRAME_HEIGHT]) == (1280, 720)
    assert (asked[cv2.CAP_PROP_FPS], asked[cv2.CAP_PROP_BUFFERSIZE]) == (60, 1)
    assert asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert feed.notices == [
        "camera 2: gives 64x48, asked for 1280x720",
        "camera 2: gives 29.97 frames/s, asked for 60",
    ]
    feed.close()
    assert driver.last.released


def test_a_camera_is_opened_by_its_path(driver: type[Driver]) -> None:
    assert open_feed("/dev/video7").notices == []
    assert driver.last.where == "/dev/video7"
    assert cv2.CAP_PROP_FRAME_WIDTH not in driver.last.asked


def test_a_camera_may_lose_a_few_pictures(driver: type[Driver], monkeypatch) -> None:
    monkeypatch.setattr(driver, "lost", 3)
    assert CameraFeed("0").size == (48, 64)


@pytest.mark.parametrize("broken", ["opens", "lost"])
def test_a_camera_that_gives_nothing_is_named(driver: type[Driver], monkeypatch, broken) -> None:
    monkeypatch.setattr(camera_feed, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(driver, broken, 0 if broken == "opens" else 10**9)
    with pytest.raises(CameraError, match=r"^camera 0: [^\n]+$"):
        CameraFeed("0")
    assert driver.last.released


def test_why_a_camera_cannot_be_opened(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(camera_feed.sys, "platform", "linux")
    assert "found no camera; plug one in" in why_not("0", tmp_path)
    for number in (2, 10):
        (tmp_path / f"video{number}").touch()
    assert f"there is no {tmp_path / 'video0'}; found 2, 10" in why_not("0", tmp_path)
    assert "cannot be opened; another program may use it" in why_not("2", tmp_path)
    monkeypatch.setattr(camera_feed.os, "access", lambda *_: False)
    assert "may not be used; add yourself to its group" in why_not("2", tmp_path)
    monkeypatch.setattr(camera_feed.sys, "platform", "darwin")
    assert "privacy settings" in why_not("0", tmp_path)


def test_what_is_no_camera_and_no_clip_is_refused(tmp_path: Path) -> None:
    clip = film(tmp_path / "a.mp4", frames(range(2), Fraction(1, 10)))
    with pytest.raises(UsageError, match="neither a camera nor a clip"):
        open_feed(str(tmp_path / "b.mp4"))
    with pytest.raises(UsageError, match="leave out --size and --fps"):
        open_feed(str(clip), size=(48, 64))
    with pytest.raises(UsageError, match="a camera has no end"):
        open_feed("0", loop=True)
