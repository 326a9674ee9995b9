"""Metadata put into finished PNG and TIFF files whose encoder could not write it.

In: a file's bytes without it. Out: the same pixels, byte for byte, with it. Never decodes a pixel.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

_SIGNATURE = 8  # bytes
_ENTRY = 12  # bytes; TIFF 6.0, section 2
_LARGEST_TIFF = 2**32 - 1  # offsets have four bytes


def with_chunks(png: bytes, donor: bytes) -> bytes:
    """A PNG with the ancillary chunks of another, such as a single pixel with all the metadata.

    They come right after the header: all that describe colour must come before the pixels
    (PNG, third edition, 5.6).
    """
    header_end = _SIGNATURE + next(_chunks(png))
    extra = []
    start = _SIGNATURE
    for length in _chunks(donor):
        if donor[start + 4] & 0x20:  # 5.4: a small first letter means ancillary
            extra.append(donor[start : start + length])
        start += length
    return b"".join([png[:header_end], *extra, memoryview(png)[header_end:]])


def _chunks(png: bytes) -> Iterator[int]:
    """The lengths of a PNG's chunks, with their own twelve bytes."""
    start = _SIGNATURE
    while start < len(png):
        length = 12 + int.from_bytes(png[start : start + 4], "big")
        yield length
        start += length


def with_tags(tiff: bytes, tags: ImageFileDirectory_v2) -> bytes:
    """A little-endian TIFF with further tags in its first directory; equal ones are replaced.

    The tags are appended with all that belongs to them (directories of EXIF and GPS too), then a
    directory that names the old entries and the new ones, which the header is made to point to.

    Raises:
        ValueError: a TIFF of another kind.
        OverflowError: the file would be too long for a TIFF's offsets.
    """
    if tiff[:4] != b"II\x2a\0":
        raise ValueError("expected a little-endian TIFF")
    start = len(tiff) + len(tiff) % 2  # 6.0, section 2: directories begin on words
    added = tags.tobytes(start)
    added += bytes(len(added) % 2)
    (first,) = struct.unpack_from("<L", tiff, 4)
    rows = _entries(tiff, first) | _entries(added, 0)
    directory = struct.pack("<H", len(rows)) + b"".join(rows[tag] for tag in sorted(rows))
    where = start + len(added)
    if where + len(directory) + 4 > _LARGEST_TIFF:
        raise OverflowError("more than 4 GB")
    pixels = memoryview(tiff)[8:]
    header, padding = tiff[:4] + struct.pack("<L", where), bytes(len(tiff) % 2)
    return b"".join([header, pixels, padding, added, directory, bytes(4)])


def _entries(data: bytes, start: int) -> dict[int, bytes]:
    """A directory's entries by tag, as they are stored: values elsewhere stay where they are."""
    (count,) = struct.unpack_from("<H", data, start)
    places = range(start + 2, start + 2 + _ENTRY * count, _ENTRY)
    rows = [data[place : place + _ENTRY] for place in places]
    return {int.from_bytes(row[:2], "little"): row for row in rows}
