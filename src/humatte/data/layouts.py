"""Where pictures and their mattes lie on disk: our own layout, lists, and published data sets.

In: a folder and the names of its lists. Out: pairs of paths. Missing files are counted and named,
never skipped in silence. Reads no picture; `pairs.read_pair` does.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from humatte.data.pairs import Pair
from humatte.errors import DataError

PICTURE_SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")
_HELD_OUT_PERCENT = 5  # of AISegment, which has no lists


def find_split(
    data: Path, people: str, train: str, validation: str, layout: str = "auto"
) -> tuple[list[Pair], list[Pair]]:
    """The pairs to train on and those to validate on.

    Args:
        data: the data folder.
        people: the folder in it with the people's pictures; `data` itself if there is none.
        train: for folders and lists, the training list (.txt of names or .csv).
        validation: the validation list; for P3M-10k also `P3M-500-P` or `P3M-500-NP`.
        layout: `folders`, `aisegment`, `p3m`, or `auto` to tell by what is there.

    Raises:
        DataError: no known layout, an empty list, or missing files; the first ones are named.
    """
    folder = data / people if (data / people).is_dir() else data
    kind = _layout_of(folder, train) if layout == "auto" else layout
    if kind == "aisegment":
        return _aisegment(folder)
    if kind == "p3m":
        return _p3m(folder, validation)
    return find_pairs(folder, train), find_pairs(folder, validation)


def _layout_of(folder: Path, train: str) -> str:
    if (folder / "clip_img").is_dir():
        return "aisegment"
    if (folder / "train" / "blurred_image").is_dir():
        return "p3m"
    if (folder / train).suffix == ".csv" or (folder / "image").is_dir():
        return "folders"
    raise DataError(
        f"{folder}: expected image/ and alpha/ with lists, AISegment's clip_img/ and matting/, or "
        "P3M-10k's train/blurred_image/"
    )


def people_folder(data: Path, people: str) -> Path:
    """DATA/people if it is there, else DATA itself.

    Raises:
        DataError: neither holds image/ and alpha/.
    """
    for folder in (data / people, data):
        if (folder / "image").is_dir() and (folder / "alpha").is_dir():
            return folder
    raise DataError(f"{data}: expected folders image/ and alpha/ in it or in its {people}/")


def find_pairs(folder: Path, list_file: str) -> list[Pair]:
    """The pairs that a list names.

    A .txt list has one name a line, for FOLDER/image/NAME.* with FOLDER/alpha/NAME.png; a
    FOLDER/sources.csv may tell the source and licence of each. A .csv list
    has the columns `image` and `alpha` (paths from the folder) and may have `name`, `source` and
    `licence`.

    Raises:
        DataError: no list, an empty list, or names without a file; the first ones are listed.
    """
    path = folder / list_file
    if not path.is_file():
        raise DataError(f"{path}: no such list; expected one picture name a line")
    pairs = _from_csv(path) if path.suffix == ".csv" else _from_names(path)
    if not pairs:
        raise DataError(f"{path}: the list is empty")
    missing = [p.name for p in pairs if not (p.image.is_file() and p.alpha and p.alpha.is_file())]
    _refuse_missing(path, missing, len(pairs))
    return pairs


def _refuse_missing(where: Path, missing: list[str], total: int) -> None:
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise DataError(
            f"{where}: {len(missing)} of {total} names have no picture or no matte: {shown}; "
            "remove them from the list"
        )


def _from_names(path: Path) -> list[Pair]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file in UTF-8; expected one name a line") from None
    names = [line.strip() for line in lines if line.strip()]
    images, alphas = (_files_by_stem(path.parent / name) for name in ("image", "alpha"))
    absent, origins = path.parent / "absent", _origins(path.parent / "sources.csv")
    return [
        Pair(name, images.get(name, absent), alphas.get(name, absent), *origins.get(name, ("", "")))
        for name in names
    ]


def _origins(path: Path) -> dict[str, tuple[str, str]]:
    """Source and licence of every name, from a CSV with the columns name, source and licence."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return {r.get("name", ""): (r.get("source") or "", r.get("licence") or "") for r in rows}


def _from_csv(path: Path) -> list[Pair]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        lacking = {"image", "alpha"} - set(reader.fieldnames or ())
        if lacking:
            raise DataError(f"{path}: no column '{sorted(lacking)[0]}'; expected image and alpha")
        return [
            Pair(
                row.get("name") or Path(row["image"]).stem,
                path.parent / row["image"],
                path.parent / row["alpha"],
                row.get("source") or "",
                row.get("licence") or "",
            )
            for row in reader
        ]


def _aisegment(folder: Path) -> tuple[list[Pair], list[Pair]]:
    """AISegment: clip_img/GROUP/clip_N/NAME.jpg with matting/GROUP/matting_N/NAME.png (RGBA).

    It comes without lists: 5 % of the groups, chosen by the hash of their name, are held out, so
    that the pictures of one shoot stay together.
    """

    def matte_of(image: Path) -> Path:
        group, clip, _ = image.relative_to(folder / "clip_img").parts
        name = clip.replace("clip_", "matting_", 1)
        return folder / "matting" / group / name / f"{image.stem}.png"

    images = sorted((folder / "clip_img").glob("*/clip_*/*.jpg"))
    pairs = _matched(images, matte_of, folder, "AISegment")

    def held_out(pair: Pair) -> bool:
        group = pair.image.relative_to(folder / "clip_img").parts[0]
        return hashlib.sha256(group.encode()).digest()[0] % 100 < _HELD_OUT_PERCENT

    train = [pair for pair in pairs if not held_out(pair)]
    return train, [pair for pair in pairs if held_out(pair)] or pairs[-1:]


def _p3m(folder: Path, validation: str) -> tuple[list[Pair], list[Pair]]:
    """P3M-10k: train/blurred_image with train/mask; the validation sets have the same two."""
    sets = {"P3M-500-P": "blurred_image", "P3M-500-NP": "original_image"}
    chosen = [validation] if validation in sets else list(sets)

    def pairs_in(part: Path, pictures: str) -> list[Pair]:
        images = sorted(
            p for p in (part / pictures).glob("*") if p.suffix.lower() in PICTURE_SUFFIXES
        )
        return _matched(images, lambda p: part / "mask" / f"{p.stem}.png", part, "P3M-10k")

    train = pairs_in(folder / "train", "blurred_image")
    held_out = [folder / "validation" / name for name in chosen]
    return train, [p for part in held_out if part.is_dir() for p in pairs_in(part, sets[part.name])]


def _matched(
    images: Iterable[Path], matte_of: Callable[[Path], Path], where: Path, source: str
) -> list[Pair]:
    pairs = [Pair(path.stem, path, matte_of(path), source) for path in images]
    if not pairs:
        raise DataError(f"{where}: no pictures of {source} in it")
    _refuse_missing(
        where, [p.name for p in pairs if not p.alpha or not p.alpha.is_file()], len(pairs)
    )
    return pairs


def find_backgrounds(folder: Path) -> list[Pair]:
    """Every picture in a folder, as pairs without a person. Empty if there is no such folder."""
    return [Pair(stem, path, None) for stem, path in sorted(_files_by_stem(folder).items())]


def _files_by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix.lower() in PICTURE_SUFFIXES:
            if path.stem in found:
                raise DataError(f"{path}: {found[path.stem].name} has the same name; rename one")
            found[path.stem] = path
    return found
