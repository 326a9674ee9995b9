"""A network in 8-bit integers: smaller, faster where the processor multiplies them, and no worse.

In: an .onnx file of ours, and pictures with mattes: some to calibrate on, others to judge by. Out:
a file whose scores on the latter are close to the original's, and which says so; or no file.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from humatte.arrays import Batch, to_float
from humatte.console import progress
from humatte.data.layouts import find_split
from humatte.data.pairs import Pair, read_pair
from humatte.errors import DataError, TrainingError
from humatte.image_io import write
from humatte.machine import machine_facts
from humatte.metrics import mad, person_iou
from humatte.network import FACTS_KEY, Facts, Network
from humatte.onnx_file import metadata_of
from humatte.prepare import fit

CALIBRATE = 128
"""Pictures that the ranges of values are taken from."""
MOST_LOST_IOU = 0.003
MOST_GAINED_MAD = 0.05
"""Of the original's MAD."""
_SMALL = 1e-6  # a MAD that is none
# What is tried, in this order, until the gate lets one through: which convolutions stay in float.
_KEPT: dict[str, tuple[int, ...]] = {"none": (), "last": (-1,), "first and last": (0, -1)}


@dataclass(frozen=True)
class Scores:
    """Means over the pictures to judge by."""

    person_iou: float
    mad: float

    def refused(self, original: Scores) -> str:
        """Why this is too much worse than the original; empty if it is not."""
        lost = original.person_iou - self.person_iou
        gained = self.mad / max(original.mad, _SMALL) - 1
        reasons = []
        if not lost <= MOST_LOST_IOU:  # also true for NaN
            reasons.append(f"person IoU falls by {lost:.4f}; at most {MOST_LOST_IOU} is allowed")
        if not gained <= MOST_GAINED_MAD:
            reasons.append(f"MAD rises by {gained:.1%}; at most {MOST_GAINED_MAD:.0%} is allowed")
        return " and ".join(reasons)


def export_int8(source: Path, data: Path, out: Path) -> dict[str, Any]:
    """Quantises a network to 8 bits and writes it, if it is almost as good.

    Weights per channel, signed; activations with the range that they had on `CALIBRATE` pictures of
    the training list; QuantizeLinear and DequantizeLinear around what computes. First everything is
    quantised; if that is refused, without the last convolution, then without the first, too.

    Args:
        source: an .onnx file of ours.
        data: a set with a training and a validation list; the latter judges.
        out: the file to write.

    Returns:
        What is stored in the file's facts as `int8`.

    Raises:
        TrainingError: every form loses more than 0.003 of person IoU or gains more than 5 % of MAD.
        DataError: no such pictures.
        NetworkError: no such network.
    """
    original = Network(source)
    train, held_out = find_split(data, "people", "train.txt", "val.txt", "auto")
    if not train or not held_out:
        raise DataError(f"{data}: expected pictures in train.txt and in val.txt")
    chosen = np.random.default_rng(0).permutation(len(train))[:CALIBRATE]
    batches = [fitted(train[number], original.facts) for number in chosen]
    before = scores(original, held_out, "judging the original")
    refusals = []
    with tempfile.TemporaryDirectory() as folder:
        plain = _plain(source, Path(folder))
        for words, places in _KEPT.items():
            file = Path(folder) / "int8.onnx"
            quantise(plain, file, batches, places)
            after = scores(_described(file, source, {}), held_out, f"judging, {words} kept")
            reason = after.refused(before)
            if not reason:
                told = {
                    "kept_in_float": words,
                    "pictures": len(held_out),
                    "judged_on": machine_facts()["flags"],  # older ones saturate sums of 8 bits
                    "before": asdict(before),
                    "after": asdict(after),
                }
                _described(file, source, told)
                write(file.read_bytes(), out)
                return told
            refusals.append(f"{words} kept in float: {reason}")
    raise TrainingError(f"{source}: not written in 8 bits ({'; '.join(refusals)})")


def fitted(pair: Pair, facts: Facts) -> Batch:
    """The batch that a network would see of a picture."""
    return fit(read_pair(pair)[0], facts.best_long_side, facts.stride)[0]


def scores(network: Network, pairs: Sequence[Pair], what: str) -> Scores:
    """Scores of the network itself, its mattes enlarged and not refined."""
    found = []
    with progress(what, len(pairs)) as advance:
        for pair in pairs:
            image, matte = read_pair(pair)
            alpha, truth = network(image), to_float(matte)
            found.append((person_iou(alpha, truth), mad(alpha, truth)))
            advance()
    iou, error = np.mean(found, axis=0)
    return Scores(round(float(iou), 6), round(float(error), 6))


def quantise(plain: Path, out: Path, batches: Sequence[Batch], places: Sequence[int]) -> None:
    """Writes a float32 file's 8-bit form.

    Args:
        plain: the float32 file, prepared.
        out: the file to write.
        batches: what the ranges of activations are taken from.
        places: numbers of the convolutions that stay in float32.
    """
    convolutions = [node.name for node in onnx.load(plain).graph.node if node.op_type == "Conv"]
    with _quiet():
        quantize_static(
            plain,
            out,
            _Reader(batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[convolutions[place] for place in places],
            calibrate_method=CalibrationMethod.MinMax,
        )


class _Reader(CalibrationDataReader):
    """Batches, as the calibration asks for them."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches: Iterator[Batch] = iter(batches)

    def get_next(self) -> Any:  # its parent forgets that None ends it
        batch = next(self._batches, None)
        return None if batch is None else {"batch": batch}


def _plain(source: Path, folder: Path) -> Path:
    """The file with float32 weights and its norms folded, as calibration wants it."""
    model = onnx.load(source)
    unfold_half(model)
    del model.metadata_props[:]  # long ones are copied into every step's file
    onnx.save(model, folder / "float.onnx")
    plain = folder / "plain.onnx"
    with _quiet():
        quant_pre_process(folder / "float.onnx", plain, skip_symbolic_shape=True)
    return plain


def unfold_half(model: onnx.ModelProto) -> None:
    """Undoes `export.store_half`: kernels stored as float16 become float32, their casts go."""
    half = {
        weights.name: weights
        for weights in model.graph.initializer
        if weights.data_type == onnx.TensorProto.FLOAT16
    }
    nodes = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in half:
            values = numpy_helper.to_array(half[node.input[0]]).astype(np.float32)
            model.graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
        else:
            nodes.append(node)
    for weights in half.values():
        model.graph.initializer.remove(weights)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _described(file: Path, source: Path, told: dict[str, Any]) -> Network:
    """Gives a file the metadata of its source, and what is told of its 8 bits; opens it."""
    entries = metadata_of(source.read_bytes())
    facts = Facts.from_metadata(entries, str(source))
    # Its own scores are of the 8 bits; a list that is not the run's may have judged them.
    scores = told.get("after", facts.scores)
    named = replace(facts, name=f"{facts.name}-int8", scores=scores, int8=told)
    entries[FACTS_KEY] = named.to_json()
    model = onnx.load(file)
    del model.metadata_props[:]
    for key, value in entries.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, file)
    return Network(file)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the quantiser's remarks, which are about its own internals, from the log."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
