"""Sound and subtitles of a clip, carried into the file that is written.

Packets are copied as they are where the new container allows their codec; other sound is encoded
anew, which is said. Both keep their times to the picture. Read from the input a second time, as far
as the picture has come: in constant memory. A cut in copied sound falls between two packets (about
20 ms apart): what remains is heard at its exact time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from humatte.errors import one_line
from humatte.video_joints import JOINABLE, Onward
from humatte.video_read import open_input, picture_stream


@dataclass(frozen=True)
class Holds:
    """What a container holds beside pictures, as players read it: codecs, by FFmpeg's names."""

    name: str
    sounds: frozenset[str]
    subtitles: frozenset[str]
    encoder: str  # of sound that is none of these


_PCM = "pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_f32le pcm_u8"
HOLDS = {
    "webm": Holds("WebM", frozenset({"opus", "vorbis"}), frozenset({"webvtt"}), "libopus"),
    "mp4": Holds(
        "MP4",
        frozenset(["aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"]),
        frozenset({"mov_text"}),
        "aac",
    ),
    "mov": Holds(
        "MOV", frozenset(f"aac mp3 ac3 eac3 alac {_PCM}".split()), frozenset({"mov_text"}), "aac"
    ),
}
# Sampling rates that the encoders take; others become 48000.
_RATES = {"libopus": {48000}, "aac": {8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000}}
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_BITS_A_CHANNEL = 96_000  # a second: transparent for most ears with either encoder
# Holes in the sound that are filled with silence; smaller ones are the rounding of times.
_SMALLEST_GAP = Fraction(1, 20)
# Overlaps that are cut, as where files were joined; smaller ones are the same rounding.
_SMALLEST_OVERLAP = Fraction(1, 50)
# Sound decoders need a few packets before the first one that is right.
_PREROLL = Fraction(1, 2)


@dataclass(frozen=True)
class _Span:
    """What is kept, in seconds of the input, and which moment becomes 0."""

    begin: Fraction | None
    end: Fraction | None
    origin: Fraction


class _Track(Protocol):
    def take(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """What is to be written now that this packet came."""
        ...

    def end(self, until: Fraction | None) -> list[Packet[Stream]]:
        """What is to be written after the last packet."""
        ...


class Tracks:
    """The sound and subtitles of a file, on their way into another one.

    `notices` says what was encoded anew or left out.

    Args:
        path: the clip that the pictures are read from.
        end: the second of the clip's own times at which the sound is to stop; None = its end.
    """

    def __init__(self, path: Path, end: Fraction | None = None) -> None:
        self._path, self._end = path, end
        self._tracks: dict[int, _Track] = {}
        self._reached: Fraction | None = None
        self.notices: list[str] = []

    def attach(self, output: OutputContainer, kind: str, origin: Fraction, *, cut: bool) -> None:
        """Adds the streams to a file that is not begun yet.

        Args:
            output: the file.
            kind: a key of `HOLDS`.
            origin: the second of the clip's own times that becomes 0.
            cut: whether sound before the origin is left out.

        Raises:
            VideoError: the input cannot be opened.
        """
        self._output = output
        self._input = open_input(self._path)
        span = _Span(origin if cut else None, self._end, origin)
        for stream in [*self._input.streams.audio, *self._input.streams.subtitles]:
            track = self._track(stream, HOLDS[kind], span)
            if track is not None:
                self._tracks[stream.index] = track
        self._packets = self._demuxed(span)

    def advance(self, until: Fraction) -> None:
        """Writes what is heard before `until`, in seconds of the input."""
        while self._tracks and (self._reached is None or self._reached < until):
            packet = next(self._packets, None)
            if packet is None:
                return
            for made in self._tracks[packet.stream_index].take(packet):
                self._output.mux_one(made)

    def finish(self, until: Fraction | None) -> None:
        """Writes the rest, up to `until` if given; nothing can be written after it."""
        for packet in self._packets:
            if until is not None and self._reached is not None and self._reached >= until:
                break
            for made in self._tracks[packet.stream_index].take(packet):
                self._output.mux_one(made)
        for track in self._tracks.values():
            for made in track.end(until):
                self._output.mux_one(made)
        back = sum(track.back for track in self._tracks.values() if isinstance(track, _Copied))
        if back:
            self.notices.append(
                f"{self._path}: {back} packet{'s' * (back > 1)} of sound or subtitles left out: "
                "their times go back"
            )

    def close(self) -> None:
        """Closes the input."""
        if hasattr(self, "_input"):
            self._input.close()

    def _track(self, stream: Stream, holds: Holds, span: _Span) -> _Track | None:
        codec = stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"
        sound = isinstance(stream, AudioStream)
        if codec in (holds.sounds if sound else holds.subtitles):
            copied = self._output.add_stream_from_template(stream)
            _name(copied, stream)
            return _Copied(copied, span)
        what = "sound" if sound else "subtitles"
        if not sound or codec == "unknown" or not isinstance(stream, AudioStream):
            self.notices.append(
                f"{self._path}: {what} ({codec}) left out: {holds.name} does not hold this codec"
            )
            return None
        encoded = _Encoded(self._output, stream, holds.encoder, span)
        self.notices.append(
            f"{self._path}: sound encoded anew ({codec} to {holds.encoder.removeprefix('lib')}): "
            f"{holds.name} does not hold {codec}"
        )
        return encoded

    def _demuxed(self, span: _Span) -> Iterator[Packet[Stream]]:
        container = self._input
        if not self._tracks:
            return
        joinable = container.format.name in JOINABLE
        if span.begin is not None and not joinable:
            _seek(container, max(Fraction(0), span.begin - _PREROLL))
        streams = [container.streams[index] for index in self._tracks]
        lead = [picture_stream(container, self._path)] if joinable else []
        packets = container.demux([*lead, *streams])
        try:
            for packet in Onward(lead[0].index).moved(packets) if lead else packets:
                if packet.stream_index not in self._tracks:
                    continue
                time = packet.pts if packet.pts is not None else packet.dts
                if time is None or not packet.size:
                    continue
                self._reached = time * packet.time_base
                if self._end is not None and self._reached > self._end + 1:
                    return
                yield packet
        except av.FFmpegError as error:
            reason = error.strerror or one_line(error)
            self.notices.append(f"{self._path}: the sound ends early ({reason})")


def _seek(container: InputContainer, moment: Fraction) -> None:
    try:
        container.seek(int(moment * av.time_base))
    except av.FFmpegError:  # without an index it is read from its beginning, where it stands
        return


def _name(output: Stream, source: Stream) -> None:
    for key in ("language", "title"):
        if source.metadata.get(key):
            output.metadata[key] = source.metadata[key]


class _Copied:
    """Packets whose times are moved, and nothing else."""

    def __init__(self, output: Stream, span: _Span) -> None:
        self._output, self._span = output, span
        self._last: int | None = None  # time stamp of the last packet that was written
        self.back = 0
        """Packets left out because their times go back: no container takes them."""

    def take(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is None or not _within(pts * packet.time_base, self._span):
            return []
        moved = round(self._span.origin / packet.time_base)
        packet.dts = (packet.dts if packet.dts is not None else pts) - moved
        packet.pts = pts - moved
        stands = isinstance(self._output, AudioStream) and packet.dts == self._last
        if self._last is not None and (stands or packet.dts < self._last):
            self.back += 1
            return []
        self._last = packet.dts
        packet.stream = self._output
        return [packet]

    def end(self, until: Fraction | None) -> list[Packet[Stream]]:
        return []


def _within(time: Fraction, span: _Span) -> bool:
    return (span.begin is None or time >= span.begin) and (span.end is None or time < span.end)


class _Encoded:
    """Sound decoded, cut to the sample, and encoded anew; holes are filled with silence."""

    def __init__(
        self, output: OutputContainer, source: AudioStream, encoder: str, span: _Span
    ) -> None:
        self._source, self._span = source, span
        self._rate = source.rate if source.rate in _RATES[encoder] else 48000
        self._layout = _LAYOUTS.get(source.channels, "stereo")
        self._resampler = self._new_resampler()
        self._kind: tuple[str, str, int] | None = None  # of the frames so far
        self._next: int | None = None  # the first sample that is not written yet, from the origin
        self._cut = False  # whether an overlap is being cut
        stream = output.add_stream(encoder, rate=self._rate)
        if not isinstance(stream, AudioStream):
            raise TypeError(f"{encoder} is no sound encoder")
        stream.layout = self._layout
        stream.bit_rate = _BITS_A_CHANNEL * stream.channels
        _name(stream, source)
        self._output = stream

    def take(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        try:
            frames = self._source.decode(packet)
        except av.FFmpegError:
            return []  # a damaged packet: a hole, filled with silence
        return [made for frame in frames for made in self._put(frame)]

    def end(self, until: Fraction | None) -> list[Packet[Stream]]:
        try:
            rest = self._source.decode(None)
        except av.FFmpegError:
            rest = []  # as in the middle
        made = [made for frame in rest for made in self._put(frame)]
        made += self._encode(self._resampler.resample(None))
        return [*made, *self._output.encode(None)]

    def _new_resampler(self) -> AudioResampler:
        return AudioResampler("fltp", self._layout, self._rate)

    def _put(self, frame: AudioFrame) -> list[Packet[Stream]]:
        """Broadcasts change channels and rate within a stream: a resampler is for one kind only."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        made: list[Packet[Stream]] = []
        if self._kind not in (None, kind):
            made = self._encode(self._resampler.resample(None))
            self._resampler = self._new_resampler()
        self._kind = kind
        return made + self._encode(self._resampler.resample(frame))

    def _encode(self, frames: list[AudioFrame]) -> list[Packet[Stream]]:
        made: list[Packet[Stream]] = []
        for frame in frames:
            if frame.pts is None or frame.time_base is None:
                continue
            first = round((frame.pts * frame.time_base - self._span.origin) * self._rate)
            for at, samples in self._placed(np.asarray(frame.to_ndarray(), np.float32), first):
                part = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", self._layout)
                part.sample_rate, part.pts = self._rate, at
                part.time_base = Fraction(1, self._rate)
                made += self._output.encode(part)
        return made

    def _placed(
        self, samples: NDArray[np.float32], first: int
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The samples (channels, N) that are to be written, at their place; silence before."""
        following = self._next
        if following is not None:
            gap = Fraction(first - following, self._rate)
            self._cut = self._cut or gap <= -_SMALLEST_OVERLAP
            first = first if self._cut or gap >= _SMALLEST_GAP else following
        lowest = max(0, following or 0)
        skipped = max(0, lowest - first)
        samples, first = samples[:, skipped:], first + skipped
        if self._span.end is not None:
            highest = round((self._span.end - self._span.origin) * self._rate)
            samples = samples[:, : max(0, highest - first)]
        if not samples.shape[1]:
            return
        while following is not None and following < first:
            length = min(first - following, self._rate)
            yield following, np.zeros((len(samples), length), np.float32)
            following += length
        self._next, self._cut = first + samples.shape[1], False
        yield first, samples
