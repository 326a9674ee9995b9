"""Published MobileNetV2 weights, or those of another run, for a network's encoder.

In: a network with such an encoder, and an .npz file with `NN.weight` (out, in / groups, kh, kw) and
`NN.bias` (out,), NN = 00, 01, ... in the order of the convolutions, BatchNorm folded in; or a run
of a network with such an encoder. Out: the network, its encoder filled. What follows the encoder's
last convolution there is not read: an encoder may be the beginning of a longer one.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from humatte.errors import TrainingError
from humatte.train.checkpoint import Checkpoint, best_of, load_checkpoint
from humatte.train.nets.asymmetric import ConvNorm, fuse
from humatte.train.nets.mobilenet import Encoder, Fed
from humatte.train.teacher import averaged_network

Layer = ConvNorm | nn.Conv2d
Pair = tuple[Tensor, Tensor]
"""Weight (out, in / groups, kh, kw) and bias (out,) of a convolution."""


def load_encoder(network: nn.Module, path: Path) -> set[str]:
    """Fills a network's encoder; its norms, if it has any, keep to their statistics.

    Args:
        network: has an `Encoder` as `encoder`.
        path: an .npz file, or a run: its folder or a checkpoint.

    Returns:
        The names of the network's parameters that were filled.

    Raises:
        TrainingError: the network has no MobileNetV2 encoder, there is no such file, or its
            weights do not fit; the first one that does not is named.
    """
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, Encoder):
        raise TrainingError(
            f"train.encoder: {type(network).__name__} has no MobileNetV2 encoder; "
            "expected dawn, night-lite or shm as network.name"
        )
    layers = _layers(encoder)
    pairs = _of_run(path) if is_run(path) else _of_file(path, len(layers))
    if len(pairs) < len(layers):
        raise TrainingError(f"{path}: {len(pairs)} convolutions; {len(layers)} are needed here")
    shapes = [_conv(layer).weight.shape for layer in layers]
    fitting = _fitting(path, _thinned(pairs, shapes), shapes)
    for layer, pair in zip(layers, _as_fed(fitting, encoder), strict=True):
        _fill(layer, *pair)
    encoder.keep_statistics()
    filled = {id(parameter) for parameter in encoder.parameters()}
    return {name for name, parameter in network.named_parameters() if id(parameter) in filled}


def keeps_statistics(weights: Checkpoint | nn.Module) -> bool:
    """Whether an encoder's norms keep to their statistics: in a checkpoint, or in a network.

    Folded norms hold mean 0 and variance 1, which are not the data's: weights that were trained so
    are another function with those of a batch.
    """
    if isinstance(weights, nn.Module):
        encoder = getattr(weights, "encoder", None)
        return isinstance(encoder, Encoder) and encoder.keeps_statistics
    if weights.keeps_statistics is None:
        return bool(weights.recipe["train"].get("encoder"))
    return weights.keeps_statistics


def keep_statistics(network: nn.Module, keep: bool) -> None:
    """Sets what `keeps_statistics` tells, of a network that has such an encoder."""
    encoder = getattr(network, "encoder", None)
    if isinstance(encoder, Encoder):
        encoder.keep_statistics(keep)


def is_run(path: Path) -> bool:
    """Whether this names a run, its folder or a checkpoint, and not an .npz file."""
    return path.is_dir() or path.suffix == ".pt"


def _layers(encoder: Encoder) -> Sequence[Layer]:
    """The encoder's convolutions in their order, each with its norm if it has one."""
    blocks = [module for module in encoder.modules() if isinstance(module, ConvNorm)]
    return blocks or [module for module in encoder.modules() if isinstance(module, nn.Conv2d)]


def _conv(layer: Layer) -> nn.Conv2d:
    return layer.conv if isinstance(layer, ConvNorm) else layer


def _of_file(path: Path, count: int) -> list[Pair]:
    """The first `count` convolutions of a file, or as many as it has."""
    try:
        with np.load(path, allow_pickle=False) as file:
            count = min(count, sum(name.endswith(".weight") for name in file.files))
            names = [f"{number:02d}" for number in range(count)]
            return [
                (
                    torch.from_numpy(file[f"{name}.weight"]).float(),
                    torch.from_numpy(file[f"{name}.bias"]).float(),
                )
                for name in names
            ]
    except FileNotFoundError:
        raise TrainingError(
            f"{path}: no such file; train.encoder names an .npz file or a run"
        ) from None
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError, EOFError) as error:
        reason = str(error.args[0] if error.args else error)
        raise TrainingError(f"{path}: not the weights of an encoder: {reason}") from None


def _of_run(run: Path) -> list[Pair]:
    """Of a run's averaged network, as such a file has them."""
    path = best_of(run)
    network = fuse(averaged_network(load_checkpoint(path), path))
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, Encoder):
        raise TrainingError(f"{run}: a run of {type(network).__name__}, without such an encoder")
    convs = [_conv(layer) for layer in _layers(encoder)]
    if encoder.fed != Fed():
        raise TrainingError(f"{run}: its encoder is fed otherwise than MobileNetV2; take dawn's")
    return [
        (conv.weight.flip(2, 3) if encoder.turned else conv.weight, cast(Tensor, conv.bias))
        for conv in convs
    ]


@torch.no_grad()
def _thinned(pairs: Sequence[Pair], shapes: Sequence[torch.Size]) -> list[Pair]:
    """The pairs, where a block has more inner channels than wanted, without the least of these.

    Every three convolutions are a block: into the inner channels (in the first block, the stem),
    around in each, and out. A channel counts as much as the product of the norms of its weights in
    the three: what it can add to what the block gives (as by size in Li et al. 2017, "Pruning
    Filters for Efficient ConvNets", section 3.1).
    """
    thin: list[Pair] = []
    for start in range(0, len(shapes) - 2, 3):
        block, wanted = pairs[start : start + 3], shapes[start + 1][0]
        if len(block[1][1]) > wanted:
            (enter, _), (around, _), (leave, _) = block
            norms = (enter.flatten(1).norm(dim=1), around.flatten(1).norm(dim=1))
            worth = norms[0] * norms[1] * leave[:, :, 0, 0].norm(dim=0)
            kept = worth.topk(wanted).indices.sort().values
            block = [(w[kept], b[kept]) for w, b in block[:2]] + [(leave[:, kept], block[2][1])]
        thin += block
    return thin + list(pairs[len(thin) : len(shapes)])


def _fitting(path: Path, pairs: Sequence[Pair], shapes: Sequence[torch.Size]) -> Sequence[Pair]:
    """The pairs, if all have the shapes that are wanted."""
    for number, ((weight, bias), shape) in enumerate(zip(pairs, shapes, strict=True)):
        if weight.shape != shape or bias.shape != shape[:1]:
            raise TrainingError(
                f"{path}: '{number:02d}.weight' has shape {list(weight.shape)}, this network "
                f"expects {list(shape)}; expected a MobileNetV2 of network.width"
            )
    return pairs


@torch.no_grad()
def _as_fed(pairs: Sequence[Pair], encoder: Encoder) -> list[Pair]:
    """The same function of what this encoder is fed."""
    (stem, bias), *rest = pairs
    fed = encoder.fed
    bias = bias + (stem * torch.tensor(fed.offset).view(1, 3, 1, 1)).sum(dim=(1, 2, 3))
    stem = stem * fed.gain
    own = [(stem.flip(1) if fed.bgr else stem, bias), *rest]
    return [(weight.flip(2, 3) if encoder.turned else weight, bias) for weight, bias in own]


@torch.no_grad()
def _fill(layer: Layer, weight: Tensor, bias: Tensor) -> None:
    if isinstance(layer, nn.Conv2d):
        layer.weight.copy_(weight)
        assert layer.bias is not None  # without a norm behind it, it needs one
        layer.bias.copy_(bias)
        return
    norm = layer.norm  # becomes the identity plus the bias
    assert norm.running_mean is not None and norm.running_var is not None
    layer.conv.weight.copy_(weight)
    norm.weight.fill_(1)
    norm.bias.copy_(bias)
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
