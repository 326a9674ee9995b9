"""What a check finds in a set, what it says, and what it advises."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn import a_set, matte, noise, put
from test_page import Parsed

from humatte.data.check import Rules, check_set
from humatte.data.check_report import report
from humatte.data.findings import KINDS, Outcome, as_text, verdict, write_clean, write_csv
from humatte.data.lists import read_list, write_list
from humatte.errors import DataError, UsageError

RULES = Rules(least_side_px=32)


def found(outcome: Outcome) -> set[tuple[str, tuple[str, ...]]]:
    return {(one.kind, one.names) for one in outcome.findings}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A set in which nothing is wrong: a to d in train.txt, e and f in val.txt."""
    folder = a_set(tmp_path / "people", [*"abcdef"])
    write_list(folder / "train.txt", "abcd")
    write_list(folder / "val.txt", "ef")
    return folder


def test_nothing_is_wrong(good: Path) -> None:
    outcome = check_set(good, rules=RULES)
    assert outcome.findings == []
    assert verdict(outcome) == "nothing found: training may start"
    assert as_text(outcome).startswith(f"{good}: 4 in train.txt, 2 in val.txt")


def spoil_sizes(folder: Path) -> None:
    put(folder / "alpha/a.png", matte(41, 56))


def spoil_file(folder: Path) -> None:
    path = folder / "image/a.png"
    path.write_bytes(path.read_bytes()[:300])


def gone(part: str):
    return lambda folder: (folder / part / "a.png").unlink()


def as_matte(pixels: np.ndarray):
    return lambda folder: put(folder / "alpha/a.png", pixels)


def tiny(folder: Path) -> None:
    put(folder / "image/a.png", noise(31, 56, 9))
    put(folder / "alpha/a.png", matte(31, 56))


def another_file(folder: Path) -> None:
    put(folder / "image/a.jpg", noise(40, 56, 50))


def listed(name: str, *names: str):
    return lambda folder: write_list(folder / name, names)


BARE = np.zeros((40, 56), np.uint8)
SPOILED = {
    "unreadable": (spoil_file, "a"),
    "sizes differ": (spoil_sizes, "a"),
    "no files": (gone("image"), "a"),
    "one name": (another_file, "a"),
    "colour": (as_matte(noise(40, 56)), "a"),
    "faint": (as_matte(matte(40, 56) // 128), "a"),
    "empty": (as_matte(BARE), "a"),
    "full": (as_matte(BARE + 255), "a"),
    "hard": (as_matte((matte(40, 56) > 127) * np.uint8(255)), "a"),
    "tiny": (tiny, "a"),
    "in no list": (listed("train.txt", *"bcd"), "a"),
    "twice in a list": (listed("train.txt", *"abcda"), "a"),
    "in two lists": (listed("val.txt", *"efa"), "a"),
    "no list": (lambda folder: (folder / "val.txt").unlink(), "val.txt"),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_every_kind_of_finding(good: Path, kind: str) -> None:
    spoil, name = SPOILED[kind]
    spoil(good)
    outcome = check_set(good, rules=RULES)
    assert (kind, (name,)) in found(outcome)
    assert {one.kind for one in outcome.findings} <= {kind, "in no list"}
    assert outcome.may_train == (KINDS[kind].severity == "warning")
    assert name in as_text(outcome)


def test_an_empty_list_stands_in_the_way(good: Path) -> None:
    (good / "val.txt").write_text("\n \n")
    assert ("no list", ("val.txt",)) in found(check_set(good, rules=RULES))


def test_a_missing_matte_is_told_from_a_missing_picture(good: Path) -> None:
    (good / "alpha/a.png").unlink()
    (good / "image/e.png").unlink()
    (good / "image/g.png").write_bytes(b"")
    whys = {one.names: one.why for one in check_set(good, rules=RULES).findings}
    assert "no matte" in whys[("a",)]
    assert "no picture" in whys[("e",)]
    assert ("alone", ("g",)) in found(check_set(good, rules=RULES))


def test_softness_may_be_claimed(good: Path) -> None:
    hard = (matte(40, 56) > 127) * np.uint8(255)
    put(good / "alpha/a.png", hard)
    smooth = cv2.GaussianBlur(hard, (3, 3), 0)  # an edge that is one pixel soft
    put(good / "alpha/b.png", smooth)
    outcome = check_set(good, rules=Rules(soft=True, least_side_px=32))
    assert found(outcome) == {("hard claimed soft", ("a",))}
    assert not outcome.may_train


def test_sources_that_do_not_know_a_picture(good: Path) -> None:
    (good / "sources.csv").write_text("name,source\n" + "".join(f"{n},mine\n" for n in "abcde"))
    assert found(check_set(good, rules=RULES)) == {("no row", ("f",))}


def test_the_same_photo_in_two_lists_and_in_one(good: Path) -> None:
    image = noise(200, 200, seed=77)
    image = cv2.GaussianBlur(image, (0, 0), 2) * 3
    for name, pixels in (("a", image), ("b", image[10:, 10:]), ("e", image[::1, ::-1])):
        put(good / f"image/{name}.png", np.ascontiguousarray(pixels))
        put(good / f"alpha/{name}.png", matte(*pixels.shape[:2]) | np.uint8(128))
    spoiled = {("full", (name,)) for name in "abe"}
    across = {("same across lists", (name, "e")) for name in "ab"}
    outcome = check_set(good, rules=Rules(least_side_px=32, thorough=True))
    within = {("same in a list", ("a", "b"))}
    assert found(outcome) == across | spoiled | within
    assert not outcome.may_train
    assert "mirrored" in outcome.of("same across lists")[0].why
    quick = check_set(good, rules=Rules(least_side_px=32, duplicates=False))
    assert found(quick) == spoiled


def test_clean_lists_keep_what_is_measured_on(good: Path, tmp_path: Path) -> None:
    for name in ("image/a.png", "alpha/a.png"):
        (good / name).write_bytes((good / name.replace("a.png", "e.png")).read_bytes())
    (good / "alpha/b.png").unlink()
    write_list(good / "train.txt", "ccabdf")
    outcome = check_set(good, rules=RULES)
    assert write_clean(outcome, tmp_path / "clean") == {"train.txt": 4, "val.txt": 0}
    assert read_list(tmp_path / "clean/train.txt") == ["c", "d"]
    assert read_list(tmp_path / "clean/val.txt") == ["e", "f"]
    with pytest.raises(UsageError, match="another folder"):
        write_clean(outcome, good)


def test_lists_of_paths_and_all(good: Path) -> None:
    (good / "mine.csv").write_text(
        "image,alpha\nimage/a.png,alpha/a.png\nimage/x.png,alpha/a.png\n"
    )
    outcome = check_set(good, ["mine.csv"], RULES)
    assert found(outcome) == {("no files", ("x",))}
    with pytest.raises(UsageError, match="txt"):
        write_clean(outcome, good / "clean")
    assert len(check_set(good, ["all"], RULES).lists["all"]) == 6
    with pytest.raises(DataError, match="no such list"):
        check_set(good, ["missing.txt"], RULES)
    with pytest.raises(DataError, match="no image/"):
        check_set(good / "nowhere")


def test_without_lists_everything_is_looked_at(good: Path) -> None:
    for name in ("train.txt", "val.txt"):
        (good / name).unlink()
    spoil_sizes(good)
    expected = {("no list", ("train.txt",)), ("no list", ("val.txt",)), ("sizes differ", ("a",))}
    assert found(check_set(good, rules=RULES)) == expected


def test_findings_as_csv(good: Path, tmp_path: Path) -> None:
    put(good / "alpha/a.png", BARE)
    (good / "image/e.png").write_bytes((good / "image/c.png").read_bytes())
    write_csv(check_set(good, rules=RULES), tmp_path / "found.csv")
    with (tmp_path / "found.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["severity"], row["kind"], row["name"], row["other"]) for row in rows] == [
        ("error", "same across lists", "c", "e"),
        ("warning", "empty", "a", ""),
    ]
    assert rows[0]["lists"] == "train.txt val.txt"


def test_the_page_shows_each_finding_and_escapes_names(tmp_path: Path) -> None:
    odd = "<img src=x onerror=\"alert('1')\"> & 名前"
    folder = a_set(tmp_path / "people", [odd, "b", "c"])
    put(folder / f"alpha/{odd}.png", BARE)
    spoil = folder / "image/b.png"
    spoil.write_bytes(spoil.read_bytes()[:200])
    write_list(folder / "train.txt", [odd, "b", "c"])
    write_list(folder / "val.txt", ["c"])
    outcome = check_set(folder, rules=RULES)
    parsed = Parsed(report(outcome))
    assert parsed.outside == []
    assert {data[:22] for data in parsed.images} == {"data:image/webp;base64"}
    assert len(parsed.images) == 2
    assert any(odd in text for text in parsed.texts)
    for kind, _ in outcome.counted():
        assert KINDS[kind].title in " ".join(parsed.texts)
    assert parsed.anchors >= parsed.links > set()


def test_many_findings_are_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from humatte.data import check_report

    monkeypatch.setattr(check_report, "_SHOWN", 2)
    folder = a_set(tmp_path / "people", [*"abcde"])
    for name in "abcde":
        put(folder / f"alpha/{name}.png", BARE)
    parsed = Parsed(report(check_set(folder, ["all"], RULES)))
    assert len(parsed.images) == 2
    assert "3 more" in parsed.texts
    assert "c, d, e" in parsed.texts


def test_as_a_user_types_it(humatte, good: Path, tmp_path: Path) -> None:
    words = ["data", "check", good, "--least-side", 32]
    assert humatte(*words).code == 0
    spoil_sizes(good)
    page, table, clean = tmp_path / "page.html", tmp_path / "found.csv", tmp_path / "clean"
    options = ["--report", page, "--csv", table, "--write-clean", clean, "--jobs", 2]
    result = humatte(*words, *options)
    assert result.code == 1
    assert "training should not start: matte and picture of different sizes" in result.out
    assert "the matte is 56x41, the picture 56x40" in page.read_text("utf-8")
    assert "sizes differ" in table.read_text("utf-8")
    assert read_list(clean / "train.txt") == ["b", "c", "d"]
    assert "without 1 names" in result.err
    missing = humatte("data", "check", tmp_path / "nowhere")
    assert (missing.code, missing.err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    "words",
    [
        ("--csv", "people/sources.csv"),
        ("--csv", "people/train.txt"),
        ("--report", "people/image/a.png"),
        ("--report", "people/alpha/new.html"),
        ("--report", "folder.html"),
        ("--report", "one", "--csv", "one"),
        ("--write-clean", "clean"),
        ("--write-clean", "people"),
        ("--write-clean", "clean/val.txt"),
        ("--list", "x.csv", "--csv", "people/x.csv"),
        ("--list", "x.csv", "--csv", "clean/a.png"),
    ],
)
def test_nothing_that_is_there_is_replaced(
    humatte, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (good / "sources.csv").write_text("name,source\na,mine\n")
    (tmp_path / "folder.html").mkdir()
    write_list(tmp_path / "clean/val.txt", ["mine"])
    put(tmp_path / "clean/a.png", noise(40, 56))
    (good / "x.csv").write_text("image,alpha\n../clean/a.png,alpha/a.png\n")
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    result = humatte("data", "check", "people", *words)
    assert (result.code, result.err.count("\n"), result.out) == (2, 1, "")
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_a_clean_list_keeps_a_repeated_name_once(good: Path, tmp_path: Path) -> None:
    write_list(good / "train.txt", "abcda")
    outcome = check_set(good, rules=RULES)
    assert not outcome.may_train  # training refuses such a list
    (tmp_path / "clean").mkdir(exist_ok=True)
    write_clean(outcome, tmp_path / "clean")
    assert (tmp_path / "clean" / "train.txt").read_text().split() == list("abcd")
