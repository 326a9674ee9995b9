"""Looking at paths that people typed: nothing they type may end in a trace."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from humatte.errors import OutputError, UsageError


def is_file(path: Path) -> bool:
    """Whether there is something to read from, a file or a pipe; False for what cannot exist."""
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # a name that is too long, a folder that may not be searched
        return False


def is_regular(path: Path) -> bool:
    """Whether there is a file that can be read twice, not a pipe; False for what cannot exist."""
    return is_file(path) and path.is_file()


def is_dir(path: Path) -> bool:
    """Whether there is such a folder; False for what cannot exist."""
    try:
        return path.is_dir()
    except OSError:
        return False


def guard_outputs(outputs: Sequence[Path | None], inputs: Iterable[Path]) -> None:
    """Finds out before the work, not after it, that an output cannot or must not be written.

    Args:
        outputs: the files that are going to be written; None is one that nobody asked for.
        inputs: files that must stay as they are, and folders in which nothing may be written.

    Raises:
        UsageError: an output is an input or lies in an input folder, two outputs are one file, or
            one is a folder, or lies where there is no folder or none that may be written to.
    """
    kept, earlier = list(inputs), list[Path]()
    for path in outputs:
        if path is None or (is_file(path) and not path.is_file()):  # a pipe or a device
            continue
        _expect_writable(path)
        if any(_same(path, other) for other in earlier):
            raise UsageError(f"{path}: two outputs would be written to it; name each another file")
        own = next((other for other in kept if _touches(path, other)), None)
        if own:
            where = "is an input" if _same(path, own) else f"is among the inputs in {own}"
            raise UsageError(f"{path}: {where} and would be overwritten; choose another output")
        earlier.append(path)


def _expect_writable(path: Path) -> None:
    if is_dir(path):
        raise UsageError(f"{path}: a folder; expected the name of a file to write")
    folder = path.absolute().parent
    if not is_dir(folder):
        raise UsageError(f"{path}: there is no such folder; make it first")
    try:
        # Tried, as permissions do not tell of file systems that take no files.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror or error}); choose another output"
        ) from None


def _touches(path: Path, own: Path) -> bool:
    """Whether writing to `path` would change `own`, a file or what is in a folder."""
    if not is_dir(own):
        return _same(path, own)
    folders = {*path.absolute().parents, *Path(os.path.realpath(path)).parents}
    inside = Path(os.path.realpath(own)) in {Path(os.path.realpath(folder)) for folder in folders}
    # A folder may hold links to files that lie elsewhere.
    return inside or (is_file(path) and any(_same(path, file) for file in own.iterdir()))


def _same(one: Path, other: Path) -> bool:
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there
        return False


def make_folder(folder: Path) -> None:
    """Makes a folder if it is not there; finds out before the work that none can be written to.

    Raises:
        OutputError: it cannot be made, or not be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        allowed = os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be made a folder to be written to ({error.strerror}); "
            "choose another place"
        ) from error
    if not allowed:
        raise OutputError(f"{folder}: may not be written to; choose another place")


class Beside:
    """A file that is written beside its target and takes its place when it is whole.

    Missing folders are made. A link stays, and the file it points to is replaced, whose permissions
    are handed on.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, target: Path) -> None:
        self.target = Path(os.path.realpath(target))
        self.target.parent.mkdir(parents=True, exist_ok=True)
        # Not named after the target, whose name may have the most bytes that are legal already.
        self.path = self.target.with_name(f".{uuid.uuid4().hex}.part")

    def keep(self) -> None:
        """Puts the file in the target's place."""
        if self.target.exists():
            shutil.copymode(self.target, self.path)
        self.path.replace(self.target)

    def drop(self) -> None:
        """Removes what was written, if it is still beside."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def default_cache() -> Path:
    """The folder for decoded pictures where no other is given."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "humatte"
