"""Pictures that look the same: a 64-bit perceptual hash of each, and which of them are near.

Survives another size, another compression and small changes of colour; not mirroring, cropping or
turning.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Image, resize

NEAR_BITS = 10
"""Pictures whose hashes differ in at most so many bits may be the same picture: look at both."""
SAME_BITS = 4
"""Up to here two hashes alone say so: of 337 x 4,417 portraits only a true pair was as near, but
two people before one white wall can be 6 apart."""

_SIDE = 32  # pixels that the hash sees
_LOW = 8  # lowest frequencies kept in each direction
_CHUNK = 1024  # hashes compared with all others at once: 8 MB per thousand others

Hashes = NDArray[np.uint64]


def fingerprint(image: Image) -> np.uint64:
    """The hash of an image (H, W, 3) uint8: which of its 64 lowest waves are above their median.

    Source: the DCT hash of Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash
    Functions", section 3.1, on 32 x 32 area-averaged gray.
    """
    small = resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (_SIDE, _SIDE)).astype(np.float32)
    waves = cv2.dct(small)[1 : _LOW + 1, 1 : _LOW + 1].ravel()  # the first row and column: exposure
    bits = np.packbits(waves > np.median(waves))
    return np.frombuffer(bits.tobytes(), ">u8")[0].astype(np.uint64)


def near(
    hashes: Hashes, others: Hashes, bits: int = NEAR_BITS
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions (in `hashes`, in `others`) of all pairs that differ in at most so many bits."""
    found = [
        np.nonzero(np.bitwise_count(hashes[i : i + _CHUNK, None] ^ others[None]) <= bits)
        for i in range(0, len(hashes), _CHUNK)
    ]
    rows = [first + i * _CHUNK for i, (first, _) in enumerate(found)]
    empty = np.zeros(0, np.intp)
    return (
        np.concatenate([empty, *rows]),
        np.concatenate([empty, *(second for _, second in found)]),
    )
