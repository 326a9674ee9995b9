from __future__ import annotations

import numpy as np
import pytest

from humatte.train.recipe import Recipe
from humatte.train.schedule import Phase, learning_rate, phases_of


def recipe_of(**train: object) -> Recipe:
    values = {"name": "r", "network": {"name": "night"}, "train": {"lr": 1.0, **train}}
    return Recipe.model_validate(values)


def rates(schedule: str, steps: int = 110, **train: object) -> list[float]:
    recipe = recipe_of(**train)
    phase = Phase("all", 0, steps, {}, 1.0, schedule)  # type: ignore[arg-type]
    return [learning_rate(recipe, phase, step, per_epoch=10) for step in range(steps + 1)]


def test_warm_up_rises_and_cosine_falls_to_zero() -> None:
    found = rates("cosine", warmup_steps=10)
    assert found[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert found[60] == pytest.approx(0.5)
    assert found[110] == pytest.approx(0)


def test_keep_step_exp_and_poly() -> None:
    assert set(rates("keep", warmup_steps=0)) == {1.0}
    stepped = rates("step", warmup_steps=0, decay_epochs=2)
    assert stepped[:20] == [1.0] * 20
    assert stepped[20:40] == [0.5] * 20
    smooth = rates("exp", warmup_steps=0, decay_epochs=2)
    assert smooth[20] == pytest.approx(0.5)
    assert smooth[10] == pytest.approx(0.5**0.5)
    poly = rates("poly", steps=100, warmup_steps=0)
    assert poly[50] == pytest.approx(0.5**0.9)
    assert poly[100] == 0


def test_phases_share_the_steps_without_a_gap() -> None:
    recipe = Recipe.model_validate(
        {
            "name": "r",
            "network": {"name": "shm"},
            "loss": {"alpha": 1.0},
            "phases": [
                {"name": "a", "share": 0.3, "lr": 0.1, "loss": {"trimap": 1.0}},
                {"name": "b", "share": 0.7, "schedule": "poly"},
            ],
        }
    )
    first, second = phases_of(recipe, 101)
    assert (first.begin, first.end, second.begin, second.end) == (0, 30, 30, 101)
    assert (first.lr, first.loss) == (0.1, {"trimap": 1.0})
    assert (second.lr, second.schedule, second.loss) == (2e-3, "poly", {"alpha": 1.0})
    (whole,) = phases_of(recipe_of(), 50)
    assert (whole.begin, whole.end) == (0, 50)
