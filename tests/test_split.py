"""Lists: groups stay whole, shares come out near, and what comes later moves nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn import a_set, matte, noise, put
from hypothesis import given, settings
from hypothesis import strategies as st

from humatte.data.layouts import write_sources
from humatte.data.lists import read_list, write_list
from humatte.data.split import TEST, TRAIN, VAL, Shares, divide, joined, parse_share, split_set
from humatte.errors import DataError, UsageError

NAMES = [f"p{number:03d}" for number in range(300)]
GROUPS = st.lists(st.integers(0, 60), min_size=3, max_size=200).map(
    lambda groups: {f"p{n:03d}": f"g{group}" for n, group in enumerate(groups)}
)


@settings(max_examples=60)
@given(GROUPS, st.integers(0, 9), st.floats(0.01, 0.6), st.floats(0, 0.3))
def test_groups_stay_whole(groups: dict[str, str], seed: int, val: float, test: float) -> None:
    lists = 2 + bool(test)
    if len(set(groups.values())) < lists:
        with pytest.raises(DataError, match="too few"):
            divide(groups, Shares(val, test), seed)
        return
    split = divide(groups, Shares(val, test), seed)
    assert sorted(name for names in split.lists.values() for name in names) == sorted(groups)
    places = [{groups[name] for name in names} for names in split.lists.values()]
    assert sum(len(part) for part in places) == len(set(groups.values())) == split.groups
    assert all(places)
    assert split == divide(dict(reversed(groups.items())), Shares(val, test), seed)


@settings(max_examples=40)
@given(st.integers(40, 300), st.integers(1, 30), st.integers(20, 90), st.integers(0, 99))
def test_what_comes_later_moves_nothing(count: int, later: int, groups: int, seed: int) -> None:
    every = {f"p{n}": f"g{n * 7919 % groups}" for n in range(count)}
    first = {name: every[name] for name in list(every)[later:]}
    before, after = (divide(some, Shares(0.3, 0.2), seed).lists for some in (first, every))
    # One group in a list may have been put there so that the list is not empty.
    if all(len({first[name] for name in names}) > 1 for names in before.values()):
        assert all(set(before[which]) <= set(after[which]) for which in before)


def test_shares_come_out_near_and_seeds_differ() -> None:
    alone = {f"p{n}": f"p{n}" for n in range(20_000)}
    splits = [divide(alone, Shares(0.05, 0.1), seed).lists for seed in (1, 2)]
    for split in splits:
        # The spread of a share p of N is sqrt(p (1 - p) / N): 0.15 % and 0.21 %.
        assert len(split[VAL]) / 20_000 == pytest.approx(0.05, abs=0.006)
        assert len(split[TEST]) / 20_000 == pytest.approx(0.1, abs=0.008)
    assert len(set(splits[0][VAL]) & set(splits[1][VAL])) < 120
    wider = divide(alone, Shares(0.1, 0.1), 1).lists
    assert set(splits[0][VAL]) <= set(wider[VAL])  # a larger share keeps the smaller one


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_joined_is_what_can_be_reached(links: list[tuple[int, int]]) -> None:
    names = [f"{n:02d}" for n in range(31)]
    groups = joined(names, [(names[i], names[j]) for i, j in links])
    reached = np.eye(31, dtype=bool)
    for i, j in links:
        reached[i, j] = reached[j, i] = True
    for _ in range(5):  # 2 to the 5th steps
        reached = (reached.astype(int) @ reached) > 0
    expected = {
        name: names[int(np.flatnonzero(row)[0])] for name, row in zip(names, reached, strict=True)
    }
    assert groups == expected


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """24 pictures; in sources.csv 8 groups of 2, and 8 pictures without a group."""
    folder = a_set(tmp_path / "people", NAMES[:24])
    rows = {n: {"source": "mine", "group": str(k // 2)} for k, n in enumerate(NAMES[:16])}
    write_sources(folder, rows)
    return folder


def lists(folder: Path) -> dict[str, list[str]]:
    return {path.name: read_list(path) for path in sorted(folder.glob("*.txt"))}


def test_by_a_column(people: Path) -> None:
    split = split_set(people, Shares(0.3), ["group"])
    assert split.groups == 16
    assert lists(people) == split.lists
    assert sorted(split.lists[TRAIN] + split.lists[VAL]) == NAMES[:24]
    for first, second in zip(NAMES[:16:2], NAMES[1:16:2], strict=True):
        assert (first in split.lists[VAL]) == (second in split.lists[VAL])
    assert split_set(people, Shares(0.3), force=True) == split  # group is what is taken by itself
    assert split_set(people, Shares(0.3), ["group"], seed=2, force=True) != split


def test_by_looks(tmp_path: Path) -> None:
    people = a_set(tmp_path / "people", NAMES[:9])
    cloth = cv2.GaussianBlur(noise(150, 200, 5), (0, 0), 2) * 3
    for name, pixels in ((NAMES[3], cloth), (NAMES[7], cloth[12:, ::-1])):
        put(people / f"image/{name}.png", np.ascontiguousarray(pixels))
        put(people / f"alpha/{name}.png", matte(*pixels.shape[:2]) | np.uint8(128))
    for seed in range(2):
        split = split_set(people, Shares(0.4), seed=seed, force=True)
        assert split.groups == 8
        assert (NAMES[3] in split.lists[VAL]) == (NAMES[7] in split.lists[VAL])


def test_several_keys_keep_together_what_any_of_them_does(people: Path) -> None:
    rows = {n: {"group": str(k // 2), "place": str((k + 1) // 2)} for k, n in enumerate(NAMES[:24])}
    write_sources(people, rows)
    with pytest.raises(DataError, match=r"into 1 group.s., too few for 2 lists"):
        split_set(people, Shares(0.3), ["group", "place"])
    assert lists(people) == {}
    assert split_set(people, Shares(0.3), ["name"]).groups == 24


def test_lists_are_not_overwritten_and_can_be_added_to(people: Path) -> None:
    write_list(people / VAL, [NAMES[1], "gone"])
    before = (people / VAL).read_bytes()
    with pytest.raises(UsageError, match=r"val\.txt is there; --add .* --force"):
        split_set(people, Shares(0.2), ["group"])
    assert (people / VAL).read_bytes() == before
    assert not (people / TRAIN).exists()
    split_set(people, Shares(0.2), ["group"], add=True)
    assert read_list(people / VAL)[:2] == [NAMES[1], "gone"]
    assert NAMES[0] in read_list(people / VAL)  # follows the other of its group
    assert sorted(read_list(people / VAL)[1:] + read_list(people / TRAIN)) == sorted(
        {*NAMES[:24], "gone"} - {NAMES[1]}
    )
    again = lists(people)
    split_set(people, Shares(0.2), ["group"], add=True)
    assert lists(people) == again


def test_a_test_list_stays_out_of_the_others(
    people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_list(people / TEST, NAMES[4:5])
    split_set(people, Shares(0.3), ["group"])
    held_out = lists(people)
    assert held_out[TEST] == NAMES[4:5]
    assert not {NAMES[4], NAMES[5]} & {*held_out[TRAIN], *held_out[VAL]}
    assert "test.txt stays as it is; 1 pictures that belong with it" in capsys.readouterr().err


def test_a_validation_list_stays_out_of_training_without_a_share(
    people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split_set(people, Shares(0.3), ["group"])
    held_out = lists(people)[VAL]
    split = split_set(people, Shares(0), ["group"], seed=5, force=True)
    assert [*split.lists] == [TRAIN]
    assert lists(people)[VAL] == held_out
    assert sorted([*held_out, *lists(people)[TRAIN]]) == NAMES[:24]
    assert "val.txt stays as it is; 0 pictures that belong with it" in capsys.readouterr().err
    split_set(people, Shares(0, 0.2), ["group"], force=True)
    assert not {*held_out} & {*lists(people)[TRAIN], *lists(people)[TEST]}
    write_list(people / VAL, NAMES[:24])
    with pytest.raises(DataError, match=r"val\.txt.* leave nothing to train on"):
        split_set(people, Shares(0), ["group"], force=True)


def test_the_groups_of_a_file_that_excel_saved(people: Path) -> None:
    split = split_set(people, Shares(0.3))
    table = people / "sources.csv"
    table.write_text("\ufeff" + table.read_text("utf-8"), "utf-8")
    assert split_set(people, Shares(0.3), ["group"], force=True) == split


def test_a_picture_that_cannot_be_read_stops_looks_only(people: Path) -> None:
    path = people / f"image/{NAMES[2]}.png"
    path.write_bytes(path.read_bytes()[:99])
    with pytest.raises(DataError, match="humatte data check"):
        split_set(people, Shares(0.3), ["looks"])
    assert split_set(people, Shares(0.3), ["group"])


def test_shares_as_typed() -> None:
    assert [parse_share(text) for text in ("5%", "0.05", "12.5 %", "0", "0%")] == [
        0.05,
        0.05,
        0.125,
        0,
        0,
    ]
    for wrong in ("5", "100%", "1.0", "-1%", "some", "", "5%%"):
        with pytest.raises(UsageError, match=r"expected 5% or 0\.05"):
            parse_share(wrong)
    with pytest.raises(UsageError, match="less than 100 %"):
        Shares(0.6, 0.4)


def test_as_a_user_types_it(humatte, people: Path) -> None:
    result = humatte("data", "split", people, "--val", "25%", "--by", "group")
    assert result.code == 0
    assert "of 24 pictures" in result.err
    assert "asked 25.0%" in result.err
    wrong = {
        (
            "--by",
            "shoot",
        ): "no column 'shoot'; choose --by looks, --by name or one of: source, group",
        ("--val", "5"): "cannot understand the share '5'",
        ("--add", "--force"): "choose one",
        (): "--force",
    }
    for words, expected in wrong.items():
        result = humatte("data", "split", people, *words, *(["--force"] if "--by" in words else []))
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert expected in result.err
    result = humatte("data", "split", people / "image")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "no image/" in result.err
