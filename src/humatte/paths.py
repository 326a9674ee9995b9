"""Looking at paths that people typed: nothing they type may end in a trace."""

from __future__ import annotations

from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether there is something to read from, a file or a pipe; False for what cannot exist."""
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # a name that is too long, a folder that may not be searched
        return False


def is_dir(path: Path) -> bool:
    """Whether there is such a folder; False for what cannot exist."""
    try:
        return path.is_dir()
    except OSError:
        return False
