"""What a video file says of itself: size, times, sound, colours, metadata. Decodes nothing."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from humatte.clip import Clip, Colours, Sound
from humatte.video_pixels import Turn, has_alpha, pixel_aspect

# Metadata of the container, not of what it shows.
_FILE_KEYS = {"major_brand", "minor_version", "compatible_brands", "encoder", "software"}
_FILE_KEYS |= {"creation_time"}


def base_of(stream: VideoStream) -> Fraction:
    """The unit of its times, in seconds."""
    return stream.time_base or Fraction(1, 1000)


def facts_of(container: InputContainer, stream: VideoStream, first: VideoFrame, turn: Turn) -> Clip:
    """What an open file says of itself, and what its first frame adds."""
    base = base_of(stream)
    began = (first.pts or 0) * base
    starts = [
        s.start_time * s.time_base
        for s in container.streams.audio
        if s.start_time is not None and s.time_base is not None
    ]
    # Down to a tick of the picture's time base, so that its times stay exact from there.
    start = (min([began, *starts]) // base) * base
    end = _end(container, stream, began)
    aspect = pixel_aspect(stream.sample_aspect_ratio, turn)
    return Clip(
        size=(first.width, first.height) if turn[1] else (first.height, first.width),
        time_base=base,
        start=start,
        duration=None if end is None else end - start,
        rate=stream.average_rate or stream.guessed_rate,
        frames=stream.frames or None,
        pixel_aspect=aspect,
        has_alpha=has_alpha(first),
        codec=stream.codec_context.codec.canonical_name,
        colours=Colours(int(first.color_primaries), int(first.color_trc)),
        sounds=tuple(_sound(stream) for stream in container.streams.audio),
        subtitles=tuple(
            s.codec_context.codec.canonical_name if s.codec_context else "unknown"
            for s in container.streams.subtitles
        ),
        metadata={k: v for k, v in container.metadata.items() if k.lower() not in _FILE_KEYS},
    )


def _sound(stream: AudioStream) -> Sound:
    """Sound that no decoder is known for is there, too: it is lost, which must be said."""
    if not stream.codec_context:
        return Sound(stream.index, "unknown", 0, 0, stream.language)
    codec = stream.codec.canonical_name
    return Sound(stream.index, codec, stream.rate or 0, stream.channels, stream.language)


def _end(container: InputContainer, stream: VideoStream, began: Fraction) -> Fraction | None:
    """The moment at which the pictures end, in seconds, as the file says."""
    if stream.duration:
        return began + stream.duration * base_of(stream)
    said = {key.upper(): value for key, value in stream.metadata.items()}.get("DURATION")
    if said:  # Matroska: 00:01:02.345000000, counted from 0
        with contextlib.suppress(ValueError):
            hours, minutes, seconds = said.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    if container.duration and len(container.streams) == 1:
        return began + Fraction(container.duration, av.time_base)
    return None
