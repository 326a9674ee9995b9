"""Pictures as video: a folder or numbered files with their times, and animated WebP.

The times of numbered pictures lie beside them in a table, exact:

    file,pts,time_base,duration
    000001.png,0,1/30000,1001

One picture is decoded at a time.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as PillowImage

from humatte import image_io
from humatte.arrays import Alpha, Image, Size, to_float
from humatte.clip import Clip, Looked, Moment, unlooked
from humatte.errors import PictureError, UsageError, VideoError, one_line
from humatte.paths import is_dir, is_file
from humatte.webp_times import durations_ms

TABLE_COLUMNS = ("file", "pts", "time_base", "duration")
_NUMBER = re.compile(r"%(?:0(\d+))?d")
_USUAL_RATE = 25
_WEBP_BASE = Fraction(1, 1000)


class Numbered(NamedTuple):
    """A pattern of numbered pictures: their folder, and the name with one %d or %06d in it."""

    folder: Path
    name: str

    @property
    def table(self) -> Path:
        """Where their times are: times.csv; f_times.csv for f_%d.png."""
        return self.folder / f"{self._around()[0]}times.csv"

    def file(self, number: int) -> Path:
        """The path of one of them."""
        return self.folder / _NUMBER.sub(lambda m: f"{number:0{m[1] or 1}d}", self.name)

    def found(self) -> list[Path]:
        """Those that are there, in the order of their numbers."""
        before, after = (re.escape(part) for part in self._around())
        pattern = re.compile(rf"{before}(\d+){after}")
        numbers = [(pattern.fullmatch(path.name), path) for path in self.folder.iterdir()]
        return [path for _, path in sorted((int(m[1]), path) for m, path in numbers if m)]

    def _around(self) -> tuple[str, str]:
        before, _, after = _NUMBER.split(self.name)
        return before, after


def numbered(path: Path) -> Numbered | None:
    """What `path` says: a pattern (f_%06d.png), a folder that is there, or none of these.

    Raises:
        UsageError: more than one %d.
    """
    marks = _NUMBER.findall(path.name)
    if len(marks) > 1:
        raise UsageError(f"{path}: expected one number (%06d) in the name, found {len(marks)}")
    if marks:
        return Numbered(path.parent, path.name)
    return Numbered(path, "%06d.png") if is_dir(path) else None


class Shown(NamedTuple):
    """One line of the table of times."""

    file: Path
    pts: int
    time_base: Fraction
    duration: int


class PictureSource:
    """Numbered pictures as a source of frames, at their table's times; 25 a second without one.

    Raises:
        VideoError: no such pictures, a table that cannot be used, pictures of several sizes.
    """

    def __init__(self, pictures: Numbered) -> None:
        self.notices: list[str] = []
        self._shown = self._read_times(pictures)
        self._size, alpha = self._first()
        first, last = self._shown[0], self._shown[-1]
        start = first.pts * first.time_base
        duration = (last.pts + last.duration) * last.time_base - start
        self.clip = Clip(
            size=self._size,
            time_base=first.time_base,
            start=start,
            duration=duration,
            rate=len(self._shown) / duration if duration > 0 else None,
            frames=len(self._shown),
            has_alpha=alpha,
            codec="pictures",
        )

    def moments(self, start: Fraction | None, looked: Looked = unlooked) -> Iterator[Moment]:
        """All frames; pictures that are not wanted are not opened."""
        for shown in self._shown:
            looked(shown.pts * shown.time_base)
            yield Moment(shown.pts, shown.time_base, shown.duration, self._pixels(shown.file))

    def _pixels(self, path: Path) -> Callable[[], tuple[Image, Alpha | None]]:
        def load() -> tuple[Image, Alpha | None]:
            picture = _read(path)
            found = picture.image.shape[:2]
            if found != self._size:
                raise VideoError(
                    f"{path}: {found[1]}x{found[0]} pixels, expected {self._size[1]}x"
                    f"{self._size[0]} as the first; give pictures of one size"
                )
            if not self.clip.has_alpha:
                return picture.image, None
            opaque = np.ones(self._size, np.float32)
            return picture.image, opaque if picture.alpha is None else picture.alpha

        return load

    def _first(self) -> tuple[Size, bool]:
        picture = _read(self._shown[0].file)
        height, width = picture.image.shape[:2]
        # Any of them may be the first with a transparent pixel: what the files hold decides.
        with PillowImage.open(self._shown[0].file) as opened:
            alpha = opened.has_transparency_data
        return (height, width), alpha or picture.alpha is not None

    def _read_times(self, pictures: Numbered) -> list[Shown]:
        if pictures.table.is_file():
            return _read_table(pictures.table)
        files = pictures.found()
        if not files:
            raise VideoError(
                f"{pictures.folder}: no pictures named {pictures.name}; check the path"
            )
        self.notices.append(
            f"{pictures.folder}: no {pictures.table.name}; taken as {_USUAL_RATE} frames a second"
        )
        return [Shown(path, n, Fraction(1, _USUAL_RATE), 1) for n, path in enumerate(files)]


def _read(path: Path) -> image_io.Picture:
    try:
        return image_io.read(path)
    except PictureError as error:
        raise VideoError(str(error)) from error


def _read_table(path: Path) -> list[Shown]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            shown = [
                Shown(
                    path.parent / Path(row["file"]).name,
                    int(row["pts"]),
                    Fraction(row["time_base"]),
                    int(row["duration"]),
                )
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise VideoError(
            f"{path}: not a table of times ({one_line(error)}); expected lines of "
            f"{','.join(TABLE_COLUMNS)}"
        ) from error
    times = [row.pts * row.time_base for row in shown]
    if not shown or any(after <= before for before, after in itertools.pairwise(times)):
        raise VideoError(f"{path}: expected pictures at times that go up; check the table")
    if len({row.time_base for row in shown}) > 1:
        raise VideoError(f"{path}: expected one time base in all lines; check the table")
    return shown


def is_webp(path: Path) -> bool:
    """Whether the file's first bytes are those of a WebP picture."""
    if not is_file(path):
        return False
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


class WebpSource:
    """An animated WebP as a source of frames; its compressed bytes are held in memory.

    Raises:
        VideoError: broken, or with one picture only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.notices: list[str] = []
        try:
            with PillowImage.open(path, formats=["WEBP"]) as opened:
                frames = getattr(opened, "n_frames", 1)
                alpha, size = opened.has_transparency_data, (opened.height, opened.width)
        except (OSError, ValueError, PillowImage.DecompressionBombError) as error:
            raise VideoError(f"{path}: broken or cut off ({one_line(error)})") from error
        if frames == 1:
            raise VideoError(f"{path}: a picture, expected a video; use humatte cutout for it")
        duration = sum(durations_ms(path)) * _WEBP_BASE
        self.clip = Clip(
            size=size,
            time_base=_WEBP_BASE,
            duration=duration,
            rate=frames / duration if duration else None,
            frames=frames,
            has_alpha=alpha,
            codec="webp",
        )

    def moments(self, start: Fraction | None, looked: Looked = unlooked) -> Iterator[Moment]:
        """All frames in order: each is a change to the one before."""
        with PillowImage.open(self._path, formats=["WEBP"]) as opened:
            for number in range(self.clip.frames or 0):
                try:
                    opened.seek(number)
                    opened.load()
                except (OSError, EOFError, ValueError) as error:
                    self.notices.append(
                        f"{self._path}: ends early, after {number} of {self.clip.frames} frames "
                        f"({one_line(error)}); the file is cut off or broken"
                    )
                    return
                begun, lasts = opened.info["timestamp"], opened.info["duration"]
                looked(int(begun) * _WEBP_BASE)
                yield Moment(int(begun), _WEBP_BASE, int(lasts), lambda: self._pixels(opened))

    def _pixels(self, opened: PillowImage.Image) -> tuple[Image, Alpha | None]:
        values = np.asarray(opened.convert("RGBA" if self.clip.has_alpha else "RGB"))
        rgb = np.ascontiguousarray(values[..., :3])
        return rgb, to_float(values[..., 3]) if self.clip.has_alpha else None
