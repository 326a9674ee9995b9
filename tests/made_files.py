"""Files and profiles made by hand, byte for byte, as no encoder at hand writes them."""

from __future__ import annotations

import struct
import zlib

import numpy as np


def gray_profile(gamma: float) -> bytes:
    """A GRAY profile with one tone curve, made by hand after ICC.1:2022."""
    tags = {
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3l", 0xF6D6, 0x10000, 0xD32D),
        b"kTRC": b"curv\0\0\0\0" + struct.pack(">LH2x", 1, round(gamma * 256)),
        b"desc": b"desc\0\0\0\0" + struct.pack(">L", 2) + b"g\0" + bytes(78),
        b"cprt": b"text\0\0\0\0free\0\0\0\0",
    }
    table, body = struct.pack(">L", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">2L", 132 + 12 * len(tags) + len(body), len(data))
        body += data
    head = bytes(4) + struct.pack(">L", 0x02400000) + b"mntrGRAYXYZ " + bytes(12) + b"acsp"
    head = head + bytes(28) + struct.pack(">3l", 0xF6D6, 0x10000, 0xD32D)
    whole = head.ljust(124, b"\0") + table + body
    return struct.pack(">L", len(whole) + 4) + whole


def srgb_of(linear: np.ndarray) -> np.ndarray:
    curved = 1.055 * linear ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, curved) * 255  # IEC 61966-2-1


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))


def deep_png(values: np.ndarray, *extra: bytes) -> bytes:
    """A 16-bit PNG of values (H, W, 1 to 4), with extra chunks before the pixels."""
    height, width, channels = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]  # PNG, 11.2.1: colour types
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">2L5B", width, height, 16, kind, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + pixels


def deep_tiff(values: np.ndarray, *tags: tuple[int, int]) -> bytes:
    """An uncompressed 16-bit TIFF of values (H, W, 1, 3 or 4); short tags are added or replaced."""
    height, width, channels = values.shape
    pixels = values.astype("<u2").tobytes()
    bits = 8 + len(pixels)
    shorts = [
        (256, width),
        (257, height),
        (259, 1),
        (262, 1 if channels == 1 else 2),
        (277, channels),
        (278, height),
    ]
    shorts += [(338, 2)] if channels == 4 else []  # unassociated alpha
    rows = [(tag, 3, 1, value) for tag, value in (dict(shorts) | dict(tags)).items()]
    rows += [
        (258, 3, channels, bits if channels > 2 else 16),
        (273, 4, 1, 8),
        (279, 4, 1, len(pixels)),
    ]
    packed_rows = b"".join(struct.pack("<HHLL", *row) for row in sorted(rows))
    tail = struct.pack(f"<{channels}H", *[16] * channels)
    start = bits + len(tail)
    return (
        b"II\x2a\0" + struct.pack("<L", start) + pixels + tail
        + struct.pack("<H", len(rows)) + packed_rows + bytes(4)
    )  # fmt: skip
