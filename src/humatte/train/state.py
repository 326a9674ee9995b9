"""What a run works with: its network and optimizer, its place; and how to save them."""

from __future__ import annotations

import copy
import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn

from humatte.errors import TrainingError
from humatte.network import fingerprints_of, fingerprints_text
from humatte.train.batches import steps_per_epoch, total_steps
from humatte.train.checkpoint import Checkpoint, best_of, current_commit, load_checkpoint
from humatte.train.inputs import Data
from humatte.train.losses import Prediction, predict
from humatte.train.pretrained import is_run, keep_statistics, keeps_statistics, load_encoder
from humatte.train.recipe import Recipe, TrainPart
from humatte.train.report import Report
from humatte.train.teacher import Teacher, open_teacher


class Predictor(nn.Module):
    """A network whose `forward` gives everything that losses need.

    Precision and gradient exchange of lightning-fabric apply to `forward` alone; a call of another
    method of a wrapped network would silently run in fp32 and on its own.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensor, losses: Collection[str] = ()) -> Prediction:
        """The network's prediction of an RGB batch (N, 3, h, w) in [0, 1], for these losses."""
        return predict(self.network, batch, losses)


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
        samples = len(self.data.sources.people)
        return steps_per_epoch(self.recipe, samples, self.fabric.world_size)

    @cached_property
    def pictures(self) -> str:
        """Fingerprints of every picture behind the weights, those of an earlier run included."""
        found = self.data.sources.people.fingerprints()
        for run in _earlier_runs(self.recipe):
            earlier = load_checkpoint(best_of(run)).pictures
            found = np.union1d(found, fingerprints_of(earlier))
        return fingerprints_text(found)

    @property
    def steps(self) -> int:
        """Optimizer steps in the whole run."""
        samples = len(self.data.sources.people)
        return total_steps(self.recipe, samples, self.fabric.world_size)


def _earlier_runs(recipe: Recipe) -> list[Path]:
    """Whose pictures this run's weights have seen: its start, its encoder's run, its teacher."""
    runs = [Path(name) for name in (recipe.train.start, recipe.distill.teacher) if name]
    encoder = Path(recipe.train.encoder) if recipe.train.encoder else None
    return [*runs, encoder] if encoder and is_run(encoder) else runs


@dataclass
class Run:
    """What changes while a run goes on. `model` is `network` set up for training."""

    network: nn.Module
    model: nn.Module
    averaged: nn.Module
    optimizer: torch.optim.Optimizer
    teacher: Teacher | None = None
    step: int = 0
    best: float = -1.0
    seconds: float = 0.0

    @property
    def stride(self) -> int:
        """What the sides of a batch are multiples of."""
        return int(self.network.stride)  # type: ignore[arg-type]


def start_fabric(recipe: Recipe) -> Fabric:
    """One process, or as many as torchrun started: on GPUs if there are any, else on the CPU."""
    world, local = (int(os.environ.get(k, "1")) for k in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    fabric = Fabric(
        accelerator="auto",
        devices=local,
        num_nodes=world // local,
        # In SHM's first phase the detail network has no part in the loss.
        strategy=DDPStrategy(find_unused_parameters=True) if world > 1 else "auto",
        precision=recipe.train.precision,
    )
    fabric.launch()
    return fabric


def start_run(recipe: Recipe, fabric: Fabric) -> Run:
    """A fresh network, its average and its optimizer, on the device."""
    torch.manual_seed(recipe.train.seed)
    network = recipe.network.build()
    filled: set[str] = set()
    if recipe.train.encoder:
        filled = load_encoder(network, Path(recipe.train.encoder))
    if recipe.train.start:
        load_start(network, Path(recipe.train.start))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if fabric.world_size > 1 and fabric.device.type == "cuda":  # gloo has no such norm
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    optimizer = make_optimizer(network, recipe.train, filled)
    model, optimizer = fabric.setup(Predictor(network), optimizer)
    averaged = fabric.to_device(averaged)
    return Run(network, model, averaged, optimizer, open_teacher(recipe, fabric))


def load_start(network: nn.Module, start: Path) -> None:
    """Takes the averaged weights of another run of the same network, and how its norms are trained.

    A network for gray pictures also takes those of its twin for colour pictures: to a gray picture
    a kernel on three channels is the sum of its three parts.

    Raises:
        TrainingError: no checkpoint there, or one of another network.
    """
    checkpoint = load_checkpoint(best_of(start))
    own = network.state_dict()
    weights = {
        name: value.sum(1, keepdim=True) if _is_gray_of(own.get(name), value) else value
        for name, value in checkpoint.averaged.items()
    }
    try:
        network.load_state_dict(weights)
    except RuntimeError:
        name = checkpoint.recipe["network"]["name"]
        raise TrainingError(
            f"{start}: a checkpoint of {name} whose weights do not fit this recipe's network"
        ) from None
    if keeps_statistics(checkpoint):
        keep_statistics(network, True)


def _is_gray_of(gray: torch.Tensor | None, colour: torch.Tensor) -> bool:
    """Whether one is a kernel on one channel where the other is the same on three."""
    if gray is None or gray.ndim != 4 or colour.ndim != 4:
        return False
    return gray.shape[1] == 1 and colour.shape == (gray.shape[0], 3, *gray.shape[2:])


def make_optimizer(
    network: nn.Module, train: TrainPart, pretrained: Collection[str] = ()
) -> torch.optim.Optimizer:
    """The optimizer with one group per parameter: kernels decay, biases and norms do not."""
    own_scales = getattr(network, "learning_rate_scales", None)
    scales: dict[str, float] = own_scales() if own_scales else {}
    scales |= {name: scales.get(name, 1.0) * train.encoder_lr for name in pretrained}
    groups: list[dict[str, Any]] = []
    for name, parameter in network.named_parameters():
        decay = train.weight_decay if parameter.ndim > 1 else 0.0
        groups.append(
            {"params": [parameter], "scale": scales.get(name, 1.0), "weight_decay": decay}
        )
    if train.optimizer == "adam":
        return torch.optim.Adam(groups, lr=train.lr, amsgrad=train.amsgrad)
    return torch.optim.AdamW(groups, lr=train.lr)


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


def checkpoint_of(setting: Setting, run: Run, scores: dict[str, float]) -> Checkpoint:
    """The run as it stands."""
    return Checkpoint(
        recipe=setting.recipe.model_dump(mode="json"),
        weights=run.network.state_dict(),
        averaged=run.averaged.state_dict(),
        optimizer=run.optimizer.state_dict(),
        scaler=setting.fabric.strategy.precision.state_dict(),
        step=run.step,
        data_hash=setting.data.data_hash,
        validation_hash=setting.data.validation.data_hash,
        processes=setting.fabric.world_size,
        best=run.best,
        scores=scores,
        seconds=run.seconds,
        commit=current_commit(),
        pictures=setting.pictures,
        keeps_statistics=keeps_statistics(run.network),
    )
