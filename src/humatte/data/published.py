"""How published data sets lie on disk: which picture goes with which matte, and in which list.

In: a data set's folder as it was unpacked. Out: pairs of paths by list. A matte that is not there
is named all the same, for the caller to count. Reads no picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from humatte.data.pairs import Pair
from humatte.errors import DataError
from humatte.image_io import READABLE_SUFFIXES

PICTURE_SUFFIXES = tuple(sorted(READABLE_SUFFIXES))
Lists = dict[str, list[Pair]]
"""Pairs by the name of the list they belong to; "" for those in none."""

_PICTURE_FOLDERS = (
    *("img", "image", "images", "imgs", "src", "photo", "photos", "picture", "pictures", "input"),
    *("original", "jpegimages"),
)
# Supervisely's masks_machine holds the classes' numbers; its masks_human shows the picture beside
# the coloured mask, twice as wide: only where there is nothing else, it may be another tool's.
_MASK_FOLDERS = (
    *("masks_machine", "mask", "masks", "msk", "matte", "mattes", "alpha", "label", "labels", "gt"),
    *("segmentationclass", "annotation", "annotations", "masks_human"),
)
_MASK_ENDINGS = ("_mask", "-mask", "_msk", "_matte", "-matte", "_alpha", "-alpha", "_seg")
_LIST_OF = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def pictures_below(folder: Path) -> list[Path]:
    """Every picture in a folder and its subfolders, sorted; hidden ones (macOS's ._NAME) not."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in PICTURE_SUFFIXES
        and not any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
        and path.is_file()
    ]


def aisegment(folder: Path) -> Lists:
    """AISegment: clip_img/GROUP/clip_N/NAME.jpg with matting/GROUP/matting_N/NAME.png (RGBA).

    It has no lists. The column `group` is GROUP: pictures of one shoot.

    Raises:
        DataError: no clip_img/.
    """
    found = []
    for image in pictures_below(_expected(folder, "clip_img")):
        group, *inner, _ = image.relative_to(folder / "clip_img").parts or ("",)
        clips = (part.replace("clip_", "matting_", 1) for part in inner)
        matte = Path(folder, "matting", group, *clips, f"{image.stem}.png")
        found.append(Pair(image.stem, image, matte, {"source": "AISegment", "group": group}))
    return {"": found}


P3M_PARTS = {"P3M-500-P": "blurred_image", "P3M-500-NP": "original_image"}
"""P3M-10k's two validation sets, and the folder of each with its pictures."""


def p3m(folder: Path) -> Lists:
    """P3M-10k: train/blurred_image with train/mask; the validation sets have the same two.

    The lists are `train`, and one for each validation set that is there.

    Raises:
        DataError: no train/blurred_image/.
    """
    _expected(folder, "train/blurred_image")
    parts = {"train": (folder / "train", "blurred_image")}
    parts |= {name: (folder / "validation" / name, inner) for name, inner in P3M_PARTS.items()}
    return {
        name: [
            Pair(p.stem, p, part / "mask" / f"{p.stem}.png", {"source": "P3M-10k", "part": name})
            for p in pictures_below(part / inner)
        ]
        for name, (part, inner) in parts.items()
        if part.is_dir()
    }


def shm(folder: Path) -> Lists:
    """Semantic Human Matting's data folder: image/, alpha/ and text files that list names.

    Names stand in the lists with or without their suffix. Each list's file keeps its name; train,
    valid and the like become the usual ones.

    Raises:
        DataError: no image/ or no alpha/.
    """
    pictures = _expected(folder, "image")
    mattes = _Mattes(_expected(folder, "alpha"))
    pairs = {}
    for path in pictures_below(pictures):
        inner = path.relative_to(pictures)
        pairs[inner.with_suffix("").as_posix()] = Pair(
            path.stem, path, mattes.of(inner), _columns(folder, folder)
        )
    lists: Lists = {"": [*pairs.values()]}
    for file in sorted(folder.glob("*.txt")):
        names = (line.strip() for line in file.read_text("utf-8-sig", "replace").splitlines())
        keys = (_without_suffix(name) for name in names)
        listed = [pairs[key] for key in dict.fromkeys(keys) if key in pairs]
        if listed:
            lists[_LIST_OF.get(file.stem.lower(), file.stem)] = listed
    return lists


def masks(folder: Path, pictures: str | None = None, mattes: str | None = None) -> Lists:
    """Pictures in one folder and masks of the same names in another, as often as there are such.

    Two folders belong together when they lie in the same one: img/ and masks_machine/ of each
    dataset of a Supervisely project, train/src and train/msk. A folder train, val or test on the
    way says the list.

    Args:
        folder: where to look, with all its subfolders.
        pictures: the name of the pictures' folder, if it is not one of the usual.
        mattes: the name of the masks' folder, if it is not one of the usual.

    Raises:
        DataError: no such two folders.
    """
    lists: Lists = {}
    for part in (folder, *_folders_below(folder)):
        images = _one_of(part, (pictures,) if pictures else _PICTURE_FOLDERS)
        others = _one_of(part, (mattes,) if mattes else _MASK_FOLDERS)
        if not (images and others) or images == others:
            continue
        known = _Mattes(others)
        for path in pictures_below(images):
            columns = _columns(folder, part)
            pair = Pair(path.stem, path, known.of(path.relative_to(images)), columns)
            lists.setdefault(_list_of(path.relative_to(folder)), []).append(pair)
    if not lists:
        raise DataError(
            f"{folder}: found no two folders with pictures and masks of the same names; expected, "
            "for instance, img/ and masks/, or say --pictures FOLDER --masks FOLDER"
        )
    return lists


def cutouts(folder: Path) -> Lists:
    """Pictures that carry their matte themselves, as transparency, in a folder and its subfolders.

    A folder train, val or test on the way says the list.

    Raises:
        DataError: no pictures.
    """
    lists: Lists = {}
    for path in pictures_below(folder):
        pair = Pair(path.stem, path, path, _columns(folder, path.parent))
        lists.setdefault(_list_of(path.relative_to(folder)), []).append(pair)
    if not lists:
        raise DataError(f"{folder}: no pictures; expected cut-outs, such as transparent PNG files")
    return lists


class _Mattes:
    """The pictures of a folder of mattes, found by the picture's path in its own folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_name: dict[str, Path] = {}
        paths = [(path, path.relative_to(folder)) for path in pictures_below(folder)]
        for path, inner in paths:  # exact names win over those with an ending
            self._by_name.setdefault(inner.with_suffix("").as_posix(), path)
        for path, inner in paths:
            plain = inner.with_suffix("").as_posix()
            for ending in _MASK_ENDINGS:
                if plain.endswith(ending):
                    self._by_name.setdefault(plain.removesuffix(ending), path)

    def of(self, inner: Path) -> Path:
        """The matte of NAME.jpg: NAME.png, NAME.jpg.png or NAME_mask.png."""
        plain = inner.with_suffix("").as_posix()
        found = self._by_name.get(plain) or self._by_name.get(inner.as_posix())
        return found or self._folder / f"{plain}.png"


def _expected(folder: Path, inner: str) -> Path:
    if not (folder / inner).is_dir():
        raise DataError(
            f"{folder}: no {inner}/ in it, which this layout has; check KIND and folder"
        )
    return folder / inner


def _without_suffix(name: str) -> str:
    path = Path(name)
    known = path.suffix.lower() in PICTURE_SUFFIXES
    return (path.with_suffix("") if known else path).as_posix()


def _folders_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.name.startswith((".", "__MACOSX")):
            yield path


def _one_of(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of these folders that is there; upper and lower case are one."""
    there = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
    for name in names:
        found = there.get(name.lower()) or folder / name
        if found.is_dir():
            return found
    return None


def _columns(folder: Path, part: Path) -> dict[str, str]:
    inner = part.relative_to(folder).as_posix()
    return {"source": folder.resolve().name} | ({} if inner == "." else {"folder": inner})


def _list_of(inner: Path) -> str:
    """The list that one of the folders on the way names; "" for none."""
    return next((_LIST_OF[p.lower()] for p in inner.parts[:-1] if p.lower() in _LIST_OF), "")
