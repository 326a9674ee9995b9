"""Which files belong to a set: what no output may replace."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from humatte.data.layouts import SOURCES, below_or_here
from humatte.data.pairs import Pair

_PARTS = ("image", "alpha", "mask", "trimap")


def own_files(
    folder: Path, pairs: Iterable[Pair] = (), list_files: Iterable[str] = ()
) -> list[Path]:
    """The folders and files of a set, for `paths.guard_outputs`.

    Args:
        folder: the set.
        pairs: of its pictures, those that may lie elsewhere (as those of a .csv list).
        list_files: of its lists, those that may lie elsewhere or do not end in .txt.
    """
    lists = [*sorted(folder.glob("*.txt")), *(below_or_here(folder, name) for name in list_files)]
    parts = [folder / part for part in _PARTS if (folder / part).is_dir()]
    known = {part.absolute() for part in parts}
    pictures = [path for pair in pairs for path in (pair.image, pair.alpha) if path]
    elsewhere = [path for path in pictures if path.parent.absolute() not in known]
    return [*parts, folder / SOURCES, *lists, *elsewhere]
