"""A drawn data set: discs over gradients, laid out as a training folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import disc, gradient, noise
from PIL import Image

from humatte.arrays import to_bytes
from humatte.composite import over
from humatte.train.recipe import Recipe


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures of 64 x 48 with exact mattes, and three backgrounds."""
    root = tmp_path_factory.mktemp("data")
    for folder in ("people/image", "people/alpha", "background"):
        (root / folder).mkdir(parents=True)
    person = np.full((64, 48, 3), (220, 60, 40), np.uint8)
    for number in range(8):
        alpha = disc(64, 48, 8 + number)
        image = over(person, alpha, gradient(64, 48))
        Image.fromarray(image).save(root / f"people/image/p{number}.png")
        Image.fromarray(to_bytes(alpha)).save(root / f"people/alpha/p{number}.png")
    for number in range(3):
        Image.fromarray(noise(50, 60, number)).save(root / f"background/b{number}.png")
    (root / "people/train.txt").write_text("".join(f"p{n}\n" for n in range(6)))
    (root / "people/val.txt").write_text("p6\np7\n")
    return root


@pytest.fixture(scope="session")
def small() -> Recipe:
    """A recipe that trains in seconds, in fp32, without worker processes."""
    return Recipe.model_validate(
        {
            "name": "small",
            "network": {"name": "night", "width": 0.25, "best_long_side": 64},
            "data": {"workers": 0},
            "train": {
                "batch": 2,
                "steps": 4,
                "sizes": [[64, 64], [96, 64]],
                "precision": "32-true",
                "warmup_steps": 2,
            },
        }
    )


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """torch on one thread, so that tests side by side do not wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
