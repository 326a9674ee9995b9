"""Published MobileNetV2 weights for a network's encoder.

In: a network with such an encoder, and an .npz file with `NN.weight` (out, in / groups, kh, kw) and
`NN.bias` (out,), NN = 00, 01, ... in the order of the convolutions, BatchNorm folded in. Out: the
network, its encoder filled. What follows the encoder's last convolution there is not read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from humatte.errors import TrainingError
from humatte.train.nets.asymmetric import ConvNorm
from humatte.train.nets.mobilenet import Encoder

Layer = ConvNorm | nn.Conv2d


def load_encoder(network: nn.Module, path: Path) -> set[str]:
    """Fills a network's encoder from a file; its norms, if it has any, keep to their statistics.

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
            "expected dawn or shm as network.name"
        )
    layers = _layers(encoder)
    for layer, (weight, bias) in zip(layers, _read(path, layers), strict=True):
        _fill(layer, weight.flip(2, 3) if encoder.turned else weight, bias)
    encoder.keep_statistics()
    filled = {id(parameter) for parameter in encoder.parameters()}
    return {name for name, parameter in network.named_parameters() if id(parameter) in filled}


def _layers(encoder: Encoder) -> Sequence[Layer]:
    """The encoder's convolutions in their order, each with its norm if it has one."""
    blocks = [module for module in encoder.modules() if isinstance(module, ConvNorm)]
    return blocks or [module for module in encoder.modules() if isinstance(module, nn.Conv2d)]


def _read(path: Path, layers: Sequence[Layer]) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer, all checked before the first is used."""
    try:
        with np.load(path, allow_pickle=False) as file:
            pairs = [(file[f"{n:02d}.weight"], file[f"{n:02d}.bias"]) for n in range(len(layers))]
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such file; train.encoder names an .npz file") from None
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError, EOFError) as error:
        reason = str(error.args[0] if error.args else error)
        raise TrainingError(f"{path}: not the weights of an encoder: {reason}") from None
    for number, (layer, (weight, bias)) in enumerate(zip(layers, pairs, strict=True)):
        expected = tuple((layer.conv if isinstance(layer, ConvNorm) else layer).weight.shape)
        if weight.shape != expected or bias.shape != expected[:1]:
            raise TrainingError(
                f"{path}: '{number:02d}.weight' has shape {list(weight.shape)}, this network "
                f"expects {list(expected)}; expected a MobileNetV2 of network.width"
            )
    return [(torch.from_numpy(w).float(), torch.from_numpy(b).float()) for w, b in pairs]


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
