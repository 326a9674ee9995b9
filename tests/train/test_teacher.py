from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from humatte.data.layouts import find_backgrounds, find_pairs
from humatte.errors import TrainingError
from humatte.network import fingerprints_of
from humatte.train import loop
from humatte.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from humatte.train.export import export_run
from humatte.train.loop import train
from humatte.train.losses import Target
from humatte.train.nets import NETS
from humatte.train.nets.shm import Shm
from humatte.train.pretrained import load_encoder
from humatte.train.recipe import Recipe
from humatte.train.samples import build_store
from humatte.train.teacher import Teacher, open_teacher


def changed(recipe: Recipe, **parts: dict[str, object]) -> Recipe:
    settings = recipe.model_dump(mode="json")
    for part, values in parts.items():
        settings[part] |= values
    return Recipe.model_validate(settings)


class Half(nn.Module):
    """Says 0.5 everywhere."""

    def forward(self, batch: Tensor) -> Tensor:
        return torch.full_like(batch[:, :1], 0.5)


def test_the_target_is_the_mean_that_was_asked_for() -> None:
    fabric = Fabric(accelerator="cpu")
    target = Target(
        torch.rand(2, 3, 8, 8), torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 8, 8)
    )
    guided = Teacher(Half(), 0.4, fabric).guide(target)
    assert guided.alpha[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.8])
    assert guided.image is target.image


def test_a_teacher_who_is_asked_every_second_time_leaves_the_others_alone() -> None:
    fabric = Fabric(accelerator="cpu")
    target = Target(torch.zeros(3, 3, 8, 8), torch.zeros(3, 1, 8, 8))
    guided = Teacher(Half(), 0.4, fabric, every=2).guide(target)
    assert guided.alpha[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.0, 0.2])
    assert target.alpha.max() == 0


def test_a_student_follows_its_teacher(small: Recipe, data: Path, tmp_path: Path) -> None:
    """With the whole target from the teacher, the truth of the data plays no part."""
    train(small, data, tmp_path / "teacher", tmp_path / "cache")
    lesson = {"teacher": str(tmp_path / "teacher"), "share": 1.0}
    student = changed(small, distill=lesson, train={"steps": 2, "seed": 5})
    first = load_checkpoint(train(student, data, tmp_path / "a", tmp_path / "cache"))
    plain = changed(small, train={"steps": 2, "seed": 5})
    second = load_checkpoint(train(plain, data, tmp_path / "b", tmp_path / "cache"))
    key = "head.weight"
    assert not torch.equal(first.weights[key], second.weights[key])
    assert len(fingerprints_of(first.pictures)) == 6


def test_the_losses_know_the_truth_beside_the_teachers_matte(
    small: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(changed(small, train={"steps": 1}), data, tmp_path / "teacher", tmp_path / "cache")
    seen: list[Target] = []
    weighted = loop.weighted_loss

    def watched(weights, prediction, target):
        seen.append(target)
        return weighted(weights, prediction, target)

    monkeypatch.setattr(loop, "weighted_loss", watched)
    lesson = {"teacher": str(tmp_path / "teacher"), "share": 0.5}
    taught = changed(small, distill=lesson, train={"steps": 1})
    train(taught, data, tmp_path / "run", tmp_path / "cache")
    (target,) = seen
    assert target.truth is not None and target.truth.min() == 0
    assert target.alpha.min() > 0  # a network at its start is sure of nothing


def test_a_teacher_that_does_not_suit_is_refused(small: Recipe, data: Path, tmp_path: Path) -> None:
    train(changed(small, train={"steps": 1}), data, tmp_path / "t", tmp_path / "cache")
    settings = small.model_dump(mode="json")
    settings["network"] |= {"name": "shm"}
    settings["train"] |= {"sizes": [[80, 80]]}
    settings |= {"loss": {"alpha": 1.0}, "distill": {"teacher": str(tmp_path / "t")}}
    with pytest.raises(TrainingError, match=r"multiples of 32; found train size \[80, 80\]"):
        train(Recipe.model_validate(settings), data, tmp_path / "s", tmp_path / "cache")
    absent = changed(small, distill={"teacher": str(tmp_path / "none")})
    with pytest.raises(TrainingError, match="no such checkpoint"):
        train(absent, data, tmp_path / "s2", tmp_path / "cache")


def test_sources_can_be_left_out(small: Recipe, data: Path, tmp_path: Path) -> None:
    lines = ["name,source,licence", *(f"p{n},{'ab'[n % 2]},CC0" for n in range(8))]
    (data / "people" / "sources.csv").write_text("\n".join(lines))
    try:
        part = changed(small, data={"without": ["a"]}, train={"steps": 1})
        best = train(part, data, tmp_path / "run", tmp_path / "cache")
        assert len(fingerprints_of(load_checkpoint(best).pictures)) == 3
        for wrong in (["c"], ["a", "b"]):
            part = changed(small, data={"without": wrong})
            with pytest.raises(TrainingError, match="has the sources a, b"):
                train(part, data, tmp_path / "no", tmp_path / "cache")
    finally:
        (data / "people" / "sources.csv").unlink()


def spoil_recipe(checkpoint: Checkpoint) -> None:
    checkpoint.recipe["train"]["gone"] = 1


def spoil_weights(checkpoint: Checkpoint) -> None:
    checkpoint.averaged["gone.weight"] = checkpoint.averaged.pop("head.weight")
    checkpoint.weights = checkpoint.averaged


@pytest.mark.parametrize("spoil", [spoil_recipe, spoil_weights])
def test_a_checkpoint_of_another_version_ends_in_one_line(
    spoil: Callable[[Checkpoint], None], small: Recipe, data: Path, tmp_path: Path
) -> None:
    network = NETS["night"](width=0.25)
    weights = network.state_dict()
    people, scenes = (
        find_pairs(data / "people", "train.txt"),
        find_backgrounds(data / "background"),
    )
    hashes = [build_store(pairs, tmp_path / "cache", 480).data_hash for pairs in (people, scenes)]
    data_hash = "-".join(whole[:16] for whole in hashes)
    recipe = small.model_dump(mode="json")
    checkpoint = Checkpoint(recipe, weights, dict(weights), {}, 1, data_hash)
    spoil(checkpoint)
    path = tmp_path / "last.pt"
    save_checkpoint(checkpoint, path)
    taught = changed(small, distill={"teacher": str(path)})
    with_encoder = Shm(width=0.25)
    for use in (
        lambda: open_teacher(taught, Fabric(accelerator="cpu")),
        lambda: load_encoder(with_encoder, path),
        lambda: export_run(path, tmp_path / "out.onnx"),
        lambda: train(small, data, tmp_path, tmp_path / "cache", resume=True),
    ):
        with pytest.raises(TrainingError, match=r"last\.pt: .*of another version") as error:
            use()
        assert "\n" not in str(error.value)
