"""What a bundled network answers to one drawn batch, as its card has it.

In: an open network, or its card. Out: means over a grid, which another runtime, precision or
processor changes by little, and a damaged file or a wrong runtime by much.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Batch
from humatte.network import Network

ROW = "known answer"
"""The row of a card's first table that holds the means, row by row from the top left."""
_SIDE, _GRID = 256, 4
_LEAST = 1e-6  # alpha nearer to 0 or 1 is rounding
# How far any mean may be away, in units of log-odds. Seen with OpenVINO were 0.0004 in float32,
# 0.08 in bfloat16, and 0.33 in 8-bit integers, which every runtime rounds otherwise.
_MAY_DIFFER = {"fp32": 0.02, "bf16": 0.3, "int8": 0.5}

Answer = NDArray[np.float64]


def drawn_batch() -> Batch:
    """A batch (1, 3, 256, 256) float32 in [0, 1]: noise that numpy has promised never to change."""
    return np.random.RandomState(0).random_sample((1, 3, _SIDE, _SIDE)).astype(np.float32)


def answer_of(network: Network) -> Answer:
    """The means (16,) of the log-odds of the network's alpha over fields of the drawn batch.

    Log-odds, not alpha: networks that find nobody in noise all give almost 0.

    Raises:
        NetworkError: it cannot be run.
    """
    alpha = network.run(drawn_batch())[0, 0].astype(np.float64)
    alpha = np.clip(alpha, _LEAST, 1 - _LEAST)
    field = _SIDE // _GRID
    odds = np.log(alpha / (1 - alpha)).reshape(_GRID, field, _GRID, field)
    return np.asarray(odds.mean(axis=(1, 3)).ravel())


def row_of(answer: Answer) -> str:
    """The row of a card."""
    return f"| {ROW} | {' '.join(f'{mean:.3f}' for mean in answer)} |"


def stored(card: Path) -> Answer | None:
    """What a card says; None where it says nothing of it."""
    text = card.read_text("utf-8") if card.is_file() else ""
    found = re.search(rf"^\| {ROW} \| ([-0-9. ]+) \|$", text, re.MULTILINE)
    means = found[1].split() if found else []
    return np.array(means, np.float64) if len(means) == _GRID**2 else None


def may_differ(network: Network, precision: str) -> float:
    """How far a mean may be from the stored one, by how the network computes."""
    return _MAY_DIFFER["int8" if network.facts.int8 else precision]
