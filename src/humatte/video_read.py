"""Video files to frames: MP4, MOV, WebM, Matroska, AVI, MPEG-TS, FLV, Ogg, GIF, APNG and the like.

In constant memory: a frame is decoded when the one before it was taken. What is damaged is left
out and said afterwards. Opens files only: no addresses, no playlists, no other file that a file
may name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from humatte.arrays import Alpha, Image, Size, resize
from humatte.clip import Looked, Moment, unlooked
from humatte.errors import TooLargeError, VideoError, one_line
from humatte.pipeline import cores
from humatte.video_facts import base_of, facts_of
from humatte.video_joints import JOINABLE, Onward
from humatte.video_pixels import ToArrays, turn_of

# FFmpeg's demuxers that are tried. Left out are those that open further files or addresses (hls,
# dash, concat, image2), and text, which some would take for subtitles.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,gif,apng,h264,hevc,ivf,"
    "mpegvideo,m4v,mxf,nut,yuv4mpegpipe,dv,wav,mp3,aac,flac"
)
# Their frames are changes to the one before: they are decoded from the first on.
_NOT_SOUGHT = {"gif", "apng"}
# Decoders that read alpha of a file which says that it has some; FFmpeg's own leave it out.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# How far before the wanted moment it is tried to begin, in seconds, should a key frame that the
# index names turn out to be shown after it.
_SEEK_BACK = (0, 2, 10)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns every way in which a clip can be unreadable into one line about its path."""
    try:
        yield
    except FileNotFoundError:
        raise VideoError(f"{path}: no such file; check the path") from None
    except PermissionError:
        raise VideoError(f"{path}: may not be read; check its permissions") from None
    except MemoryError:
        raise VideoError(f"{path}: too large for this machine's memory") from None
    except av.FFmpegError as error:
        reason = error.strerror or one_line(error)
        raise VideoError(
            f"{path}: not a video that can be read, or broken ({reason}); check the file"
        ) from error
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror or error})") from None


def open_input(path: Path) -> InputContainer:
    """Opens a file with FFmpeg's demuxers; nothing but this file.

    Raises:
        VideoError: a folder, a pipe, an empty file, of no known kind.
    """
    with explained(path):
        if not path.stat().st_size and path.is_file():
            raise VideoError(f"{path}: the file is empty (0 bytes); expected a video")
        if not path.is_file():
            found = "a folder" if path.is_dir() else "a pipe or device"
            raise VideoError(f"{path}: {found}, expected a video file")
        # As "file:…", no name is taken for an address.
        return av.open(
            f"file:{path}",
            "r",
            container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream of moving pictures; a song's cover is none.

    Raises:
        VideoError: there is none, or it is of a codec that cannot be decoded.
    """
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        sound = "sound but " if container.streams.audio else ""
        raise VideoError(f"{path}: has {sound}no pictures; expected a video")
    if not streams[0].codec_context:
        raise VideoError(f"{path}: its codec is not known here; convert it to H.264 first")
    return streams[0]


@dataclass
class _Damage:
    """What went wrong while decoding."""

    packets: int = 0
    frames: int = 0
    resized: int = 0
    stopped: str = ""
    joints: int = 0


class FileSource:
    """A video file as a source of frames.

    Args:
        path: the file.
        most_pixels: of a frame; larger ones are not decoded. None = any.

    Raises:
        TooLargeError: the file says that its frames have more pixels.
        VideoError: missing, empty, not a video, sound only, no frame that can be decoded.
    """

    def __init__(self, path: Path, most_pixels: int | None = None) -> None:
        self._path, self._most = path, most_pixels
        self.notices: list[str] = []
        damage = _Damage()
        with explained(path), open_input(path) as container:
            stream = picture_stream(container, path)
            _refuse_large(stream, path, most_pixels)
            first = next(_decoded(container, stream, damage, most_pixels), None)
            if first is None:
                raise VideoError(f"{path}: has no frame that can be decoded; get the file again")
            self._turn = turn_of(first)
            self._began = (first.pts or 0) * base_of(stream)
            self.clip = facts_of(container, stream, first, self._turn)
        if self.clip.colours.hdr:
            self.notices.append(
                f"{path}: HDR colours are taken as they are, which looks pale on a usual screen"
            )
        self._known = len(self.notices)

    def moments(self, start: Fraction | None, looked: Looked = unlooked) -> Iterator[Moment]:
        """All frames from the one at `start` seconds on, or from an earlier one."""
        del self.notices[self._known :]  # of an earlier reading
        damage = _Damage()
        to_arrays = ToArrays(self._turn, alpha=self.clip.has_alpha)
        held: Moment | None = None
        count = 0
        with explained(self._path), contextlib.ExitStack() as opened:
            for frame in self._frames_from(start, opened, damage):
                moment = self._moment(frame, held, to_arrays, damage)
                count += 1
                looked(moment.pts * moment.time_base)
                if held is None or moment.pts > held.pts:
                    # What files say of durations goes wrong where frames are reordered.
                    if held:
                        yield replace(held, duration=moment.pts - held.pts)
                    held = moment
                else:
                    damage.frames += 1
            if held:
                whole = start is None and count == self.clip.frames
                held = self._until_the_end(held) if whole else held
                yield held
        self._say(damage, held, count if start is None else None)

    def _until_the_end(self, last: Moment) -> Moment:
        end = self.clip.start + (self.clip.duration or 0)
        left = round(end / last.time_base) - last.pts
        # MP4 rounds the end to 1/1000 second, mostly.
        known = abs(left - last.duration) * last.time_base < Fraction(1, 500)
        return last if known or left <= 0 else replace(last, duration=left)

    def _frames_from(
        self, start: Fraction | None, opened: contextlib.ExitStack, damage: _Damage
    ) -> Iterator[VideoFrame]:
        """Decoded frames from the key frame at or before `start` on."""
        container = opened.enter_context(open_input(self._path))
        stream = picture_stream(container, self._path)
        name = container.format.name
        if start is not None and name in JOINABLE:
            yield from _decoded(container, stream, damage, self._most, self._key_before(start))
            return
        if start is not None and start > self._began and name not in _NOT_SOUGHT:
            for back in _SEEK_BACK:
                wanted = max(self._began, start - back)
                try:
                    container.seek(int(wanted / base_of(stream)), stream=stream)
                except av.FFmpegError:
                    break  # a file without an index: from its beginning
                found = _Damage()
                frames = _decoded(container, stream, found, self._most)
                first = next(frames, None)
                if first is not None and (first.pts or 0) * base_of(stream) <= start:
                    yield first
                    yield from frames
                    damage.packets, damage.stopped = found.packets, found.stopped
                    return
            container = opened.enter_context(open_input(self._path))
            stream = picture_stream(container, self._path)
        yield from _decoded(container, stream, damage, self._most)

    def _key_before(self, start: Fraction) -> int:
        """The number of the packet from which on to decode; times that begin anew lead astray."""
        number = found = 0
        with open_input(self._path) as container:
            stream = picture_stream(container, self._path)
            for number, packet in enumerate(_packets(container, stream, _Damage())):
                if packet is None or (packet.dts or 0) * packet.time_base > start:
                    break
                if packet.is_keyframe and (packet.pts or 0) * packet.time_base <= start:
                    found = number
        return found

    def _moment(
        self, frame: VideoFrame, last: Moment | None, to_arrays: ToArrays, damage: _Damage
    ) -> Moment:
        def pixels() -> tuple[Image, Alpha | None]:
            with explained(self._path):
                return _sized(*to_arrays(frame), self.clip.size, damage)

        pts = frame.pts if frame.pts is not None else frame.dts
        if pts is None:  # raw streams have no times: one frame after the other
            pts = last.pts + max(1, last.duration) if last else 0
        duration = frame.duration or self._usual()
        damage.frames += frame.is_corrupt
        return Moment(pts, self.clip.time_base, duration, pixels)

    def _usual(self) -> int:
        rate = self.clip.rate
        return round(1 / rate / self.clip.time_base) if rate else 0

    def _say(self, damage: _Damage, last: Moment | None, count: int | None) -> None:
        """Notes, after the last frame, what was damaged or missing."""
        if damage.packets or damage.frames:
            number = damage.packets + damage.frames
            self.notices.append(
                f"{self._path}: {number} damaged frame{'s' * (number > 1)} left out or concealed"
            )
        if damage.joints:
            self.notices.append(
                f"{self._path}: its times begin anew {damage.joints} time"
                f"{'s' * (damage.joints > 1)}, as where files were joined: each part follows the "
                "one before"
            )
        if damage.resized:
            self.notices.append(
                f"{self._path}: {damage.resized} frames of another size were made as large as the "
                "first"
            )
        if last is None:
            return
        end = (last.pts + last.duration) * last.time_base - self.clip.start
        missing = (self.clip.duration or end) - end
        # The last frame's length is a guess in most containers.
        short = missing > max(Fraction(3, 20), 3 * self._usual() * last.time_base)
        if count is not None and self.clip.frames:
            short = missing > 0 and count < self.clip.frames
        if damage.stopped or short:
            total = f" of {float(self.clip.duration):.2f}" if self.clip.duration else ""
            reason = f" ({damage.stopped})" if damage.stopped else ""
            self.notices.append(
                f"{self._path}: ends early, after {float(end):.2f}{total} seconds{reason}; the "
                "file is cut off or broken"
            )


def _refuse_large(stream: VideoStream, path: Path, most_pixels: int | None) -> None:
    """By what the file says; frames that turn out to be larger the decoder itself leaves out."""
    width, height = stream.codec_context.width, stream.codec_context.height
    if most_pixels is not None and width * height > most_pixels:
        raise TooLargeError(
            f"{path}: frames of {width}x{height} are too large; expected at most "
            f"{most_pixels / 1e6:g} megapixels"
        )


def _decoded(
    container: InputContainer,
    stream: VideoStream,
    damage: _Damage,
    most_pixels: int | None,
    first: int = 0,
) -> Iterator[VideoFrame]:
    """Decodes from where the file stands, from the packet of this number on.

    Damaged packets are left out, and too large frames.
    """
    decoder = _decoder(stream, {} if most_pixels is None else {"max_pixels": str(most_pixels)})
    for packet in islice(_packets(container, stream, damage), first, None):
        try:
            yield from decoder.decode(packet)
        except av.FFmpegError:
            damage.packets += packet is not None


def _packets(
    container: InputContainer, stream: VideoStream, damage: _Damage
) -> Iterator[Packet[VideoStream] | None]:
    """The stream's packets, then None: the decoder is to give what it holds back."""
    onward = Onward(stream.index)
    packets = (packet for packet in container.demux(stream) if packet.size)
    try:
        for packet in onward.moved(packets) if container.format.name in JOINABLE else packets:
            damage.joints = onward.joints
            yield packet
    except av.FFmpegError as error:
        damage.stopped = error.strerror or one_line(error)
    yield None


def _decoder(stream: VideoStream, options: dict[str, str]) -> VideoCodecContext:
    """A decoder of the stream with these of FFmpeg's options."""
    name = _ALPHA_DECODERS.get(stream.codec_context.codec.canonical_name)
    marks = {key.lower(): value for key, value in stream.metadata.items()}
    if name is None or marks.get("alpha_mode") != "1":
        if not stream.codec_context.is_open:  # it stays open over a seek
            stream.thread_type = "AUTO"
            stream.codec_context.options = options
        return stream.codec_context
    decoder = CodecContext.create(name, "r")
    decoder.extradata = stream.codec_context.extradata
    decoder.thread_count = cores()
    decoder.options = options
    if not isinstance(decoder, VideoCodecContext):
        raise VideoError(f"{name} decodes no pictures; install PyAV's own wheel")
    return decoder


def _sized(
    rgb: Image, alpha: Alpha | None, size: Size, damage: _Damage
) -> tuple[Image, Alpha | None]:
    """Clips may change their size on the way; what is given has one size."""
    if rgb.shape[:2] == size:
        return rgb, alpha
    damage.resized += 1
    return resize(rgb, size), None if alpha is None else resize(alpha, size)
