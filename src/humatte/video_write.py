"""Frames to files of FFmpeg's containers: WebM, MOV, MP4, animated WebP, APNG and GIF.

Times are kept in the input's time base; what a container cannot hold is rounded to the nearest it
can: WebM and WebP to 1/1000, GIF to 1/100 second, each frame by itself, so nothing drifts. Files
are written beside their target and renamed when they are whole. In constant memory, but for
animated WebP, whose compressed frames are held until the end.
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from humatte.clip import UNSPECIFIED, Frame
from humatte.errors import OutputError, UsageError
from humatte.palette import Palette
from humatte.paths import Beside
from humatte.pipeline import cores
from humatte.sound import HOLDS, Tracks
from humatte.video_kinds import KINDS, TELL_ASPECT, can_encode
from humatte.video_pixels import BT601, BT709, FromArrays, matrix_of_lines
from humatte.video_writer import USUAL_RATE, Settings, Writer
from humatte.webp_times import durations_ms, set_last_ms

_HIGHEST_RATE = 1000  # frames a second that are believed
# Sides that the encoder's chroma needs to be even.
_EVEN = {"mp4": {"yuv420p"}, "mov": {"yuv422p10le"}}


class FileWriter(Writer):
    """Writes a file through one of FFmpeg's containers.

    MP4 and opaque MOV have even sides: the last row or column is repeated where one is odd.

    Raises:
        UsageError: `lossless` or transparency in a format without it, a target that is no file.
        OutputError: a name that cannot be written.
    """

    def __init__(
        self, target: Path, kind: str, settings: Settings, tracks: Tracks | None = None
    ) -> None:
        super().__init__(settings)
        self._target, self._name, self._kind = target, kind, KINDS[kind]
        self._tracks = tracks if kind in HOLDS else None
        self._beside: Beside | None = None
        self._file: OutputContainer | None = None
        self._durations: dict[int, int] = {}
        self._last: int | None = None  # the pts written last
        self._lasts = 1  # how long it is shown
        self._delay: int | None = None  # of decoding before showing, in the first packet
        self._left_out = 0
        if settings.lossless and self._kind.lossless is None:
            raise UsageError(f"{target}: {kind} has no lossless form; choose webm, webp or apng")
        try:
            other = target.exists() and not target.is_file()
        except OSError as error:  # a name that is too long: said before the work, not after it
            raise OutputError(f"{target}: cannot be written ({error.strerror})") from error
        if other:
            raise UsageError(f"{target}: not a file; expected the name of a file to write")
        if tracks and not self._tracks:
            self.notices.append(f"{target}: {kind} holds no sound: the clip's was left out")

    def __str__(self) -> str:
        return str(self._target)

    def _begin(self, frame: Frame) -> None:
        kind = self._kind
        if frame.alpha is not None and not kind.transparent:
            raise UsageError(
                f"{self._target}: {self._name} has no transparency; choose webm, mov or another "
                "format with it, or a background"
            )
        self._base = kind.base or frame.time_base
        self._beside = Beside(self._target)
        self._file = av.open(
            f"file:{self._beside.path}",
            "w",
            format=kind.container,
            container_options=kind.container_options | timescale(self._name, self._base),
        )
        self._stream = self._video_stream(self._file, frame)
        if self._tracks:
            cut = self.settings.origin is None
            self._tracks.attach(self._file, self._name, self.origin, cut=cut)
            self.notices += self._tracks.notices
            self._tracks.notices = []
        self._file.metadata.update(self.settings.metadata)

    def _video_stream(self, file: OutputContainer, frame: Frame) -> VideoStream:
        kind, settings = self._kind, self.settings
        encoder = self._encoder()
        options = kind.options if encoder == kind.encoders[0] else {}
        options = options | (kind.with_alpha if frame.alpha is not None else {})
        options |= (kind.lossless or {}) if settings.lossless else {}
        rate = encoder_rate(settings)
        stream = file.add_stream(encoder, rate=rate, options=options, time_base=self._base)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{encoder} is no picture encoder")
        pixels = kind.opaque if frame.alpha is None else kind.transparent
        even = pixels in _EVEN.get(self._name, ())
        height, width = (side + side % 2 if even else side for side in frame.size)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.thread_count = cores()
        matrix = matrix_of_lines(height)
        if pixels.startswith("yuv"):
            self._tag(stream, matrix)
        self._set_aspect(stream)
        if pixels == "pal8":
            self._convert: FromArrays | Palette = Palette(frame.size)
        else:
            self._convert = FromArrays(pixels, matrix, even=even)
        return stream

    def _encoder(self) -> str:
        encoders = self._kind.encoders
        found = next(name for name in encoders if can_encode(name))
        if found != encoders[0]:
            self.notices.append(
                f"{self._target}: encoded by {found}: this PyAV has no {encoders[0]}"
            )
        return found

    def _tag(self, stream: VideoStream, matrix: int) -> None:
        colours = self.settings.colours
        context = stream.codec_context
        context.color_range, context.colorspace = 1, matrix  # limited
        usual = BT709 if matrix == BT709 else BT601
        context.color_primaries = _said(colours.primaries, usual)
        context.color_trc = _said(colours.transfer, usual)

    def _set_aspect(self, stream: VideoStream) -> None:
        if self._name in TELL_ASPECT:
            stream.codec_context.sample_aspect_ratio = self.settings.pixel_aspect
        else:
            self._note_aspect(self._name)

    def _put(self, frame: Frame, seconds: Fraction) -> None:
        pts = round((frame.time - self.origin) / self._base)
        if self._last is not None and pts - self._last < self._kind.shortest:
            self._left_out += 1
            return
        self._last = pts
        made = self._convert(frame)
        made.pts, made.time_base = pts, self._base
        # ProRes takes them from each frame.
        made.color_primaries = self._stream.codec_context.color_primaries
        made.color_trc = self._stream.codec_context.color_trc
        self._lasts = made.duration = max(1, round(seconds / self._base))
        self._durations[pts] = self._lasts
        self._mux(self._stream.encode(made))
        if self._tracks:
            self._tracks.advance(frame.time)

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        if self._file is None:
            raise ValueError("the file is not open")
        for packet in packets:
            if self._delay is None:
                self._delay = _delay(packet)
            # Encoders guess a duration from the rate; frames of a variable one have their own.
            packet.duration = self._durations.pop(packet.pts or 0, packet.duration)
            self._file.mux_one(packet)

    def _flush(self) -> None:
        """The encoder's last packets. MP4 takes the end of the track from the very last one.

        It need not be the frame that is shown last, so it lasts, in decoding time, until the end.
        """
        packets = self._stream.encode(None)
        if packets and self._last is not None and packets[-1].dts is not None:
            if self._delay is None:
                self._delay = _delay(packets[0])
            end = self._last + self._lasts - self._delay
            self._durations[packets[-1].pts or 0] = max(1, end - packets[-1].dts)
        self._mux(packets)

    def _end(self, until: Fraction | None) -> None:
        self._flush()
        if self._tracks:
            self._tracks.finish(until)
            self.notices += self._tracks.notices
        self._shut()
        if self._beside:
            if self._name == "webp" and durations_ms(self._beside.path):  # else one still picture
                set_last_ms(self._beside.path, self._lasts)
            self._beside.keep()
        if self._left_out:
            self.notices.append(
                f"{self._target}: {self._left_out} frames left out: {self._name} shows no more "
                f"than {1 / (self._kind.shortest * self._base)} a second"
            )

    def _shut(self) -> None:
        file, self._file = self._file, None
        if self._tracks:
            self._tracks.close()
        if file is not None:
            file.close()

    def abort(self) -> None:
        """Leaves nothing behind."""
        with contextlib.suppress(av.FFmpegError, OSError):  # the file is removed all the same
            self._shut()
        if self._beside:
            self._beside.drop()


def encoder_rate(settings: Settings) -> Fraction:
    """Frames a second, as encoders and files are told."""
    # Some files name a rate that is their clock's; libvpx fails on such a one.
    if settings.rate is None or settings.rate > _HIGHEST_RATE:
        return Fraction(USUAL_RATE)
    return settings.rate


def timescale(kind: str, base: Fraction) -> dict[str, str]:
    """MOV and MP4 round offsets and ends to 1/1000 second, unless told a finer unit."""
    if kind not in ("mov", "mp4"):
        return {}
    unit = base.denominator
    return {"movie_timescale": str(unit * max(1, -(-1000 // unit)))}


def _delay(packet: Packet[VideoStream]) -> int:
    """Ticks between decoding and showing."""
    return 0 if packet.pts is None or packet.dts is None else packet.pts - packet.dts


def _said(value: int, usual: int) -> int:
    return usual if value in (0, UNSPECIFIED) else value
