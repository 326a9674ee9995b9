"""Training pictures: decoded once, kept in a memory-mapped file.

In: pairs. Out: a `Store`, from which picture, straight foreground and alpha of any sample are
views without decoding. Broken pairs are found before the first step.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from humatte.arrays import to_float
from humatte.data.fingerprint import Hashes, fingerprint
from humatte.data.geometry import person_box
from humatte.data.pairs import Pair, read_pair
from humatte.errors import DataError
from humatte.foreground import continue_outward, estimate_foreground

# The decoded file's layout; a change of it or of the foreground estimate makes old caches unused.
_LAYOUT = "2"


class Sample(NamedTuple):
    """Views into a store. `alpha` is uint8 here: (H, W), 255 = person."""

    image: NDArray[np.uint8]
    foreground: NDArray[np.uint8]
    alpha: NDArray[np.uint8]


class Store:
    """Decoded samples in one file, opened lazily so that it can be handed to worker processes."""

    def __init__(self, folder: Path) -> None:
        """Opens what `build_store` wrote."""
        self.folder = folder
        self.index: NDArray[np.int64] = np.load(folder / "index.npy")  # offset, height, width
        self.box: NDArray[np.int64] = np.load(folder / "box.npy")  # top, left, bottom, right
        facts = json.loads((folder / "facts.json").read_text("utf-8"))
        self.names: list[str] = facts["names"]
        self.data_hash: str = facts["data_hash"]
        self.has_people: bool = facts["has_people"]
        self._pixels: NDArray[np.uint8] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """All but the opened file, whose pixels would go along where processes are spawned."""
        return {**vars(self), "_pixels": None}

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.index)

    def __getitem__(self, position: int) -> Sample:
        """The sample at a position, as views that must not be written to."""
        if self._pixels is None:
            self._pixels = np.memmap(self.folder / "pixels.bin", np.uint8, mode="r")
        offset, height, width = (int(value) for value in self.index[position])
        area = height * width
        image = self._pixels[offset : offset + 3 * area].reshape(height, width, 3)
        if not self.has_people:
            return Sample(image, image, np.zeros((height, width), np.uint8))
        rest = self._pixels[offset + 3 * area : offset + 7 * area]
        foreground = rest[: 3 * area].reshape(height, width, 3)
        return Sample(image, foreground, rest[3 * area :].reshape(height, width))

    def fingerprints(self) -> Hashes:
        """What the pictures look like, to recognise them in a test set; made once."""
        file = self.folder / "fingerprints.npy"
        if not file.is_file():
            hashes = [fingerprint(self[position].image) for position in range(len(self))]
            beside = file.with_name(f".{os.getpid()}.part.npy")
            np.save(beside, np.array(hashes, np.uint64))
            beside.replace(file)
        return np.asarray(np.load(file))


def build_store(
    pairs: Sequence[Pair],
    cache: Path,
    long_side: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Store:
    """Decodes all pairs into `cache` (once: the same files give the same store) and opens it.

    Args:
        pairs: all with a matte, or all without one.
        cache: folder for decoded data; each store is a folder named by the hash of its content.
        long_side: pictures are kept at most this long, in pixels.
        on_progress: called with (done, total).

    Raises:
        DataError: broken pairs; all of them are counted and the first ones listed.
    """
    digest = _content_hash(pairs, long_side)
    folder = cache / digest[:24]
    if (folder / "facts.json").is_file():
        return Store(folder)
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    unfinished.mkdir(parents=True)
    try:
        _write_store(pairs, unfinished, long_side, digest, on_progress)
        with contextlib.suppress(OSError):  # another run with the same pictures was faster
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Store(folder)


def _content_hash(pairs: Sequence[Pair], long_side: int) -> str:
    """A hash over names and file contents."""
    whole = hashlib.sha256(f"{_LAYOUT} {long_side}".encode())
    for pair in pairs:
        whole.update(pair.name.encode())
        for path in (pair.image, pair.alpha):
            whole.update(path.read_bytes() if path else b"-")
    return whole.hexdigest()


def _write_store(
    pairs: Sequence[Pair],
    folder: Path,
    long_side: int,
    digest: str,
    on_progress: Callable[[int, int], None],
) -> None:
    def decode(pair: Pair) -> tuple[bytes, tuple[int, int], tuple[int, ...]] | DataError:
        try:
            image, alpha = read_pair(pair, long_side)
        except DataError as error:
            return error
        parts = [image]
        if pair.alpha:
            matte = to_float(alpha)
            parts += [continue_outward(estimate_foreground(image, matte), matte), alpha]
        return b"".join(part.tobytes() for part in parts), alpha.shape, person_box(alpha)

    index, boxes, broken, offset = [], [], [], 0
    with (folder / "pixels.bin").open("wb") as file, ThreadPoolExecutor(2) as pool:
        for done, result in enumerate(pool.map(decode, pairs), start=1):
            on_progress(done, len(pairs))
            if isinstance(result, DataError):
                broken.append(str(result))
                continue
            pixels, (height, width), box = result
            file.write(pixels)
            index.append((offset, height, width))
            boxes.append(box)
            offset += len(pixels)
    if broken:
        shown = "; ".join(broken[:5]) + ("; ..." if len(broken) > 5 else "")
        raise DataError(f"{len(broken)} of {len(pairs)} pairs are broken: {shown}")
    np.save(folder / "index.npy", np.array(index, np.int64).reshape(-1, 3))
    np.save(folder / "box.npy", np.array(boxes, np.int64).reshape(-1, 4))
    facts = {
        "names": [pair.name for pair in pairs],
        "data_hash": digest,
        "has_people": bool(pairs and pairs[0].alpha),
    }
    (folder / "facts.json").write_text(json.dumps(facts), "utf-8")
