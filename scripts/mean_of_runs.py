"""Writes a checkpoint with the mean of several checkpoints' averaged weights, and scores it.

    python scripts/mean_of_runs.py --data DIR -o mean.pt runs/shm/best.pt runs/shm/last.pt

Of one network and one course of training: epochs of a run, or a run and one that started from it.
Such a mean often does better than either end (Izmailov et al. 2018, "Averaging Weights Leads to
Wider Optima and Better Generalization"); whether it does here, the scores say.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np
import torch

from humatte.data.layouts import find_split
from humatte.network import fingerprints_of, fingerprints_text
from humatte.paths import default_cache
from humatte.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from humatte.train.losses import predict
from humatte.train.recipe_read import stored_recipe
from humatte.train.samples import build_store
from humatte.train.teacher import averaged_network
from humatte.train.validate import validate


def mean_of(checkpoints: list[Checkpoint]) -> Checkpoint:
    """The first checkpoint with the mean of all weights, and the pictures behind any of them."""
    first = checkpoints[0]
    for other in checkpoints[1:]:
        if other.recipe["network"] != first.recipe["network"]:
            raise SystemExit("checkpoints of different networks have no mean")
    weights = {name: _mean([c.averaged[name] for c in checkpoints]) for name in first.averaged}
    seen = reduce(np.union1d, (fingerprints_of(c.pictures) for c in checkpoints))
    return replace(first, averaged=weights, scores={}, pictures=fingerprints_text(seen))


def _mean(values: list[torch.Tensor]) -> torch.Tensor:
    first = values[0]
    if not first.is_floating_point():  # how many batches a norm has seen
        return first
    return torch.stack([value.double() for value in values]).mean(0).to(first.dtype)


@torch.inference_mode()
def scores_of(checkpoint: Checkpoint, path: Path, data: Path, cache: Path) -> dict[str, float]:
    """What training would say of it, on its validation list."""
    recipe = stored_recipe(checkpoint.recipe, path)
    part = recipe.data
    _, held_out = find_split(data, part.people, part.train, part.validation, part.layout)
    store = build_store(held_out, cache, part.long_side)
    network = averaged_network(checkpoint, path).eval()
    losses = {"alpha": 1.0}  # its value is not kept
    side, stride = recipe.network.best_long_side, int(network.stride)  # type: ignore[arg-type]
    scores, _ = validate(lambda batch: predict(network, batch, losses), store, side, stride, losses)
    return scores


def main() -> None:
    """Reads, averages, scores, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--long-side", type=int, help="in place of the recipe's best_long_side")
    options = parser.parse_args()
    mean = mean_of([load_checkpoint(path) for path in options.checkpoints])
    if options.long_side:
        mean.recipe["network"]["best_long_side"] = options.long_side
    mean.scores = scores_of(mean, options.out, options.data, options.cache)
    save_checkpoint(mean, options.out)
    told = ", ".join(f"{name} {value:.4f}" for name, value in mean.scores.items())
    print(f"wrote {options.out}, the mean of {len(options.checkpoints)} checkpoints: {told}")


if __name__ == "__main__":
    main()
