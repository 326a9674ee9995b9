"""How long the frames of an animated WebP are shown: read and set in the file, nothing decoded.

Layout: https://developers.google.com/speed/webp/docs/riff_container, "Animation".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# Behind an ANMF chunk's head: x, y, width and height in three bytes each, then the duration.
_DURATION_AT = 12
LONGEST_MS = 2**24 - 1


def durations_ms(path: Path) -> list[int]:
    """The durations of the frames, in milliseconds; as many as the file has whole heads of."""
    with path.open("rb") as file:
        return [int.from_bytes(_duration(file, at), "little") for at in _frames(file)]


def set_last_ms(path: Path, duration: int) -> None:
    """Sets how long the last frame is shown, which libwebp guesses from the others."""
    with path.open("r+b") as file:
        for at in _frames(file):
            last = at
        file.seek(last + _DURATION_AT)
        file.write(min(duration, LONGEST_MS).to_bytes(3, "little"))


def _frames(file: BinaryIO) -> Iterator[int]:
    """Where the bodies of the ANMF chunks begin."""
    at = 12  # behind "RIFF", the size, "WEBP"
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        if head[:4] == b"ANMF":
            yield at + 8
        size = int.from_bytes(head[4:], "little")
        at += 8 + size + size % 2


def _duration(file: BinaryIO, frame: int) -> bytes:
    file.seek(frame + _DURATION_AT)
    return file.read(3)
