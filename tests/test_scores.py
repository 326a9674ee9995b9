from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from humatte.scores import (
    CONVENTIONS,
    METRICS,
    Row,
    by_group,
    compare,
    means,
    write_csv,
    write_json,
)

PERFECT = Row("a", 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def rows(*ious: float) -> list[Row]:
    return [replace(PERFECT, name=f"p{n}", person_iou=iou) for n, iou in enumerate(ious)]


def test_every_score_has_a_unit_and_a_source() -> None:
    assert [field for field in Row.__dataclass_fields__ if field != "name"] == list(METRICS)
    assert all(c.unit and c.source for c in CONVENTIONS.values())


def test_what_does_not_apply_counts_in_no_mean() -> None:
    part = [replace(PERFECT, mad_band=math.nan), replace(PERFECT, mad_band=0.5)]
    found = means(part)
    assert found["mad_band"] == 0.5
    assert "dtssd" not in found


def test_groups_have_their_own_means() -> None:
    found = by_group(rows(1.0, 0.5, 0.0), ["x", "", "x"])
    assert list(found) == ["x", "(none)"]
    assert (found["x"][0], found["x"][1]["person_iou"]) == (2, 0.5)


def test_a_paired_interval_sees_what_single_scores_hide() -> None:
    # The pictures differ by far more than the two networks, but one is better on every picture.
    rng = np.random.default_rng(0)
    hard = rng.uniform(0.2, 0.9, 100)
    worse, better = rows(*hard), rows(*(hard + rng.uniform(0.005, 0.015, 100)))
    found = compare(better, worse, rounds=500)["person_iou"]
    assert found.mean == pytest.approx(0.01, abs=1e-3)
    assert 0 < found.low < found.mean < found.high < 0.02
    assert found.better is True
    assert compare(worse, better, rounds=500)["person_iou"].better is False


def test_an_interval_is_as_wide_as_theory_says() -> None:
    each = np.random.default_rng(1).normal(0, 0.1, 400)
    found = compare(rows(*each), rows(*np.zeros(400)), rounds=2000)["person_iou"]
    assert (found.high - found.low) == pytest.approx(2 * 1.96 * each.std() / 20, rel=0.1)
    assert found.better is (None if found.low < 0 < found.high else found.low > 0)


def test_lower_is_better_for_errors() -> None:
    less = [replace(PERFECT, mad=0.1)] * 20
    more = [replace(PERFECT, mad=0.2)] * 20
    assert compare(less, more, rounds=50)["mad"].better is True
    assert compare(less, less, rounds=50)["mad"].better is None


def test_files_hold_every_picture(tmp_path: Path) -> None:
    results = {"one": rows(0.25, 0.75), "two": rows(1.0, 1.0)}
    write_csv(results, tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [(row["subject"], row["name"]) for row in read][:2] == [("one", "p0"), ("one", "p1")]
    assert (
        np.mean([float(row["person_iou"]) for row in read[:2]])
        == means(results["one"])["person_iou"]
    )
    assert read[0]["dtssd"] == ""
    write_json({"about": "x"}, results, tmp_path / "s.json")
    document = json.loads((tmp_path / "s.json").read_text())
    assert document["pictures"]["two"][1]["person_iou"] == 1
    assert document["pictures"]["two"][1]["flicker"] is None
    assert set(document["units"]) == set(METRICS)
