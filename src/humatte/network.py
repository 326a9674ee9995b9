"""One ONNX file, opened: RGB batch in, alpha batch out, and the facts stored in it.

Everything the runtime must know about a network (stride, best long side, licence, scores)
travels in the file's metadata; there is no class and no table per model.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Batch, Image, resize
from humatte.errors import NetworkError, UsageError, one_line
from humatte.onnx_file import metadata_of
from humatte.prepare import fit, unpadded
from humatte.runtimes import ANYHOW, Running, open_session

UNDECIDED = 0.02  # the mattes trained on are 0 and 1 beyond this, too
FACTS_KEY = "humatte"  # the metadata entry that holds the facts as JSON
PICTURES_KEY = "humatte-pictures"  # ... and the one with the training pictures' fingerprints


@dataclass(frozen=True)
class Facts:
    """What a network file says about itself."""

    name: str
    stride: int
    best_long_side: int
    licence: str
    data_hash: str
    commit: str
    scores: dict[str, float]
    recipe: dict[str, Any]
    int8: dict[str, Any] = field(default_factory=dict)
    """Of a file that computes in 8 bits: scores before and after; else empty."""

    def to_json(self) -> str:
        """The text stored in the file's metadata."""
        return json.dumps(vars(self), sort_keys=True)

    @staticmethod
    def from_metadata(metadata: dict[str, str], name: str) -> Facts:
        """Reads the facts from ONNX metadata.

        Raises:
            NetworkError: a file that humatte did not write.
        """
        try:
            return Facts(**json.loads(metadata[FACTS_KEY]))
        except (KeyError, TypeError, ValueError):
            raise NetworkError(
                f"{name}: an ONNX file without humatte's facts; expected one written by "
                "'humatte export'"
            ) from None


class Network:
    """An open network. Safe to use from several threads."""

    def __init__(self, path: Path, running: Running = ANYHOW) -> None:
        """Opens an ONNX file.

        Args:
            path: the file.
            running: what computes it, and where.

        Raises:
            NetworkError: no such file, not an ONNX file, or one that humatte did not write.
            UsageError: what is asked of `running` cannot be had on this machine.
        """
        data, self._metadata = _read(path)
        self.facts = Facts.from_metadata(self._metadata, str(path))
        try:
            self._session = open_session(data, running)
        except UsageError:
            raise
        except Exception as error:  # runtimes' errors have no common parent below Exception
            raise NetworkError(
                f"{path}: not a network that can be run ({one_line(error)[:120]})"
            ) from error

    @property
    def device(self) -> str:
        """What it runs on: `cpu`, or an accelerator, as `cuda`."""
        return self._session.device

    @property
    def runtime(self) -> str:
        """What runs it: `onnxruntime` or `openvino`."""
        return self._session.runtime

    def trained_on(self) -> NDArray[np.uint64]:
        """Fingerprints of the pictures it was trained on (`humatte.data.fingerprint`); may be none.

        Raises:
            NetworkError: the entry is damaged.
        """
        return fingerprints_of(self._metadata.get(PICTURES_KEY, ""))

    def run(self, batch: Batch) -> Batch:
        """Alpha (N, 1, h, w) in [0, 1] of an RGB batch (N, 3, h, w) float32 in [0, 1].

        h and w are multiples of `facts.stride`.

        Raises:
            NetworkError: a batch that it cannot take, or not enough memory for it.
        """
        try:
            return self._session.run(batch)
        except Exception as error:  # as above: no common parent
            reason = one_line(error)[:120]
            raise NetworkError(
                f"{self.facts.name}: cannot be run on a batch {batch.shape} ({reason})"
            ) from error

    def __call__(self, image: Image) -> Alpha:
        """The matte (H, W) float32 in [0, 1] of an image (H, W, 3) uint8 RGB of any size.

        Values within 2 % of 0 or 1 are taken as decided (see `settle`).
        """
        full = resize(self.small(image), (image.shape[0], image.shape[1]))
        return np.clip(full, 0.0, 1.0, out=full)

    def small(self, image: Image, long_side: int | None = None) -> Alpha:
        """The matte of an image (H, W, 3) uint8 RGB before it is enlarged to the image's size.

        Args:
            image: of any size.
            long_side: of the image as the network sees it, in pixels; its best if None.

        Returns:
            (h, w) float32 in [0, 1] with that long side, decided as in a call.
        """
        batch, placement = fit(image, long_side or self.facts.best_long_side, self.facts.stride)
        return unpadded(settle(self.run(batch)), placement)


def facts_of(path: Path) -> Facts:
    """What a network file says about itself, without opening it.

    Raises:
        NetworkError: as for `Network`, as far as it can be known.
    """
    return Facts.from_metadata(_read(path)[1], str(path))


def _read(path: Path) -> tuple[bytes, dict[str, str]]:
    """A file's bytes and its metadata."""
    if not path.is_file():
        raise NetworkError(f"{path}: no such network file")
    data = path.read_bytes()
    try:
        return data, metadata_of(data)
    except ValueError as error:
        raise NetworkError(f"{path}: not a network that can be run ({error})") from None


def fingerprints_of(text: str) -> NDArray[np.uint64]:
    """Fingerprints from a metadata entry: base64 of big-endian 64-bit numbers.

    Raises:
        NetworkError: the text is none of that.
    """
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), ">u8").astype(np.uint64)
    except ValueError as error:
        raise NetworkError(f"the list of training pictures is damaged ({error})") from error


def fingerprints_text(hashes: NDArray[np.uint64]) -> str:
    """The metadata entry that `fingerprints_of` reads."""
    return base64.b64encode(np.sort(hashes).astype(">u8").tobytes()).decode()


def settle(alpha: Batch) -> Batch:
    """Makes values up to 0.02 exactly 0 and from 0.98 exactly 1, linear between.

    A softmax never reaches its ends: without this the inside of a person would be slightly
    transparent everywhere. The map is the same for every picture: an empty one stays empty.
    """
    return np.clip((alpha - UNDECIDED) * np.float32(1 / (1 - 2 * UNDECIDED)), 0.0, 1.0)
