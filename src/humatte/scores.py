"""What the scores of single pictures add up to: means, groups, comparisons; CSV and JSON.

In: rows, one per picture. Out: tables. A score that does not apply to a picture is NaN and counts
in no mean.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from humatte.image_io import write


@dataclass(frozen=True)
class Convention:
    """How a score is to be read."""

    label: str
    unit: str
    source: str
    higher_is_better: bool = False


_BAND = "in the unsure band"
_RHEMANN = "Rhemann et al. 2009"
CONVENTIONS: Mapping[str, Convention] = {
    "person_iou": Convention("person IoU", "0 to 1, alpha ≥ 0.5", "Jaccard 1901", True),
    "miou": Convention("mIoU", "0 to 1, person and background", "LikeUnet's scripts", True),
    "boundary_f": Convention("boundary F", "0 to 1, within 0.8 % of the diagonal", "DAVIS", True),
    "mad": Convention("MAD", "0 to 1, whole picture", _RHEMANN),
    "mse": Convention("MSE", "0 to 1, whole picture", _RHEMANN),
    "sad_k": Convention("SAD", "thousands of pixels, whole picture", _RHEMANN),
    "gradient_k": Convention("gradient", "thousands, whole picture", _RHEMANN),
    "connectivity_k": Convention("connectivity", "thousands, whole picture", _RHEMANN),
    "mad_band": Convention("MAD, band", f"0 to 1, {_BAND}", _RHEMANN),
    "mse_band": Convention("MSE, band", f"0 to 1, {_BAND}", _RHEMANN),
    "sad_band_k": Convention("SAD, band", f"thousands of pixels, {_BAND}", _RHEMANN),
    "gradient_band_k": Convention("gradient, band", f"thousands, {_BAND}", _RHEMANN),
    "connectivity_band_k": Convention("connectivity, band", f"thousands, {_BAND}", _RHEMANN),
    "dtssd": Convention("dtSSD", "0 to 1, from frame to frame", "Erofeev et al. 2015"),
    "flicker": Convention("flicker", "0 to 1, where the picture stands still", "ours"),
}
METRICS = tuple(CONVENTIONS)


@dataclass(frozen=True)
class Row:
    """The scores of one picture; units are in `CONVENTIONS`, NaN is what does not apply."""

    name: str
    person_iou: float
    miou: float
    boundary_f: float
    mad: float
    mse: float
    sad_k: float
    gradient_k: float
    connectivity_k: float
    mad_band: float
    mse_band: float
    sad_band_k: float
    gradient_band_k: float
    connectivity_band_k: float
    dtssd: float = math.nan
    flicker: float = math.nan


def values_of(rows: Sequence[Row], metric: str) -> NDArray[np.float64]:
    """One score of every picture."""
    return np.array([getattr(row, metric) for row in rows], np.float64)


def means(rows: Sequence[Row]) -> dict[str, float]:
    """The mean of every score over the pictures it applies to; left out if it applies to none."""
    found = {metric: values_of(rows, metric) for metric in METRICS}
    kept = {metric: values[~np.isnan(values)] for metric, values in found.items()}
    return {metric: float(values.mean()) for metric, values in kept.items() if values.size}


def by_group(rows: Sequence[Row], groups: Sequence[str]) -> dict[str, tuple[int, dict[str, float]]]:
    """Number of pictures and means of every group, the largest group first."""
    members: dict[str, list[Row]] = {}
    for row, group in zip(rows, groups, strict=True):
        members.setdefault(group or "(none)", []).append(row)
    ordered = sorted(members.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return {group: (len(part), means(part)) for group, part in ordered}


FEWEST = 8
"""Fewer pictures tell nothing of others: resampling three gives back the same three."""


@dataclass(frozen=True)
class Difference:
    """The mean difference of a score of one against another, with its 95 % interval.

    Of fewer than `FEWEST` pictures no interval can be told: its ends are NaN.
    """

    mean: float
    low: float
    high: float
    better: bool | None
    """Whether the first is better; None while the interval holds 0, or there is none."""

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `undecided` or `too few`."""
        if math.isnan(self.low):
            return "too few"
        return {True: "better", False: "worse", None: "undecided"}[self.better]


def compare(
    rows: Sequence[Row], against: Sequence[Row], rounds: int = 10_000, seed: int = 1
) -> dict[str, Difference]:
    """Paired differences `rows` - `against` of every score, with bootstrap intervals.

    The same pictures are drawn for both: what is compared is picture by picture. Source: Efron and
    Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile interval).
    """
    rng = np.random.default_rng(seed)
    found = {}
    for metric in METRICS:
        each = values_of(rows, metric) - values_of(against, metric)
        each = each[~np.isnan(each)]
        if not each.size:
            continue
        if each.size < FEWEST:
            found[metric] = Difference(float(each.mean()), math.nan, math.nan, None)
            continue
        drawn = np.array(
            [each[rng.integers(each.size, size=each.size)].mean() for _ in range(rounds)]
        )
        low, high = (float(edge) for edge in np.percentile(drawn, (2.5, 97.5)))
        sure = low > 0 or high < 0
        better = (low > 0) == CONVENTIONS[metric].higher_is_better if sure else None
        found[metric] = Difference(float(each.mean()), low, high, better)
    return found


def write_csv(results: Mapping[str, Sequence[Row]], path: Path) -> None:
    """One line per picture and subject; a score that does not apply is left empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["subject", "name", *METRICS])
    writer.writeheader()
    for subject, rows in results.items():
        writer.writerows({"subject": subject, **_plain(row, "")} for row in rows)
    write(text.getvalue().encode(), path)


def write_json(
    summary: Mapping[str, object], results: Mapping[str, Sequence[Row]], path: Path
) -> None:
    """The summary, the units, and every picture's scores; what does not apply is null.

    Differences anywhere in the summary are written as their fields and their verdict.
    """
    document = {
        **summary,
        "units": {name: f"{c.unit}; {c.source}" for name, c in CONVENTIONS.items()},
        "pictures": {
            subject: [_plain(row, None) for row in rows] for subject, rows in results.items()
        },
    }
    text = json.dumps(document, indent=1, allow_nan=False, default=_difference)
    write(text.encode(), path)


def _difference(value: Difference) -> dict[str, object]:
    return {**_plain(value, None), "verdict": value.verdict}


def _plain(row: Row | Difference, absent: str | None) -> dict[str, object]:
    values = asdict(row)
    return {k: absent if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}
