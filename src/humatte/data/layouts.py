"""Where pictures and their mattes lie on disk: our own layout, its lists, and published data sets.

In: a folder and the names of its lists. Out: pairs of paths. Missing files are counted and named,
never skipped in silence. Reads no picture; `pairs.read_pair` does.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from humatte.data import published
from humatte.data.lists import read_list, read_table
from humatte.data.pairs import Pair
from humatte.data.published import P3M_PARTS, PICTURE_SUFFIXES
from humatte.errors import DataError, first_few
from humatte.image_io import write

TRAINING_LIST = "train.txt"
VALIDATION_LIST = "val.txt"
EVERY = "all"
"""Instead of a list's file: every picture that has a matte."""
SOURCES = "sources.csv"
_PATHS = ("name", "image", "alpha")  # the columns of a .csv list that are not facts
_HELD_OUT_PERCENT = 5  # of AISegment, which has no lists


def find_split(
    data: Path, people: str, train: str, validation: str, layout: str = "auto"
) -> tuple[list[Pair], list[Pair]]:
    """The pairs to train on and those to validate on: `find_set` of both lists.

    Raises:
        DataError: as `find_set`.
    """
    folder = _people(data, people)
    kind = _layout_of(folder, train) if layout == "auto" else layout
    if kind != "folders":
        _expect_known(folder, train, (TRAINING_LIST,))
    return find_set(data, people, train, kind), find_set(data, people, validation, kind)


def find_set(data: Path, people: str, list_file: str, layout: str = "auto") -> list[Pair]:
    """The pairs of one list.

    Args:
        data: the data folder.
        people: the folder in it with the people's pictures; `data` itself if there is none.
        list_file: for folders, a list (.txt of names or .csv), or `all` for every picture that has
            a matte. AISegment and P3M-10k come without lists: `train.txt` is their training part,
            `val.txt` what is held out; for P3M-10k also `P3M-500-P` or `P3M-500-NP` alone.
        layout: `folders`, `aisegment`, `p3m`, or `auto` to tell by what is there.

    Raises:
        DataError: no known layout, no such list, an empty one, or missing files; the first ones are
            named.
    """
    folder = _people(data, people)
    kind = _layout_of(folder, list_file) if layout == "auto" else layout
    if kind == "aisegment":
        return _aisegment(folder, list_file)
    if kind == "p3m":
        return _p3m(folder, list_file)
    return find_pairs(folder, list_file)


def _people(data: Path, people: str) -> Path:
    return data / people if (data / people).is_dir() else data


def below_or_here(folder: Path, place: str) -> Path:
    """A path below a folder or, if there is none but one from the current folder, that one."""
    below, here = folder / place, Path(place)
    return here if here.exists() and not below.exists() else below


def _layout_of(folder: Path, list_file: str) -> str:
    if (folder / "clip_img").is_dir():
        return "aisegment"
    if (folder / "train" / "blurred_image").is_dir():
        return "p3m"
    if (folder / list_file).suffix == ".csv" or (folder / "image").is_dir():
        return "folders"
    raise DataError(
        f"{folder}: expected image/ and alpha/ with lists, AISegment's clip_img/ and matting/, or "
        "P3M-10k's train/blurred_image/"
    )


def find_pairs(folder: Path, list_file: str) -> list[Pair]:
    """The pairs that a list names.

    A .txt list has one name a line, for FOLDER/image/NAME.* with FOLDER/alpha/NAME.png; a
    FOLDER/sources.csv may tell source, licence and more of each. `all` stands for every picture
    that has both files. A .csv list has the columns `image` and `alpha` (paths from its own folder)
    and may have `name`, `source`, `licence`, `group` and any other. A list that is not below the
    folder is looked for from the current one.

    Raises:
        DataError: no list, an empty list, names that stand there twice, or names without a file;
            the first ones are listed.
    """
    if not list_file.endswith(".csv"):
        for part in ("image", "alpha"):
            files_by_stem(folder / part)  # raises for two files of one name
    pairs = listed(folder, list_file)
    path = below_or_here(folder, list_file)
    _expect_each_once(pairs, path)
    return _complete(pairs, path)


def listed(folder: Path, list_file: str) -> list[Pair]:
    """The pairs that a list names, as `find_pairs`, whether or not their files are there.

    Raises:
        DataError: no list, or one that cannot be read.
    """
    path = below_or_here(folder, list_file)
    if path.suffix == ".csv" and path.is_file():
        return _from_csv(path)
    images, alphas = (scan(folder / part) for part in ("image", "alpha"))
    names = sorted(set(images) & set(alphas)) if list_file == EVERY else read_list(path)
    absent, columns = [folder / "absent"], read_sources(folder)
    return [
        Pair(name, images.get(name, absent)[0], alphas.get(name, absent)[0], columns.get(name, {}))
        for name in names
    ]


def _expect_each_once(pairs: list[Pair], where: Path) -> None:
    """Refuses names that come twice: facts and scores are kept by name."""
    twice = [name for name, count in Counter(pair.name for pair in pairs).items() if count > 1]
    if twice:
        remedy = "remove the repeated lines"
        if where.suffix == ".csv":
            remedy = f"give each picture its own in a column 'name', or {remedy}"
        raise DataError(
            f"{where}: {len(twice)} names come more than once: {first_few(twice)}; {remedy}"
        )


def _complete(pairs: list[Pair], where: Path) -> list[Pair]:
    """The pairs, if there are any and no file is missing."""
    if not pairs:
        raise DataError(f"{where}: no pictures; expected at least one with its matte")
    missing = [p.name for p in pairs if not (p.image.is_file() and p.alpha and p.alpha.is_file())]
    if missing:
        raise DataError(
            f"{where}: {len(missing)} of {len(pairs)} names have no picture or no matte: "
            f"{first_few(missing)}; remove them from the list"
        )
    return pairs


def expect_set(folder: Path) -> None:
    """Refuses a folder that is no set of the one layout.

    Raises:
        DataError: there is no image/ in it, or no such folder.
    """
    if not (folder / "image").is_dir():
        raise DataError(
            f"{folder}: no image/ in it; expected a set with image/ and alpha/, which "
            "humatte data import makes of other layouts"
        )


def read_sources(folder: Path) -> dict[str, dict[str, str]]:
    """All columns of FOLDER/sources.csv, by name; empty if there is no such file.

    Raises:
        DataError: it is no CSV file in UTF-8, or lacks names.
    """
    if not (folder / SOURCES).is_file():
        return {}
    return {row.pop("name"): row for row in read_table(folder / SOURCES, ["name"])}


def write_sources(folder: Path, rows: Mapping[str, Mapping[str, str]]) -> None:
    """Writes FOLDER/sources.csv: a line per name with all columns that any of them has."""
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["name", *columns], restval="")
    writer.writeheader()
    writer.writerows({"name": name, **row} for name, row in sorted(rows.items()))
    write(text.getvalue().encode(), folder / SOURCES)


def _from_csv(path: Path) -> list[Pair]:
    return [
        Pair(
            row.get("name") or Path(row["image"]).stem,
            path.parent / row["image"],
            path.parent / row["alpha"],
            {key: text for key, text in row.items() if key not in _PATHS},
        )
        for row in read_table(path, ["image", "alpha"])
    ]


def _expect_known(folder: Path, name: str, known: Sequence[str]) -> None:
    if name not in known:
        names = ", ".join(known[:-1]) + " or " * (len(known) > 1) + known[-1]
        raise DataError(f"{folder}, {name}: a set without lists; expected {names}")


def _aisegment(folder: Path, list_file: str) -> list[Pair]:
    """AISegment, which comes without lists: 5 % of the shoots are held out.

    They are chosen by the hash of their name, so that the pictures of one shoot stay together.
    """
    _expect_known(folder, list_file, (TRAINING_LIST, VALIDATION_LIST, EVERY))
    pairs = _complete(published.aisegment(folder)[""], folder)
    if list_file == EVERY:
        return pairs

    def held_out(pair: Pair) -> bool:
        digest = hashlib.sha256(pair.columns["group"].encode()).digest()
        return digest[0] % 100 < _HELD_OUT_PERCENT

    if list_file == TRAINING_LIST:
        return [pair for pair in pairs if not held_out(pair)]
    return [pair for pair in pairs if held_out(pair)] or pairs[-1:]


def _p3m(folder: Path, list_file: str) -> list[Pair]:
    """P3M-10k: its training part, one of its validation sets or those that are there, or all."""
    _expect_known(folder, list_file, (TRAINING_LIST, EVERY, VALIDATION_LIST, *P3M_PARTS))
    lists = published.p3m(folder)
    several = {TRAINING_LIST: ["train"], VALIDATION_LIST: [*P3M_PARTS], EVERY: [*lists]}
    chosen = several.get(list_file, [list_file])
    found = [part for part in chosen if part in lists]
    if not found:
        places = ", ".join(f"validation/{part}" for part in chosen)
        raise DataError(f"{folder}: no {places}; expected it beside train/, as P3M-10k comes")
    return [pair for part in found for pair in _complete(lists[part], folder)]


def find_backgrounds(folder: Path) -> list[Pair]:
    """Every picture in a folder, as pairs without a person. Empty if there is no such folder."""
    return [Pair(stem, path, None) for stem, path in sorted(files_by_stem(folder).items())]


def find_things(folder: Path) -> list[Pair]:
    """Every cut-out in a folder: each file is the picture and, by its transparency, the matte.

    Raises:
        DataError: no pictures there.
    """
    things = [Pair(stem, path, path) for stem, path in sorted(files_by_stem(folder).items())]
    if not things:
        raise DataError(f"{folder}: no pictures; expected cut-outs with transparency")
    return things


def files_by_stem(folder: Path) -> dict[str, Path]:
    """The pictures of a folder, by name without suffix; none if there is no such folder.

    Raises:
        DataError: two pictures of one name.
    """
    found = scan(folder)
    for paths in found.values():
        if len(paths) > 1:
            raise DataError(f"{paths[1]}: {paths[0].name} has the same name; rename one")
    return {stem: paths[0] for stem, paths in found.items()}


def scan(folder: Path) -> dict[str, list[Path]]:
    """All pictures of a folder, by name without suffix; none if there is no such folder."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        hidden = path.name.startswith(".")  # such as macOS's ._NAME.jpg, which is no picture
        if path.suffix.lower() in PICTURE_SUFFIXES and not hidden:
            found.setdefault(path.stem, []).append(path)
    return found
