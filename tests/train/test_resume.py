from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn import noise, put
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision

from humatte.errors import DataError, OutputError, TrainingError
from humatte.train import loop
from humatte.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from humatte.train.inputs import Data, open_data
from humatte.train.loop import train
from humatte.train.recipe import Recipe
from humatte.train.report import Report
from humatte.train.resume import expect_same_recipe
from humatte.train.state import start_fabric


def changed(recipe: Recipe, settings: dict[str, Any]) -> Recipe:
    """The recipe with values by dotted key; a number is an index into a list."""
    values = recipe.model_dump(mode="json")
    for key, value in settings.items():
        *path, last = key.split(".")
        part = values
        for name in path:
            part = part[int(name)] if isinstance(part, list) else part[name]
        part[last] = value
    return Recipe.model_validate(values)


@pytest.fixture
def stopped(small: Recipe, data: Path, tmp_path: Path) -> Path:
    """A run of two steps."""
    train(changed(small, {"train.steps": 2}), data, tmp_path / "run", tmp_path / "cache")
    return tmp_path / "run"


def test_a_file_where_the_run_should_be(small: Recipe, data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputError, match="run: cannot be made a folder"):
        train(small, data, tmp_path / "run", tmp_path / "cache")


def test_the_scale_of_float16s_loss_goes_on(
    small: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_scaler(recipe: Recipe) -> Fabric:
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=1)
        return Fabric(accelerator="cpu", plugins=MixedPrecision("16-mixed", "cpu", scaler))

    monkeypatch.setattr(loop, "start_fabric", with_scaler)
    for steps in (2, 3):
        recipe = changed(small, {"train.steps": steps})
        train(recipe, data, tmp_path / "run", tmp_path / "cache", resume=steps > 2)
        stored = load_checkpoint(tmp_path / "run" / "last.pt")
        assert stored.scaler["scale"] == 8 * 2**steps


def groups_of(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The optimizer's settings at every step, of the first kernel."""
    seen: list[dict[str, Any]] = []
    step = loop.train_step

    def watched(setting, run, *rest):
        terms = step(setting, run, *rest)
        seen.append(dict(run.optimizer.param_groups[0]))
        return terms

    monkeypatch.setattr(loop, "train_step", watched)
    return seen


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("train.batch", 4, "train.batch is 4, and 2 in the run that is resumed"),
        ("train.optimizer", "adam", 'train.optimizer is "adam", and "adamw" in'),
        ("train.encoder", "m.npz", 'train.encoder is "m.npz", and not set in'),
        ("distill.teacher", "runs/t", 'distill.teacher is "runs/t", and not set in'),
        ("data.things", "things", 'data.things is "things", and not set in'),
        ("augment.scale", [0.5, 1.0], r"augment.scale is \[0.5, 1.0\], and \[0.45, 1.7\] in"),
        ("loss.soft_iou", 0.5, "loss.soft_iou is 0.5, and not set in"),
        ("network.width", 0.5, "network.width is 0.5, and 0.25 in"),
        ("phases", [{"name": "a", "share": 1.0}], r"phases\.0\.name is \"a\", and not set in"),
    ],
)
def test_a_setting_that_may_not_change_is_named(
    small: Recipe, key: str, value: object, words: str
) -> None:
    checkpoint = Checkpoint(small.model_dump(mode="json"), {}, {}, {}, 3, "hash")
    with pytest.raises(TrainingError, match=words) as error:
        expect_same_recipe(changed(small, {key: value}), checkpoint, Path("run/last.pt"))
    assert "\n" not in str(error.value)


def test_the_settings_that_may_change(small: Recipe) -> None:
    phases = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "lr": 1e-3}]
    base = changed(small, {"phases": phases, "train.encoder": "FILE.npz"})
    checkpoint = Checkpoint(base.model_dump(mode="json"), {}, {}, {}, 3, "hash")
    other = {
        **{"train.lr": 1e-4, "train.weight_decay": 0.1, "train.encoder_lr": 0.5, "train.steps": 9},
        **{"train.epochs": 7, "train.clip": 0.5, "train.validate_every": 2, "data.workers": 1},
        **{"train.sheet_every": 3, "phases.0.lr": 5e-4, "phases.1.lr": 1e-5},
        **{"data.train": "/elsewhere/train.txt", "train.encoder": "/moved/FILE.npz"},
        "network.best_long_side": 96,
    }
    expect_same_recipe(changed(base, other), checkpoint, Path("run/last.pt"))


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("runs/dawn", "/moved/dawn", True),
        ("runs/dawn/best.pt", "/moved/dawn/best.pt", True),
        ("runs/dawn/best.pt", "runs/other/best.pt", False),
        ("runs/dawn", "runs/other", False),
    ],
)
def test_a_teacher_may_have_moved_but_not_been_replaced(
    small: Recipe, old: str, new: str, same: bool
) -> None:
    base = changed(small, {"distill.teacher": old})
    checkpoint = Checkpoint(base.model_dump(mode="json"), {}, {}, {}, 3, "hash")
    other = changed(base, {"distill.teacher": new})
    if same:
        return expect_same_recipe(other, checkpoint, Path("last.pt"))
    with pytest.raises(TrainingError, match=r"distill\.teacher"):
        expect_same_recipe(other, checkpoint, Path("last.pt"))


def test_what_may_change_takes_effect_and_data_may_move(
    small: Recipe, data: Path, stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = shutil.copytree(data, tmp_path / "moved")
    seen = groups_of(monkeypatch)
    other = {"train.steps": 3, "train.weight_decay": 0.5, "train.lr": 1e-5, "train.encoder_lr": 1}
    other |= {"data.train": str(moved / "people/train.txt"), "network.best_long_side": 96}
    train(changed(small, other), moved, stopped, tmp_path / "cache", resume=True)
    (group,) = seen
    assert (group["weight_decay"], group["lr"]) == (0.5, pytest.approx(1e-5 * group["scale"]))
    checkpoint = load_checkpoint(stopped / "last.pt")
    assert checkpoint.recipe["train"]["weight_decay"] == 0.5
    # A score at another size says nothing about earlier ones.
    assert load_checkpoint(stopped / "best.pt").step == 3


def test_other_pictures_and_another_number_of_processes_are_refused(
    small: Recipe, data: Path, stopped: Path, tmp_path: Path
) -> None:
    (data / "people" / "one.txt").write_text("p7\n")
    for key, words in (("validation", "validation pictures"), ("train", "training pictures")):
        other = changed(small, {"train.steps": 3, f"data.{key}": "one.txt"})
        with pytest.raises(TrainingError, match=f"{words} are not those of the run"):
            train(other, data, stopped, tmp_path / "cache", resume=True)
    checkpoint = load_checkpoint(stopped / "last.pt")
    assert checkpoint.processes == 1
    checkpoint.processes = 2
    save_checkpoint(checkpoint, stopped / "last.pt")
    with pytest.raises(TrainingError, match="1 processes, and 2 in the run"):
        train(changed(small, {"train.steps": 3}), data, stopped, tmp_path / "cache", resume=True)


def test_places_below_the_data_folder_or_from_here(
    small: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(data / "background", tmp_path / "scenes")
    red = np.dstack([noise(20, 30), np.full((20, 30), 200, np.uint8)])
    put(tmp_path / "things/ball.png", red)
    put(tmp_path / "background/not_meant.png", noise(20, 30))
    shutil.copytree(data / "people", tmp_path / "d" / "people")
    monkeypatch.chdir(tmp_path)

    def opened(**places: str) -> Data:
        recipe = changed(small, {f"data.{key}": value for key, value in places.items()})
        with Report(tmp_path, active=False) as report:
            return open_data(recipe, Path("d"), tmp_path / "cache", report, start_fabric(recipe))

    found = opened(background="scenes", things="things").sources
    assert (found.backgrounds.names, found.things.names) == (["b0", "b1", "b2"], ["ball"])
    rows = json.loads((tmp_path / "data.json").read_text())
    assert [(row["part"], row["pictures"]) for row in rows] == [
        ("people", 6),
        ("backgrounds", 3),
        ("things", 1),
    ]
    assert opened().sources.backgrounds is None  # the default one is looked for there only
    for key in ("background", "things"):
        with pytest.raises(DataError, match="d/typo: no pictures"):
            opened(**{key: "typo"})


def test_a_step_stays_in_its_phase(small: Recipe, data: Path, tmp_path: Path) -> None:
    phases = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}]
    recipe = changed(small, {"phases": phases, "train.steps": 2})
    train(recipe, data, tmp_path / "run", tmp_path / "cache")
    longer = changed(recipe, {"train.steps": 8})
    with pytest.raises(TrainingError, match=r"step 2 was in phase 'b'.*now be in 'a'"):
        train(longer, data, tmp_path / "run", tmp_path / "cache", resume=True)
