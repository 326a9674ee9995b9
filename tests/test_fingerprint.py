from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from drawn import gradient, noise, room
from hypothesis import given, settings
from hypothesis import strategies as st

from humatte.data.fingerprint import NEAR_BITS, fingerprint, near
from humatte.image_io import read


def test_the_same_picture_again_is_near(astronaut: Path) -> None:
    astronaut_image = read(astronaut).image
    again = cv2.resize(astronaut_image, (200, 200), interpolation=cv2.INTER_AREA)
    _, packed = cv2.imencode(".jpg", again, (cv2.IMWRITE_JPEG_QUALITY, 30))
    again = cv2.convertScaleAbs(cv2.imdecode(packed, cv2.IMREAD_COLOR), alpha=0.9, beta=10)
    pictures = [astronaut_image, room(), gradient(90, 70), noise(64, 64)]
    hashes = np.array([fingerprint(picture) for picture in pictures])
    rows, columns = near(np.array([fingerprint(again)]), hashes)
    assert (rows.tolist(), columns.tolist()) == ([0], [0])


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 12))
def test_near_is_the_plain_count(count: int, others: int, bits: int) -> None:
    rng = np.random.default_rng(count)
    base = rng.integers(0, 2**63, 1, np.uint64)
    flips = [np.uint64(1) << rng.integers(0, 64, 4, np.uint64) for _ in range(count + others)]
    hashes = np.array([base[0] ^ np.bitwise_xor.reduce(flip) for flip in flips])
    first, second = hashes[:count], hashes[count:]
    found = set(zip(*(part.tolist() for part in near(first, second, bits)), strict=True))
    assert found == {
        (i, j)
        for i in range(count)
        for j in range(others)
        if bin(int(first[i]) ^ int(second[j])).count("1") <= bits
    }
    assert NEAR_BITS < 64


def test_nothing_is_near_nothing() -> None:
    none = np.zeros(0, np.uint64)
    assert [len(part) for part in near(none, none)] == [0, 0]
