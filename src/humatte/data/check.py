"""Checks a set before it is trained on: files, lists, mattes, and pictures that show the same.

In: a set's folder and its lists. Out: findings. Changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from humatte.data.findings import KINDS, Finding, Outcome, clean_paths
from humatte.data.layouts import EVERY, expect_set, listed, read_sources, scan
from humatte.data.looks import Looks, describe, find_alike
from humatte.data.own_files import own_files
from humatte.data.pairs import Pair, is_no_matte, matte_in
from humatte.data.work import Report, work_through
from humatte.errors import DataError
from humatte.image_io import read
from humatte.paths import guard_outputs

USUAL_LISTS = ("train.txt", "val.txt", "test.txt")
_NEEDED_LISTS = USUAL_LISTS[:2]
_SOFT = (6, 249)  # values between count as soft: what compression leaves of 0 and 255 does not
_HARD_SHARE = 0.25  # of the edge's pixels; an edge that is one pixel soft has about 1


@dataclass(frozen=True)
class Rules:
    """What counts as a finding, where tastes differ."""

    soft: bool = False
    """Mattes without softness are an error."""
    least_side_px: int = 128
    """Pictures with a shorter side are tiny."""
    duplicates: bool = True
    """Look for pictures that show the same."""
    thorough: bool = False
    """Look for crops and mirror images within each list too, not only across lists."""


@dataclass(frozen=True)
class _Facts:
    """What reading one pair tells."""

    name: str
    findings: tuple[Finding, ...]
    looks: Looks | None


def lists_to_check(folder: Path, lists: Sequence[str] = ()) -> list[str]:
    """The lists that are asked for, or else the usual ones that are there, or `all`."""
    usual = [name for name in USUAL_LISTS if (folder / name).is_file()]
    return list(dict.fromkeys([*lists] or usual or [EVERY]))


def guard_reports(
    folder: Path, lists: Sequence[str], outputs: Sequence[Path | None], clean: Path | None
) -> None:
    """Refuses, before a check, reports and clean lists that would replace something.

    Args:
        folder: the set.
        lists: as of `check_set`.
        outputs: the reports to be written.
        clean: the folder for clean lists.

    Raises:
        UsageError: a report or list would replace a file of the set or a list, or cannot be
            written.
        DataError: one of `lists` is not there.
    """
    names = lists_to_check(folder, lists)
    lines = [pair for name in names if name.endswith(".csv") for pair in listed(folder, name)]
    files = [*clean_paths(folder, names, clean).values()] if clean else []
    wanted = [*outputs, *(files if clean and clean.is_dir() else [clean])]
    guard_outputs(wanted, own_files(folder, lines, (*lists, *names)))


def check_set(
    folder: Path, lists: Sequence[str] = (), rules: Rules | None = None, jobs: int = 1
) -> Outcome:
    """Checks a set.

    Args:
        folder: the set: image/, alpha/, lists.
        lists: the lists to check, or `all`; by default those of train.txt, val.txt and test.txt
            that are there, or every picture if none is.
        rules: what counts.
        jobs: processes that share the reading.

    Raises:
        DataError: no such folder, or one of `lists` is not there.
    """
    rules = rules or Rules()
    if not any(name.endswith(".csv") for name in lists):
        expect_set(folder)
    outcome = Outcome(
        folder, {name: listed(folder, name) for name in lists_to_check(folder, lists)}
    )
    found = [*_lists(outcome, usual=not lists), *_files(outcome, usual=not lists)]
    found += _pictures(outcome, rules, jobs)
    order = {kind: place for place, kind in enumerate(KINDS)}
    outcome.findings.extend(sorted(found, key=lambda one: (order[one.kind], one.names)))
    return outcome


def _lists(outcome: Outcome, usual: bool) -> Iterator[Finding]:
    """What is wrong with the lists themselves."""
    for name in _NEEDED_LISTS if usual else ():
        if name not in outcome.lists:
            yield Finding("no list", (name,), f"there is no {name}, which training reads")
    for name, pairs in outcome.lists.items():
        if not pairs:
            yield Finding("no list", (name,), f"{name} is empty")
        for one, count in Counter(pair.name for pair in pairs).items():
            if count > 1:
                yield Finding("twice in a list", (one,), f"{count} times in {name}", (name,))
    names = {name: {pair.name for pair in pairs} for name, pairs in outcome.lists.items()}
    for first, second in combinations(names, 2):
        for one in names[first] & names[second]:
            why = f"in {first} and in {second}"
            yield Finding("in two lists", (one,), why, (first, second))


def _files(outcome: Outcome, usual: bool) -> Iterator[Finding]:
    """What is wrong with the files' names."""
    folder, every = outcome.folder, {p.name: p for pairs in outcome.lists.values() for p in pairs}
    for pair in every.values():
        if not _is_there(pair):
            lacking = "matte" if pair.image.is_file() else "picture"
            yield Finding("no files", (pair.name,), f"there is no {lacking} of this name")
    images, alphas = scan(folder / "image"), scan(folder / "alpha")
    for part in (images, alphas):
        for stem, paths in part.items():
            if len(paths) > 1:
                together = " and ".join(f"{path.parent.name}/{path.name}" for path in paths)
                yield Finding("one name", (stem,), f"{together} have one name")
    if usual:
        for stem in images.keys() & alphas.keys() - every.keys():
            yield Finding("in no list", (stem,), "has a matte, and is in no list")
        for stem in (images.keys() ^ alphas.keys()) - every.keys():
            lacking = "matte" if stem in images else "picture"
            yield Finding("alone", (stem,), f"there is no {lacking} of this name")
    sources = read_sources(folder)
    for stem in images.keys() - sources.keys() if sources else ():
        yield Finding("no row", (stem,), "sources.csv has no row of this name")


def _is_there(pair: Pair) -> bool:
    return pair.image.is_file() and pair.alpha is not None and pair.alpha.is_file()


def _pictures(outcome: Outcome, rules: Rules, jobs: int) -> list[Finding]:
    """What is wrong with what the files hold."""
    pairs: dict[str, Pair] = {}
    blocks = []  # positions of each list's pictures; a picture in two lists belongs to the first
    for listed_pairs in outcome.lists.values():
        start = len(pairs)
        pairs |= {p.name: p for p in listed_pairs if _is_there(p) and p.name not in pairs}
        blocks.append(range(start, len(pairs)))
    do = partial(_examine, rules)
    report = work_through("reading", [*pairs.values()], do, lambda p: p.name, jobs=jobs)
    found = [Finding("unreadable", (name,), why) for name, why in report.failed]
    found += [finding for facts in report.answers for finding in facts.findings]
    if rules.duplicates:
        found += _same([*pairs], blocks, [*outcome.lists], report, rules)
    return found


def _same(
    names: Sequence[str],
    blocks: Sequence[range],
    lists: Sequence[str],
    report: Report,
    rules: Rules,
) -> Iterable[Finding]:
    """Pictures that show the same, across lists and within them."""
    described = {facts.name: facts.looks for facts in report.answers if facts.looks}
    known = [place for place, name in enumerate(names) if name in described]
    looks = [described[names[place]] for place in known]
    list_of = {place: of for block, of in zip(blocks, lists, strict=True) for place in block}
    # The blocks again, among those that could be read.
    ends = [0, *(sum(place in range(block.stop) for place in known) for block in blocks)]
    parts = [range(start, stop) for start, stop in pairwise(ends)]
    searches = [*combinations(parts, 2)]
    if rules.thorough:
        searches = [(range(len(looks)), range(len(looks)))]
    numbers = [lists.index(list_of[place]) for place in known]
    for pair in find_alike(looks, numbers, searches):
        first, second = known[pair.first], known[pair.second]
        of = (list_of[first], list_of[second])
        how = "mirrored, " if pair.mirrored else ""
        where = f"both in {of[0]}" if of[0] == of[1] else f"in {of[0]} and in {of[1]}"
        why = f"{where}: {how}{pair.agreeing} points agree"
        kind = "same in a list" if of[0] == of[1] else "same across lists"
        yield Finding(kind, (names[first], names[second]), why, of)


def _examine(rules: Rules, pair: Pair) -> _Facts:
    """Reads a pair; findings about its matte and size, and what it looks like."""
    if pair.alpha is None:
        raise DataError(f"{pair.name}: there is no matte")
    picture, other = read(pair.image), read(pair.alpha)
    matte, (height, width) = matte_in(other), picture.image.shape[:2]
    found = []
    if matte.shape != (height, width):
        why = f"the matte is {matte.shape[1]}x{matte.shape[0]}, the picture {width}x{height}"
        return _Facts(pair.name, (Finding("sizes differ", (pair.name,), why),), None)
    if is_no_matte(other):
        found.append(Finding("colour", (pair.name,), "the matte is a picture in colour"))
    else:
        found += _matte_findings(pair.name, matte, rules)
    if min(height, width) < rules.least_side_px:
        found.append(Finding("tiny", (pair.name,), f"{width}x{height} pixels"))
    looks = describe(picture.image, matte) if rules.duplicates else None
    return _Facts(pair.name, tuple(found), looks)


def _matte_findings(name: str, matte: NDArray[np.uint8], rules: Rules) -> Iterator[Finding]:
    lowest, highest = int(matte.min()), int(matte.max())
    if highest == 0:
        yield Finding("empty", (name,), "every pixel is 0")
    elif highest < 128:
        yield Finding("faint", (name,), f"the largest value is {highest} of 255")
    elif lowest > 127:
        yield Finding("full", (name,), f"the smallest value is {lowest} of 255")
    elif _is_hard(matte):
        kind = "hard claimed soft" if rules.soft else "hard"
        yield Finding(kind, (name,), "hardly a pixel is between 0 and 255")


def _is_hard(matte: NDArray[np.uint8]) -> bool:
    """Whether the matte is a mask: its edge is not soft anywhere to speak of."""
    soft = np.count_nonzero((matte >= _SOFT[0]) & (matte <= _SOFT[1]))
    person = (matte > 127).astype(np.uint8)
    edge = np.count_nonzero(person - cv2.erode(person, np.ones((3, 3), np.uint8)))
    return bool(soft < _HARD_SHARE * edge)
