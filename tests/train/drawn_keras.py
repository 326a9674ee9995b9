"""Keras files drawn by code: layer descriptions, weights and HDF5 files of the LikeUnet family.

`keras_alpha` is the importer's oracle: it computes a network from the Keras layout itself, layer by
layer and with transposed convolutions as such, and shares no line with the importer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Layer = dict[str, Any]
Weights = dict[str, dict[str, np.ndarray]]


class Drawing:
    """Draws a Keras functional model: its layers as `to_json` lists them."""

    def __init__(self, channels: int) -> None:
        self.layers: list[Layer] = []
        self.counts: dict[str, int] = {}
        self.last = self.add("InputLayer", "input_1", [], batch_input_shape=[None] * 3 + [channels])

    def add(self, keras: str, name: str, inputs: list[str], **config: Any) -> str:
        nodes = [[[other, 0, 0, {}] for other in inputs]] if inputs else []
        self.layers.append(
            {"class_name": keras, "config": {"name": name, **config}, "inbound_nodes": nodes}
        )
        self.last = name
        return name

    def default(self, stem: str) -> str:
        count = self.counts.get(stem, 0)
        self.counts[stem] = count + 1
        return f"{stem}_{count}" if count else stem

    def conv(
        self,
        filters: int,
        kernel: tuple[int, int] = (3, 3),
        activation: str = "relu",
        name: str = "",
        on: str = "",
        keras: str = "Conv2D",
    ) -> str:
        default = "conv2d_transpose" if keras == "Conv2DTranspose" else "conv2d"
        return self.add(
            keras,
            name or self.default(default),
            [on or self.last],
            filters=filters,
            kernel_size=list(kernel),
            strides=[1, 1],
            padding="same",
            dilation_rate=[1, 1],
            activation=activation,
            use_bias=True,
        )

    def norm(self) -> str:
        name = self.default("batch_normalization")
        config = {"epsilon": 1e-3, "center": True, "scale": True}
        return self.add("BatchNormalization", name, [self.last], **config)

    def norm_relu(self) -> str:
        self.norm()
        config = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}
        return self.add("ReLU", self.default("re_lu"), [self.last], **config)

    def pool(self) -> str:
        name = self.default("max_pooling2d")
        return self.add("MaxPooling2D", name, [self.last], pool_size=[2, 2], strides=[2, 2])

    def up(self) -> str:
        name = self.default("up_sampling2d")
        config = {"size": [2, 2], "interpolation": "bilinear"}
        return self.add("UpSampling2D", name, [self.last], **config)

    def cat(self, skip: str) -> str:
        return self.add("Concatenate", self.default("concatenate"), [skip, self.last], axis=-1)


def draw_likeunet(channels: int) -> list[Layer]:
    """night (3 channels) or dark (1)."""
    d = Drawing(channels)
    pools = []
    for filters in (16, 32, 64, 128, 256):
        d.conv(filters)
        pools.append(d.pool())
    d.norm()
    d.conv(256)
    for filters, skip in zip((128, 64, 32, 16, 8), [*pools[-2::-1], ""], strict=True):
        d.conv(filters, keras="Conv2DTranspose")
        d.up()
        if skip:
            d.cat(skip)
        d.conv(filters)
    d.conv(2, (1, 1), "softmax")
    return d.layers


def draw_dark_light(training: bool) -> list[Layer]:
    d = Drawing(1)
    d.conv(8)
    number = iter(range(1, 11))

    def block(filters: int) -> None:
        name, on = f"conv{next(number)}", d.last
        if training:
            kernels = ((3, 3), (1, 3), (3, 1))
            branches = [
                d.conv(filters, kernel, "linear", f"{name}-{i}", on)
                for i, kernel in enumerate(kernels, start=1)
            ]
            d.add("Add", d.default("add"), branches)
        else:
            d.conv(filters, activation="linear", name=name)
        d.norm_relu()

    pools = []
    for filters in (16, 32, 32, 32, 64):
        block(filters)
        pools.append(d.pool())
    for filters, skip in zip((64, 32, 32, 32, 16), ["", *pools[-2::-1]], strict=True):
        if skip:
            d.cat(skip)
        block(filters)
        d.conv(filters, activation="linear", keras="Conv2DTranspose")
        d.norm_relu()
        d.up()
    d.conv(8)
    d.conv(2, (1, 1), "softmax")
    return d.layers


def draw_weights(layers: list[Layer], seed: int = 0) -> Weights:
    """Random weights by layer name, in Keras' shapes."""
    random = np.random.default_rng(seed)
    channels: dict[str, int] = {}
    weights: Weights = {}
    for layer in layers:
        config = layer["config"]
        inputs = [channels[node[0]] for nodes in layer["inbound_nodes"] for node in nodes]
        out = config.get("filters", sum(inputs))
        arrays: dict[str, np.ndarray] = {}
        if layer["class_name"] == "InputLayer":
            out = config["batch_input_shape"][-1]
        elif layer["class_name"] in ("Add", "BatchNormalization"):
            out = inputs[0]
        if "filters" in config:
            transposed = layer["class_name"] == "Conv2DTranspose"
            ends = (out, inputs[0]) if transposed else (inputs[0], out)
            # The first layer sees 0..255.
            size = np.sqrt(2 / (9 * inputs[0])) / (64 if config["name"] == "conv2d" else 1)
            arrays["kernel"] = random.normal(0, size, (*config["kernel_size"], *ends))
            arrays["bias"] = random.normal(0, 0.1, out)
        if layer["class_name"] == "BatchNormalization":
            arrays["gamma"] = random.uniform(0.5, 1.5, out)
            arrays["beta"] = random.normal(0, 0.1, out)
            arrays["moving_mean"] = random.normal(0, 0.1, out)
            arrays["moving_variance"] = random.uniform(0.5, 1.5, out)
        channels[config["name"]] = out
        weights[config["name"]] = {k: v.astype(np.float32) for k, v in arrays.items()}
    return weights


def save(path: Path, weights: Weights, group: str = "") -> Path:
    """Writes weights as Keras 2 does; `group` is model_weights in a whole saved model."""
    with h5py.File(path, "w") as file:
        root = file.create_group(group) if group else file
        root.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            layer = root.create_group(name)
            layer.attrs["weight_names"] = [f"{name}/{key}:0".encode() for key in arrays]
            for key, values in arrays.items():
                layer[f"{name}/{key}:0"] = values
    return path


def save_layers(path: Path, layers: list[Layer]) -> Path:
    path.write_text(json.dumps({"class_name": "Model", "config": {"layers": layers}}), "utf-8")
    return path


def keras_alpha(layers: list[Layer], weights: Weights, x: Tensor) -> Tensor:
    """The person probability as Keras computes it, from its own layout."""
    values: dict[str, Tensor] = {}
    for layer in layers:
        config = layer["config"]
        name = config["name"]
        inputs = [values[node[0]] for nodes in layer["inbound_nodes"] for node in nodes] or [x]
        arrays = {key: torch.from_numpy(array) for key, array in weights[name].items()}
        values[name] = keras_layer(layer["class_name"], config, inputs, arrays)
    return values[name][:, 1:]


def keras_layer(
    keras: str, config: dict[str, Any], inputs: list[Tensor], arrays: dict[str, Tensor]
) -> Tensor:
    x = inputs[0]
    if keras == "Conv2D":
        x = F.conv2d(x, arrays["kernel"].permute(3, 2, 0, 1), arrays["bias"], padding="same")
    elif keras == "Conv2DTranspose":
        # torch wants (in, out, kh, kw); padding 1 is "same" for stride 1.
        kernel = arrays["kernel"].permute(3, 2, 0, 1)
        x = F.conv_transpose2d(x, kernel, arrays["bias"], padding=1)
    elif keras == "BatchNormalization":
        mean, variance = arrays["moving_mean"], arrays["moving_variance"]
        x = F.batch_norm(x, mean, variance, arrays["gamma"], arrays["beta"], eps=config["epsilon"])
    elif keras == "MaxPooling2D":
        x = F.max_pool2d(x, 2)
    elif keras == "UpSampling2D":
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    elif keras == "Concatenate":
        x = torch.cat(inputs, dim=1)
    elif keras == "Add":
        x = inputs[0] + inputs[1] + inputs[2]
    elif keras == "ReLU":
        x = F.relu(x)
    activation = config.get("activation", "linear")
    return {"linear": x, "relu": F.relu(x), "softmax": x.softmax(1)}[activation]
