"""The importer, on files made here in Keras' layout, and on the original's if they are at hand.

The oracle computes a network from the Keras layout itself, layer by layer, in numpy and with
transposed convolutions as such: it shares no line with the importer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from humatte.errors import DataError
from humatte.train.keras_weights import load_keras
from humatte.train.nets.dark import Dark
from humatte.train.nets.dark_light import DarkLight
from humatte.train.nets.night import Night

Layer = dict[str, Any]

SEEDS = os.environ.get("HUMATTE_SEEDS", "")


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


Weights = dict[str, dict[str, np.ndarray]]


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


MODELS = {
    "night": (draw_likeunet(3), Night),
    "dark": (draw_likeunet(1), Dark),
    "inference": (draw_dark_light(False), DarkLight),
    "training": (draw_dark_light(True), DarkLight),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_a_file_gives_the_networks_function(name: str, tmp_path: Path) -> None:
    layers, network = MODELS[name]
    weights = draw_weights(layers)
    file = save(tmp_path / "w.h5", weights)
    ours = load_keras(file, save_layers(tmp_path / "w.json", layers))
    assert type(ours) is network and not ours.training
    batch = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    if name == "night":
        fed = batch[:, [2, 1, 0]] * 255
    else:
        fed = (batch * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
        fed = fed * 255
    expected = keras_alpha(layers, weights, fed)
    assert expected.std() > 0.01  # the random network says something
    torch.testing.assert_close(ours(batch), expected, atol=1e-5, rtol=0)
    without = load_keras(file)
    assert torch.equal(without(batch), ours(batch))


def test_a_whole_saved_model_is_read_with_its_own_description(tmp_path: Path) -> None:
    layers, _ = MODELS["inference"]
    weights = draw_weights(layers)
    file = save(tmp_path / "model.h5", weights, group="model_weights")
    with h5py.File(file, "a") as root:
        root.attrs["model_config"] = json.dumps({"config": {"layers": layers}})
    assert isinstance(load_keras(file), DarkLight)
    layers = json.loads(json.dumps(layers))
    layers[3]["config"]["epsilon"] = 1e-5
    with h5py.File(file, "a") as root:
        root.attrs["model_config"] = json.dumps({"config": {"layers": layers}})
    with pytest.raises(DataError, match=r"'batch_normalization' has epsilon 1e-05; expected 0.001"):
        load_keras(file)


def test_the_training_form_fuses_to_the_same_alpha(tmp_path: Path) -> None:
    layers, _ = MODELS["training"]
    network = load_keras(save(tmp_path / "w.h5", draw_weights(layers, seed=3)))
    assert isinstance(network, DarkLight)
    batch = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network.fuse()(batch), network(batch), atol=1e-5, rtol=0)


def refusal(file: Path, layers: Path | None = None) -> str:
    with pytest.raises(DataError) as caught:
        load_keras(file, layers)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(layers or file))
    return message


def test_the_first_layer_that_does_not_fit_is_named(tmp_path: Path) -> None:
    weights = draw_weights(MODELS["night"][0])
    weights["conv2d_2"]["kernel"] = weights["conv2d_2"]["kernel"][..., :48]
    weights["conv2d_4"]["bias"] = weights["conv2d_4"]["bias"][:7]
    message = refusal(save(tmp_path / "w.h5", weights))
    assert "layer 3 'conv2d_2' is a Conv2D with kernel (3, 3, 32, 48), bias (64,)" in message
    assert "expected a Conv2D with kernel (3, 3, 32, 64), bias (64,) as in night" in message


def test_another_network_is_told_what_is_known(tmp_path: Path) -> None:
    weights = {"conv2d": {"kernel": np.zeros((7, 7, 3, 64), np.float32)}}
    message = refusal(save(tmp_path / "w.h5", weights))
    assert "layer 1 'conv2d' is a Conv2D with kernel (7, 7, 3, 64)" in message
    for wish in ("(3, 3, 3, 16)", "(3, 3, 1, 16)", "(3, 3, 1, 8)"):
        assert wish in message


def test_too_few_and_too_many_layers(tmp_path: Path) -> None:
    weights = draw_weights(MODELS["dark"][0])
    extra = {**weights, "conv2d_12": {"bias": np.zeros(2, np.float32)}}
    message = refusal(save(tmp_path / "extra.h5", extra))
    assert "layer 19 'conv2d_12'" in message and "expected the end of dark" in message
    del weights["conv2d_11"]
    message = refusal(save(tmp_path / "short.h5", weights))
    assert (
        "ends after 17 layers with weights; expected a Conv2D with kernel (1, 1, 8, 2)" in message
    )
    assert "ends after 0 layers" in refusal(save(tmp_path / "none.h5", {}))


def test_a_convolution_in_the_place_of_a_transposed_one(tmp_path: Path) -> None:
    weights = {
        # Square kernels: only the name tells the two apart.
        name.replace("conv2d_transpose_3", "conv2d_99"): arrays
        for name, arrays in draw_weights(MODELS["inference"][0]).items()
    }
    message = refusal(save(tmp_path / "w.h5", weights))
    assert "'conv2d_99' is a Conv2D" in message and "expected a Conv2DTranspose" in message


def test_values_that_are_no_numbers(tmp_path: Path) -> None:
    weights = draw_weights(MODELS["inference"][0])
    weights["conv3"]["kernel"][0, 0, 0, 0] = np.nan
    assert "layer 'conv3' has a kernel that is not finite" in refusal(
        save(tmp_path / "w.h5", weights)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda layers: layers[2]["config"].update(pool_size=[3, 3]), "'max_pooling2d' has pool"),
        (lambda layers: layers[1]["config"].update(activation="elu"), "activation elu; expected"),
        (lambda layers: layers[1]["config"].update(filters=8), "has filters 8; expected 16"),
        (lambda layers: layers[13].update(class_name="Conv2D"), "expected a Conv2DTranspose"),
        (lambda layers: layers[14]["config"].update(interpolation="nearest"), "interpolation near"),
        (lambda layers: layers[15]["inbound_nodes"][0].reverse(), "'concatenate' joins"),
        (lambda layers: layers[5]["config"].update(name="conv2d_77"), "they are no pair"),
        (
            lambda layers: layers[0]["config"].update(batch_input_shape=[None] * 3 + [1]),
            "'input_1'",
        ),
        (lambda layers: layers.pop(), "has 32 layers, last 'conv2d_10'; night has 33"),
        (lambda layers: layers.clear(), "has 0 layers; night has 33"),
    ],
)
def test_a_description_that_does_not_fit(change: Any, message: str, tmp_path: Path) -> None:
    layers = json.loads(json.dumps(MODELS["night"][0]))
    file = save(tmp_path / "w.h5", draw_weights(layers))
    change(layers)
    assert message in refusal(file, save_layers(tmp_path / "w.json", layers))


def test_files_that_are_no_such_files(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.h5")
    (tmp_path / "text.h5").write_text("hello", "utf-8")
    assert "not Keras weights in HDF5" in refusal(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["values"] = np.zeros(3)
    assert "without layer_names" in refusal(tmp_path / "other.h5")
    with h5py.File(tmp_path / "broken.h5", "w") as broken:
        broken.attrs["layer_names"] = [b"conv2d"]
    assert "not Keras weights in HDF5" in refusal(tmp_path / "broken.h5")
    file = save(tmp_path / "w.h5", draw_weights(MODELS["night"][0]))
    (tmp_path / "list.json").write_text("[]", "utf-8")
    assert "not a Keras layer description" in refusal(file, tmp_path / "list.json")
    assert "cannot be read" in refusal(file, tmp_path / "missing.json")


@pytest.mark.skipif(not SEEDS, reason="HUMATTE_SEEDS does not name the original's files")
@pytest.mark.parametrize("picture", ["astronaut", "camera", "street0200", "street1500"])
@pytest.mark.parametrize(
    ("weights", "layers", "form"),
    [
        ("dark-light-50-0.9735.h5", "dark-light.json", "fused"),
        ("dark-light-pre-50-0.9735.h5", "dark-light-pre.json", "training-form"),
    ],
)
@torch.no_grad()
def test_the_originals_files(weights: str, layers: str, form: str, picture: str) -> None:
    seeds = Path(SEEDS)
    network = load_keras(seeds / weights, seeds / layers)
    assert isinstance(network, DarkLight)
    with Image.open(seeds / "reference" / f"{picture}.png") as image:
        gray = torch.from_numpy(np.array(image)).float() / 255
    expected = np.load(seeds / "reference" / f"{picture}.{form}.npy")
    batch = gray.expand(1, 3, -1, -1)
    alpha = network(batch)
    np.testing.assert_allclose(alpha[0, 0].numpy(), expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(network.fuse()(batch), alpha, atol=1e-5, rtol=0)


@pytest.mark.skipif(not SEEDS, reason="HUMATTE_SEEDS does not name the original's files")
@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("night", "night.json"),
        ("dark", "dark.json"),
        ("inference", "dark-light.json"),
        ("training", "dark-light-pre.json"),
    ],
)
def test_our_drawings_are_the_originals_layers(name: str, layers: str, tmp_path: Path) -> None:
    file = save(tmp_path / "w.h5", draw_weights(MODELS[name][0]))
    load_keras(file, Path(SEEDS) / layers)
