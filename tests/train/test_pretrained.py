"""Published weights in an encoder, with a file drawn here and, where there is one, the real one.

HUMATTE_MOBILENET names an .npz file of MobileNetV2 1.0 on ImageNet, 53 convolutions with the
classifier last, class 0 = nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humatte.errors import TrainingError
from humatte.train import loop
from humatte.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from humatte.train.loop import train
from humatte.train.nets import NETS
from humatte.train.nets.asymmetric import ConvNorm
from humatte.train.nets.dawn import Dawn
from humatte.train.nets.night_lite import NightLite
from humatte.train.nets.shm import Shm
from humatte.train.pretrained import _thinned, load_encoder
from humatte.train.recipe import Recipe
from humatte.train.state import start_fabric, start_run

REAL = os.environ.get("HUMATTE_MOBILENET", "")
WIDTH = 0.25


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Random weights of a MobileNetV2 0.25 with published names, one convolution more than used."""
    torch.manual_seed(3)
    convs = [m for m in Dawn(width=WIDTH).encoder.modules() if isinstance(m, nn.Conv2d)]
    random = np.random.default_rng(3)
    arrays = {"51.weight": np.zeros((4, 4, 1, 1), np.float16), "51.bias": np.zeros(4, np.float32)}
    for number, conv in enumerate(convs):
        arrays[f"{number:02d}.weight"] = conv.weight.detach().numpy().astype(np.float16)
        bias = random.normal(0, 0.3, len(conv.weight))
        arrays[f"{number:02d}.bias"] = bias.astype(np.float32)
    assert len(arrays) == 2 * 52
    path = tmp_path / "encoder.npz"
    np.savez(path, **arrays)
    return path


def original(path: Path, picture: Tensor) -> Tensor:
    """MobileNetV2's last map, plainly: TensorFlow's SAME padding and the file's numbers."""
    stored = np.load(path)
    numbers = iter(range(100))

    def conv(x: Tensor, stride: int = 1, relu6: bool = True) -> Tensor:
        number = next(numbers)
        weight, bias = (
            torch.from_numpy(stored[f"{number:02d}.{name}"]).float() for name in ("weight", "bias")
        )
        if weight.shape[2] == 3:  # on even sizes
            x = F.pad(x, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))
        x = F.conv2d(x, weight, bias, stride, groups=x.shape[1] // weight.shape[1])
        return x.clamp(0, 6) if relu6 else x

    x = conv(picture * 255 / 128 - 1, stride=2)
    # Sandler et al. 2018, table 2: expansion, repeats, stride.
    for expansion, repeats, first in (
        (1, 1, 1), (6, 2, 2), (6, 3, 2), (6, 4, 2), (6, 3, 1), (6, 3, 2), (6, 1, 1)
    ):  # fmt: skip
        for repeat in range(repeats):
            inner = conv(x) if expansion > 1 else x
            out = conv(conv(inner, stride=1 if repeat else first), relu6=False)
            x = x + out if repeat else out
    return x


@torch.no_grad()
def test_dawns_encoder_is_the_original(file: Path) -> None:
    network = Dawn(width=WIDTH)
    load_encoder(network, file)
    picture = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    found = network.encoder(network.original_input(picture).flip(2, 3))[-1].flip(2, 3)
    torch.testing.assert_close(found, original(file, picture), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_shms_encoder_is_the_original_in_training_too(file: Path) -> None:
    """Of what it is fed: BGR without its mean, in other units than MobileNetV2's."""
    network = Shm(width=WIDTH)
    load_encoder(network, file)
    stored = np.load(file)
    blocks = [module for module in network.encoder.modules() if isinstance(module, ConvNorm)]
    for number, block in enumerate(blocks[1:], start=1):
        conv = block.fused()
        weight, bias = (stored[f"{number:02d}.{name}"] for name in ("weight", "bias"))
        np.testing.assert_allclose(conv.weight.numpy(), weight, atol=1e-6)
        np.testing.assert_allclose(conv.bias.numpy(), bias, atol=1e-6)
    picture = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    x = network.original_input(picture)
    weight, bias = (torch.from_numpy(stored[f"00.{n}"]).float() for n in ("weight", "bias"))
    expected = F.conv2d(picture * 255 / 128 - 1, weight, bias)
    found = blocks[0].fused()(x)[..., 1:-1, 1:-1]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    trained, evaluated = (network.train(mode).encoder(x)[-1] for mode in (True, False))
    torch.testing.assert_close(trained, evaluated)
    decoder = network.train().trimap_net.decoder
    assert all(m.training for m in decoder.modules() if isinstance(m, nn.BatchNorm2d))


@torch.no_grad()
def test_a_slim_encoder_keeps_the_channels_that_matter() -> None:
    """All but the least inner channels of a block: what they add to its output stays as it was."""
    torch.manual_seed(5)
    shapes = [(12, 3, 3, 3), (12, 1, 3, 3), (6, 12, 1, 1)]
    pairs = [(torch.randn(shape), torch.randn(shape[0])) for shape in shapes]
    least = [2, 3, 7, 11]
    pairs[2][0][:, least] *= 1e-6
    wanted = [torch.Size(s) for s in ((8, 3, 3, 3), (8, 1, 3, 3), (6, 8, 1, 1))]
    thin = _thinned(pairs, wanted)
    assert [weight.shape for weight, _ in thin] == wanted

    def block(layers: list[tuple[Tensor, Tensor]]) -> Tensor:
        picture = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(1))
        (enter, a), (around, b), (leave, c) = layers
        x = F.conv2d(picture, enter, a).clamp(0, 6)
        x = F.conv2d(x, around, b, groups=len(around)).clamp(0, 6)
        return F.conv2d(x, leave, c)

    torch.testing.assert_close(block(thin), block(pairs), atol=1e-4, rtol=1e-4)


def test_an_encoder_starts_from_another_networks_run(
    file: Path, small: Recipe, data: Path, tmp_path: Path
) -> None:
    settings = small.model_dump(mode="json")
    settings["network"] |= {"name": "dawn", "width": WIDTH}
    settings["train"] |= {"encoder": str(file), "encoder_lr": 1e-9, "steps": 1}
    first = train(Recipe.model_validate(settings), data, tmp_path / "run", tmp_path / "cache")
    ours, theirs = Shm(width=WIDTH), Shm(width=WIDTH)
    load_encoder(ours, tmp_path / "run")
    load_encoder(theirs, file)
    for one, other in zip(ours.encoder.parameters(), theirs.encoder.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    load_encoder(NightLite(width=WIDTH), tmp_path / "run")
    (data / "people" / "few.txt").write_text("p0\n")
    settings["data"]["train"] = "few.txt"
    settings["train"]["encoder"] = str(tmp_path / "run")
    second = train(Recipe.model_validate(settings), data, tmp_path / "next", tmp_path / "cache")
    # What the encoder has seen, this network has.
    assert load_checkpoint(second).pictures == load_checkpoint(first).pictures
    with pytest.raises(TrainingError, match="no such checkpoint"):
        load_encoder(ours, tmp_path / "none.pt")


@pytest.mark.parametrize("name", ["dawn", "shm"])
def test_a_run_starts_from_the_file_and_treats_it_gently(name: str, file: Path) -> None:
    recipe = Recipe.model_validate(
        {
            "name": "r",
            "network": {"name": name, "width": WIDTH},
            "loss": {"alpha": 1},
            "train": {"encoder": str(file), "encoder_lr": 0.25, "precision": "32-true"},
        }
    )
    run = start_run(recipe, start_fabric(recipe))
    inside = {id(parameter) for parameter in run.network.encoder.parameters()}
    for group in run.optimizer.param_groups:
        (parameter,) = group["params"]
        assert group["scale"] == (0.25 if id(parameter) in inside else 1)
    first = np.load(file)["00.weight"].astype(np.float32)
    stem = next(run.averaged.encoder.parameters()).detach().numpy()
    expected = first[..., ::-1, ::-1] if name == "dawn" else first[:, ::-1] * np.float32(255 / 128)
    np.testing.assert_allclose(stem, expected, rtol=1e-6)


def test_wrong_files_are_refused_in_one_line(file: Path, tmp_path: Path) -> None:
    def refused(network: nn.Module, path: Path) -> str:
        with pytest.raises(TrainingError) as error:
            load_encoder(network, path)
        assert "\n" not in str(error.value)
        return str(error.value)

    small = Dawn(width=WIDTH)
    assert "no such file" in refused(small, tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no weights")
    assert "not the weights of an encoder" in refused(small, tmp_path / "text.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    assert "not the weights of an encoder" in refused(small, tmp_path / "one.npy")
    np.savez(tmp_path / "few.npz", **{"00.weight": np.zeros(3), "00.bias": np.zeros(3)})
    assert "1 convolutions; 51 are needed" in refused(small, tmp_path / "few.npz")
    wide = Dawn(width=0.5)
    before = next(wide.parameters()).detach().clone()
    assert "'00.weight' has shape [8, 3, 3, 3]" in refused(wide, file)
    assert torch.equal(before, next(wide.parameters()))
    assert "Night has no MobileNetV2 encoder" in refused(NETS["night"](width=WIDTH), file)


@pytest.mark.skipif(not REAL, reason="HUMATTE_MOBILENET does not name the published weights")
@pytest.mark.parametrize(("picture", "classes"), [("chelsea", (282, 283, 286)), ("coffee", (968,))])
@torch.no_grad()
def test_the_published_weights_know_a_cat_and_a_cup(picture: str, classes: tuple[int, ...]) -> None:
    from skimage import data

    network = Dawn()
    load_encoder(network, Path(REAL))
    image = torch.from_numpy(getattr(data, picture)()).permute(2, 0, 1)[None].float() / 255
    side = min(image.shape[2:])
    top, left = ((length - side) // 2 for length in image.shape[2:])
    batch = image[..., top : top + side, left : left + side]
    batch = F.interpolate(batch, (224, 224), mode="bilinear", antialias=True)
    x = network.encoder(network.original_input(batch).flip(2, 3))[-1]
    stored = np.load(REAL)
    weights = {name: torch.from_numpy(stored[name]).float() for name in stored.files}
    x = F.conv2d(x, weights["51.weight"], weights["51.bias"]).clamp(0, 6)
    scores = F.conv2d(x.mean((2, 3), keepdim=True), weights["52.weight"], weights["52.bias"])
    assert int(scores.flatten().argmax()) in classes


def modes(network: nn.Module) -> set[bool]:
    """Whether the encoder's norms use a batch's statistics when the network is in training."""
    norms = [m for m in network.train().encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    return {norm.training for norm in norms}


def shm(**train: object) -> Recipe:
    part = {"precision": "32-true", "batch": 2, "steps": 1, "sizes": [[32, 32]], **train}
    return Recipe.model_validate(
        {
            "name": "r",
            "network": {"name": "shm", "width": WIDTH, "best_long_side": 64},
            "data": {"workers": 0},
            "loss": {"alpha": 1},
            "train": part,
        }
    )


@pytest.fixture
def earlier(file: Path, tmp_path: Path) -> Checkpoint:
    """A run whose encoder was filled, as older versions left it: with nothing but its recipe."""
    network = Shm(width=WIDTH)
    load_encoder(network, file)
    weights = network.state_dict()
    recipe = shm(encoder=str(file)).model_dump(mode="json")
    checkpoint = Checkpoint(recipe, weights, weights, {}, 1, "hash")
    save_checkpoint(checkpoint, tmp_path / "best.pt")
    return checkpoint


def test_norms_that_keep_their_statistics_do_so_in_every_later_run(
    earlier: Checkpoint, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[bool]] = []
    step = loop.train_step

    def watched(setting, run, *rest):
        seen.append(modes(run.network))
        return step(setting, run, *rest)

    monkeypatch.setattr(loop, "train_step", watched)
    once = shm(start=str(tmp_path / "best.pt"))
    train(once, data, tmp_path / "once", tmp_path / "cache")
    twice = shm(start=str(tmp_path / "once"))  # whose recipe names no encoder
    run = start_run(twice, start_fabric(twice))
    assert [*seen, modes(run.network), modes(run.averaged)] == [{False}] * 3
    # A run of an older version, which forgot it here, goes on as it was trained.
    last = load_checkpoint(tmp_path / "once" / "last.pt")
    last.keeps_statistics = None
    save_checkpoint(last, tmp_path / "once" / "last.pt")
    longer = shm(start=str(tmp_path / "best.pt"), steps=2)
    train(longer, data, tmp_path / "once", tmp_path / "cache", resume=True)
    assert seen[1:] == [{True}]
    assert load_checkpoint(tmp_path / "once" / "last.pt").keeps_statistics is False


def test_norms_with_statistics_of_their_own_data_go_on_with_batches(
    earlier: Checkpoint, tmp_path: Path
) -> None:
    earlier.recipe["train"]["encoder"] = None
    save_checkpoint(earlier, tmp_path / "best.pt")
    recipe = shm(start=str(tmp_path / "best.pt"))
    assert modes(start_run(recipe, start_fabric(recipe)).network) == {True}
