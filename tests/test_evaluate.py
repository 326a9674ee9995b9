"""Scoring networks and folders of mattes, through the command."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from drawn import disc, gradient, noise
from PIL import Image
from typer.testing import CliRunner

from humatte.arrays import to_bytes
from humatte.cli import app
from humatte.data.fingerprint import fingerprint
from humatte.data.layouts import find_set, write_sources
from humatte.data.pairs import Pair
from humatte.errors import DataError, HumatteError, UsageError
from humatte.evaluate import Subject, band_of, chosen, evaluate, open_subject

RADII = (12, 16, 20, 24)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four pictures in two groups; in the last two the second folder of mattes is off by a bit."""
    folder = tmp_path / "set"
    for part in ("image", "alpha"):
        (folder / part).mkdir(parents=True)
    for part in ("good", "poor"):
        (tmp_path / part).mkdir()
    for number, radius in enumerate(RADII):
        name, alpha = f"p{number}", disc(60, 80, radius)
        Image.fromarray(noise(60, 80, number)).save(folder / "image" / f"{name}.png")
        Image.fromarray(to_bytes(alpha)).save(folder / "alpha" / f"{name}.png")
        Image.fromarray(to_bytes(alpha)).save(tmp_path / "good" / f"{name}.png")
        off = disc(60, 80, radius - (number // 2) * 4)
        rgba = np.dstack([gradient(60, 80), to_bytes(off)])
        Image.fromarray(rgba).save(tmp_path / "poor" / f"{name}.webp", lossless=True)
    (folder / "val.txt").write_text("p0\np1\np2\np3\n")
    write_sources(folder, {f"p{n}": {"source": "ab"[n // 2], "licence": "CC0"} for n in range(4)})
    return folder


def run(*words: object) -> str:
    answer = CliRunner().invoke(app, [str(word) for word in ("evaluate", *words)])
    if answer.exception and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer.output


def score_of(text: str, name: str, column: int = 0) -> float:
    (line,) = (line for line in text.splitlines() if line.split()[:1] == [name])
    return float(line.split()[1 + column])


def test_perfect_mattes_score_perfectly(data: Path, tmp_path: Path) -> None:
    text = run(tmp_path / "good", tmp_path / "poor", "--data", data)
    for name in ("person_iou", "miou", "boundary_f"):
        assert score_of(text, name) == 1
        assert score_of(text, name, 1) < 1
    for name in ("mad", "sad_k", "gradient_k", "connectivity_k", "mad_band"):
        assert score_of(text, name) == 0
        assert score_of(text, name, 1) > 0


def test_files_agree_with_what_is_printed(data: Path, tmp_path: Path) -> None:
    files = {key: tmp_path / f"out.{key}" for key in ("csv", "json")}
    text = run(tmp_path / "poor", "--data", data, "--csv", files["csv"], "--json", files["json"])
    with files["csv"].open(newline="") as file:
        ious = [float(row["person_iou"]) for row in csv.DictReader(file)]
    assert len(ious) == 4
    assert score_of(text, "person_iou") == pytest.approx(np.mean(ious), abs=5e-5)
    document = json.loads(files["json"].read_text())
    assert document["means"][str(tmp_path / "poor")]["person_iou"] == pytest.approx(np.mean(ious))


def test_groups_and_conditions(data: Path, tmp_path: Path) -> None:
    text = run(tmp_path / "poor", "--data", data, "--by", "source")
    assert score_of(text, "a") == 1
    assert score_of(text, "b") < 0.8
    only = run(tmp_path / "poor", "--data", data, "--where", "source=a")
    assert score_of(only, "person_iou") == 1
    assert score_of(only, "pictures") == 2
    pairs = find_set(data, "people", "val.txt")
    for wrong in ("colour=red", "source=nowhere", "source"):
        with pytest.raises(UsageError, match=r"source|COLUMN"):
            chosen(pairs, [wrong])


def test_against_too_few_pictures_nothing_is_claimed(data: Path, tmp_path: Path) -> None:
    text = run(tmp_path / "poor", "--data", data, "--against", tmp_path / "good")
    assert {line.rpartition("  ")[2] for line in text.splitlines() if "[" in line} == {"too few"}


def test_against_another(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("humatte.scores.FEWEST", 2)
    text = run(
        tmp_path / "poor", "--data", data, "--against", tmp_path / "good", "--where", "source=b"
    )
    (line,) = (
        x
        for x in text.splitlines()
        if x.startswith(" ") and x.endswith("worse") and "mad_band" in x
    )
    assert float(line.split()[1]) > 0
    with pytest.raises(UsageError, match="twice"):
        run(tmp_path / "good", "--data", data, "--against", tmp_path / "good")


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pictures, self.text = [], []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.pictures += [dict(attrs)["src"][:15]] if tag == "img" else []

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_stands_alone(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "r.html"
    run(
        tmp_path / "poor",
        "--data",
        data,
        "--report",
        out,
        "--by",
        "source",
        "--against",
        tmp_path / "good",
    )
    page = Page()
    page.feed(out.read_text("utf-8"))
    assert page.pictures == ["data:image/webp"] * 8  # four pictures of each subject
    words = " ".join(page.text)
    for expected in ("By source", "Distributions", "Rhemann", "p3: IoU", "paired bootstrap"):
        assert expected in words
    assert "http://" not in out.read_text("utf-8").replace("http://www.w3.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "")


def test_frames_of_a_clip_are_compared_with_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "found").mkdir()
    lines = ["name,image,alpha,clip"]
    for number in range(4):
        clip = "ab"[number // 2]
        alpha = disc(40, 40, 10)
        found = np.clip(alpha * (0.8 if number == 1 else 1), 0, 1)
        Image.fromarray(noise(40, 40)).save(tmp_path / f"i{number}.png")
        Image.fromarray(to_bytes(alpha)).save(tmp_path / f"a{number}.png")
        Image.fromarray(to_bytes(found)).save(tmp_path / "found" / f"f{number}.png")
        lines.append(f"f{number},i{number}.png,a{number}.png,{clip}")
    (tmp_path / "clips.csv").write_text("\n".join(lines))
    pairs = find_set(tmp_path, "people", "clips.csv")
    rows = evaluate([open_subject(str(tmp_path / "found"), pairs)], pairs)[0].rows
    assert [row.dtssd > 0 for row in rows] == [False, True, False, False]
    assert np.isnan([rows[0].dtssd, rows[2].dtssd]).all()
    assert rows[3].flicker == 0
    assert rows[1].flicker == pytest.approx(0.2 * disc(40, 40, 10).mean(), rel=0.02)


def test_a_picture_that_was_trained_on_is_named(data: Path) -> None:
    pairs = find_set(data, "people", "val.txt")
    seen = np.array([fingerprint(noise(60, 80, 2)) ^ np.uint64(5)])  # two bits off
    subject = Subject("x", lambda pair, image: np.zeros(image.shape[:2], np.float32), seen)
    (result,) = evaluate([subject], pairs)
    assert result.seen == ["p2"]


def test_the_band_is_what_is_unsure_grown() -> None:
    alpha = disc(200, 100, 40)
    band = band_of(alpha)
    assert band[alpha == 0.5].all()
    hard = (alpha >= 0.5).astype(np.float32)
    assert 0 < band_of(hard).sum() < band.sum()
    assert not band_of(np.zeros((20, 20), np.float32)).any()


def test_a_gap_in_a_clip_ends_it() -> None:
    def frame(name: str, kind: str) -> Pair:
        return Pair(name, Path(name), None, {"clip": "x", "kind": kind})

    kept = chosen([frame("a", "k"), frame("b", "k"), frame("c", "z"), frame("d", "k")], ["kind=k"])
    parts = [pair.columns["part of the clip"] for pair in kept]
    assert [pair.name for pair in kept] == ["a", "b", "d"]
    assert parts[0] == parts[1] != parts[2]


def test_an_empty_picture_has_no_band_scores(tmp_path: Path) -> None:
    (tmp_path / "found").mkdir()
    for name in ("image", "alpha"):
        (tmp_path / name).mkdir()
    Image.fromarray(noise(30, 30)).save(tmp_path / "image" / "a.png")
    Image.new("L", (30, 30)).save(tmp_path / "alpha" / "a.png")
    Image.new("L", (30, 30), 90).save(tmp_path / "found" / "a.png")
    pairs = find_set(tmp_path, "people", "all")
    (row,) = evaluate([open_subject(str(tmp_path / "found"), pairs)], pairs)[0].rows
    assert row.sad_k > 0
    assert np.isnan(
        [row.mad_band, row.sad_band_k, row.gradient_band_k, row.connectivity_band_k]
    ).all()


def test_json_holds_groups_and_differences(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.json"
    run(
        tmp_path / "poor",
        "--data",
        data,
        "--by",
        "source",
        "--against",
        tmp_path / "good",
        "--json",
        out,
    )
    document = json.loads(out.read_text())
    (found,) = document["against"].values()
    assert found["mad"]["verdict"] == "too few"
    assert found["mad"]["low"] is None
    assert document["groups"][str(tmp_path / "poor")]["a"][0] == 2


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: Image.fromarray(noise(60, 80)).save(folder / "p1.png"), "in colour"),
        (lambda folder: (folder / "p1.png").unlink(), r"1 of 4 pictures have no matte there: p1"),
        (lambda folder: Image.new("L", (9, 9)).save(folder / "p1.png"), r"matte is 9x9.*80x60"),
        (lambda folder: (folder / "p1.png").write_text("no"), r"p1\.png"),
    ],
)
def test_wrong_mattes_are_named(data: Path, tmp_path: Path, break_it, message: str) -> None:
    break_it(tmp_path / "good")
    with pytest.raises(DataError, match=message):
        run(tmp_path / "good", "--data", data)


@pytest.mark.parametrize(
    "words",
    [
        ["nothing-such", "--data", "DATA"],
        ["night", "night", "--data", "DATA"],
        ["night", "--data", "DATA", "--csv", "nowhere/s.csv"],
        ["night", "--data", "DATA", "--sheets", "DATA/val.txt"],
        ["night", "--data", "DATA", "--by", "colour"],
        ["night", "--data", "DATA", "--list", "none.txt"],
    ],
)
def test_wrong_use(data: Path, words: list[str]) -> None:
    with pytest.raises(HumatteError):
        run(*(word.replace("DATA", str(data)) for word in words))


@pytest.mark.parametrize(
    "words",
    [
        ["--csv", "set/val.txt"],
        ["--json", "set/sources.csv"],
        ["--report", "set/image/p0.png"],
        ["--sheets", "good"],
        ["--csv", "same", "--json", "same"],
        ["--csv", "poor"],
    ],
)
def test_no_output_replaces_what_is_read(data: Path, tmp_path: Path, words: list[str]) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    words = [word if word.startswith("--") else str(tmp_path / word) for word in words]
    with pytest.raises(UsageError):
        run(tmp_path / "good", "--data", data, *words)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_sheets_show_the_worst_the_best_and_the_same_random_pictures(
    data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "sheets"
    run(tmp_path / "good", tmp_path / "poor", "--data", data, "--sheets", folder)
    kinds, names = ("worst", "best", "random"), (f"{tmp_path.name}-{n}" for n in ("good", "poor"))
    expected = {f"{name}-{kind}.png" for name in names for kind in kinds}
    assert {path.name for path in folder.iterdir()} == expected
    sheet = {
        path.stem.removeprefix(f"{tmp_path.name}-"): read_rgb(path) for path in folder.iterdir()
    }
    # Four pictures are all there are: worst and best show them in opposite order.
    assert not np.array_equal(sheet["poor-worst"], sheet["poor-best"])
    assert not np.array_equal(sheet["good-random"], sheet["poor-random"])
    photos = (slice(None), slice(0, 160))  # the first photo; the mattes differ, the choice must not
    assert np.array_equal(sheet["good-random"][photos][16:], sheet["poor-random"][photos][16:])


def read_rgb(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))
