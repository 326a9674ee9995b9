"""What pictures come from: a camera, or a clip that stands in for one.

In: what `--device` says. Out: a feed, whose `read` waits for the next picture. Keeps no picture and
leaves none out.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from humatte.arrays import Image, Size
from humatte.clip import Frame
from humatte.errors import CameraError, UsageError
from humatte.paths import is_dir, is_file

# A picture that does not come now may come soon: cameras take a while to begin, and lose some.
_PATIENCE_S = 3.0
_USUAL_RATE = 30.0
_FASTEST = 1000.0  # frames a second that are believed
# More than this, and most cameras send few pictures a second unless they are compressed (MJPG).
_PLAIN_PIXELS = 640 * 480


class Feed(Protocol):
    """A source of pictures. One thread reads and closes it; any may stop it."""

    name: str
    size: Size
    rate: float
    """Pictures a second, as it says; not every camera keeps to it."""

    @property
    def notices(self) -> list[str]:
        """Lines for a person: what is not as asked, or could not be read."""

    def read(self) -> Image | None:
        """The next picture (H, W, 3) uint8 RGB, as soon as it is there; None after the last.

        Raises:
            CameraError: no picture comes any more.
        """

    def stop(self) -> None:
        """Ends a `read` that waits, and those to come, with None."""

    def close(self) -> None:
        """Gives the device back."""


def open_feed(
    device: str, size: Size | None = None, rate: float | None = None, *, loop: bool = False
) -> Feed:
    """Opens a camera by number or path, or a clip, played at its own speed.

    Args:
        device: 0 and up, a device's path (Linux), or a clip's path.
        size: (height, width) asked of a camera; it may give another one.
        rate: frames a second asked of a camera, likewise.
        loop: a clip begins anew at its end.

    Raises:
        UsageError: no such thing; a size or rate asked of a clip, a loop of a camera.
        CameraError: no such camera, or one that cannot be used.
        VideoError: a clip that cannot be read.
    """
    path = Path(device)
    if not _is_camera(device):
        if not is_file(path) and not is_dir(path):
            raise UsageError(
                f"--device {device}: found neither a camera nor a clip of that name; expected a "
                "number, as 0, or a path"
            )
        if size or rate:
            raise UsageError(f"{path}: a clip has its size and speed; leave out --size and --fps")
        return ClipFeed(path, loop=loop)
    if loop:
        raise UsageError(f"--loop: a camera has no end; found --device {device}, expected a clip")
    return CameraFeed(device, size, rate)


def _is_camera(device: str) -> bool:
    if device.isdecimal() or device.startswith("/dev/"):
        return True
    try:
        return stat.S_ISCHR(Path(device).stat().st_mode)
    except OSError:
        return False


class CameraFeed:
    """A camera, through the system's own interface: V4L2, AVFoundation or DirectShow.

    Raises:
        CameraError: it is missing, may not be used, is used by another program, or gives nothing.
    """

    def __init__(self, device: str, size: Size | None = None, rate: float | None = None) -> None:
        import cv2

        self.name, self.notices = f"camera {device}", list[str]()
        self._stopped = threading.Event()
        where = int(device) if device.isdecimal() else device
        self._capture = cv2.VideoCapture(where, _interface())
        try:
            if not self._capture.isOpened():
                raise CameraError(why_not(device))
            self._ask(size, rate)
            first = self.read()
            if first is None:
                raise CameraError(f"{self.name}: it was stopped before its first picture")
        except BaseException:
            self._capture.release()
            raise
        self.size = (first.shape[0], first.shape[1])
        told = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.rate = told if 0 < told <= _FASTEST else rate or _USUAL_RATE
        if size and size != self.size:
            self.notices.append(
                f"{self.name}: gives {self.size[1]}x{self.size[0]}, asked for {size[1]}x{size[0]}"
            )
        if rate and abs(rate - self.rate) > 0.01 * rate:
            self.notices.append(f"{self.name}: gives {self.rate:g} frames/s, asked for {rate:g}")

    def _ask(self, size: Size | None, rate: float | None) -> None:
        import cv2

        if size:
            if size[0] * size[1] > _PLAIN_PIXELS:
                compressed = cv2.VideoWriter.fourcc(*"MJPG")
                self._capture.set(cv2.CAP_PROP_FOURCC, compressed)
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[1])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[0])
        if rate:
            self._capture.set(cv2.CAP_PROP_FPS, rate)
        # Drivers queue up to four pictures, each older than it need be.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def read(self) -> Image | None:
        """See `Feed`."""
        import cv2

        until = time.monotonic() + _PATIENCE_S
        while not self._stopped.is_set():
            got, picture = self._capture.read()
            if got:
                return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            if time.monotonic() > until:
                raise CameraError(
                    f"{self.name}: no picture for {_PATIENCE_S:.0f} seconds; see that it is "
                    "plugged in and that no other program uses it"
                )
            self._stopped.wait(0.02)
        return None

    def stop(self) -> None:
        """See `Feed`."""
        self._stopped.set()

    def close(self) -> None:
        """See `Feed`."""
        self._capture.release()


def _interface() -> int:
    """OpenCV's number of the system's camera interface: others would be tried, and complain."""
    import cv2

    own = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_DSHOW}
    return own.get(sys.platform, cv2.CAP_ANY)


def why_not(device: str, folder: Path = Path("/dev")) -> str:
    """One line: why a camera cannot be opened, as far as can be seen, and what to do.

    Args:
        device: its number or path.
        folder: where the system (Linux) keeps its devices.
    """
    name = f"camera {device}"
    if not sys.platform.startswith("linux"):
        return (
            f"{name}: cannot be opened; see that it is plugged in, that no other program uses it, "
            "and that this one may (the system's privacy settings, camera)"
        )
    found = sorted(folder.glob("video*"), key=_number)
    path = folder / f"video{device}" if device.isdecimal() else Path(device)
    if not found:
        return f"{name}: found no camera; plug one in, or play a clip: --device clip.mp4"
    if not path.exists():
        others = ", ".join(str(_number(other)) for other in found)
        return f"{name}: there is no {path}; found {others}: choose one with --device"
    if not os.access(path, os.R_OK | os.W_OK):
        return (
            f"{name}: {path} may not be used; add yourself to its group "
            "(sudo usermod -aG video $USER) and log in again"
        )
    return (
        f"{name}: {path} cannot be opened; another program may use it, or it is no camera: "
        "close that program, or choose another one with --device"
    )


def _number(path: Path) -> int:
    return int(re.sub(r"\D", "", path.name) or 0)


class ClipFeed:
    """A clip, played at its own speed.

    Raises:
        VideoError: it cannot be read.
    """

    def __init__(self, path: Path, *, loop: bool = False) -> None:
        from humatte import video_io

        self._reader, self._loop = video_io.read(path, square=True), loop
        clip = self._reader.clip
        self.name, self.size = str(path), clip.size
        self.rate = float(clip.rate or _USUAL_RATE)
        self._stopped = threading.Event()
        self._frames: Iterator[Frame] = iter(self._reader)
        self._begin: float | None = None  # the moment at which the clip's second 0 is due
        self._until = 0.0  # the clip's second at which the last frame ends

    @property
    def notices(self) -> list[str]:
        """See `Feed`."""
        return self._reader.notices

    def read(self) -> Image | None:
        """See `Feed`."""
        frame = next(self._frames, None)
        if frame is None and self._loop:
            self._frames = iter(self._reader)
            frame = next(self._frames)
            if self._begin is not None:
                self._begin += self._until - float(frame.time)
        if frame is None:
            self._wait(self._until)
            return None
        self._wait(float(frame.time))
        self._until = float(frame.time) + (float(frame.seconds) or 1 / self.rate)
        if self._stopped.is_set():
            return None
        return _opaque(frame)

    def _wait(self, second: float) -> None:
        now = time.monotonic()
        if self._begin is None:
            self._begin = now - second
        self._stopped.wait(max(0.0, self._begin + second - now))

    def stop(self) -> None:
        """See `Feed`."""
        self._stopped.set()

    def close(self) -> None:
        """See `Feed`."""
        self._frames = iter(())


def _opaque(frame: Frame) -> Image:
    from humatte.composite import over_white

    return over_white(frame.rgb, frame.alpha)
