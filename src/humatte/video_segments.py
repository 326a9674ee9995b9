"""A long run in segments: what is finished survives whatever stops the run.

Segments of a fixed number of frames lie in a folder beside the result, with a journal of those that
are whole. The same command goes on after the last of them. In the end they are joined without being
encoded again, and the folder goes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from humatte import video_io
from humatte.clip import Frame
from humatte.errors import UsageError
from humatte.image_io import write
from humatte.paths import make_folder
from humatte.sound import Tracks
from humatte.video_join import JOINED, Whole, join
from humatte.video_pictures import Numbered, numbered
from humatte.video_unfinished import beside
from humatte.video_writer import Settings, Writer

SEGMENT = 240
"""Frames in a segment: what a stopped run loses at most."""
_JOURNAL = "journal.json"


@dataclass(frozen=True)
class Output:
    """One of the files of a run: its path, kind, settings, and the sound that goes with it."""

    target: Path
    kind: str
    settings: Settings
    tracks: Tracks | None = None


def check_resumable(outputs: Sequence[tuple[Path, str]]) -> None:
    """Finds out whether all of these can be made in segments.

    Raises:
        UsageError: one cannot.
    """
    for path, kind in outputs:
        if kind not in JOINED and kind != video_io.PICTURES:
            raise UsageError(
                f"{path}: --resume is for {', '.join(sorted(JOINED))} and PNG frames; {kind} is "
                "made in one go: leave --resume out"
            )


class Segments:
    """Writes frames in segments, and joins them; a context manager.

    Leaving the `with` block without an error joins them. With an error, Ctrl-C included, the whole
    segments stay, and the next run begins at frame `done`.

    Args:
        outputs: what is written; each frame has one for each of them.
        order: what makes the result what it is, in JSON's types: only a run with the same order
            may go on.
        length: frames in a segment.
        tally: gives, in JSON's types, what is to be known of the frames made so far.

    Raises:
        UsageError: segments of another order are there.
        OutputError: the folder cannot be made.
    """

    def __init__(
        self,
        outputs: Sequence[Output],
        order: dict[str, Any],
        length: int,
        tally: Callable[[], dict[str, Any]],
    ) -> None:
        self._outputs, self._length, self._tally = outputs, length, tally
        self._folder = folder_of(outputs[0].target)
        self._journal = self._read(order | {"length": length})
        self._writers: list[Writer] = []
        self._opened = ExitStack()
        self._held: tuple[Frame, ...] | None = None
        self._count = 0  # frames in the open segment
        self._notices: list[str] = self._journal["notices"]
        make_folder(self._folder)

    @property
    def done(self) -> int:
        """How many frames need not be made again."""
        return int(self._journal["frames"])

    @property
    def tally(self) -> dict[str, Any]:
        """What was to be known of those frames."""
        return dict(self._journal["tally"])

    @property
    def first(self) -> Fraction | None:
        """When the first frame is shown, in seconds; None before there is one."""
        return None if self._journal["first"] is None else Fraction(self._journal["first"])

    @property
    def notices(self) -> list[str]:
        """What the formats could not hold; each line once."""
        return list(dict.fromkeys(self._notices))

    def write(self, *frames: Frame) -> None:
        """Takes the next frame of each output.

        Raises:
            UsageError, OutputError: as a writer.
        """
        held = self._held
        if held is not None:
            lasts = (frames[0].time - held[0].time) / held[0].time_base
            self._put([replace(frame, duration=int(lasts)) for frame in held])
        elif self._journal["first"] is None:
            self._journal["first"] = str(frames[0].time)
        self._held = frames

    def _put(self, frames: Sequence[Frame]) -> None:
        if not self._writers:
            self._begin()
        for writer, frame in zip(self._writers, frames, strict=True):
            writer.write(frame)
        self._count += 1
        self._journal["end"] = str(frames[0].time + frames[0].seconds)
        self._journal["base"] = str(frames[0].time_base)
        if self._count == self._length:
            self._end()

    def _begin(self) -> None:
        number = len(self._journal["segments"]) + 1
        first = self.first or Fraction(0)
        names = []
        for place, output in enumerate(self._outputs):
            suffix = "" if output.kind == video_io.PICTURES else f".{output.kind}"
            path = self._folder / f"{number:06}-{place}{suffix}"
            if path.is_dir():  # of a run that was stopped in the middle of it
                shutil.rmtree(path)
            # Their times are those of the whole.
            origin = _origin(output.settings, first)
            settings = replace(output.settings, origin=origin, metadata={})
            writer = video_io.write(path, settings, kind=output.kind)
            self._writers.append(self._opened.enter_context(writer))
            names.append(path.name)
        self._names = names

    def _end(self) -> None:
        self._opened.close()
        for writer, output in zip(self._writers, self._outputs, strict=True):
            here = str(writer)
            self._notices += [line.replace(here, str(output.target)) for line in writer.notices]
        self._writers = []
        self._journal["frames"] += self._count
        self._journal["segments"].append(self._names)
        self._journal["tally"] = self._tally()  # the frame that is held is not in it yet
        self._count = 0
        write(json.dumps(self._journal).encode(), self._folder / _JOURNAL)

    def _read(self, order: dict[str, Any]) -> dict[str, Any]:
        path = self._folder / _JOURNAL
        if not path.is_file():
            tally = self._tally()
            return {
                "order": order,
                "segments": [],
                "frames": 0,
                "first": None,
                "notices": [],
                "tally": tally,
            }
        try:
            journal = json.loads(path.read_bytes())
            found, _, _ = journal["order"], journal["tally"], journal["notices"]
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{path}: damaged; delete {self._folder} to begin anew") from None
        if found != order:
            other = [key for key in order if found.get(key) != order[key]]
            raise UsageError(
                f"{self._folder}: segments of another command ({', '.join(other)} differ); give "
                "that one again, or delete the folder to begin anew"
            )
        return dict(journal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            # Half a segment is of no use: RuntimeError makes its writers leave nothing.
            self._opened.__exit__(RuntimeError, RuntimeError(), None)
            with suppress(OSError):  # it is not empty, most of the time
                self._folder.rmdir()
            return
        if self._held:
            self._put(self._held)
        if self._count:
            self._end()
        for place, output in enumerate(self._outputs):
            names = [segment[place] for segment in self._journal["segments"]]
            self._join([self._folder / name for name in names], output)
        shutil.rmtree(self._folder)

    def _join(self, segments: Sequence[Path], output: Output) -> None:
        if output.kind == video_io.PICTURES:
            _move(segments, numbered(output.target) or Numbered(output.target, "%06d.png"))
            return
        origin = _origin(output.settings, self.first or Fraction(0))
        base, end = Fraction(self._journal["base"]), Fraction(self._journal["end"])
        whole = Whole(output.target, output.kind, output.settings, origin, base, end - origin)
        self._notices += join(segments, whole, output.tracks)


def _origin(settings: Settings, first: Fraction) -> Fraction:
    """The moment that becomes 0, as a writer chooses it."""
    return first if settings.origin is None else min(settings.origin, first)


def folder_of(target: Path) -> Path:
    """Where the segments of a result lie: NAME.parts beside it."""
    return beside(target, "parts")


def _move(segments: Sequence[Path], pictures: Numbered) -> None:
    """Pictures of segments into one folder, numbered on, with one table of all their times."""
    make_folder(pictures.folder)
    rows: list[str] = []
    for segment in segments:
        head, *lines = (segment / "times.csv").read_text("utf-8").splitlines()
        for line in lines:
            name, times = line.split(",", 1)
            target = pictures.file(len(rows) + 1)
            rows.append(f"{target.name},{times}")
            if (segment / name).exists():  # else moved by a run that was stopped here
                (segment / name).replace(target)
    write("\r\n".join([head, *rows, ""]).encode(), pictures.table)
