"""Reads the original LikeUnet weights, as Keras 2 wrote them, into our networks.

In: an HDF5 weights file (.h5) of night, dark or dark-light (either form), and its layer description
(.json) if there is one. Out: our network with these weights, in evaluation mode. Which network it
is comes from the content. Never guesses: a layer that does not fit is named and nothing is loaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from humatte.errors import DataError
from humatte.train.keras_layers import (
    KINDS,
    Kind,
    Slot,
    check_description,
    parse_description,
    read_description,
)

Shapes = dict[str, tuple[int, ...]]

# Keras' default names tell a layer's class; the original's own names ("conv1-1") do not.
_DEFAULT_NAMES = {"conv2d": "Conv2D", "conv2d_transpose": "Conv2DTranspose"}


@dataclass(frozen=True)
class Found:
    """A layer with weights in a file: its name, and its arrays by their Keras names."""

    name: str
    arrays: dict[str, NDArray[np.float32]]

    @property
    def shapes(self) -> Shapes:
        """The shape of each array."""
        return {name: array.shape for name, array in self.arrays.items()}


def load_keras(file: Path, layers: Path | None = None) -> nn.Module:
    """The network whose weights an original .h5 file holds, in evaluation mode.

    Args:
        file: weights of night, dark or dark-light, as Keras' `save_weights` or `save` wrote them.
        layers: the layer description (.json) that belongs to it; checked in full when given.

    Raises:
        DataError: a file cannot be read, or a layer is not what the network has in its place; the
            message names the first such layer.
    """
    found, description = _read_weights(file)
    kind = _kind_of(found, file)
    network = kind.build()
    if layers is not None:
        description = read_description(layers)
    if description is not None:
        names = [layer.name for layer in found]
        check_description(description, kind, network, names, layers or file)
    with torch.no_grad():
        for slot, layer in zip(kind.weighted, found, strict=True):
            _fill(network.get_submodule(slot.module), slot, layer)
    return network.eval()


def _read_weights(file: Path) -> tuple[list[Found], dict[str, Any] | None]:
    """The layers with weights, in order, and the description that a whole saved model carries."""
    if not file.is_file():
        raise DataError(f"{file}: no such file; expected Keras weights (.h5)")
    try:
        with h5py.File(file, "r") as root:  # type: ignore[attr-defined,no-untyped-call]
            group = root.get("model_weights", root)
            if "layer_names" not in group.attrs:
                raise DataError(
                    f"{file}: an HDF5 file without layer_names; "
                    "expected weights as Keras 2 saves them (.h5)"
                )
            layers = [_read_layer(group, _text(name)) for name in group.attrs["layer_names"]]
            config = root.attrs.get("model_config")
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{file}: not Keras weights in HDF5 ({error})") from None
    found = [layer for layer in layers if layer.arrays]
    for layer in found:
        for name, array in layer.arrays.items():
            if not np.isfinite(array).all():
                raise DataError(f"{file}: layer '{layer.name}' has a {name} that is not finite")
    return found, None if config is None else parse_description(_text(config), file)


def _read_layer(group: Any, name: str) -> Found:
    weights = {_text(path): group[name][_text(path)] for path in group[name].attrs["weight_names"]}
    # "conv2d/kernel:0" -> "kernel"
    return Found(
        name,
        {
            path.rsplit("/", 1)[-1].split(":")[0]: np.asarray(values, np.float32)
            for path, values in weights.items()
        },
    )


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _kind_of(found: list[Found], file: Path) -> Kind:
    """The network that all layers fit.

    Raises:
        DataError: there is none; names the first layer at which the last candidate is out.
    """
    expected = {kind.name: _expected_shapes(kind) for kind in KINDS}
    candidates = list(KINDS)
    for position in range(max(len(kind.weighted) for kind in KINDS) + 1):
        layer = found[position] if position < len(found) else None
        whole = [kind for kind in candidates if len(kind.weighted) == position]
        if layer is None and whole:
            return whole[0]
        longer = [kind for kind in candidates if len(kind.weighted) > position]
        fitting = [
            kind
            for kind in longer
            if layer and _fits(layer, kind.weighted[position], expected[kind.name][position])
        ]
        if not fitting:
            wishes = {
                _words(kind.weighted[position].keras, expected[kind.name][position]): kind.name
                for kind in reversed(longer)
            }
            break
        candidates = fitting
    wish = " or ".join(f"{what} as in {name}" for what, name in reversed(wishes.items()))
    if layer is None:
        raise DataError(f"{file}: ends after {position} layers with weights; expected {wish}")
    raise DataError(
        f"{file}: layer {position + 1} '{layer.name}' is {_words(_class(layer), layer.shapes)}; "
        f"expected {wish or f'the end of {candidates[0].name}'}"
    )


def _expected_shapes(kind: Kind) -> list[Shapes]:
    """The Keras shapes of each layer with weights, from our own network."""
    with torch.device("meta"):
        network = kind.build()
    answer: list[Shapes] = []
    for slot in kind.weighted:
        module = network.get_submodule(slot.module)
        if isinstance(module, nn.BatchNorm2d):
            names = ("gamma", "beta", "moving_mean", "moving_variance")
            answer.append(dict.fromkeys(names, (module.num_features,)))
            continue
        assert isinstance(module, nn.Conv2d)
        out, inp, height, width = module.weight.shape
        ends = (out, inp) if slot.keras == "Conv2DTranspose" else (inp, out)
        answer.append({"kernel": (height, width, *ends), "bias": (out,)})
    return answer


def _fits(layer: Found, slot: Slot, shapes: Shapes) -> bool:
    return layer.shapes == shapes and _class(layer) in ("layer", slot.keras)


def _class(layer: Found) -> str:
    """The Keras class as far as names tell it; 'layer' where they do not."""
    if "gamma" in layer.arrays or "moving_mean" in layer.arrays:
        return "BatchNormalization"
    return _DEFAULT_NAMES.get(re.sub(r"_\d+$", "", layer.name), "layer")


def _words(keras: str, shapes: Shapes) -> str:
    return f"a {keras} with " + (
        ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "no weights"
    )


def _fill(module: nn.Module, slot: Slot, layer: Found) -> None:
    arrays = {name: torch.from_numpy(array.copy()) for name, array in layer.arrays.items()}
    if isinstance(module, nn.BatchNorm2d):
        assert module.running_mean is not None and module.running_var is not None
        module.weight.copy_(arrays["gamma"])
        module.bias.copy_(arrays["beta"])
        module.running_mean.copy_(arrays["moving_mean"])
        module.running_var.copy_(arrays["moving_variance"])
        return
    assert isinstance(module, nn.Conv2d) and module.bias is not None
    if slot.keras == "Conv2DTranspose":
        # (kh, kw, out, in), turned by 180 degrees: see `night.Decode`.
        kernel = arrays["kernel"].permute(2, 3, 0, 1).flip(2, 3)
    else:
        kernel = arrays["kernel"].permute(3, 2, 0, 1)  # (kh, kw, in, out) -> (out, in, kh, kw)
    module.weight.copy_(kernel)
    module.bias.copy_(arrays["bias"])
