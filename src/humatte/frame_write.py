"""Frames one by one: numbered PNG files with a table of their times, and raw bytes to a stream."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from humatte import image_io
from humatte.clip import Frame
from humatte.errors import UsageError
from humatte.metadata import Kept
from humatte.paths import Beside
from humatte.video_pictures import TABLE_COLUMNS, Numbered
from humatte.video_pixels import interleaved
from humatte.video_writer import Settings, Writer


class Stream(Protocol):
    """What bare frames are written to."""

    def write(self, data: memoryview, /) -> object:
        """Takes all of it."""
        ...

    def flush(self) -> None:
        """Hands on what it holds."""
        ...


class PictureWriter(Writer):
    """Writes each frame as a PNG, numbered from 1, and their times into a table beside them.

    A frame is there as soon as it was written; the table when all are, or after Ctrl-C.

    Raises:
        UsageError: pictures of that name are there already: old ones would stay among the new.
    """

    def __init__(self, pictures: Numbered, settings: Settings) -> None:
        super().__init__(settings)
        self._pictures, self._count = pictures, 0
        self._written: list[Path] = []
        if pictures.folder.is_dir() and pictures.found():
            raise UsageError(
                f"{pictures.folder}: has pictures named {pictures.name} already; choose an empty "
                "folder"
            )
        self._note_aspect("PNG")

    def __str__(self) -> str:
        return str(self._pictures.folder)

    def _begin(self, frame: Frame) -> None:
        self._base = frame.time_base
        self._beside = Beside(self._pictures.table)
        self._rows = self._beside.path.open("w", encoding="utf-8", newline="")
        self._table = csv.writer(self._rows)
        self._table.writerow(TABLE_COLUMNS)

    def _put(self, frame: Frame, seconds: Fraction) -> None:
        self._count += 1
        path = self._pictures.file(self._count)
        image_io.write(image_io.encode(_pixels(frame, self.settings), "PNG", Kept()), path)
        pts = round((frame.time - self.origin) / self._base)
        self._table.writerow([path.name, pts, self._base, round(seconds / self._base)])

    def _end(self, until: Fraction | None) -> None:
        self._rows.close()
        self._beside.keep()

    def abort(self) -> None:
        """Removes the table and the pictures that were written."""
        if hasattr(self, "_rows"):
            self._rows.close()
            self._beside.drop()
        for number in range(1, self._count + 1):
            self._pictures.file(number).unlink(missing_ok=True)


class RawWriter(Writer):
    """Writes the frames' bytes to a stream: RGBA, RGB without alpha, gray of mattes; from the top.

    A stream of bytes holds no times: whoever reads it must know size and rate. It is flushed at the
    end, and stays open.
    """

    def __init__(self, stream: Stream, settings: Settings) -> None:
        super().__init__(settings)
        self._stream = stream
        self._note_aspect("a row of bytes")

    def __str__(self) -> str:
        return "the stream of frames"

    def _begin(self, frame: Frame) -> None:
        return

    def _put(self, frame: Frame, seconds: Fraction) -> None:
        self._stream.write(_pixels(frame, self.settings).data)

    def _end(self, until: Fraction | None) -> None:
        self._stream.flush()

    def abort(self) -> None:
        """What was written is gone; nothing is left to undo."""


def _pixels(frame: Frame, settings: Settings) -> NDArray[np.uint8]:
    """The frame's bytes: (H, W, 4) with alpha, (H, W, 3) without, (H, W) of a matte."""
    return np.ascontiguousarray(frame.rgb[..., 0]) if settings.gray else interleaved(frame)
