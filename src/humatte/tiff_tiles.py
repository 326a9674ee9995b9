"""How large a TIFF's tiles are, by its first directory: a decoder makes room for whole ones.

A picture of 16x16 pixels may name tiles of 30,000x30,000. Pillow's own reading of the tags is not
enough: of a tag that comes twice it keeps the last one, libtiff the first.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from humatte.arrays import Size
from humatte.errors import TooLargeError

_USUAL = 2048 * 2048  # pixels of a tile that are always allowed
_TIMES = 4  # so many times the picture's, too: tiles at its edge reach beyond it
_WIDTH, _LENGTH = 322, 323  # TIFF 6.0, section 15
_BIG = 43  # the version of BigTIFF, whose offsets have 8 bytes; 42 is that of TIFF 6.0
_MOST_ENTRIES = 65_535
# Bytes of a value, by type: BYTE and SBYTE, SHORT and SSHORT, LONG and SLONG, LONG8 and SLONG8.
_BYTES = {1: 1, 6: 1, 3: 2, 8: 2, 4: 4, 9: 4, 16: 8, 17: 8}


def check_tiles(file: BinaryIO, size: Size) -> None:
    """Refuses tiles that are far larger than a picture of that (height, width).

    Args:
        file: a TIFF; it is left where it stood.
        size: of the picture.

    Raises:
        TooLargeError: with the tiles' size.
    """
    stood = file.tell()
    try:
        width, length = _largest(file)
    finally:
        file.seek(stood)
    if width * length > max(_USUAL, _TIMES * size[0] * size[1]):
        raise TooLargeError(
            f"{size[1]}x{size[0]} pixels in tiles of {width}x{length}, which is refused; save it "
            "without tiles"
        )


def _largest(file: BinaryIO) -> tuple[int, int]:
    """The largest tile width and length that the first directory names; 0 where it has none."""
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", head, 2)[0] == _BIG
    inline = 8 if big else 4  # bytes of a value that stands in its entry
    file.seek(struct.unpack_from(f"{order}{'Q' if big else 'L'}", head, 8 if big else 4)[0])
    (count,) = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))
    found = {_WIDTH: 0, _LENGTH: 0}
    entry = 4 + 2 * inline
    rows = file.read(min(count, _MOST_ENTRIES) * entry)
    for place in range(0, len(rows) - entry + 1, entry):
        tag, kind = struct.unpack_from(f"{order}HH", rows, place)
        if tag in found:
            at = place + 4 + inline
            found[tag] = max(found[tag], _value(file, rows[at : at + inline], kind, order))
    return found[_WIDTH], found[_LENGTH]


def _value(file: BinaryIO, stored: bytes, kind: int, order: str) -> int:
    """A whole number as an entry holds it; one of 8 bytes lies elsewhere in TIFF 6.0."""
    count = _BYTES.get(kind, 4)
    if count > len(stored):
        file.seek(int.from_bytes(stored, "little" if order == "<" else "big"))
        stored = file.read(count)
    return int.from_bytes(stored[:count], "little" if order == "<" else "big")
