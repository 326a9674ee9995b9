"""The video formats that are written: containers, encoders, pixel formats, options."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from humatte.errors import UsageError
from humatte.video_pictures import numbered

PICTURES = "png"  # the kind of numbered pictures
_SUFFIXES = {".webm": "webm", ".mov": "mov", ".mp4": "mp4", ".m4v": "mp4", ".webp": "webp"}
_SUFFIXES |= {".apng": "apng", ".gif": "gif"}


@dataclass(frozen=True)
class Kind:
    """One of the formats: FFmpeg's container, encoders in order of choice, pixel formats.

    Args:
        container: FFmpeg's muxer.
        encoders: the first that this build has is taken.
        opaque: pixel format of frames without alpha.
        transparent: of frames with alpha; "" = the format holds none.
        options: for the encoder, always.
        with_alpha: further ones for frames with alpha.
        lossless: further ones for `Settings.lossless`; None = there is no such thing.
        container_options: for the muxer.
        base: the unit of its times where it is not the input's.
        shortest: frames that would be shown for less are left out, in ticks of `base`.
    """

    container: str
    encoders: tuple[str, ...]
    opaque: str
    transparent: str = ""
    options: dict[str, str] = field(default_factory=dict)
    with_alpha: dict[str, str] = field(default_factory=dict)
    lossless: dict[str, str] | None = None
    container_options: dict[str, str] = field(default_factory=dict)
    base: Fraction | None = None
    shortest: int = 1


TELL_ASPECT = frozenset({"mov", "mp4"})
"""Kinds that say of pixels that they are not square; PyAV cannot tell WebM of it."""
# "realtime" is five times as fast, and alpha at edges is off by 31/255 where this is by 10.
# libvpx cannot look ahead for reference frames while it encodes alpha (auto-alt-ref).
_VP9 = {"crf": "24", "row-mt": "1", "cpu-used": "5", "deadline": "good", "tile-columns": "2"}
_PRORES = {"profile": "hq", "vendor": "apl0"}
KINDS = {
    "webm": Kind(
        "webm",
        ("libvpx-vp9",),
        "yuv420p",
        "yuva420p",
        _VP9,
        {"auto-alt-ref": "0"},
        lossless={"lossless": "1", "crf": "-1"},
    ),
    "mov": Kind(
        "mov",
        ("prores_ks",),
        "yuv422p10le",
        "yuva444p10le",
        _PRORES,
        {"profile": "4444", "alpha_bits": "16"},
        container_options={"movflags": "+faststart"},
    ),
    "mp4": Kind(
        "mp4",
        ("libx264", "libopenh264", "mpeg4"),
        "yuv420p",
        options={"crf": "18", "preset": "fast"},
        container_options={"movflags": "+faststart"},
    ),
    # Of FFmpeg's two encoders, libwebp_anim is the one that clears what was there before a frame
    # with transparency.
    "webp": Kind(
        "webp",
        ("libwebp_anim",),
        "bgra",
        "bgra",
        {"quality": "90", "compression_level": "2"},
        lossless={"lossless": "1", "quality": "70"},
        container_options={"loop": "0"},
        base=Fraction(1, 1000),
    ),
    "apng": Kind(
        "apng",
        ("apng",),
        "rgb24",
        "rgba",
        # Ten times as fast as the default on 1080p, and a tenth larger.
        {"pred": "up", "compression_level": "1"},
        lossless={},
        container_options={"plays": "0"},
    ),
    # Browsers slow frames shorter than 2/100 s down to 10/100.
    "gif": Kind(
        "gif",
        ("gif",),
        "pal8",
        "pal8",
        container_options={"loop": "0"},
        base=Fraction(1, 100),
        shortest=2,
    ),
}


def can_encode(name: str) -> bool:
    """Whether this build of PyAV has the encoder."""
    from av.codec.codec import Codec, UnknownCodecError  # late: pictures need the names alone

    try:
        return Codec(name, "w").is_encoder
    except UnknownCodecError:
        return False


def kind_of(path: Path, name: str | None = None) -> str:
    """The format to write: `name` if given, else by the path's extension.

    Raises:
        UsageError: neither tells of a format that can be written.
    """
    pictures = numbered(path) is not None or not path.suffix
    kind = name or (PICTURES if pictures else _SUFFIXES.get(path.suffix.lower(), ""))
    if kind not in KINDS and kind != PICTURES:
        found = f"'{name}'" if name else f"'{path.suffix}'"
        advice = "; a PNG file holds one frame: give a folder, or a pattern as f_%06d.png"
        raise UsageError(
            f"{path}: cannot write {found} as video; expected one of {', '.join(KINDS)}, or "
            f"{PICTURES} into a folder{advice if path.suffix.lower() == '.png' else ''}"
        )
    return kind
