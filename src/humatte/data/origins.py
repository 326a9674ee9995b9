"""What earlier imports left in a set: which pictures are there, and how their mattes were made.

In: the rows of sources.csv and the pairs to import. Reads pictures only where paths do not tell.
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterable, Mapping
from pathlib import Path

from humatte.data.pairs import Pair
from humatte.errors import HumatteError, UsageError
from humatte.image_io import read

ORIGIN = "origin"
MATTE_COLUMNS = ("imported_as", "matte_origin", "matte_lies")
"""Columns of sources.csv that say how a matte was made; a later run has to agree."""

Row = Mapping[str, str]


class Known:
    """The pictures that earlier imports brought, by where they came from."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._rows = rows
        self._by_origin: dict[str, list[str]] = {}
        for name, row in rows.items():
            if row.get(ORIGIN):
                self._by_origin.setdefault(row[ORIGIN], []).append(name)

    def name_of(self, pair: Pair, images: Path, suffix: str) -> str | None:
        """The name that a picture got, under whatever label its source had; None if it is new.

        Args:
            pair: the picture, with its origin.
            images: the set's folder of pictures.
            suffix: what the set's copy ends in.
        """
        names = self._by_origin.get(pair.columns[ORIGIN], [])
        for name in names:
            if self._rows[name].get("source", "") == pair.source:
                return name
        for name in names:
            if _same_picture(pair.image, images / f"{name}{suffix}"):
                return name
        return None


def _same_picture(image: Path, copy: Path) -> bool:
    """Whether a copy has the same bytes or, where it was written anew, the same pixels."""
    if not copy.is_file():
        return False
    if filecmp.cmp(image, copy, shallow=False):
        return True
    if copy.suffix == image.suffix and copy.suffix != ".png":
        return False
    try:
        one, other = read(image), read(copy)
    except HumatteError:
        return False
    cut_out = one.alpha is not None and other.alpha is None
    return (
        cut_out and one.image.shape == other.image.shape and bool((one.image == other.image).all())
    )


def merged(had: Row, new: Row, is_there: bool) -> dict[str, str]:
    """The row of a picture: what it was, and what this run adds.

    Args:
        had: its row by an earlier run; empty if it is new.
        new: what this run says of it.
        is_there: whether its files are there already, which this run leaves as they are.
    """
    mattes = {key: text for key, text in new.items() if key in MATTE_COLUMNS}
    facts = {key: text for key, text in new.items() if key not in MATTE_COLUMNS}
    if had and had.get("source", "") != new.get("source", ""):
        facts = {}  # known under another label
    elif had:
        facts = {key: text for key, text in facts.items() if text or key not in had}
    return {**had, **facts, **({} if is_there else mattes)}


def expect_same_mattes(there: Iterable[tuple[str, Row, Row]], target: Path) -> None:
    """Refuses a run whose mattes would differ from those that are there.

    Args:
        there: name, old row and new row of each picture that is there.
        target: the set's folder.

    Raises:
        UsageError: the first difference.
    """
    for name, had, new in there:
        for column in MATTE_COLUMNS:
            was, now = had.get(column), new.get(column)
            if was and now and was != now:
                raise UsageError(
                    f"{target}: the matte of {name} was made with {column} '{was}', not '{now}'; "
                    "choose another -o, or the same options to go on"
                )
