from __future__ import annotations

import csv
import multiprocessing
import os
import signal
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from humatte.data.layouts import find_pairs
from humatte.errors import TrainingError
from humatte.network import fingerprints_of
from humatte.train import loop
from humatte.train.augment import Sources, make_sample
from humatte.train.batches import Draw, load_batches, plan_epoch, total_steps
from humatte.train.checkpoint import load_checkpoint
from humatte.train.loop import train
from humatte.train.nets.asymmetric import AsymmetricConv, ConvNorm
from humatte.train.nets.dark import Dark
from humatte.train.nets.night import Night
from humatte.train.nets.shm import Shm
from humatte.train.recipe import Recipe
from humatte.train.samples import build_store
from humatte.train.state import load_start
from humatte.train.teacher import averaged_network


def changed(recipe: Recipe, **values: object) -> Recipe:
    settings = recipe.model_dump(mode="json")
    settings["train"] |= values
    return Recipe.model_validate(settings)


def test_a_run_leaves_everything_behind(small: Recipe, data: Path, tmp_path: Path) -> None:
    best = train(small, data, tmp_path / "run", tmp_path / "cache")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {
        "best.pt",
        "last.pt",
        "metrics.csv",
        "curves.png",
        "recipe.json",
        "data.json",
        "sheet_0000004.png",
        "tensorboard",
    } <= names
    assert list((tmp_path / "run" / "tensorboard").iterdir())
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert (rows[-1]["step"], rows[-1]["epoch"]) == ("4", "2")  # three steps an epoch
    assert 0 <= float(rows[-1]["person_iou"]) <= 1
    assert "binary_cross_entropy" in rows[-1]
    assert all(0 <= float(row["train_miou"]) <= 1 for row in rows)
    assert all(float(row["validation_loss"]) > 0 for row in rows)
    checkpoint = load_checkpoint(best)
    assert Recipe.model_validate(checkpoint.recipe) == small
    assert checkpoint.scores["person_iou"] == checkpoint.best
    assert set(checkpoint.scores) == {"person_iou", "miou", "mad"}


def test_checkpoints_of_epochs_are_kept_on_demand(
    small: Recipe, data: Path, tmp_path: Path
) -> None:
    train(changed(small, save_every=1), data, tmp_path / "run", tmp_path / "cache")
    kept = sorted(path.name for path in (tmp_path / "run").glob("epoch_*.pt"))
    assert kept == ["epoch_0001.pt", "epoch_0002.pt"]
    assert [load_checkpoint(tmp_path / "run" / name).step for name in kept] == [3, 4]


def test_ten_steps_are_five_and_five_resumed(
    small: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = changed(small, steps=10)
    train(recipe, data, tmp_path / "whole", tmp_path / "cache")
    step = loop.train_step

    def stopped_after_five(setting, run, *rest):
        terms = step(setting, run, *rest)
        if run.step == 4:  # the fifth step has just been made, and is not yet counted
            os.kill(os.getpid(), signal.SIGINT)
        return terms

    monkeypatch.setattr(loop, "train_step", stopped_after_five)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, data, tmp_path / "parts", tmp_path / "cache")
    assert load_checkpoint(tmp_path / "parts" / "last.pt").step == 5
    monkeypatch.setattr(loop, "train_step", step)
    train(recipe, data, tmp_path / "parts", tmp_path / "cache", resume=True)
    whole, parts = (load_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    for name, value in whole.weights.items():
        assert torch.equal(value, parts.weights[name]), name
        assert torch.equal(whole.averaged[name], parts.averaged[name]), name
    rows = [(tmp_path / name / "metrics.csv").read_text() for name in ("whole", "parts")]
    (first, *_), (second, *_) = tables = [list(csv.DictReader(text.splitlines())) for text in rows]
    same = set(first) - {"seconds", "waiting_for_data"}
    assert "loss" in same and set(first) == set(second)
    for one, other in zip(*tables, strict=True):
        assert {key: one[key] for key in same} == {key: other[key] for key in same}


@pytest.mark.parametrize("place", ["update_average", "_score"])
def test_a_second_signal_amid_the_work_leaves_the_last_checkpoint_alone(
    small: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    recipe = changed(small, steps=6)  # two epochs
    train(recipe, data, tmp_path / "whole", tmp_path / "cache")
    work = getattr(loop, place)

    def stopped_within(setting, *rest):
        if stop_at in (getattr(setting, "step", None), getattr(rest[0], "step", None)):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        return work(setting, *rest)

    # Within the fifth step, its weights moved and their average not; within the second validation.
    stop_at = 4 if place == "update_average" else 6
    monkeypatch.setattr(loop, place, stopped_within)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, data, tmp_path / "parts", tmp_path / "cache")
    assert load_checkpoint(tmp_path / "parts" / "last.pt").step == 3
    monkeypatch.setattr(loop, place, work)
    train(recipe, data, tmp_path / "parts", tmp_path / "cache", resume=True)
    for name in ("last.pt", "best.pt"):
        whole, parts = (load_checkpoint(tmp_path / run / name) for run in ("whole", "parts"))
        assert (whole.step, whole.best, whole.scores) == (parts.step, parts.best, parts.scores)
        for key, value in whole.averaged.items():
            assert torch.equal(value, parts.averaged[key]), key


def test_worker_processes_change_nothing(small: Recipe, data: Path, tmp_path: Path) -> None:
    settings = small.model_dump(mode="json")
    settings["data"]["workers"] = 2
    train(small, data, tmp_path / "alone", tmp_path / "cache")
    train(Recipe.model_validate(settings), data, tmp_path / "helped", tmp_path / "cache")
    alone, helped = (load_checkpoint(tmp_path / n / "last.pt").weights for n in ("alone", "helped"))
    assert all(torch.equal(value, helped[name]) for name, value in alone.items())


def test_a_run_is_not_overwritten_and_not_resumed_blindly(
    small: Recipe, data: Path, tmp_path: Path
) -> None:
    out, cache = tmp_path / "run", tmp_path / "cache"
    with pytest.raises(TrainingError, match="no such checkpoint"):
        train(small, data, out, cache, resume=True)
    train(small, data, out, cache)
    with pytest.raises(TrainingError, match="holds a run already"):
        train(small, data, out, cache)
    settings = small.model_dump(mode="json")
    settings["network"]["width"] = 0.5
    with pytest.raises(TrainingError, match=r"network\.width is 0.5, and 0.25 in"):
        train(Recipe.model_validate(settings), data, out, cache, resume=True)
    (out / "last.pt").write_bytes(b"broken")
    with pytest.raises(TrainingError, match="not a humatte checkpoint"):
        train(small, data, out, cache, resume=True)


def test_a_loss_that_is_not_finite_stops_the_run(
    small: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        loop, "weighted_loss", lambda *_: (torch.tensor(float("nan"), requires_grad=True), {})
    )
    with pytest.raises(
        TrainingError,
        match=r"the loss is nan .* lower rate than 0\.002: train\.lr, or lr of its phase",
    ):
        train(small, data, tmp_path / "run", tmp_path / "cache")


class Overflow(torch.autograd.Function):
    """The identity; its gradient is infinite."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, slope):
        return slope * float("inf")


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_a_gradient_that_is_not_finite_moves_nothing(
    small: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: float
) -> None:
    weighted = loop.weighted_loss
    averaged: list[int] = []

    def overflows(*given):
        loss, terms = weighted(*given)
        return Overflow.apply(loss), terms

    monkeypatch.setattr(loop, "weighted_loss", overflows)
    monkeypatch.setattr(loop, "update_average", lambda *given: averaged.append(1))
    with pytest.raises(TrainingError, match=r"gradients' norm is (nan|inf) after 0 steps") as held:
        train(changed(small, clip=clip), data, tmp_path / "run", tmp_path / "cache")
    assert "\n" not in str(held.value) and not averaged
    assert not (tmp_path / "run" / "last.pt").exists()


def test_float16_leaves_out_a_step_that_overflows(small: Recipe) -> None:
    """The scaler does, as long as nothing stops the run before: a stand-in, there is no GPU."""
    for precision, stops in (("16-mixed", False), ("bf16-mixed", True)):
        fabric = SimpleNamespace(clip_gradients=lambda *_, **how: torch.tensor(float("inf")))
        setting = SimpleNamespace(recipe=changed(small, precision=precision), fabric=fabric)
        run = SimpleNamespace(model=None, optimizer=None, step=3)
        with pytest.raises(TrainingError) if stops else nullcontext():
            loop.clip_gradients(setting, run, SimpleNamespace(lr=1e-3))  # type: ignore[arg-type]


def test_a_few_pictures_are_learnt(small: Recipe, data: Path, tmp_path: Path) -> None:
    settings = small.model_dump(mode="json")
    settings["train"] |= {"steps": 50, "lr": 5e-3, "batch": 6, "sizes": [[64, 64]]}
    settings["train"]["validate_every"] = 50
    settings["augment"] |= {"replace_background": 0, "empty": 0, "noise": 0, "blur": 0, "colour": 0}
    train(Recipe.model_validate(settings), data, tmp_path / "run", tmp_path / "cache")
    with (tmp_path / "run" / "metrics.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


def test_every_batch_has_one_size_and_every_sample_comes_once(small: Recipe) -> None:
    recipe = changed(small, batch=4, steps=None, epochs=10)
    seen: list[int] = []
    for batch in plan_epoch(recipe, 20, 3):
        assert len({draw.size for draw in batch}) == 1
        seen += [draw.index for draw in batch]
    assert sorted(seen) == list(range(20))
    sizes = {batch[0].size for epoch in range(10) for batch in plan_epoch(recipe, 20, epoch)}
    assert sizes == {(64, 64), (96, 64)}
    assert plan_epoch(recipe, 20, 3) != plan_epoch(recipe, 20, 4)


def test_a_list_shorter_than_a_batch_fills_it_with_other_variants(small: Recipe) -> None:
    recipe = changed(small, batch=4, accumulate=2)
    step = plan_epoch(recipe, 3, 0)
    drawn = [(draw.index, draw.repeat) for batch in step for draw in batch]
    assert len(set(drawn)) == 8
    parts = [plan_epoch(changed(small, batch=4), 3, 0, process, 2) for process in (0, 1)]
    assert len({(d.index, d.repeat) for part in parts for d in part[0]}) == 8
    assert all(draw.repeat == 0 for batch in plan_epoch(recipe, 20, 0) for draw in batch)


def test_repeats_are_drawn_anew_and_all_else_as_ever(
    small: Recipe, data: Path, tmp_path: Path
) -> None:
    people = build_store(find_pairs(data / "people", "train.txt"), tmp_path, 480)
    sources = Sources(people, None)
    plan = [[Draw(1, 2, (64, 64)), Draw(1, 2, (64, 64), repeat=1)]]
    ((image, _),) = load_batches(sources, small, plan)
    rng = np.random.default_rng((small.train.seed, 1, 2))
    expected, _ = make_sample(sources, 2, (64, 64), small.augment, rng)
    assert (image[0].numpy() == expected).all()
    assert (image[1].numpy() != expected).any()


def test_the_first_sizes_come_first(small: Recipe) -> None:
    recipe = changed(small, batch=2, steps=None, epochs=4, first_share=0.5, first_sizes=[[32, 32]])
    sizes = [batch[0].size for epoch in range(4) for batch in plan_epoch(recipe, 10, epoch)]
    assert total_steps(recipe, 10) == len(sizes) == 20
    assert sizes[:10] == [(32, 32)] * 10
    assert (32, 32) not in sizes[10:]


def test_accumulated_batches_step_as_one(small: Recipe, data: Path, tmp_path: Path) -> None:
    """unet has no batch statistics, so that two halves make exactly one whole."""
    settings = small.model_dump(mode="json")
    settings["network"] |= {"name": "unet", "width": 0.0625}
    settings["train"] |= {"steps": 3, "sizes": [[64, 64]], "lr": 1e-4, "average": 0.0}
    found = []
    for batch, accumulate in ((4, 1), (2, 2)):
        settings["train"] |= {"batch": batch, "accumulate": accumulate}
        out = tmp_path / f"run{accumulate}"
        train(Recipe.model_validate(settings), data, out, tmp_path / "cache")
        found.append(load_checkpoint(out / "last.pt").weights)
    for name, value in found[0].items():
        assert torch.allclose(value, found[1][name], rtol=1e-3, atol=1e-6), name


def test_phases_follow_each_other_and_resume(
    small: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small.model_dump(mode="json")
    settings["network"] |= {"name": "shm", "width": 0.125}
    settings["train"] |= {"steps": 6, "sizes": [[32, 32]]}
    settings["phases"] = [
        {"name": "pre_train_t_net", "share": 0.5, "loss": {"trimap": 1.0}},
        {"name": "end_to_end", "share": 0.5, "loss": {"alpha": 0.5, "composition": 0.5}},
    ]
    recipe = Recipe.model_validate(settings)
    seen: list[str] = []
    step = loop.train_step

    def watched(setting, run, phase, *rest):
        terms = step(setting, run, phase, *rest)
        seen.append(phase.name)
        if phase.name == "pre_train_t_net":  # the detail network has no part in this loss
            assert all(p.grad is None for p in run.network.detail_net.parameters())
        if len(seen) == 3 and stop_early:
            os.kill(os.getpid(), signal.SIGINT)
        return terms

    monkeypatch.setattr(loop, "train_step", watched)
    stop_early = False
    train(recipe, data, tmp_path / "whole", tmp_path / "cache")
    assert seen == ["pre_train_t_net"] * 3 + ["end_to_end"] * 3
    seen.clear()
    stop_early = True
    with pytest.raises(KeyboardInterrupt):
        train(recipe, data, tmp_path / "parts", tmp_path / "cache")
    train(recipe, data, tmp_path / "parts", tmp_path / "cache", resume=True)
    whole, parts = (load_checkpoint(tmp_path / n / "last.pt").weights for n in ("whole", "parts"))
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


def two_phases(small: Recipe, *losses: dict[str, float]) -> Recipe:
    """Phases of one step each for a small shm."""
    settings = small.model_dump(mode="json")
    settings["network"] |= {"name": "shm", "width": 0.125}
    settings["train"] |= {"steps": len(losses), "sizes": [[32, 32]]}
    share = 1 / len(losses)
    settings["phases"] = [
        {"name": f"phase {number}", "share": share, "loss": loss}
        for number, loss in enumerate(losses)
    ]
    return Recipe.model_validate(settings)


def test_a_trimap_is_scored_without_the_detail_that_is_not_trained_yet(
    small: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def score(predicted, *rest):
        network.eval()
        alpha, parts = predicted(batch).alpha, network.parts(batch, detail=False)
        seen.append(torch.allclose(alpha, parts.alpha, atol=1e-6))
        return {"person_iou": 0.5}, 1.0

    def watched(setting, run, phase, *rest):
        terms = step(setting, run, phase, *rest)
        network.load_state_dict(run.averaged.state_dict())
        return terms

    batch, network, step = torch.rand(1, 3, 32, 32), Shm(width=0.125), loop.train_step
    monkeypatch.setattr(loop, "train_step", watched)
    monkeypatch.setattr(loop, "validate", score)
    recipe = two_phases(small, {"trimap": 1.0}, {"alpha": 1.0})
    train(changed(recipe, average=0.0), data, tmp_path / "run", tmp_path / "cache")
    assert seen == [True, False]


@pytest.mark.parametrize("second", [{"alpha": 1.0}, {"alpha": 1.0, "trimap": 0.01}])
def test_the_best_network_is_kept_over_phases_of_the_same_losses(
    small: Recipe,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    second: dict[str, float],
) -> None:
    scores = iter((0.9, 0.8))
    monkeypatch.setattr(loop, "validate", lambda *_: ({"person_iou": next(scores)}, 1.0))
    recipe = two_phases(small, {"alpha": 1.0}, second)
    best = load_checkpoint(train(recipe, data, tmp_path / "run", tmp_path / "cache"))
    assert best.step == (1 if second == {"alpha": 1.0} else 2)


def test_a_stopped_run_leaves_no_process_behind(
    small: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small.model_dump(mode="json")
    settings["data"]["workers"] = 1
    step = loop.train_step

    def stopped(*given):
        os.kill(os.getpid(), signal.SIGINT)
        return step(*given)

    monkeypatch.setattr(loop, "train_step", stopped)
    with pytest.raises(KeyboardInterrupt) as held:  # and with it every frame that it came through
        train(Recipe.model_validate(settings), data, tmp_path / "run", tmp_path / "cache")
    assert held.value is not None
    assert not multiprocessing.active_children()


def test_norms_may_be_in_the_branches(small: Recipe, data: Path, tmp_path: Path) -> None:
    settings = small.model_dump(mode="json")
    settings["train"]["steps"] = 1
    settings["network"] |= {"name": "dark-light", "norm_place": "branch"}
    train(Recipe.model_validate(settings), data, tmp_path / "run", tmp_path / "cache")
    last = tmp_path / "run" / "last.pt"
    network = averaged_network(load_checkpoint(last), last)
    blocks = [block for block in network.modules() if isinstance(block, AsymmetricConv)]
    assert blocks and all(isinstance(block.square, ConvNorm) for block in blocks)


def test_a_run_can_start_from_another_ones_weights(
    small: Recipe, data: Path, tmp_path: Path
) -> None:
    train(small, data, tmp_path / "first", tmp_path / "cache")
    tuned = changed(small, start=str(tmp_path / "first"), steps=1, lr=1e-12, average=0.0)
    train(tuned, data, tmp_path / "second", tmp_path / "cache")
    first = load_checkpoint(tmp_path / "first" / "best.pt").averaged
    second = load_checkpoint(tmp_path / "second" / "last.pt").weights
    named = [name for name in first if "norm" not in name]
    assert all(torch.allclose(first[name], second[name], atol=1e-9) for name in named)
    settings = tuned.model_dump(mode="json")
    settings["network"]["width"] = 0.5
    with pytest.raises(TrainingError, match="do not fit"):
        train(Recipe.model_validate(settings), data, tmp_path / "third", tmp_path / "cache")


def test_the_pictures_of_an_earlier_run_are_not_forgotten(
    small: Recipe, data: Path, tmp_path: Path
) -> None:
    train(changed(small, steps=1), data, tmp_path / "first", tmp_path / "cache")
    (data / "people" / "few.txt").write_text("p0\n")
    settings = changed(small, steps=1, start=str(tmp_path / "first")).model_dump(mode="json")
    settings["data"]["train"] = "few.txt"
    tuned = train(Recipe.model_validate(settings), data, tmp_path / "tuned", tmp_path / "cache")
    first, second = (load_checkpoint(path) for path in (tmp_path / "first" / "best.pt", tuned))
    assert len(fingerprints_of(first.pictures)) == 6
    assert second.pictures == first.pictures


def test_a_gray_network_starts_as_the_colour_network_on_gray_pictures(
    small: Recipe, data: Path, tmp_path: Path
) -> None:
    best = train(small, data, tmp_path / "night", tmp_path / "cache")
    night, dark = Night(width=small.network.width), Dark(width=small.network.width)
    night.load_state_dict(load_checkpoint(best).averaged)
    load_start(dark, best)
    gray = torch.rand(2, 1, 64, 96).expand(-1, 3, -1, -1)
    with torch.no_grad():
        assert torch.allclose(night.eval()(gray), dark.eval()(gray), atol=1e-4)
