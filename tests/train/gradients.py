"""Run by test_processes.py, alone and under torchrun: one step, and the gradients it left."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from humatte.train import state
from humatte.train.batches import load_batches, plan_epoch
from humatte.train.loop import train_step
from humatte.train.recipe import read_recipe
from humatte.train.report import Report
from humatte.train.schedule import phases_of

if __name__ == "__main__":
    recipe_file, data, out = (Path(word) for word in sys.argv[1:4])
    recipe = read_recipe(recipe_file, sys.argv[4:])
    fabric = state.start_fabric(recipe)
    with Report(out, active=fabric.is_global_zero) as report:
        stores = state.open_data(recipe, data, out / "cache", report, fabric)
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
