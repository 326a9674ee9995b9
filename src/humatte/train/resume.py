"""Resuming: whether a checkpoint is of the run that is asked for, and the run put back there.

In: a checkpoint, and the recipe and data of the command. Out: the run, where it was left. A run
that goes on as if it had never stopped has one recipe: what differs is refused by name, but for a
few settings that may change on the way.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from humatte.errors import TrainingError
from humatte.train.batches import total_steps
from humatte.train.checkpoint import Checkpoint
from humatte.train.pretrained import keep_statistics, keeps_statistics
from humatte.train.recipe import Recipe
from humatte.train.recipe_read import stored_recipe
from humatte.train.schedule import phases_of
from humatte.train.state import Run, Setting
from humatte.train.teacher import load_weights

MAY_CHANGE = (
    *("train.lr", "train.encoder_lr", "train.weight_decay", "train.clip"),
    *("train.epochs", "train.steps", "train.validate_every", "train.sheet_every"),
    "train.save_every",
    *("phases.N.lr", "data.workers", "network.best_long_side"),
)
# Where the pictures lie is nothing to a run: the checkpoint tells by their hashes what they are.
_PLACES_OF_DATA = (
    *("data.people", "data.layout", "data.train", "data.validation"),
    *("data.background", "data.things"),
)
_PLACES_OF_RUNS = ("train.start", "train.encoder", "distill.teacher")


def expect_same_recipe(recipe: Recipe, checkpoint: Checkpoint, path: Path) -> None:
    """Refuses a recipe that is not the one of the run that is resumed.

    Settings of `MAY_CHANGE` may differ. So may the folders that data, teacher and published weights
    lie in, if they are given in both; the last part of such a path names what it is.

    Args:
        recipe: the command's.
        checkpoint: of the run.
        path: the checkpoint's, for the message.

    Raises:
        TrainingError: another recipe; the first key that differs is named.
    """
    earlier = _flat(stored_recipe(checkpoint.recipe, path).model_dump(mode="json"))
    now = _flat(recipe.model_dump(mode="json"))
    for key in (*now, *(key for key in earlier if key not in now)):
        here, there = now.get(key), earlier.get(key)
        if here != there and not _may_differ(key, here, there):
            raise TrainingError(
                f"{path}: {key} is {_shown(here)}, and {_shown(there)} in the run that is resumed; "
                "give the recipe and every --set of that run again; only "
                f"{', '.join(MAY_CHANGE)} may change"
            )


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Values by dotted key; of a list of tables, numbers are keys."""
    if isinstance(value, dict):
        parts = [(f"{key}.{name}" if key else name, part) for name, part in value.items()]
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        parts = [(f"{key}.{number}", part) for number, part in enumerate(value)]
    else:
        return {key: value}
    return {name: one for inner, part in parts for name, one in _flat(part, inner).items()}


def _may_differ(key: str, here: Any, there: Any) -> bool:
    if key in _PLACES_OF_DATA:
        return (here is None) == (there is None)
    if key in _PLACES_OF_RUNS:
        return bool(here and there) and _name_of(here) == _name_of(there)
    return re.sub(r"\.\d+\.", ".N.", key) in MAY_CHANGE


def _name_of(place: str) -> tuple[str, ...]:
    """What stays when a run's folder or a file is moved: a checkpoint's name is best.pt for all."""
    return Path(place).parts[-2:] if place.endswith(".pt") else Path(place).parts[-1:]


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value)


def restore_run(run: Run, checkpoint: Checkpoint, setting: Setting) -> None:
    """Puts a run back where its checkpoint left it, with the optimizer's settings of its recipe.

    Raises:
        TrainingError: the checkpoint is of other pictures, another number of processes, or another
            network; or its step would lie in another phase now.
    """
    _expect_same_data(checkpoint, setting)
    _expect_same_phase(checkpoint, setting)
    own = [_settings_of(group) for group in run.optimizer.param_groups]
    path = setting.out / "last.pt"
    load_weights(run.network, checkpoint.weights, path)
    load_weights(run.averaged, checkpoint.averaged, path)
    keep_statistics(run.network, keeps_statistics(checkpoint))
    run.optimizer.load_state_dict(checkpoint.optimizer)
    if checkpoint.scaler:
        setting.fabric.strategy.precision.load_state_dict(checkpoint.scaler)
    # The checkpoint's came with its state, but some of them may have been changed on purpose.
    for group, settings in zip(run.optimizer.param_groups, own, strict=True):
        group.update(settings)
    run.step, run.seconds = checkpoint.step, checkpoint.seconds
    before = stored_recipe(checkpoint.recipe, path).network
    if before == setting.recipe.network:
        run.best = checkpoint.best  # scores at another size say nothing about the next ones
    setting.report.cut_after(run.step)


def _settings_of(group: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != "params"}


def _expect_same_data(checkpoint: Checkpoint, setting: Setting) -> None:
    data, processes = setting.data, setting.fabric.world_size
    for what, before, now in (
        ("training pictures", checkpoint.data_hash, data.data_hash),
        ("validation pictures", checkpoint.validation_hash, data.validation.data_hash),
    ):
        if before and before != now:  # older checkpoints say nothing of the validation pictures
            raise TrainingError(
                f"the {what} are not those of the run that is resumed; give it the same data, or "
                "start a new run, with this one's weights by train.start"
            )
    if checkpoint.processes and checkpoint.processes != processes:
        raise TrainingError(
            f"{processes} processes, and {checkpoint.processes} in the run that is resumed: its "
            "epochs have other steps; start as many, or a new run by train.start"
        )


def _expect_same_phase(checkpoint: Checkpoint, setting: Setting) -> None:
    """Phases are shares of the steps: with more or fewer of these, their bounds move."""
    samples = len(setting.data.sources.people)
    earlier = stored_recipe(checkpoint.recipe, setting.out / "last.pt")
    steps = total_steps(earlier, samples, setting.fabric.world_size)
    before = _phase_at(earlier, steps, checkpoint.step)
    now = _phase_at(setting.recipe, setting.steps, checkpoint.step)
    if before != now:
        raise TrainingError(
            f"step {checkpoint.step} was in phase '{before}' of the run that is resumed, and would "
            f"now be in '{now}'; give train.epochs or train.steps such that it stays there"
        )


def _phase_at(recipe: Recipe, steps: int, step: int) -> str:
    """The name of the phase that a step lies in; at the end of a run, of the last one."""
    phases = phases_of(recipe, steps)
    return next((phase.name for phase in phases if step < phase.end), phases[-1].name)
