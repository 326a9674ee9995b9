"""Checkpoints: everything a run needs to go on as if it had never stopped.

Holds weights, averaged weights, optimizer, position, best score, recipe, data hash and commit.
Written beside the old file and renamed, so that a broken write loses nothing. The random
state is not in it: every sample comes from (seed, epoch, index) and the plan from (seed, epoch).
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch

from humatte.errors import TrainingError

_FORMAT = 1


@dataclass
class Checkpoint:
    """The state of a run between two steps."""

    recipe: dict[str, Any]
    weights: dict[str, torch.Tensor]
    averaged: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    step: int
    data_hash: str
    best: float = -1.0
    scores: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    commit: str = ""
    pictures: str = ""
    """Fingerprints of the training pictures, as an exported file carries them."""
    validation_hash: str = ""
    """Names the exact pictures behind the scores; '' in older checkpoints."""
    processes: int = 0
    """How many trained together, each with its own batch; 0 in older checkpoints."""
    keeps_statistics: bool | None = None
    """Whether the encoder's norms keep to their statistics in training; None in older checkpoints,
    whose recipe tells."""
    scaler: dict[str, Any] = field(default_factory=dict)
    """How the loss is scaled with `16-mixed`; empty in other precisions and older checkpoints."""


def best_of(run: Path) -> Path:
    """The best checkpoint of a run's folder; a checkpoint's own path stays."""
    return run / "best.pt" if run.is_dir() else run


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Writes a checkpoint; the old file stays until the new one is whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        torch.save({"format": _FORMAT, **vars(checkpoint)}, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        TrainingError: no such file, or not a checkpoint of this format.
    """
    if not path.is_file():
        raise TrainingError(f"{path}: no such checkpoint; expected one written by humatte train")
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
        if values.pop("format") != _FORMAT:
            raise KeyError("format")
        return Checkpoint(**values)
    except (RuntimeError, KeyError, TypeError, ValueError, OSError, EOFError) as error:
        raise TrainingError(f"{path}: not a humatte checkpoint ({error})") from None
    except Exception as error:  # pickle's own errors have no common parent below Exception
        raise TrainingError(f"{path}: not a humatte checkpoint ({error})") from error


@cache
def current_commit() -> str:
    """The commit of the running source, '-dirty' if it was changed; '' outside a checkout."""
    here = Path(__file__)

    def git(*words: str) -> str | None:
        try:
            answer = subprocess.run(
                ["git", "-C", str(here.parent), *words], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):  # no git, or no checkout
            return None
        return answer.stdout.strip()

    # Installed into an environment that lies in somebody else's checkout, this file is not in it.
    if git("ls-files", "--error-unmatch", here.name) is None:
        return ""
    changed = git("status", "--porcelain", "--untracked-files=no")
    return f"{git('rev-parse', '--short=12', 'HEAD')}{'-dirty' if changed else ''}"
