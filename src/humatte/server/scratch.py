"""Folders for video jobs, below one folder a server, which goes with it.

A server that is killed cannot clear up. So every server holds a lock on a file in its folder, which
the system lets go when the process ends, however it ends; the next one to start removes the folders
whose lock nobody holds.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

PREFIX = "humatte-serve-"
_LOCK = "lock"
_YOUNG_S = 60.0  # a folder without a lock may be one whose server is just starting


class Scratch:
    """This server's folder, made when it is opened.

    Args:
        parent: where; None is the system's place for temporary files.
    """

    def __init__(self, parent: Path | None) -> None:
        self._parent = parent or Path(tempfile.gettempdir())
        self._folder: Path | None = None
        self._lock: IO[bytes] | None = None

    def open(self) -> None:
        """Makes and locks the folder; removes those of servers that are gone.

        Raises:
            OSError: it cannot be made.
        """
        remove_orphans(self._parent)
        self._make()

    def _make(self) -> None:
        for last in (False, False, True):
            self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._parent))  # for us alone
            self._lock = (self._folder / _LOCK).open("wb")
            if _take(self._lock):
                return
            # A server that starts now took it for an orphan, and removes it; or nothing can be
            # locked here: then it does without.
            if not last:
                self._lock.close()
                shutil.rmtree(self._folder, ignore_errors=True)

    def new(self, name: str) -> Path:
        """A new folder for one job. Ours is made anew if something cleared up temporary files.

        Raises:
            OSError: it cannot be made.
            RuntimeError: not open.
        """
        if self._folder is None:
            raise RuntimeError("the folder for jobs is not open")
        if not self._folder.is_dir():
            self.close()
            self._make()
        folder = self._folder / name
        folder.mkdir(mode=0o700)
        return folder

    def close(self) -> None:
        """Removes the folder with all that is in it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._folder is not None:
            # Where the end comes in the middle, a job's thread may still write into it.
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def remove_orphans(parent: Path) -> None:
    """Removes the folders of servers of this user that have ended without doing so."""
    for folder in parent.glob(f"{PREFIX}*"):
        if folder.is_dir() and not folder.is_symlink() and _ours(folder) and _is_orphan(folder):
            shutil.rmtree(folder, ignore_errors=True)  # another server may be doing so, too


def _ours(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()


def _is_orphan(folder: Path) -> bool:
    lock = folder / _LOCK
    try:
        if not lock.is_file():
            return time.time() - folder.stat().st_mtime > _YOUNG_S
        with lock.open("r+b") as file:
            return _take(file)
    except OSError:
        return False  # it has just gone, or (on Windows) may not be opened


def _take(lock: IO[bytes]) -> bool:
    """Whether the lock could be taken; it is let go with the file."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
