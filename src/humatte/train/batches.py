"""Batches: which samples, in which order, at which size; all of it a function of the seed.

In: sources and a recipe. Out: for one epoch, a loader of (image, alpha) byte tensors. A run that
resumes skips the steps it has done and sees exactly what it would have seen.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from humatte.arrays import Size
from humatte.train.augment import Sources, make_sample
from humatte.train.recipe import Recipe


@dataclass(frozen=True)
class Draw:
    """One sample to make."""

    epoch: int
    index: int
    size: Size
    repeat: int = 0
    """How often the picture came before in its epoch, where the list is shorter than a step."""


def steps_per_epoch(recipe: Recipe, samples: int, processes: int = 1) -> int:
    """Whole optimizer steps in one pass; at least one."""
    return max(1, samples // (recipe.train.batch * recipe.train.accumulate * processes))


def total_steps(recipe: Recipe, samples: int, processes: int = 1) -> int:
    """How many optimizer steps the whole run has."""
    if recipe.train.steps is not None:
        return recipe.train.steps
    return recipe.train.epochs * steps_per_epoch(recipe, samples, processes)


def plan_epoch(
    recipe: Recipe, samples: int, epoch: int, process: int = 0, processes: int = 1
) -> list[list[Draw]]:
    """The batches of one epoch for one of several processes.

    A fresh order, and one size drawn for each batch; batches of one step share nothing but the
    step. All processes together see what one process with the larger batch would see.
    """
    train = recipe.train
    rng = np.random.default_rng((train.seed, epoch))
    steps = steps_per_epoch(recipe, samples, processes)
    batches, whole = steps * train.accumulate, train.batch * processes
    # A list shorter than a step is repeated, each time varied anew, so that every batch is full.
    order = np.resize(rng.permutation(samples), batches * whole).reshape(batches, whole)
    repeats = (np.arange(batches * whole) // samples).reshape(batches, whole)
    first = train.first_share * total_steps(recipe, samples, processes)
    plan = []
    for number in range(batches):
        step = epoch * steps + number // train.accumulate
        sizes = train.first_sizes if step < first else train.sizes
        height, width = sizes[int(rng.integers(len(sizes)))]
        mine = slice(process * train.batch, (process + 1) * train.batch)
        drawn = zip(order[number, mine], repeats[number, mine], strict=True)
        plan.append([Draw(epoch, int(i), (height, width), int(repeat)) for i, repeat in drawn])
    return plan


class _Samples(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, sources: Sources, recipe: Recipe) -> None:
        self.sources, self.recipe = sources, recipe

    def __getitem__(self, draw: Draw) -> tuple[Tensor, Tensor]:
        seed = (self.recipe.train.seed, draw.epoch, draw.index)
        rng = np.random.default_rng((*seed, draw.repeat) if draw.repeat else seed)
        image, alpha = make_sample(self.sources, draw.index, draw.size, self.recipe.augment, rng)
        return torch.from_numpy(image), torch.from_numpy(alpha)


def _one_thread(_: int) -> None:
    import cv2

    cv2.setNumThreads(0)
    # A signal often reaches the whole process group; the loop alone decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def load_batches(
    sources: Sources, recipe: Recipe, plan: Sequence[list[Draw]]
) -> DataLoader[tuple[Tensor, Tensor]]:
    """A loader of (image (N, h, w, 3), alpha (N, h, w)) uint8 tensors, in the plan's order."""
    workers = recipe.data.workers
    return DataLoader(
        _Samples(sources, recipe),
        batch_sampler=plan,
        num_workers=workers,
        worker_init_fn=_one_thread,
        prefetch_factor=4 if workers else None,
    )
