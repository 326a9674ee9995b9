"""Scores of a network on pictures whose mattes are known, through the path that users take.

In: a network, a data folder, a list. Out: one row per picture, their means, and on request a CSV
and a sheet of the worst pictures.
"""

from __future__ import annotations

import csv
import heapq
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from humatte import metrics
from humatte.arrays import to_float
from humatte.data.layouts import find_set
from humatte.data.pairs import Pair, read_pair
from humatte.data.sheets import Tile, contact_sheet
from humatte.image_io import Kept, encode, write
from humatte.matting import matte
from humatte.network import Network

_NO_LIMIT_PX = 1 << 16  # pictures are scored at their own size


@dataclass(frozen=True)
class Row:
    """The scores of one picture: IoUs and errors are shares, 0 to 1."""

    name: str
    person_iou: float
    miou: float
    mad: float
    mse: float


def evaluate(
    network: Network,
    pairs: Sequence[Pair],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Row]:
    """Scores every pair at the picture's own size.

    Raises:
        DataError: a pair cannot be read.
    """
    rows = []
    for done, pair in enumerate(pairs, start=1):
        image, truth_bytes = read_pair(pair, _NO_LIMIT_PX)
        alpha, truth = matte(image, network), to_float(truth_bytes)
        rows.append(
            Row(
                pair.name,
                metrics.person_iou(alpha, truth),
                metrics.mean_iou(alpha, truth),
                metrics.mad(alpha, truth),
                metrics.mse(alpha, truth),
            )
        )
        on_progress(done, len(pairs))
    return rows


def pairs_of(data: Path, list_file: str) -> list[Pair]:
    """The pairs of a data folder's list.

    Raises:
        DataError: no such folder or list, or names without files.
    """
    return find_set(data, "people", list_file)


def means(rows: Sequence[Row]) -> dict[str, float]:
    """The mean of every score over the pictures."""
    names = [field.name for field in fields(Row) if field.name != "name"]
    return {name: float(np.mean([getattr(row, name) for row in rows])) for name in names}


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """One line per picture."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(Row)])
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write(text.getvalue().encode(), path)


def draw_worst(
    network: Network, pairs: Sequence[Pair], rows: Sequence[Row], path: Path, count: int = 50
) -> None:
    """A PNG of the pictures with the lowest person IoU: photo, true and found person on magenta."""
    worst = heapq.nsmallest(
        count, zip(rows, pairs, strict=True), key=lambda both: both[0].person_iou
    )
    tiles = []
    for row, pair in worst:
        image, truth = read_pair(pair, _NO_LIMIT_PX)
        caption = f"{row.person_iou:.3f} {row.name}"
        tiles.append(Tile(caption, image, [to_float(truth), matte(image, network)]))
    write(encode(contact_sheet(tiles, columns=5), "PNG", Kept()), path)
