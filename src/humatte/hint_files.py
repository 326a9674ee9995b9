"""Which hint belongs to which picture: one file for all, or a folder with files of their names.

In: what was typed after --keep, --drop, --trimap and --mask. Out: the hints of each picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from humatte.errors import UsageError
from humatte.hints import KINDS, Hints, read_hints
from humatte.image_io import READABLE_SUFFIXES
from humatte.paths import is_dir, is_file


@dataclass(frozen=True)
class HintFiles:
    """Paths as typed, by kind."""

    typed: dict[str, Path] = field(default_factory=dict)

    @staticmethod
    def of(
        keep: Path | None, drop: Path | None, trimap: Path | None, mask: Path | None
    ) -> HintFiles:
        """Those that were given.

        Raises:
            UsageError: there is no such file or folder.
        """
        given = dict(zip(KINDS, (keep, drop, trimap, mask), strict=True))
        typed = {kind: path for kind, path in given.items() if path is not None}
        for kind, path in typed.items():
            if not is_file(path) and not is_dir(path):
                raise UsageError(f"--{kind} {path}: no such file or folder; check the path")
        return HintFiles(typed)

    def match(self, sources: Sequence[Path]) -> Matched:
        """Finds every picture's hints.

        A file is for every picture. In a folder a hint is named as its picture, whatever its
        extension, in the same subfolder where there are some.

        Raises:
            UsageError: a folder with no hint for any of the pictures, two hints for one, or one
                for two.
        """
        found: dict[Path, dict[str, Path]] = {source: {} for source in sources}
        for kind, path in self.typed.items():
            files = _by_name(path, sources, kind) if is_dir(path) else dict.fromkeys(sources, path)
            for source, file in files.items():
                found[source][kind] = file
        return Matched(found)


NO_FILES = HintFiles()


@dataclass(frozen=True)
class Matched:
    """The hint files of each picture; a picture may have none."""

    files: dict[Path, dict[str, Path]]

    def read(self, source: Path) -> Hints:
        """The hints of a picture.

        Raises:
            PictureError: one that cannot be read.
        """
        return read_hints(**self.files.get(source, {}))

    def all_files(self) -> set[Path]:
        """Every file that will be read."""
        return {path for kinds in self.files.values() for path in kinds.values()}

    def without(self, kind: str) -> int:
        """How many pictures have no hint of a kind."""
        return sum(kind not in kinds for kinds in self.files.values())


def _by_name(folder: Path, sources: Sequence[Path], kind: str) -> dict[Path, Path]:
    """The file for each picture, for those that have one."""
    hints: dict[tuple[str, ...], list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in READABLE_SUFFIXES and not path.name.startswith("."):
            hints.setdefault(_words(path.relative_to(folder).with_suffix("")), []).append(path)
    found: dict[Path, Path] = {}
    owners: dict[Path, Path] = {}
    for source in sources:
        files = _longest(hints, source)
        if len(files) > 1:
            raise UsageError(
                f"--{kind}: {files[0]} and {files[1]} are both for {source}; leave one"
            )
        for file in files:
            if file in owners:
                raise UsageError(
                    f"--{kind}: {file} is for both {owners[file]} and {source}; "
                    f"put hints into subfolders as the pictures are, or name it {source.name}.png"
                )
            found[source], owners[file] = file, source
    if sources and not found:
        raise UsageError(
            f"--{kind} {folder}: no file is named as a picture is; expected for instance "
            f"{sources[0].stem}.png"
        )
    return found


def _longest(hints: dict[tuple[str, ...], list[Path]], source: Path) -> list[Path]:
    """The hints whose names are the end of a picture's path: those with the most folders."""
    full = source.absolute()
    for name in (full, full.with_suffix("")):  # a.jpg.png is more exact than a.png
        words = _words(name)
        for start in range(len(words)):
            if words[start:] in hints:
                return hints[words[start:]]
    return []


def _words(path: Path) -> tuple[str, ...]:
    """A path for comparing: without case, as many disks are."""
    return tuple(part.casefold() for part in path.parts)
