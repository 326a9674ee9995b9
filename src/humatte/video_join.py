"""Segments of one clip, joined: their pictures' packets are copied as they are, the sound is added.

In: files that the same encoder wrote with the same settings, each beginning with a key frame, their
times those of the whole. Out: one file with all frames, none of them encoded again.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from humatte.errors import OutputError, one_line
from humatte.paths import Beside
from humatte.sound import Tracks
from humatte.video_kinds import KINDS, TELL_ASPECT
from humatte.video_write import encoder_rate, timescale
from humatte.video_writer import Settings

JOINED = frozenset({"webm", "mov", "mp4"})
"""The kinds whose packets stand for themselves; animated pictures are changes to the one before."""


@dataclass(frozen=True)
class Whole:
    """What the segments make up.

    Args:
        target: the file.
        kind: one of `JOINED`.
        settings: those of the segments; metadata and whether the sound is cut are taken.
        origin: the second of the input's own times that is 0 in the segments.
        base: the unit of the frames' times, in seconds.
        end: when the last frame ends, in seconds from the origin.
    """

    target: Path
    kind: str
    settings: Settings
    origin: Fraction
    base: Fraction
    end: Fraction


def join(segments: Sequence[Path], whole: Whole, tracks: Tracks | None = None) -> list[str]:
    """Writes the whole file beside its target, then puts it there; returns notices for a person.

    Args:
        segments: in order.
        whole: what they make up.
        tracks: sound and subtitles to carry along.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with ExitStack() as opened:
            beside = Beside(whole.target)
            opened.callback(beside.drop)
            if tracks:
                opened.callback(tracks.close)
            file = _begun(beside.path, whole)
            opened.callback(file.close)
            stream = _stream(file, segments[0], whole)
            if tracks:
                cut = whole.settings.origin is None
                tracks.attach(file, whole.kind, whole.origin, cut=cut)
            file.metadata.update(whole.settings.metadata)
            for packet in _in_order(segments, whole):
                packet.stream = stream
                time = (packet.pts or 0) * packet.time_base
                file.mux_one(packet)
                if tracks:
                    tracks.advance(whole.origin + time)
            if tracks:
                tracks.finish(None)
            file.close()
            beside.keep()
    except (av.FFmpegError, OSError) as error:
        reason = error.strerror or one_line(error)
        raise OutputError(
            f"{whole.target}: cannot be written ({reason}); choose another -o"
        ) from error
    return tracks.notices if tracks else []


def _begun(path: Path, whole: Whole) -> OutputContainer:
    kind = KINDS[whole.kind]
    return av.open(
        f"file:{path}",
        "w",
        format=kind.container,
        container_options=kind.container_options | timescale(whole.kind, whole.base),
    )


def _stream(file: OutputContainer, first: Path, whole: Whole) -> VideoStream:
    with av.open(f"file:{first}") as segment:
        source = segment.streams.video[0]
        stream = file.add_stream_from_template(source, opaque=True)
        stream.time_base = KINDS[whole.kind].base or whole.base
        stream.codec_context.framerate = encoder_rate(whole.settings)
        if whole.kind in TELL_ASPECT:
            stream.codec_context.sample_aspect_ratio = whole.settings.pixel_aspect
        if source.metadata.get("alpha_mode"):  # else nobody looks for alpha in a WebM
            stream.metadata["alpha_mode"] = source.metadata["alpha_mode"]
    return stream


def _packets(segments: Sequence[Path]) -> Iterator[Packet[VideoStream]]:
    for path in segments:
        with av.open(f"file:{path}") as segment:
            for packet in segment.demux(segment.streams.video[0]):
                if packet.size:
                    yield packet


def _in_order(segments: Sequence[Path], whole: Whole) -> Iterator[Packet[VideoStream]]:
    """All packets, with decoding times that go up over the joints.

    Each segment's own would begin before the last one's end, by as much as its encoder looked
    ahead. The n-th packet gets the n-th smallest of the frames' times, `depth` frames earlier: so
    each is decoded before it is shown. Times are read first, 8 bytes a frame.
    """
    times = array("q", (packet.pts or 0 for packet in _packets(segments)))
    shown = array("q", sorted(times))
    depth = max(number - bisect_left(shown, time) for number, time in enumerate(times))
    depth = min(depth, len(shown) - 1)
    for number, packet in enumerate(_packets(segments)):
        if number < depth:
            packet.dts = shown[number] - (shown[depth] - shown[0])
        else:
            packet.dts = shown[number - depth]
        if number == len(shown) - 1 and whole.kind != "webm":
            # MP4 takes the end of the track from this one, in decoding time.
            end = round(whole.end / packet.time_base) - (shown[depth] - shown[0])
            packet.duration = max(1, end - packet.dts)
        yield packet
