"""Mattes to look at: each picture, its matte, and the person on magenta, on sheets or on a page.

In: a set, and which of its pictures. Out: PNG sheets, or one HTML page with everything in it. A
second folder of mattes is shown beside the set's own, with how much they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from humatte.arrays import Alpha, Image, resize, to_float
from humatte.console import say
from humatte.data.layouts import EVERY, expect_set, find_pairs, scan
from humatte.data.pairs import Pair, read_matte, read_pair
from humatte.data.sheets import Tile, cells, contact_sheet
from humatte.data.work import work_through
from humatte.errors import DataError, HumatteError, UsageError, one_line
from humatte.image_io import Kept, encode, write
from humatte.metrics import mad
from humatte.page import Html, gallery, page, paragraph, picture
from humatte.paths import guard_outputs

_SHEET_PX = 2000  # about as wide as a sheet gets
_GAP = np.uint8(128)


@dataclass(frozen=True)
class View:
    """How pictures are shown."""

    cell_px: int = 200
    """The long side of each."""
    per_sheet: int = 48
    """Pictures on one PNG sheet."""
    others: Path | None = None
    """A folder with mattes NAME.png, shown beside the set's own."""


def choose(
    folder: Path,
    list_file: str = EVERY,
    names: Sequence[str] = (),
    count: int | None = None,
    seed: int = 1,
) -> list[Pair]:
    """The pictures to look at, in the list's order.

    Args:
        folder: the set.
        list_file: one of its lists, or `all`.
        names: only these, in this order.
        count: only so many, drawn at random.
        seed: another one draws others.

    Raises:
        UsageError: a name that the list does not have; no pictures wanted.
        DataError: no such set or list.
    """
    expect_set(folder)
    pairs = {pair.name: pair for pair in find_pairs(folder, list_file)}
    unknown = [name for name in names if name not in pairs]
    if unknown:
        raise UsageError(f"{folder}: '{unknown[0]}' is not in {list_file}; check the name")
    chosen = [pairs[name] for name in names] or [*pairs.values()]
    if count is None or count >= len(chosen):
        return chosen
    if count < 1:
        raise UsageError(f"--random {count} leaves nothing to look at; expected 1 or more")
    drawn = np.random.default_rng(seed).choice(len(chosen), count, replace=False)
    return [chosen[place] for place in sorted(drawn)]


def review(
    pairs: Sequence[Pair],
    out: Path,
    view: View | None = None,
    jobs: int = 1,
    guarded: Sequence[Path] = (),
) -> bool:
    """Draws pictures with their mattes; whether all could be read.

    Args:
        pairs: the pictures.
        out: a .html page, or a .png sheet: several are numbered, as sheet-001.png.
        view: how.
        jobs: processes that share the work.
        guarded: further files and folders that must stay as they are; the pictures, their mattes
            and the folder of other mattes always do.

    Raises:
        UsageError: another ending of `out`, an output that would replace what it is made of, or
            cannot be written, or no folder of other mattes.
        OutputError: it cannot be written.
    """
    view = view or View()
    if view.others and not view.others.is_dir():
        raise UsageError(f"{view.others}: no such folder; expected one with mattes NAME.png")
    others = scan(view.others) if view.others else {}
    items = [_Item(pair, next(iter(others.get(pair.name, ())), None)) for pair in pairs]
    kind = out.suffix.lower()
    if kind not in (".html", ".htm", ".png"):
        raise UsageError(f"{out}: expected a name that ends in .png or .html")
    sheets = _sheets(items, out, view) if kind == ".png" else []
    shown = {path for pair in pairs for path in (pair.image, pair.alpha) if path}
    kept = [*guarded, *shown, *([view.others] if view.others else [])]
    guard_outputs([sheet.out for sheet in sheets] or [out], kept)
    bad = _write_sheets(sheets, view, jobs) if sheets else _write_page(items, out, view, jobs)
    for name, why in bad:
        say(why if name in why else f"{name}: {why}")
    return not bad


@dataclass(frozen=True)
class _Item:
    pair: Pair
    other: Path | None


@dataclass(frozen=True)
class _Sheet:
    out: Path
    items: Sequence[_Item]


Bad = list[tuple[str, str]]
"""Names that could not be shown, with the reason."""


def _sheets(items: Sequence[_Item], out: Path, view: View) -> list[_Sheet]:
    parts = [items[i : i + view.per_sheet] for i in range(0, len(items), view.per_sheet)]
    numbers = max(3, len(str(len(parts))))
    return [
        _Sheet(out.with_stem(f"{out.stem}-{number:0{numbers}d}") if len(parts) > 1 else out, part)
        for number, part in enumerate(parts, start=1)
    ]


def _write_sheets(sheets: Sequence[_Sheet], view: View, jobs: int) -> Bad:
    do = partial(_draw_sheet, view)
    report = work_through("drawing", sheets, do, lambda sheet: str(sheet.out), jobs=jobs)
    first, last = sheets[0].out, sheets[-1].out
    places = f"{first} to {last.name}" if len(sheets) > 1 else str(first)
    if report.made:
        say(f"{sum(len(sheet.items) for sheet in sheets):,} pictures on {places}")
    return report.failed + [one for bad in report.answers for one in bad]


def _draw_sheet(view: View, sheet: _Sheet) -> Bad:
    bad: Bad = []
    tiles = []
    for item in sheet.items:
        try:
            tiles.append(_tile(item, view))
        except HumatteError as error:
            bad.append((item.pair.name, one_line(error)))
            tiles.append(_blank(item.pair.name, view))
    across = len(cells(tiles[0], 8, gray=True)) * view.cell_px
    columns = min(len(tiles), max(1, _SHEET_PX // across))
    drawn = contact_sheet(tiles, columns, view.cell_px, gray=True)
    write(encode(drawn, "PNG", Kept()), sheet.out)
    return bad


def _write_page(items: Sequence[_Item], out: Path, view: View, jobs: int) -> Bad:
    do = partial(_figure, view)
    report = work_through("drawing", items, do, lambda item: item.pair.name, jobs=jobs)
    figures = dict(report.answers)
    words = "Each picture, its matte, and the person on magenta"
    words += f", then the same for the mattes of {view.others}." if view.others else "."
    failed = [paragraph(f"{name}: {why}", "bad") for name, why in report.failed]
    shown = gallery(figures[i.pair.name] for i in items if i.pair.name in figures)
    text = page(f"{len(items):,} pictures", paragraph(words), *failed, shown)
    write(text.encode(), out)
    say(f"{len(figures):,} pictures on {out} ({len(text) / 1e6:.1f} MB)")
    return report.failed


def _figure(view: View, item: _Item) -> tuple[str, Html]:
    tile = _tile(item, view)
    shown = cells(tile, view.cell_px, gray=True)
    gap = np.full((shown[0].shape[0], 4, 3), _GAP, np.uint8)
    row = [part for cell in shown for part in (gap, cell)][1:]
    return item.pair.name, picture(np.hstack(row), tile.caption)


def _tile(item: _Item, view: View) -> Tile:
    """The picture with its matte, and with the other one if there is another folder.

    Raises:
        DataError: one of them cannot be read.
    """
    name = item.pair.name
    image, matte = read_pair(item.pair)
    alpha = to_float(matte)
    if not view.others:
        return Tile(name, image, [alpha])
    other = _read_other(item, image)
    words = f"mean difference {mad(alpha, other):.4f}" if item.other else "no other matte"
    return Tile(f"{name}: {words}", image, [alpha, other])


def _read_other(item: _Item, image: Image) -> Alpha:
    """The other matte at the picture's size; a network's may be smaller."""
    if not item.other:
        return np.zeros(image.shape[:2], np.float32)
    try:
        matte = to_float(read_matte(item.other))
    except HumatteError as error:
        raise DataError(f"{item.pair.name}: {error}") from error
    return resize(matte, (image.shape[0], image.shape[1]))


def _blank(name: str, view: View) -> Tile:
    """What stands for a picture that cannot be read."""
    gray = np.full((view.cell_px, view.cell_px, 3), _GAP, np.uint8)
    nobody = np.ones((view.cell_px, view.cell_px), np.float32)
    return Tile(f"{name}: cannot be read", gray, [nobody] * (2 if view.others else 1))
