"""One ONNX file, opened: RGB batch in, alpha batch out, and the facts stored in it.

Everything the runtime must know about a network (stride, best long side, licence, scores)
travels in the file's metadata; there is no class and no table per model.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Batch, Image
from humatte.errors import NetworkError, one_line
from humatte.prepare import fit, restore, unpadded

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

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """Opens an ONNX file on the CPU.

        Args:
            path: the file.
            threads: how many threads one run uses; all cores if None.

        Raises:
            NetworkError: no such file, not an ONNX file, or one that humatte did not write.
        """
        import onnxruntime

        if not path.is_file():
            raise NetworkError(f"{path}: no such network file")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only: they are raised, and explained here
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors have no common parent below Exception
            raise NetworkError(
                f"{path}: not a network that can be run ({one_line(error)[:120]})"
            ) from error
        self._metadata = self._session.get_modelmeta().custom_metadata_map
        self.facts = Facts.from_metadata(self._metadata, str(path))
        self._input = self._session.get_inputs()[0].name

    @property
    def device(self) -> str:
        """What it runs on: `cpu`, or onnxruntime's word for an accelerator, as `cuda`."""
        provider: str = self._session.get_providers()[0]
        return provider.removesuffix("ExecutionProvider").lower()

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
            (alpha,) = self._session.run(None, {self._input: batch})
        except Exception as error:  # as above: no common parent
            reason = one_line(error)[:120]
            raise NetworkError(
                f"{self.facts.name}: cannot be run on a batch {batch.shape} ({reason})"
            ) from error
        return np.asarray(alpha, np.float32)

    def __call__(self, image: Image) -> Alpha:
        """The matte (H, W) float32 in [0, 1] of an image (H, W, 3) uint8 RGB of any size.

        Values within 2 % of 0 or 1 are taken as decided (see `settle`).
        """
        batch, placement = fit(image, self.facts.best_long_side, self.facts.stride)
        return restore(settle(self.run(batch)), placement)

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
