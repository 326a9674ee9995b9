"""Video in and out: what a path is read as, and what it is written as.

    reader = video_io.read(Path("clip.mp4"))
    with video_io.write(Path("out.webm"), Settings.of(reader.clip)) as out:
        for frame in reader:
            out.write(frame)

Frames come one at a time: memory does not grow with the clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from humatte.arrays import Size, resize
from humatte.clip import (
    SQUARE,
    Clip,
    Frame,
    Looked,
    Moment,
    Part,
    Source,
    squared,
    unlooked,
)
from humatte.errors import TooLargeError, UsageError, VideoError
from humatte.frame_write import PictureWriter, RawWriter, Stream
from humatte.sound import Tracks
from humatte.video_kinds import PICTURES, kind_of
from humatte.video_pictures import Numbered, PictureSource, WebpSource, is_webp, numbered
from humatte.video_read import FileSource
from humatte.video_write import FileWriter
from humatte.video_writer import Settings, Writer

__all__ = ["PICTURES", "Reader", "kind_of", "read", "write", "write_raw"]


class Reader:
    """The wanted frames of a clip, in order of time; iterating again begins anew.

    `clip` has the facts, of the frames as they are given. `notices` are lines for a person, whole
    after the last frame.
    """

    def __init__(
        self, source: Source, part: Part, max_size: int | None, path: Path, *, square: bool = False
    ) -> None:
        self._source, self._path = source, path
        self._part, self._wanted = part, part.at(source.clip.start)
        clip = source.clip
        self._aspect = SQUARE if square else clip.pixel_aspect
        size = squared(clip.size, clip.pixel_aspect) if square else clip.size
        self._size = _fitted(size, max_size)
        self.clip = self._facts()

    @property
    def notices(self) -> list[str]:
        """What could not be read as it is."""
        return self._source.notices

    @property
    def wanted(self) -> Part:
        """The part that is wanted, in the seconds of the file."""
        return self._wanted

    @property
    def cut(self) -> bool:
        """Whether the clip's beginning is left out."""
        return self._part.start is not None

    def tracks(self) -> Tracks | None:
        """The sound and subtitles that go with the wanted frames; None if the clip has none."""
        if not (self.clip.sounds or self.clip.subtitles):
            return None
        return Tracks(self._path, self._wanted.end)

    def __iter__(self) -> Iterator[Frame]:
        """All wanted frames, decoded when they are asked for."""
        return self.frames()

    def frames(self, first: int = 0, looked: Looked = unlooked) -> Iterator[Frame]:
        """The wanted frames from the one with this number on; those before are decoded only.

        Args:
            first: a frame's number.
            looked: called for every frame that is decoded, wanted or not.

        Raises:
            VideoError: no frame begins in the wanted part; what a source raises.
        """
        number = 0
        held: Frame | None = None  # until it is known how long it is shown
        moment: Moment | None = None
        for moment in self._source.moments(self._wanted.start, looked):
            time = moment.pts * moment.time_base
            if self._wanted.end is not None and time >= self._wanted.end:
                break
            if self._wanted.start is not None and time < self._wanted.start:
                continue
            if number % self._part.every == 0 and number >= first * self._part.every:
                if held:
                    yield replace(held, duration=moment.pts - held.pts)
                held = self._frame(moment)
            number += 1
        if held and moment:
            yield self._until_the_end(held, moment)
        if not number:
            length = self._source.clip.duration
            lasts = f"; the clip lasts {float(length):.2f} seconds" if length else ""
            raise VideoError(f"{self._path}: no frame begins in the wanted part{lasts}")

    def _until_the_end(self, frame: Frame, last: Moment) -> Frame:
        """The last frame lasts as long as the clip's own last one, or to the end that is wanted."""
        if not last.duration:  # not known
            return frame
        end = last.pts + last.duration
        if self._wanted.end is not None:
            end = min(end, round(self._wanted.end / frame.time_base))
        return replace(frame, duration=max(1, end - frame.pts))

    def _frame(self, moment: Moment) -> Frame:
        rgb, alpha = moment.pixels()
        if alpha is not None:
            alpha = resize(alpha, self._size)
        rgb = resize(rgb, self._size)
        return Frame(rgb, moment.pts, moment.time_base, alpha, moment.duration)

    def _facts(self) -> Clip:
        clip, part = self._source.clip, self._part
        length = clip.duration
        if part.end is not None:
            length = part.end if length is None else min(length, part.end)
        if length is not None:
            length = max(Fraction(0), length - (part.start or 0))
        whole = part == Part()
        return replace(
            clip,
            size=self._size,
            pixel_aspect=self._aspect,
            duration=length,
            rate=clip.rate / part.every if clip.rate else None,
            frames=clip.frames if whole else None,
        )


def _fitted(size: Size, max_size: int | None) -> Size:
    if max_size is None or max(size) <= max_size:
        return size
    if max_size < 1:
        raise UsageError(f"expected a size of 1 or more pixels, found {max_size}")
    height, width = (max(1, round(side * max_size / max(size))) for side in size)
    return height, width


def read(
    path: Path,
    part: Part | None = None,
    *,
    max_size: int | None = None,
    most_pixels: int | None = None,
    square: bool = False,
) -> Reader:
    """Opens a clip: a video file, an animated picture, numbered pictures or a folder of them.

    Colours become RGB by the file's matrix and range (bt709 above 576 lines and bt601 below if it
    does not say), deep ones are rounded to 8 bits, frames are turned upright. Pixels that are not
    square stay so unless `square` is given, which `clip.pixel_aspect` says. HDR curves are not
    converted, which is said.

    Args:
        path: the file, the folder, or a pattern as f_%06d.png.
        part: which frames; None = all.
        max_size: frames whose longer side has more pixels are made smaller.
        most_pixels: frames of a video file that have more are not decoded.
        square: frames are made wider or higher, so that their pixels are square.

    Raises:
        TooLargeError: its frames have more than `most_pixels`, by its head, or would have.
        VideoError: missing, empty, broken, not a video, without pictures.
        UsageError: a size below 1, a pattern with two numbers.
    """
    source: Source
    pictures = numbered(path)
    if pictures:
        source = PictureSource(pictures)
    elif is_webp(path):
        source = WebpSource(path)
    else:
        source = FileSource(path, most_pixels)
    reader = Reader(source, part or Part(), max_size, path, square=square)
    height, width = reader.clip.size
    if most_pixels is not None and height * width > most_pixels:
        raise TooLargeError(
            f"{path}: frames of {width}x{height} are too large; expected at most "
            f"{most_pixels / 1e6:g} megapixels"
        )
    return reader


def write(
    path: Path,
    settings: Settings,
    *,
    kind: str | None = None,
    tracks: Tracks | None = None,
) -> Writer:
    """Opens a writer; the file is begun with the first frame.

    Args:
        path: the file; for PNG a folder or a pattern as f_%06d.png.
        settings: how; `Settings.of(reader.clip, cut=reader.cut)` keeps what the input has.
        kind: the format, if not by the extension: webm, mov, mp4, webp, apng, gif or png.
        tracks: sound and subtitles to carry along.

    Raises:
        UsageError: an unknown format, one that cannot do what the settings ask, a target in the
            way.
    """
    found = kind_of(path, kind)
    if found != PICTURES:
        return FileWriter(path, found, settings, tracks)
    writer = PictureWriter(numbered(path) or Numbered(path, "%06d.png"), settings)
    if tracks:
        writer.notices.append(f"{path}: pictures hold no sound: the clip's was left out")
    return writer


def write_raw(stream: Stream, settings: Settings) -> Writer:
    """A writer of bare bytes: RGBA frames if they have alpha, else RGB; gray of mattes."""
    return RawWriter(stream, settings)
