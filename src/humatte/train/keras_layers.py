"""The original LikeUnet networks as Keras describes them, layer by layer.

In: a Keras layer description (.json). Out: nothing, or an error that names the first layer that is
not what the network has in its place. `KINDS` says which of our modules takes which layer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from humatte.errors import DataError
from humatte.train.nets.dark import Dark
from humatte.train.nets.dark_light import DarkLight
from humatte.train.nets.night import Night

# What the settings of a layer have to be for our module to compute the same.
_SETTINGS: dict[str, dict[str, Any]] = {
    "Conv2D": {"strides": [1, 1], "padding": "same", "dilation_rate": [1, 1], "use_bias": True},
    "Conv2DTranspose": {"strides": [1, 1], "padding": "same", "use_bias": True},
    "BatchNormalization": {"epsilon": 1e-3, "center": True, "scale": True},
    "MaxPooling2D": {"pool_size": [2, 2], "strides": [2, 2]},
    "UpSampling2D": {"size": [2, 2], "interpolation": "bilinear"},
    "ReLU": {"max_value": None, "negative_slope": 0.0, "threshold": 0.0},
}


@dataclass(frozen=True)
class Slot:
    """One layer of the original: its Keras class, and the module that takes its weights."""

    keras: str
    module: str = ""
    activation: str = "linear"


@dataclass(frozen=True)
class Kind:
    """A network of the original, as its layers follow each other in the files."""

    name: str
    build: Callable[[], nn.Module]
    slots: list[Slot]

    @property
    def weighted(self) -> list[Slot]:
        """The layers that have weights."""
        return [slot for slot in self.slots if slot.module]


def _likeunet_slots() -> list[Slot]:
    """`night` and `dark`, in the order of night.json."""
    slots = [Slot("InputLayer")]
    for i in range(5):
        slots += [Slot("Conv2D", f"encoder.{i}", "relu"), Slot("MaxPooling2D")]
    slots += [Slot("BatchNormalization", "neck_norm"), Slot("Conv2D", "neck", "relu")]
    for i in range(5):
        slots += [Slot("Conv2DTranspose", f"decoder.{i}.turn", "relu"), Slot("UpSampling2D")]
        slots += [Slot("Concatenate")] if i < 4 else []
        slots += [Slot("Conv2D", f"decoder.{i}.join", "relu")]
    return [*slots, Slot("Conv2D", "head", "softmax")]


def _dark_light_slots(branches: tuple[str, ...]) -> list[Slot]:
    """`dark-light`, in the order of dark-light.json and dark-light-pre.json."""

    def block(path: str) -> list[Slot]:
        convs = [Slot("Conv2D", f"{path}.{branch}") for branch in branches]
        add = [Slot("Add")] if len(branches) > 1 else []
        return [*convs, *add, Slot("BatchNormalization", f"{path}.norm"), Slot("ReLU")]

    slots = [Slot("InputLayer"), Slot("Conv2D", "stem", "relu")]
    for i in range(5):
        slots += [*block(f"encoder.{i}"), Slot("MaxPooling2D")]
    for i in range(5):
        slots += [Slot("Concatenate")] if i else []
        slots += [*block(f"join.{i}"), Slot("Conv2DTranspose", f"turn.{i}.conv")]
        slots += [Slot("BatchNormalization", f"turn.{i}.norm"), Slot("ReLU"), Slot("UpSampling2D")]
    return [*slots, Slot("Conv2D", "last", "relu"), Slot("Conv2D", "head", "softmax")]


KINDS = [
    Kind("night", Night, _likeunet_slots()),
    Kind("dark", Dark, _likeunet_slots()),
    Kind(
        "dark-light (inference form)",
        lambda: DarkLight(form="inference"),
        _dark_light_slots(("conv",)),
    ),
    Kind("dark-light (training form)", DarkLight, _dark_light_slots(("square", "row", "column"))),
]


def read_description(file: Path) -> dict[str, Any]:
    """Reads a layer description, as Keras' `to_json` writes it.

    Raises:
        DataError: not such a file.
    """
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read as a layer description ({error})") from None
    return parse_description(text, file)


def parse_description(text: str, file: Path) -> dict[str, Any]:
    """The layer description in a text that was found in `file`.

    Raises:
        DataError: the text is not one.
    """
    try:
        description: dict[str, Any] = json.loads(text)
        for layer in description["config"]["layers"]:
            _ = layer["class_name"], layer["config"]["name"], _inputs(layer)
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{file}: not a Keras layer description (JSON): {error!r}") from None
    return description


def check_description(
    description: dict[str, Any], kind: Kind, network: nn.Module, weighted: list[str], file: Path
) -> None:
    """Compares every layer of a description with a network, weights or not.

    Args:
        description: from `read_description`.
        kind: which network the weights are of.
        network: that network.
        weighted: the names of the layers in the weights file.
        file: where the description is from, for messages.

    Raises:
        DataError: names the first layer that does not fit.
    """
    layers = description["config"]["layers"]
    classes = {layer["config"]["name"]: layer["class_name"] for layer in layers}
    names = iter(weighted)
    for i, (slot, layer) in enumerate(zip(kind.slots, layers, strict=False)):
        name = layer["config"]["name"]
        where = f"{file}: layer {i + 1} '{name}'"
        if layer["class_name"] != slot.keras:
            wish = f"expected a {slot.keras} as in {kind.name}"
            raise DataError(f"{where} is a {layer['class_name']}; {wish}")
        _check_settings(_settings(slot, network), layer["config"], where)
        if slot.module and (other := next(names)) != name:
            raise DataError(f"{where} is called '{other}' in the weights file: they are no pair")
        if slot.keras == "Concatenate":
            inputs = [classes.get(other) for other in _inputs(layer)]
            # The kernels after a join depend on this order.
            if inputs != ["MaxPooling2D", "UpSampling2D"]:
                raise DataError(f"{where} joins {inputs}; expected MaxPooling2D, UpSampling2D")
    if len(layers) != len(kind.slots):
        wish = f"{kind.name} has {len(kind.slots)}"
        last = f", last '{layers[-1]['config']['name']}'" if layers else ""
        raise DataError(f"{file}: has {len(layers)} layers{last}; {wish}")


def _settings(slot: Slot, network: nn.Module) -> dict[str, Any]:
    """What the configuration of a layer has to say."""
    settings = dict(_SETTINGS.get(slot.keras, {}))
    if slot.keras == "InputLayer":
        first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
        settings["batch_input_shape"] = [None, None, None, first.in_channels]
    elif slot.keras.startswith("Conv2D"):
        conv = network.get_submodule(slot.module)
        assert isinstance(conv, nn.Conv2d)
        settings["filters"] = conv.out_channels
        settings["kernel_size"] = list(conv.kernel_size)
        settings["activation"] = slot.activation
    return settings


def _check_settings(settings: dict[str, Any], config: dict[str, Any], where: str) -> None:
    for key, wanted in settings.items():
        if config.get(key) != wanted:
            raise DataError(f"{where} has {key} {config.get(key)}; expected {wanted}")


def _inputs(layer: dict[str, Any]) -> list[str]:
    """The names of the layers that feed a layer."""
    nodes = layer["inbound_nodes"]
    return [node[0] for node in nodes[0]] if nodes else []
