"""The training loop, top to bottom.

In: a recipe, a data folder, a run folder. Out, in the run folder: recipe.json, metrics.csv,
curves.png, TensorBoard events, last.pt and best.pt. Can be stopped with Ctrl-C and resumed.
"""

from __future__ import annotations

import copy
import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from humatte.data.layouts import find_backgrounds, find_pairs, people_folder
from humatte.errors import TrainingError
from humatte.train.augment import Sources
from humatte.train.batches import load_batches, plan_epoch, steps_per_epoch, total_steps
from humatte.train.checkpoint import (
    Checkpoint,
    current_commit,
    load_checkpoint,
    save_checkpoint,
)
from humatte.train.losses import weighted_loss
from humatte.train.memory import keep_freed_memory
from humatte.train.nets import NETS
from humatte.train.recipe import Recipe, TrainPart
from humatte.train.report import Report
from humatte.train.samples import Store, build_store
from humatte.train.validate import validate


@dataclass(frozen=True)
class Data:
    """Everything a run reads."""

    sources: Sources
    validation: Store

    @property
    def data_hash(self) -> str:
        """Names the exact pictures that were trained on."""
        backgrounds = self.sources.backgrounds
        parts = [self.sources.people.data_hash, backgrounds.data_hash if backgrounds else "none"]
        return "-".join(part[:16] for part in parts)


class Logits(nn.Module):
    """A network whose `forward` gives logits.

    Precision and gradient exchange of lightning-fabric apply to `forward` alone; a call of another
    method of a wrapped network would silently run in fp32.
    """

    def __init__(self, network: nn.Module) -> None:
        """Wraps a network that has `logits`."""
        super().__init__()
        self.network = network

    def forward(self, batch: Tensor) -> Tensor:
        """The network's logits of a batch."""
        return self.network.logits(batch)  # type: ignore[operator]


@dataclass
class Run:
    """What changes while a run goes on. `model` is `network` set up for training."""

    network: nn.Module
    model: nn.Module
    averaged: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    best: float = -1.0
    seconds: float = 0.0

    @property
    def stride(self) -> int:
        """What the sides of a batch are multiples of."""
        return int(self.network.stride)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Setting:
    """What stays the same while a run goes on."""

    recipe: Recipe
    data: Data
    fabric: Fabric
    report: Report
    out: Path

    @property
    def per_epoch(self) -> int:
        """Optimizer steps in one epoch."""
        return steps_per_epoch(len(self.data.sources.people), self.recipe.train.batch)

    @property
    def steps(self) -> int:
        """Optimizer steps in the whole run."""
        return total_steps(self.recipe, len(self.data.sources.people))


def train(recipe: Recipe, data: Path, out: Path, cache: Path, resume: bool = False) -> Path:
    """Runs a recipe and returns the path of the best checkpoint.

    Args:
        recipe: what to train, and how.
        data: folder with people/ (image/, alpha/, lists) and background/.
        out: run folder; must not hold another run unless `resume`.
        cache: folder for decoded pictures, shared between runs.
        resume: go on from OUT/last.pt.

    Raises:
        DataError: broken data, found before the first step.
        TrainingError: `out` holds a run already, the checkpoint is of another network or data, or
            the loss is not finite.
    """
    last = out / "last.pt"
    if last.exists() and not resume:
        raise TrainingError(f"{out}: holds a run already; add --resume, or choose another --out")
    checkpoint = load_checkpoint(last) if resume else None
    keep_freed_memory()
    out.mkdir(parents=True, exist_ok=True)
    with Report(out) as report, stopping() as stop:
        stores = open_data(recipe, data, cache, report)
        fabric = Fabric(accelerator="auto", devices=1, precision=recipe.train.precision)
        setting = Setting(recipe, stores, fabric, report, out)
        run = start_run(recipe, fabric)
        if checkpoint:
            restore_run(run, checkpoint, setting)
        (out / "recipe.json").write_text(json.dumps(recipe.model_dump(), indent=2), "utf-8")
        _train_epochs(setting, run, stop)
    return out / "best.pt"


@contextmanager
def stopping() -> Iterator[Callable[[], None]]:
    """Lets Ctrl-C and SIGTERM take effect between two steps only.

    Yields a function that raises KeyboardInterrupt if one came: a checkpoint written in the
    middle of a step would not go on as the run would have.
    """
    came: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None  # only the main thread can receive signals
        return
    before = [signal.signal(number, lambda number, _: came.append(number)) for number in signals]

    def stop() -> None:
        if came:
            raise KeyboardInterrupt(came[0])

    try:
        yield stop
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def open_data(recipe: Recipe, data: Path, cache: Path, report: Report) -> Data:
    """Finds, checks and decodes the pictures of a recipe."""
    part = recipe.data
    people = people_folder(data, part.people)
    backgrounds = find_backgrounds(data / part.background)

    def store(pairs: list[Any], what: str) -> Store:
        with report.progress(f"decoding {what}", len(pairs)) as advance:
            return build_store(pairs, cache, part.long_side, advance)

    return Data(
        Sources(
            store(find_pairs(people, part.train), "training pictures"),
            store(backgrounds, "backgrounds") if backgrounds else None,
        ),
        store(find_pairs(people, part.validation), "validation pictures"),
    )


def start_run(recipe: Recipe, fabric: Fabric) -> Run:
    """A fresh network, its average and its optimizer, on the device."""
    torch.manual_seed(recipe.train.seed)
    network: nn.Module = NETS[recipe.network.name](width=recipe.network.width)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    optimizer = make_optimizer(network, recipe.train)
    model, optimizer = fabric.setup(Logits(network), optimizer)
    return Run(network, model, fabric.to_device(averaged), optimizer)


def make_optimizer(network: nn.Module, train: TrainPart) -> torch.optim.Optimizer:
    """The optimizer with one group per parameter: kernels decay, biases and norms do not."""
    own_scales = getattr(network, "learning_rate_scales", None)
    scales: dict[str, float] = own_scales() if own_scales else {}
    groups: list[dict[str, Any]] = []
    for name, parameter in network.named_parameters():
        decay = train.weight_decay if parameter.ndim > 1 else 0.0
        groups.append(
            {"params": [parameter], "scale": scales.get(name, 1.0), "weight_decay": decay}
        )
    if train.optimizer == "adam":
        return torch.optim.Adam(groups, lr=train.lr, amsgrad=True)
    return torch.optim.AdamW(groups, lr=train.lr)


def learning_rate(train: TrainPart, step: int, steps: int) -> float:
    """The learning rate of a step: linear warm-up, then constant or a half cosine to zero."""
    if step < train.warmup_steps:
        return train.lr * (step + 1) / train.warmup_steps
    if train.schedule == "keep":
        return train.lr
    done = (step - train.warmup_steps) / max(1, steps - train.warmup_steps)
    return train.lr * (1 + math.cos(math.pi * min(1.0, done))) / 2


def _train_epochs(setting: Setting, run: Run, stop: Callable[[], None]) -> None:
    steps, per_epoch = setting.steps, setting.per_epoch
    started = time.monotonic() - run.seconds
    try:
        for epoch in range(run.step // per_epoch, math.ceil(steps / per_epoch)):
            until = min(steps, (epoch + 1) * per_epoch)
            _train_one_epoch(setting, run, epoch, until, stop)
            run.seconds = time.monotonic() - started
            scores: dict[str, float] = {}
            if (epoch + 1) % setting.recipe.train.validate_every == 0 or until == steps:
                scores = _score(setting, run)
                if scores["person_iou"] > run.best:
                    run.best = scores["person_iou"]
                    save_checkpoint(_checkpoint(setting, run, scores), setting.out / "best.pt")
            setting.report.end_epoch(epoch, run.step, run.seconds, scores)
            save_checkpoint(_checkpoint(setting, run, scores), setting.out / "last.pt")
    except KeyboardInterrupt:
        run.seconds = time.monotonic() - started
        save_checkpoint(_checkpoint(setting, run, {}), setting.out / "last.pt")
        raise


def _train_one_epoch(
    setting: Setting, run: Run, epoch: int, until: int, stop: Callable[[], None]
) -> None:
    recipe, sources = setting.recipe, setting.data.sources
    begin = epoch * setting.per_epoch
    plan = plan_epoch(recipe, len(sources.people), epoch)[run.step - begin : until - begin]
    run.model.train()
    with setting.report.progress(f"epoch {epoch + 1}", len(plan)) as advance:
        batches = _timed(load_batches(sources, recipe, plan))
        for done, (image, alpha, waited) in enumerate(batches, start=1):
            rate = learning_rate(recipe.train, run.step, setting.steps)
            terms = train_step(setting, run, image, alpha, rate)
            run.step += 1
            setting.report.step(run.step, terms, rate, len(image), waited)
            advance(done, len(plan))
            stop()


def train_step(
    setting: Setting, run: Run, image: Tensor, alpha: Tensor, rate: float
) -> dict[str, float]:
    """One optimizer step on a batch of byte images and alphas; returns the loss terms by name."""
    recipe, fabric = setting.recipe, setting.fabric
    for group in run.optimizer.param_groups:
        group["lr"] = rate * group["scale"]
    batch, truth = to_batch(fabric.to_device(image), fabric.to_device(alpha))
    logits = run.model(batch)
    loss, terms = weighted_loss(recipe.loss, logits.float(), truth)
    if not math.isfinite(float(loss.detach())):
        raise TrainingError(
            f"the loss is {float(loss.detach())} after {run.step} steps; last.pt and best.pt are "
            "kept: resume with a lower train.lr"
        )
    run.optimizer.zero_grad(set_to_none=True)
    fabric.backward(loss)
    if recipe.train.clip:
        fabric.clip_gradients(run.model, run.optimizer, max_norm=recipe.train.clip)
    run.optimizer.step()
    update_average(run, recipe.train.average)
    return {"loss": float(loss.detach()), **terms}


def to_batch(image: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Byte tensors (N, h, w, 3) and (N, h, w) to RGB (N, 3, h, w) and alpha (N, 1, h, w) floats."""
    # The permuted view of interleaved pixels already is channels-last: nothing is copied.
    return image.permute(0, 3, 1, 2).float() / 255, alpha[:, None].float() / 255


@torch.no_grad()
def update_average(run: Run, decay: float) -> None:
    """Moves the averaged weights towards the current ones."""
    # Early on a long average would mostly hold the random start.
    decay = min(decay, (1 + run.step) / (10 + run.step))
    current = run.network.state_dict()
    for name, value in run.averaged.state_dict().items():
        if value.is_floating_point():
            value.lerp_(current[name], 1 - decay)
        else:
            value.copy_(current[name])


def _score(setting: Setting, run: Run) -> dict[str, float]:
    fabric = setting.fabric

    def alpha_of(batch: Tensor) -> Tensor:
        with fabric.autocast():
            return run.averaged(fabric.to_device(batch).to(memory_format=torch.channels_last))

    network = setting.recipe.network
    return validate(alpha_of, setting.data.validation, network.best_long_side, run.stride)


def _timed(loader: Any) -> Iterator[tuple[Tensor, Tensor, float]]:
    """The loader's batches, each with the seconds spent waiting for it."""
    asked = time.monotonic()
    for image, alpha in loader:
        yield image, alpha, time.monotonic() - asked
        asked = time.monotonic()


def _checkpoint(setting: Setting, run: Run, scores: dict[str, float]) -> Checkpoint:
    return Checkpoint(
        recipe=setting.recipe.model_dump(mode="json"),
        weights=run.network.state_dict(),
        averaged=run.averaged.state_dict(),
        optimizer=run.optimizer.state_dict(),
        step=run.step,
        data_hash=setting.data.data_hash,
        best=run.best,
        scores=scores,
        seconds=run.seconds,
        commit=current_commit(),
    )


def restore_run(run: Run, checkpoint: Checkpoint, setting: Setting) -> None:
    """Puts a run back where its checkpoint left it.

    Raises:
        TrainingError: the checkpoint is of another network or of other pictures.
    """
    if checkpoint.data_hash != setting.data.data_hash:
        raise TrainingError("the data changed since the checkpoint; start a new run")
    if checkpoint.recipe["network"] != setting.recipe.model_dump(mode="json")["network"]:
        raise TrainingError("the checkpoint is of another network; start a new run")
    run.network.load_state_dict(checkpoint.weights)
    run.averaged.load_state_dict(checkpoint.averaged)
    run.optimizer.load_state_dict(checkpoint.optimizer)
    run.step, run.best, run.seconds = checkpoint.step, checkpoint.best, checkpoint.seconds
    setting.report.cut_after(run.step)
