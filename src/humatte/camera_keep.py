"""What is kept of a camera's pictures: snapshots and recordings, numbered, none overwritten.

In: what was made of a picture, and when it was taken. Out: PNG cut-outs; MP4 of what is shown, or
WebM with alpha where that is transparent.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import count
from pathlib import Path

from humatte.camera_look import Made
from humatte.clip import Frame
from humatte.errors import HumatteError, OutputError

_TICK = Fraction(1, 90000)
# Frames that wait for the encoder. When it cannot follow, new ones are left out, and the one before
# is shown for longer: neither memory nor what is seen live may suffer.
_WAITING = 4


@contextmanager
def _claimed(folder: Path, name: str, suffix: str) -> Iterator[Path]:
    """The next free name, held by an empty file: two programs never take the same one.

    Raises:
        OutputError: nothing can be written there.
    """
    for number in count(1):
        path = folder / f"{name}-{number:03d}{suffix}"
        try:
            path.touch(exist_ok=False)
            break
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def snapshot(made: Made, folder: Path) -> Path:
    """Writes the person as a PNG cut-out, `snapshot-001.png` or the next free number.

    Raises:
        OutputError: it cannot be written.
    """
    from humatte import image_io
    from humatte.composite import with_alpha
    from humatte.foreground import estimate_foreground
    from humatte.metadata import Kept

    with _claimed(folder, "snapshot", ".png") as path:
        cut = with_alpha(estimate_foreground(made.image, made.alpha), made.alpha)
        image_io.write(image_io.encode(cut, "PNG", Kept()), path)
    return path


class Recorder:
    """One recording, encoded in a thread of its own. Frames keep the times they were taken at.

    `transparent` says of the frames that come whether they have alpha: all of them or none.
    """

    def __init__(self, folder: Path, *, transparent: bool) -> None:
        self.transparent, self.left_out = transparent, 0
        self.path: Path | None = None
        self._folder = folder
        self._frames: queue.Queue[tuple[Made, float] | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="recorder")
        self._thread.start()

    def put(self, made: Made, taken: float) -> None:
        """Takes a picture and the moment at which it was taken; never waits.

        Raises:
            HumatteError: the recording cannot go on.
        """
        if self._error:
            raise self._error
        try:
            self._frames.put_nowait((made, taken))
        except queue.Full:
            self.left_out += 1

    def close(self) -> Path | None:
        """Ends the recording, once what waits is written; its path, or None if no picture came.

        Raises:
            HumatteError: it could not be written.
        """
        while self._thread.is_alive():
            try:
                self._frames.put(None, timeout=0.1)
                break
            except queue.Full:  # it is behind, or has just failed, which leaves nobody to take it
                continue
        self._thread.join()
        if self._error:
            raise self._error
        return self.path

    def _work(self) -> None:
        try:
            self._write()
        except BaseException as error:  # whoever puts the next picture, or closes, gets it
            self._error = error

    def _write(self) -> None:
        from humatte import video_io
        from humatte.video_writer import Settings

        entry = self._frames.get()
        if entry is None:
            return
        begin, last = entry[1], -1
        suffix = ".webm" if self.transparent else ".mp4"
        with (
            _claimed(self._folder, "recording", suffix) as path,
            video_io.write(path, Settings(origin=None)) as out,
        ):
            self.path = path
            while entry is not None:
                # Two within a tick cannot both be shown.
                last = max(last + 1, round((entry[1] - begin) / float(_TICK)))
                out.write(_frame(entry[0], last))
                entry = self._frames.get()


def _frame(made: Made, pts: int) -> Frame:
    if made.laid is not None:
        return Frame(made.laid, pts, _TICK)
    from humatte.foreground import quick_foreground

    # Lossy codecs blur colours over the edge: there, they go on beyond the person.
    return Frame(quick_foreground(made.image, made.alpha, outward=True), pts, _TICK, made.alpha)


class Keeper:
    """Snapshots and recordings of one session, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._recorder: Recorder | None = None
        self._begun = 0.0

    @property
    def recording(self) -> bool:
        """Whether pictures are being recorded."""
        return self._recorder is not None

    def recorded_s(self, now: float) -> float:
        """For how many seconds, at this moment of `time.monotonic`."""
        return now - self._begun

    def start(self, made: Made, now: float) -> None:
        """Begins a recording of pictures like this one."""
        self._begun = now
        self._recorder = Recorder(self.folder, transparent=made.laid is None)

    def put(self, made: Made, taken: float) -> list[str]:
        """Records a picture; where transparency comes or goes, in the next file. Gives notices.

        Raises:
            HumatteError: the recording cannot go on, and was ended.
        """
        if self._recorder is None:
            return []
        notices = []
        if self._recorder.transparent != (made.laid is None):
            notices = self.end()
            self._recorder = Recorder(self.folder, transparent=made.laid is None)
        try:
            self._recorder.put(made, taken)
        except HumatteError:
            self._recorder = None
            raise
        return notices

    def end(self) -> list[str]:
        """Ends the recording, if there is one; lines that say what was written.

        Raises:
            HumatteError: it could not be written.
        """
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return []
        path = recorder.close()
        if path is None:
            return ["the recording ended before its first picture: nothing was written"]
        lines = []
        if recorder.left_out:
            lines = [f"{path}: {recorder.left_out} frames left out: the encoder was too slow"]
        return [f"wrote {path}", *lines]
