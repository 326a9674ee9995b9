"""Published data sets and folders of one's own, brought into the one layout.

In: a folder as it was unpacked. Out: image/NAME.*, alpha/NAME.png (8-bit gray, as the picture is
seen), sources.csv, and the lists that the layout has. Pictures are copied byte for byte. Nothing
that is there is overwritten; what cannot be used is left out with its reason; a later run goes on.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageColor

from humatte import metadata
from humatte.arrays import to_bytes
from humatte.console import say
from humatte.data import published
from humatte.data.layouts import read_sources, write_sources
from humatte.data.lists import add_to_list, read_list
from humatte.data.origins import ORIGIN, Known, expect_same_mattes, merged
from humatte.data.pairs import Pair, is_no_matte, matte_in
from humatte.data.published import P3M_PARTS, Lists
from humatte.data.work import Skip, work_through
from humatte.errors import DataError, OutputError, UsageError
from humatte.image_io import Kept, Picture, encode, orientation, read, write

_FINDERS: dict[str, Callable[[Path], Lists]] = {
    "aisegment": published.aisegment,
    "p3m": published.p3m,
    "shm": published.shm,
    "masks": published.masks,
    "cutouts": published.cutouts,
}
KINDS = tuple(_FINDERS)
_LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif")
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


@dataclass(frozen=True)
class Wanted:
    """How to import; the defaults suit each published data set."""

    kind: str
    link: bool = False
    """Link to the pictures instead of copying them."""
    source: str = ""
    """What the column `source` says; by default the data set's name or its folder's."""
    licence: str = ""
    """What the column `licence` says."""
    pictures: str | None = None
    """masks: the name of the folders with pictures."""
    masks: str | None = None
    """masks: the name of the folders with masks."""
    values: tuple[tuple[int, int, int], ...] = ()
    """masks: the colours of people (RGB); by default whatever is not black."""
    soft: bool = False
    """masks: they are mattes; keep their gray."""
    stored: bool | None = None
    """Whether mattes lie as the pictures are stored rather than as they are seen, where the two
    differ; by default the size tells, and a picture of which it does not is left out."""


@dataclass(frozen=True)
class _Item:
    """A pair, where it is and where it goes."""

    pair: Pair
    image: Path
    alpha: Path


def parse_value(text: str) -> tuple[int, int, int]:
    """The colour of people in a mask: a gray level from 0 to 255, or #rrggbb.

    Raises:
        UsageError: anything else.
    """
    if re.fullmatch(r"\d{1,3}", text) and int(text) < 256:
        return int(text), int(text), int(text)
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        red, green, blue = ImageColor.getrgb(text)[:3]
        return red, green, blue
    raise UsageError(f"cannot understand --value {text}; expected 0 to 255, or a colour as #c08080")


def import_set(source: Path, target: Path, wanted: Wanted, jobs: int = 1) -> bool:
    """Imports a data set; whether nothing failed.

    Args:
        source: the folder as it was unpacked.
        target: the set's folder; made if it is not there, added to if it is.
        wanted: which layout, and how.
        jobs: processes that share the work.

    Raises:
        UsageError: an unknown kind, options that do not go together, target inside source, or
            mattes that are there and were made with other options.
        DataError: the folder does not have this layout, or the set's sources.csv is not usable.
    """
    lists = _find(source, target, wanted)
    every = {pair.image: pair for pairs in lists.values() for pair in pairs}
    if not every:
        raise DataError(f"{source}: no pictures where this layout has them; check the folder")
    pairs = [_described(pair, source, wanted) for pair in every.values()]
    before = read_sources(target)
    items = _targets(pairs, target, before, wanted)
    rows = _rows(items, before, target)
    # Written first: a run that is interrupted finds the names that it gave.
    write_sources(target, before | rows)
    bring = partial(_bring, wanted)
    report = work_through(
        "importing", items, bring, lambda item: str(item.pair.image), _is_there, jobs
    )
    done = {item.pair.image: item.image.stem for item in items if _is_there(item)}
    others = {name: row for name, row in before.items() if name not in rows}
    write_sources(target, others | {name: rows[name] for name in done.values()})
    for name, listed in _usual(lists).items():
        add_to_list(target / f"{name}.txt", [done[p.image] for p in listed if p.image in done])
    whole = report.tell("imported", target / f"import-{wanted.kind}.csv")
    _advise(target, {*done.values()})
    return whole


def _rows(
    items: Iterable[_Item], before: Mapping[str, Mapping[str, str]], target: Path
) -> dict[str, dict[str, str]]:
    """The row of each pair; says so if some are known under another label."""
    told = [
        (i.image.stem, before.get(i.image.stem, {}), i.pair.columns, _is_there(i)) for i in items
    ]
    expect_same_mattes((one[:3] for one in told if one[3]), target)
    labels = [(had.get("source", ""), new["source"]) for _, had, new, _ in told if had]
    others = [was for was, now in labels if was != now]
    if others:
        say(
            f"{len(others):,} are known under another source ('{others[0]}') and keep it; "
            "to change it, edit sources.csv"
        )
    return {name: merged(had, new, there) for name, had, new, there in told}


def _advise(target: Path, names: set[str]) -> None:
    """Says so if pictures are in no list, and what to do."""
    lists = [*target.glob("*.txt")]
    unlisted = names.difference(*(read_list(path) for path in lists))
    if unlisted:
        how = " --add" if lists else ""
        say(f"{len(unlisted):,} are in no list; humatte data split {target}{how} makes lists")


def _find(source: Path, target: Path, wanted: Wanted) -> Lists:
    if wanted.kind not in _FINDERS:
        raise UsageError(f"unknown kind '{wanted.kind}'; expected one of {', '.join(KINDS)}")
    special = wanted.pictures or wanted.masks or wanted.values or wanted.soft
    if special and wanted.kind != "masks":
        raise UsageError("--pictures, --masks, --value and --soft go with the kind masks only")
    if wanted.soft and wanted.values:
        raise UsageError("--soft keeps the gray of mattes, --value makes hard masks; choose one")
    if wanted.link and wanted.kind == "cutouts":
        raise UsageError("cut-outs are split into picture and matte: there is nothing to --link to")
    if not source.is_dir():
        raise DataError(f"{source}: no such folder; expected the data set as it was unpacked")
    if source.resolve() in (target.resolve(), *target.resolve().parents):
        raise UsageError(f"{target}: lies in the folder that is imported; choose another -o")
    if wanted.kind == "masks":
        return published.masks(source, wanted.pictures, wanted.masks)
    return _FINDERS[wanted.kind](source)


def _usual(lists: Lists) -> Lists:
    """The lists to write: with P3M-10k's validation sets each by itself and both in `val`."""
    usual = {name: pairs for name, pairs in lists.items() if name}
    parts = [pair for name in P3M_PARTS for pair in lists.get(name, [])]
    return usual | ({"val": parts} if parts else {})


def _described(pair: Pair, source: Path, wanted: Wanted) -> Pair:
    columns = {"source": "", "licence": "", **pair.columns}
    columns |= {"source": wanted.source} if wanted.source else {}
    columns |= {"licence": wanted.licence} if wanted.licence else {}
    columns[ORIGIN] = pair.image.relative_to(source).as_posix()
    columns["imported_as"] = _made_as(wanted)
    if pair.alpha and pair.alpha.is_file():
        columns["matte_origin"] = pair.alpha.relative_to(source).as_posix()
    if wanted.stored is not None:
        columns["matte_lies"] = "as-stored" if wanted.stored else "as-seen"
    return replace(pair, columns=columns)


def _made_as(wanted: Wanted) -> str:
    """How mattes are made of what is there, in words for a column."""
    if wanted.kind != "masks" or wanted.soft:
        return "soft"
    return " ".join(["hard", *(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in sorted({*wanted.values}))])


def _targets(
    pairs: Iterable[Pair], target: Path, before: Mapping[str, Mapping[str, str]], wanted: Wanted
) -> list[_Item]:
    """Where each pair goes: its own name, or NAME-2 and so on where that is taken."""
    known = Known(before)
    taken = {name.casefold() for name in before}  # a.jpg and A.jpg are one file on many disks
    for part in ("image", "alpha"):
        taken |= {p.stem.casefold() for p in published.pictures_below(target / part)}
    items = []
    for pair in pairs:
        suffix = ".png" if wanted.kind == "cutouts" else pair.image.suffix
        name = known.name_of(pair, target / "image", suffix) or _free(pair.name, taken)
        taken.add(name.casefold())
        image, alpha = target / "image" / f"{name}{suffix}", target / "alpha" / f"{name}.png"
        items.append(_Item(pair, image, alpha))
    return items


def _free(stem: str, taken: set[str]) -> str:
    plain = " ".join(stem.split())  # a list has one name a line, without spaces around it
    name, number = plain, 1
    while name.casefold() in taken:
        number += 1
        name = f"{plain}-{number}"
    return name


def _is_there(item: _Item) -> bool:
    return item.alpha.is_file() and item.image.is_file()


def _bring(wanted: Wanted, item: _Item) -> None:
    """Writes one pair, or leaves it out with a reason."""
    if not (item.pair.alpha and item.pair.alpha.is_file()):
        raise Skip(f"there is no matte {item.pair.alpha}")
    picture = read(item.pair.image)
    if wanted.kind == "cutouts":
        if picture.alpha is None:
            raise Skip("nothing in it is transparent; expected a cut-out")
        matte = to_bytes(picture.alpha)
        write(encode(picture.image, "PNG", picture.kept), item.image)
    else:
        matte = _upright(_matte(item.pair.alpha, wanted), picture, item.pair.image, wanted.stored)
        _place(item.pair.image, item.image, wanted.link)
    write(encode(matte, "PNG", Kept()), item.alpha)


def _matte(path: Path, wanted: Wanted) -> NDArray[np.uint8]:
    """A matte's file as bytes (H, W): its transparency if it has any, else its gray."""
    picture = read(path)
    if wanted.kind == "masks" and not wanted.soft:
        return _hard(picture, path, wanted)
    if is_no_matte(picture):
        raise Skip(f"{path} is a picture in colour without transparency; expected a matte")
    return matte_in(picture)


def _hard(picture: Picture, path: Path, wanted: Wanted) -> NDArray[np.uint8]:
    if wanted.values:
        person = np.zeros(picture.image.shape[:2], bool)
        for value in wanted.values:
            person |= (picture.image == np.array(value, np.uint8)).all(axis=2)
    elif picture.alpha is not None:
        person = picture.alpha >= 0.5
    else:
        # Lossy files have traces around every edge, so that not all that is not 0 is meant.
        least = 128 if path.suffix.lower() in _LOSSY else 1
        person = picture.image.max(axis=2) >= least
    return np.where(person, 255, 0).astype(np.uint8)


def _upright(
    matte: NDArray[np.uint8], picture: Picture, path: Path, stored: bool | None
) -> NDArray[np.uint8]:
    """The matte as the picture is seen, though the matte's maker may have ignored its EXIF."""
    size = (picture.image.shape[0], picture.image.shape[1])
    turn = orientation(path)
    if turn != 1:
        if stored is None:
            stored = _lies_as_stored(matte, size, turn)
        if stored:
            turned = metadata.upright(PillowImage.fromarray(matte), turn)
            matte = np.ascontiguousarray(np.asarray(turned))
    if matte.shape != size:
        raise Skip(
            f"the matte is {matte.shape[1]}x{matte.shape[0]}, the picture {size[1]}x{size[0]}"
        )
    return matte


def _lies_as_stored(matte: NDArray[np.uint8], size: tuple[int, int], turn: int) -> bool:
    if turn in _SIDEWAYS and size[0] != size[1]:
        return matte.shape == size[::-1]
    raise Skip(
        f"the camera turned the picture (EXIF {turn}), and the matte's size does not tell whether "
        "it was made before or after; say --mattes as-seen or --mattes as-stored"
    )


def _place(source: Path, target: Path, link: bool) -> None:
    """Copies a file byte for byte, or links to it; what is there already is whole and stays."""
    if target.exists():
        return
    if not link:
        write(source.read_bytes(), target)
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # another disk, or one without hard links
            os.link(source.resolve(), target)
            return
        target.symlink_to(source.resolve())
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be made ({error.strerror}); choose another -o"
        ) from None
