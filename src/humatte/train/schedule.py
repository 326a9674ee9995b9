"""How a run goes through its steps: phases, and the learning rate within each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from humatte.train.recipe import Recipe, Schedule

_POLY_POWER = 0.9  # SHM's


@dataclass(frozen=True)
class Phase:
    """One phase, resolved: steps `begin` to `end` (not included) of the run."""

    name: str
    begin: int
    end: int
    loss: Mapping[str, float]
    lr: float
    schedule: Schedule


def phases_of(recipe: Recipe, steps: int) -> list[Phase]:
    """The phases of a run of that many steps; one whole if the recipe names none."""
    if not recipe.phases:
        return [Phase("all", 0, steps, recipe.loss, recipe.train.lr, recipe.train.schedule)]
    phases: list[Phase] = []
    share = 0.0
    for part in recipe.phases:
        begin, share = (phases[-1].end if phases else 0), share + part.share
        phases.append(
            Phase(
                part.name,
                begin,
                round(share * steps),
                part.loss or recipe.loss,
                part.lr or recipe.train.lr,
                part.schedule or recipe.train.schedule,
            )
        )
    return phases


def learning_rate(recipe: Recipe, phase: Phase, step: int, per_epoch: int) -> float:
    """The learning rate of a step of a phase.

    A linear warm-up, then: `keep` stays; `step` halves every `decay_epochs` epochs; `exp` halves
    as fast, smoothly; `poly` falls as (1 - done)^0.9; `cosine` falls as half a cosine. The last two
    reach 0 at the phase's end.
    """
    train, past = recipe.train, step - phase.begin
    if past < train.warmup_steps:
        return phase.lr * (past + 1) / train.warmup_steps
    done = (past - train.warmup_steps) / max(1, phase.end - phase.begin - train.warmup_steps)
    halvings = past / per_epoch / train.decay_epochs
    factors = {
        "keep": 1.0,
        "step": 0.5 ** math.floor(halvings),
        "exp": 0.5**halvings,
        "poly": max(0.0, 1 - done) ** _POLY_POWER,
        "cosine": (1 + math.cos(math.pi * min(1.0, done))) / 2,
    }
    return phase.lr * factors[phase.schedule]
