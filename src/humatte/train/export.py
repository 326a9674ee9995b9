"""From a checkpoint to an ONNX file that computes the same, or no file.

In: a run. Out: one .onnx with the facts in its metadata. Refuses when torch and onnxruntime
differ by more than 1e-4 at any of three sizes.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from humatte.errors import TrainingError
from humatte.image_io import write
from humatte.network import FACTS_KEY, PICTURES_KEY, Facts
from humatte.paths import guard_outputs, is_dir
from humatte.train.checkpoint import Checkpoint, best_of, current_commit, load_checkpoint
from humatte.train.keras_weights import load_keras
from humatte.train.nets.asymmetric import fuse
from humatte.train.recipe import Recipe
from humatte.train.recipe_read import stored_recipe
from humatte.train.teacher import averaged_network

TOLERANCE = 1e-4
# In units of the stride: none of them is the traced one.
_PROOF_SIZES = ((3, 3), (8, 8), (5, 10))
_TRACED_UNITS = (6, 7)
_OPSET = 18
_KERAS_LONG_SIDE = 512  # the originals were trained at 256 to 512 pixels
LICENCE_NOT_STATED = "not stated"


def export_run(
    run: Path, out: Path, half: bool = False, licence: str = LICENCE_NOT_STATED
) -> float:
    """Exports a run's best averaged weights.

    Args:
        run: a run's folder (its best.pt is taken) or a checkpoint file.
        out: the .onnx file.
        half: store the weights as float16: half the size; they are rounded to it, and the
            arithmetic stays in float32.
        licence: what the file says of its own licence.

    Returns:
        The largest difference between torch and onnxruntime that was seen.

    Raises:
        TrainingError: no checkpoint, or the exported network differs by more than 1e-4.
    """
    path = best_of(run)
    checkpoint = load_checkpoint(path)
    recipe = stored_recipe(checkpoint.recipe, path)
    network = averaged_network(checkpoint, path)
    stride = int(network.stride)  # type: ignore[arg-type]
    facts = _facts(checkpoint, recipe, stride, licence)
    return write_network(network, facts, out, checkpoint.pictures, half)


def export_keras(weights: Path, layers: Path | None, out: Path) -> float:
    """Writes original LikeUnet weights as ONNX.

    Args:
        weights: the .h5 file.
        layers: the layer description (.json), checked against the file if given.
        out: the .onnx file.

    Returns:
        The largest difference between torch and onnxruntime that was seen.

    Raises:
        UsageError: `out` is one of the files that are read.
        DataError: not such a file; the first layer that does not fit is named.
        TrainingError: the exported network differs by more than 1e-4.
    """
    guard_inputs(out, [weights, *([layers] if layers else [])])
    network = load_keras(weights, layers)
    stride = int(network.stride)  # type: ignore[arg-type]
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    facts = Facts(
        name=weights.stem,
        stride=stride,
        best_long_side=_KERAS_LONG_SIDE,
        licence="that of the imported weights",
        data_hash=f"keras {digest[:32]}",
        commit=current_commit(),
        scores={},
        recipe={},
    )
    return write_network(network, facts, out)


def guard_inputs(out: Path, inputs: Sequence[Path]) -> None:
    """Refuses an output that is one of the files that are read; a folder for it may be missing.

    Raises:
        UsageError: it is one of them, or a folder, or lies where nothing may be written.
    """
    if is_dir(out.absolute().parent):  # else it is made when the file is written
        guard_outputs([out], inputs)


def _facts(checkpoint: Checkpoint, recipe: Recipe, stride: int, licence: str) -> Facts:
    return Facts(
        name=recipe.name,
        stride=stride,
        best_long_side=recipe.network.best_long_side,
        licence=licence,
        data_hash=checkpoint.data_hash,
        commit=checkpoint.commit,
        scores=checkpoint.scores,
        recipe=_without_places(recipe.model_dump(mode="json")),
    )


def _without_places(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe with the last two parts of every path only.

    The rest says where its author keeps files, which is of no use elsewhere.
    """
    return {
        key: _without_places(value) if isinstance(value, dict) else _short(value)
        for key, value in recipe.items()
    }


def _short(value: Any) -> Any:
    if isinstance(value, str) and "/" in value:
        return "/".join(Path(value).parts[-2:])
    return value


def write_network(
    network: nn.Module, facts: Facts, out: Path, pictures: str = "", half: bool = False
) -> float:
    """Writes a network as ONNX, fused, and proves it against its unfused form; see `export_run`.

    `pictures` are the fingerprints of what it was trained on (`humatte.network.fingerprints_text`).
    With `half`, the proof is against the fused network with its weights rounded.
    """
    network = network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    fused = fuse(network)
    if half:
        network = fused = round_weights(fused)
    model = to_onnx(fused, facts.stride)
    if half:
        store_half(model)
    for key, value in ((FACTS_KEY, facts.to_json()), (PICTURES_KEY, pictures)):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    data = model.SerializeToString()
    difference = prove(network, data, facts.stride)
    write(data, out)
    return difference


def to_onnx(network: nn.Module, stride: int) -> onnx.ModelProto:
    """Traces a network with free batch, height and width."""
    height, width = (units * stride for units in _TRACED_UNITS)
    example = torch.rand(2, 3, height, width)
    h, w = torch.export.Dim("h_units", min=1), torch.export.Dim("w_units", min=1)
    shapes = {0: torch.export.Dim("n", min=1), 2: stride * h, 3: stride * w}
    # The exporter warns of its own internals; what counts is proven below.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (example,),
            input_names=["batch"],
            output_names=["alpha"],
            dynamic_shapes=(shapes,),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
            optimize=True,
        )
    assert program is not None  # with dynamo=True and no file, the program is returned
    model: onnx.ModelProto = program.model_proto
    # Where each node came from in the source: an eighth of a small network's file, read by nobody.
    for node in model.graph.node:
        del node.metadata_props[:]
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    return model


def round_weights(network: nn.Module) -> nn.Module:
    """The network itself, its kernels rounded to what float16 can hold. Biases stay as they are."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.copy_(parameter.half().float())
    return network


def store_half(model: onnx.ModelProto) -> None:
    """Stores a model's kernels as float16, each followed by a cast to float32.

    Runtimes do the casts once, when they load the file: speed and arithmetic stay the same.
    """
    casts = []
    for weights in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.ndim < 2:
            continue
        halved = values.astype(np.float16)
        if (halved != values).any():  # a constant of the graph, not a rounded kernel
            continue
        name, stored = weights.name, f"{weights.name}_float16"
        weights.CopyFrom(onnx.numpy_helper.from_array(halved, stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)


def prove(network: nn.Module, data: bytes, stride: int) -> float:
    """The largest difference between torch and onnxruntime over three sizes.

    Raises:
        TrainingError: it is above 1e-4; the size and the difference are named.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for units in _PROOF_SIZES:
        height, width = (unit * stride for unit in units)
        batch = torch.rand(1, 3, height, width, generator=generator)
        with torch.no_grad():
            expected = network(batch).numpy()
        (found,) = session.run(None, {"batch": batch.numpy()})
        difference = float(np.abs(found - expected).max())
        if not difference <= TOLERANCE:  # also true for NaN
            raise TrainingError(
                f"the exported network differs from the trained one by {difference:.2g} at "
                f"{height}x{width}; at most {TOLERANCE:g} is allowed; nothing was written"
            )
        worst = max(worst, difference)
    return worst
