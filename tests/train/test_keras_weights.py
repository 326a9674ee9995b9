"""The importer, on drawn files in Keras' layout, and on the original's if they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from drawn_keras import (
    draw_dark_light,
    draw_likeunet,
    draw_weights,
    keras_alpha,
    save,
    save_layers,
)
from PIL import Image

import humatte
from humatte.errors import DataError
from humatte.train.export import export_keras
from humatte.train.keras_weights import load_keras
from humatte.train.nets.dark import Dark
from humatte.train.nets.dark_light import DarkLight
from humatte.train.nets.night import Night

SEEDS = os.environ.get("HUMATTE_SEEDS", "")


MODELS = {
    "night": (draw_likeunet(3), Night),
    "dark": (draw_likeunet(1), Dark),
    "inference": (draw_dark_light(False), DarkLight),
    "training": (draw_dark_light(True), DarkLight),
}


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


@pytest.mark.slow  # the exporter; above is what it exports
@torch.no_grad()
def test_the_command_writes_a_file_that_computes_the_original(tmp_path: Path) -> None:
    layers, _ = MODELS["training"]
    weights = draw_weights(layers)
    out = tmp_path / "dark-light.onnx"
    assert export_keras(save(tmp_path / "w.h5", weights), None, out) <= 1e-4
    network = humatte.load(out)
    assert network.facts.name == "w"
    gray = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(1))
    expected = keras_alpha(layers, weights, gray * 255)
    found = network.run(gray.expand(1, 3, 64, 96).numpy())
    np.testing.assert_allclose(found, expected.reshape(found.shape).numpy(), atol=1e-4)
