"""`humatte data compose`: a new set of people over new backgrounds.

In: a set of people, a folder of pictures that show nobody, a seed. Out: a set (image/, alpha/,
sources.csv). The same seed gives the same pictures, however many are made, in whatever order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.random import Generator

from humatte.arrays import Image
from humatte.colour import to_profile
from humatte.data.claim import SKIPPED, claim
from humatte.data.compose import Cutout, Look, compose, cut
from humatte.data.journal import Journal, Row
from humatte.data.layouts import find_backgrounds, find_set, read_sources
from humatte.data.pairs import Pair, open_pair
from humatte.data.work import Skip, work_through
from humatte.errors import DataError, UsageError
from humatte.image_io import WRITABLE_FORMATS, Kept, encode, output_format, write

_COLUMNS = ("person", "background", "seed", "source", "licence", "group")
_TEAM = 8  # groups among whom those behind are chosen, when there are several people
_MOST_BEHIND = 2
_LEAST_PERSON = 64  # pixels of a matte above one half: less is nobody


@dataclass(frozen=True)
class Task:
    """One picture to make: who may be in it, before what, and where it goes."""

    name: str
    number: int
    people: tuple[Pair, ...]
    """The first is in it; the others may stand behind, if there is a place."""
    group: str
    background: Pair
    image: Path
    alpha: Path


def make_pictures(
    people: Path,
    background: Path,
    out: Path,
    count: int,
    seed: int,
    look: Look,
    several: float = 0.0,
    list_file: str = "all",
    format_name: str = "webp",
    jobs: int = 1,
) -> bool:
    """Makes new pictures of people over backgrounds.

    Args:
        people: a set with mattes, in any layout that training reads.
        background: a folder of pictures without people.
        out: the new set's folder; finished pictures in it are left alone.
        count: how many pictures; a later run with a larger count goes on.
        seed: of every choice.
        look: how they are composed.
        several: the share of pictures in which others may stand behind, 0 to 1.
        list_file: which of the people; `all` = every one with a matte.
        format_name: of the pictures: webp, png or jpg; mattes are PNG.
        jobs: how many processes.

    Returns:
        Whether none failed. What was left out is in `skipped.csv` in the output folder.

    Raises:
        HumatteError: wrong use, or nothing to work on.
    """
    _check(people, background, out, count, several, format_name)
    pairs, scenes = find_set(people, "people", list_file), _scenes(background)
    tasks = _tasks(pairs, scenes, out, count, seed, several, format_name)
    settings: dict[str, object] = {"seed": seed, **asdict(look), "several": several}
    settings |= {"format": format_name, "people": _digest(pairs), "backgrounds": _digest(scenes)}
    # Of all numbers, not only those of this count: an earlier run may have made more.
    claim(out, settings, [*_files(out / "image"), *_files(out / "alpha")])
    journal = Journal(out, _COLUMNS)
    noted = frozenset(journal.rows)
    report = work_through(
        "composing",
        tasks,
        partial(make_picture, seed=seed, look=look, format_name=format_name),
        lambda task: task.name,
        lambda task: task.name in noted and task.image.exists() and task.alpha.exists(),
        jobs,
        lambda answer: journal.add(*answer),
    )
    journal.finish()
    return report.tell("pictures", out / SKIPPED)


def make_picture(task: Task, seed: int, look: Look, format_name: str) -> tuple[str, Row]:
    """Makes one picture and writes it with its matte; returns its name and its sources.

    Raises:
        Skip: nobody is in the first person's matte.
        HumatteError: a file cannot be read or written.
    """
    rng = np.random.default_rng([seed, task.number])
    cutouts = [_cutout(pair, look) for pair in task.people]
    first = cutouts[0]
    if first is None:
        raise Skip(f"{task.people[0].name}: nobody is in its matte")
    there = [i for i, found in enumerate(cutouts) if found]
    image, alpha, used = compose(
        [found for found in cutouts if found], _srgb(task.background), look, rng
    )
    pillow = output_format(None, format_name)
    write(encode(alpha, "PNG", Kept()), task.alpha)
    write(encode(image, pillow, Kept()), task.image)
    return task.name, _row(task, [task.people[there[i]] for i in used], seed)


def _cutout(pair: Pair, look: Look) -> Cutout | None:
    picture, alpha = open_pair(pair)
    if np.count_nonzero(alpha > 127) < _LEAST_PERSON:
        return None
    return cut(to_profile(picture.image, picture.kept.icc, None), alpha, look.long_side)


def _srgb(pair: Pair) -> Image:
    picture = open_pair(pair)[0]
    return to_profile(picture.image, picture.kept.icc, None)


def _row(task: Task, people: Sequence[Pair], seed: int) -> Row:
    """The line of a picture in sources.csv."""
    parts = [*people, task.background]
    return {
        "person": "; ".join(pair.name for pair in people),
        "background": task.background.name,
        "seed": str(seed),
        "source": _joined(_source(pair.columns) for pair in parts),
        "licence": _joined(pair.licence for pair in parts),
        "group": task.group,
    }


def _source(columns: Mapping[str, str]) -> str:
    return columns.get("source") or columns.get("repository") or ""


def _joined(words: object) -> str:
    return "; ".join(dict.fromkeys(word or "unknown" for word in words))  # type: ignore[attr-defined]


def _tasks(
    people: Sequence[Pair],
    scenes: Sequence[Pair],
    out: Path,
    count: int,
    seed: int,
    several: float,
    format_name: str,
) -> list[Task]:
    """Who comes before what: everybody equally often, every background likewise."""
    who, where = _order(len(people), count, [seed, 1]), _order(len(scenes), count, [seed, 2])
    teams = _teams(people, seed) if several else {}
    tasks = []
    for number in range(count):
        first, rng = people[who[number]], np.random.default_rng([seed, 3, number])
        team = teams.get(_group(first), {_group(first): [first]})
        behind = _behind(first, team, rng) if rng.random() < several else []
        name = f"s{seed}_{number:06d}"
        image = out / "image" / f"{name}.{format_name}"
        alpha = out / "alpha" / f"{name}.png"
        scene = scenes[where[number]]
        tasks.append(Task(name, number, (first, *behind), min(team), scene, image, alpha))
    return tasks


def _order(length: int, count: int, seed: Sequence[int]) -> list[int]:
    """`count` positions below `length`, in shuffled rounds: none comes much oftener than others."""
    rng = np.random.default_rng(seed)
    order: list[int] = []
    while len(order) < count:
        order += [int(i) for i in rng.permutation(length)]
    return order[:count]


Team = dict[str, list[Pair]]


def _teams(people: Sequence[Pair], seed: int) -> dict[str, Team]:
    """For every group of people its team: some groups, with their people.

    Only people of one team share pictures, and the team is these pictures' group: a split by group
    then keeps everybody on one side.
    """
    members: Team = {}
    for pair in people:
        members.setdefault(_group(pair), []).append(pair)
    groups = sorted(members)
    order = np.random.default_rng([seed, 4]).permutation(len(groups))
    found: dict[str, Team] = {}
    for start in range(0, len(groups), _TEAM):
        team = {groups[i]: members[groups[i]] for i in order[start : start + _TEAM]}
        found |= dict.fromkeys(team, team)
    return found


def _behind(first: Pair, team: Team, rng: Generator) -> list[Pair]:
    """One or two of a person's team, none of the same group."""
    others = sorted(set(team) - {_group(first)})
    size = min(len(others), int(rng.integers(1, _MOST_BEHIND + 1)))
    groups = [team[others[i]] for i in rng.choice(len(others), size, replace=False)] if size else []
    return [group[int(rng.integers(len(group)))] for group in groups]


def _group(pair: Pair) -> str:
    return pair.columns.get("group") or pair.name


def _scenes(folder: Path) -> list[Pair]:
    sources = read_sources(folder)
    scenes = [
        Pair(pair.name, pair.image, None, sources.get(pair.name, {}))
        for pair in find_backgrounds(folder)
    ]
    if not scenes:
        raise DataError(f"{folder}: no pictures; expected backgrounds without people")
    return scenes


def _check(
    people: Path, background: Path, out: Path, count: int, several: float, format_name: str
) -> None:
    for folder in (people, background):
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; check the path")
    if out.resolve() in {people.resolve(), (people / "people").resolve(), background.resolve()}:
        raise UsageError(f"{out}: the output folder is an input folder; choose another -o")
    if count < 1 or not 0 <= several <= 1:
        raise UsageError(f"--count {count}, --several {several}; expected 1 or more, 0 to 1")
    if format_name not in ("webp", "png", "jpg"):
        known = ", ".join(name for name in ("webp", "png", "jpg") if name in WRITABLE_FORMATS)
        raise UsageError(f"no pictures are written as '{format_name}'; expected {known}")


def _digest(pairs: Sequence[Pair]) -> str:
    """Names in order: with others, the same seed would choose differently."""
    whole = hashlib.sha256("\n".join(pair.name for pair in pairs).encode())
    return f"{len(pairs)} pictures {whole.hexdigest()[:12]}"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
