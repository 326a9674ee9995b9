"""What a check found, as one HTML page with small pictures of it.

In: an outcome. Out: HTML with everything in it. Reads the pictures that it shows once more.
"""

from __future__ import annotations

import contextlib
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Image, resize, to_float
from humatte.composite import over
from humatte.data.findings import KINDS, Finding, Outcome, verdict
from humatte.data.pairs import Pair, read_matte
from humatte.data.sheets import MAGENTA
from humatte.errors import HumatteError
from humatte.image_io import read
from humatte.page import Html, coloured, details, gallery, heading, link, page, paragraph, picture
from humatte.page import table as html_table

_SHOWN = 60  # findings of a kind with pictures; the rest by name
_NAMED = 1000  # ... and the rest of the rest by number
_CELL_PX, _WIDEST_PX = 180, 320
_GRAY = 128
_BAD = "bad"


def report(outcome: Outcome) -> str:
    """The page: the verdict, what is in the lists, what was found, each kind with its pictures."""
    pairs = {pair.name: pair for listed in outcome.lists.values() for pair in listed}
    words = verdict(outcome)
    parts = [paragraph(f"{words[0].upper()}{words[1:]}.", "good" if outcome.may_train else _BAD)]
    if outcome.findings:
        parts += [heading("What was found"), _overview(outcome)]
    for kind, count in outcome.counted():
        parts += [heading(f"{KINDS[kind].title}: {count:,}", kind), paragraph(KINDS[kind].advice)]
        found = outcome.of(kind)
        parts.append(gallery(_figure(one, pairs) for one in found[:_SHOWN]))
        if len(found) > _SHOWN:
            names = [" = ".join(one.names) for one in found[_SHOWN : _SHOWN + _NAMED]]
            more = ", ..." if len(found) > _SHOWN + _NAMED else ""
            rest = f"{len(found) - _SHOWN:,} more"
            parts.append(details(rest, paragraph(", ".join(names) + more)))
    parts += [heading("What is in the lists"), _contents(outcome)]
    return page(f"Check of {outcome.folder.resolve().name}", *parts)


def _overview(outcome: Outcome) -> Html:
    rows = [
        (_severity(kind), link(KINDS[kind].title, kind), count) for kind, count in outcome.counted()
    ]
    return html_table(("", "found", "how many"), rows)


def _severity(kind: str) -> Html:
    severity = KINDS[kind].severity
    return coloured(severity, _BAD if severity == "error" else "")


def _contents(outcome: Outcome) -> Html:
    """Pictures by source and licence, a column for each list."""
    counts = {
        name: Counter((pair.source or "not said", pair.licence or "not said") for pair in listed)
        for name, listed in outcome.lists.items()
    }
    sources = sorted({key for counter in counts.values() for key in counter})
    rows: list[tuple[object, ...]] = [
        (source, licence, *(counter[source, licence] for counter in counts.values()))
        for source, licence in sources
    ]
    rows.append(("all", "", *(counter.total() for counter in counts.values())))
    return html_table(("source", "licence", *counts), rows)


def _figure(found: Finding, pairs: dict[str, Pair]) -> Html:
    """A finding's pictures side by side: both of two, or one and its person on magenta."""
    caption = f"{' = '.join(found.names)}: {found.why}"
    known = [pairs[name] for name in found.names if name in pairs]
    cells = [cell for pair in known for cell in _cells(pair, alone=len(known) == 1)]
    if not cells:
        return Html(f"<figure>{paragraph(caption)}</figure>")
    gap = np.full((_CELL_PX, 4, 3), _GRAY, np.uint8)
    row = [part for cell in cells for part in (gap, cell)][1:]
    return picture(np.hstack(row), caption)


def _cells(pair: Pair, alone: bool) -> list[Image]:
    """The picture, and if it is alone what its matte makes of it; less what cannot be read."""
    cells = []
    with contextlib.suppress(HumatteError):  # the caption says what is wrong
        image = read(pair.image).image
        cells.append(_cell(image))
        if alone and pair.alpha:
            matte = read_matte(pair.alpha)
            fits = matte.shape == image.shape[:2]
            cells.append(_cell(over(image, to_float(matte), MAGENTA) if fits else _gray(matte)))
    return cells


def _gray(matte: NDArray[np.uint8]) -> Image:
    return np.repeat(matte[..., None], 3, axis=2)


def _cell(image: Image) -> Image:
    """The picture at the height of all cells, and not too wide for that."""
    height, width = image.shape[:2]
    scale = min(_CELL_PX / height, _WIDEST_PX / width)
    small = resize(image, (max(1, round(height * scale)), max(1, round(width * scale))))
    cell = np.full((_CELL_PX, small.shape[1], 3), _GRAY, np.uint8)
    top = (_CELL_PX - small.shape[0]) // 2
    cell[top : top + small.shape[0]] = small
    return cell
