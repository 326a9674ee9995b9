"""Splits a set into lists to train on, to validate on, and to test on.

In: a set and what must stay together. Out: train.txt, val.txt and, if wanted, test.txt. Where a
group goes is decided by the hash of its name and the seed alone, so that pictures that come later
move none that are there. Shares come out near what was asked, not exactly: groups stay whole.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from humatte.console import say
from humatte.data.layouts import EVERY, SOURCES, expect_set, find_pairs
from humatte.data.lists import add_to_list, read_list, write_list
from humatte.data.looks import Looks, describe, find_alike
from humatte.data.pairs import Pair, read_pair
from humatte.data.work import work_through
from humatte.errors import DataError, UsageError

TRAIN, VAL, TEST = "train.txt", "val.txt", "test.txt"
BY_NAME, BY_LOOKS = "name", "looks"
"""Words for --by that are no columns: each picture by itself, or those that show the same."""

_HASHED_BITS = 53  # a float in [0, 1) holds so many


@dataclass(frozen=True)
class Shares:
    """How much of a set is held out, 0 to 1."""

    val: float
    test: float = 0.0

    def __post_init__(self) -> None:
        """Refuses shares that leave nothing to train on."""
        if not (0 <= self.val < 1 and 0 <= self.test < 1 and self.val + self.test < 1):
            raise UsageError(
                f"held out would be {self.val:.0%} and {self.test:.0%}; expected less than 100 % "
                "together"
            )


@dataclass(frozen=True)
class Split:
    """The names of each list, sorted, and into how many groups they fell."""

    lists: dict[str, list[str]] = field(default_factory=dict)
    groups: int = 0


def parse_share(text: str) -> float:
    """A share of the set: `5%` or `0.05`.

    Raises:
        UsageError: anything else.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text.strip())
    if found and (found[2] or "." in found[1] or float(found[1]) == 0):
        share = float(found[1]) / (100 if found[2] else 1)
        if share < 1:
            return share
    raise UsageError(f"cannot understand the share '{text}'; expected 5% or 0.05")


def split_set(
    folder: Path,
    shares: Shares,
    by: Sequence[str] = (),
    seed: int = 1,
    force: bool = False,
    add: bool = False,
    jobs: int = 1,
) -> Split:
    """Writes the lists of a set.

    Args:
        folder: the set; every picture that has a matte is split.
        shares: how much is held out.
        by: what keeps pictures together: columns of sources.csv, `looks` or `name`; with several,
            any of them does. By default `group` if there is such a column, else `looks`.
        seed: another one gives another split.
        force: replace lists that are there.
        add: leave names where the lists have them and add the others. A picture goes where the
            others of its group are.
        jobs: processes that share the reading, with `looks`.

    Raises:
        UsageError: lists are there, neither `force` nor `add` is given; a column is not there.
        DataError: no pictures, one that cannot be read, or fewer groups than lists.
    """
    expect_set(folder)
    there = [name for name in (TRAIN, VAL, TEST) if (folder / name).exists()]
    # A list that gets no share is not made anew: it stays as it is, and out of the others.
    unasked = {*([] if shares.val else [VAL]), *([] if shares.test else [TEST])}
    fixed = there if add else [name for name in there if name in unasked]
    replaced = [name for name in there if name not in fixed]
    if replaced and not force:
        raise UsageError(
            f"{folder / replaced[0]} is there; --add puts new pictures into the lists, --force "
            "makes them anew"
        )
    pairs = find_pairs(folder, EVERY)  # refuses files that share a name
    group_of = _groups(pairs, by or _usual_key(pairs), jobs, folder)
    places = {name: which for which in fixed for name in read_list(folder / which)}
    split = divide(group_of, shares, seed, places)
    if not split.lists[TRAIN] and not add:
        kept = " and ".join(str(folder / name) for name in fixed)
        raise DataError(f"{kept} leave nothing to train on; remove names from it or the file")
    for name, names in split.lists.items():
        if add:
            add_to_list(folder / name, names)
        elif name not in fixed:
            write_list(folder / name, names)
    for name in () if add else fixed:
        left = sum(places.get(one) != name for one in split.lists.pop(name, ()))
        say(f"{name} stays as it is; {left} pictures that belong with it are in no list")
    return split


def divide(
    group_of: Mapping[str, str],
    shares: Shares,
    seed: int,
    places: Mapping[str, str] | None = None,
) -> Split:
    """Which list each name goes to.

    Args:
        group_of: the group of every name.
        shares: how much is held out.
        seed: another one gives another split.
        places: the list of names that keep it; their groups follow them.

    Raises:
        DataError: fewer groups than lists.
    """
    places = places or {}
    list_of = {group: _by_hash(group, shares, seed) for group in group_of.values()}
    wanted = [TRAIN, *([VAL] if shares.val else []), *([TEST] if shares.test else [])]
    if not places:
        _leave_none_empty(list_of, wanted, seed)
    votes: dict[str, Counter[str]] = {}
    for name, which in places.items():
        if name in group_of:
            votes.setdefault(group_of[name], Counter())[which] += 1
    list_of |= {group: counts.most_common(1)[0][0] for group, counts in votes.items()}
    lists: dict[str, list[str]] = {which: [] for which in wanted}
    for name in sorted(group_of):
        lists.setdefault(places.get(name, list_of[group_of[name]]), []).append(name)
    return Split(lists, len(list_of))


def _leave_none_empty(list_of: dict[str, str], wanted: Sequence[str], seed: int) -> None:
    """Moves a group into each list that got none: few large groups may all miss a small share."""
    for which in wanted:
        counts = Counter(list_of.values())
        spare = [group for group, of in list_of.items() if counts[of] > 1]
        if counts[which]:
            continue
        if not spare:
            raise DataError(
                f"everything falls into {len(list_of)} group(s), too few for {len(wanted)} lists; "
                "choose another --by"
            )
        list_of[min(spare, key=lambda group: _fraction(group, seed))] = which


def _by_hash(group: str, shares: Shares, seed: int) -> str:
    fraction = _fraction(group, seed)
    if fraction < shares.val:
        return VAL
    return TEST if fraction >= 1 - shares.test else TRAIN


def _fraction(group: str, seed: int) -> float:
    """A number in [0, 1) that only the group's name and the seed decide."""
    digest = hashlib.sha256(f"{seed} {group}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> (64 - _HASHED_BITS)) / 2**_HASHED_BITS


def _usual_key(pairs: Sequence[Pair]) -> list[str]:
    return ["group"] if any(pair.columns.get("group") for pair in pairs) else [BY_LOOKS]


def _groups(pairs: Sequence[Pair], by: Sequence[str], jobs: int, folder: Path) -> dict[str, str]:
    """The group of each name: the first name, in order, of all that anything keeps together.

    With one column its value is the group, so that the group's name never changes.
    """
    columns = [key for key in by if key not in (BY_NAME, BY_LOOKS)]
    known = {column: None for pair in pairs for column in pair.columns}
    for column in columns:
        if column not in known:
            raise UsageError(
                f"{folder / SOURCES} has no column '{column}'; choose --by looks, --by name or one "
                f"of: {', '.join(known) or 'it has none'}"
            )
    if list(by) == columns[:1]:
        return {p.name: _value(p, columns[0]) or f"alone {p.name}" for p in pairs}
    together = [
        *(by_value for column in columns for by_value in _same_value(pairs, column)),
        *(_same_looks(pairs, jobs) if BY_LOOKS in by else ()),
    ]
    return joined([pair.name for pair in pairs], together)


def _value(pair: Pair, column: str) -> str:
    value = pair.columns.get(column, "")
    return f"{column} {value}" if value else ""


def _same_value(pairs: Sequence[Pair], column: str) -> Iterable[tuple[str, str]]:
    first: dict[str, str] = {}
    for pair in pairs:
        if value := _value(pair, column):
            yield first.setdefault(value, pair.name), pair.name


def _same_looks(pairs: Sequence[Pair], jobs: int) -> list[tuple[str, str]]:
    """Names of pictures that show the same photo or shoot."""
    report = work_through("reading", pairs, _looks_of, lambda pair: pair.name, jobs=jobs)
    if report.failed:
        raise DataError(f"{report.failed[0][1]}; humatte data check lists all that is wrong")
    found: dict[str, Looks] = dict(report.answers)
    looks = [found[pair.name] for pair in pairs]
    everywhere = [(range(len(looks)), range(len(looks)))]
    alike = find_alike(looks, [0] * len(looks), everywhere)
    return [(pairs[one.first].name, pairs[one.second].name) for one in alike]


def _looks_of(pair: Pair) -> tuple[str, Looks]:
    return pair.name, describe(*read_pair(pair))


def joined(names: Iterable[str], together: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The group of each name, named by its first: all that pairs keep together, directly or not."""
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for one, other in together:
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    return {name: root(name) for name in parent}


def tell(split: Split, shares: Shares) -> None:
    """Says how many names each list got, and what was asked."""
    asked = {VAL: shares.val, TEST: shares.test}
    every = sum(len(names) for names in split.lists.values())
    for name, names in split.lists.items():
        share = len(names) / every
        wish = f", asked {asked[name]:.1%}" if asked.get(name) else ""
        say(f"{name}: {len(names):,} of {every:,} pictures ({share:.1%}{wish})")
        if asked.get(name) and not 0.5 <= share / asked[name] <= 2:
            few = f"groups stay whole, and there are {split.groups:,}"
            say(f"{name} is far from what was asked: {few}; try another --seed or --by")
