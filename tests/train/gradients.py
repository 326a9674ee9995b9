"""One step, the gradients it left, and a whole run. By test_processes.py, also under torchrun."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from humatte import cli
from humatte.train import state
from humatte.train.batches import load_batches, plan_epoch
from humatte.train.inputs import open_data
from humatte.train.loop import train_step
from humatte.train.recipe_read import read_recipe
from humatte.train.report import Report
from humatte.train.schedule import phases_of


def step_once(recipe_file: Path, data: Path, out: Path, changes: list[str]) -> None:
    """Writes gradients.pt, by the names of the weights."""
    recipe = read_recipe(recipe_file, changes)
    fabric = state.start_fabric(recipe)
    with Report(out, active=fabric.is_global_zero) as report:
        stores = open_data(recipe, data, out / "cache", report, fabric)
        setting = state.Setting(recipe, stores, fabric, report, out)
        run = state.start_run(recipe, fabric)
        samples = len(stores.sources.people)
        plan = plan_epoch(recipe, samples, 0, fabric.global_rank, fabric.world_size)
        batches = list(load_batches(stores.sources, recipe, plan[:1]))
        (phase,) = phases_of(recipe, 1)
        train_step(setting, run, phase, batches, 0.0)
        if fabric.is_global_zero:
            named = run.network.named_parameters()
            torch.save({name: p.grad for name, p in named}, out / "gradients.pt")
    fabric.barrier()


if __name__ == "__main__":
    recipe_file, data, out = (Path(word) for word in sys.argv[1:4])
    step_once(recipe_file, data, out, sys.argv[4:])
    words = ["train", str(recipe_file), "--data", str(data), "--out", str(out / "run")]
    words += ["--cache", str(out / "cache")]
    sys.argv = ["humatte", *words, *(word for each in sys.argv[4:] for word in ("--set", each))]
    cli.main()
