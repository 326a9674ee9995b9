"""Lists: text files in UTF-8 with one picture name a line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from humatte.errors import DataError
from humatte.image_io import write


def read_list(path: Path) -> list[str]:
    """The names in a list, in its order; empty lines and spaces around names do not count.

    Raises:
        DataError: no such file, or not a text file.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file in UTF-8; expected one name a line") from None
    except OSError:
        raise DataError(f"{path}: no such list; expected one picture name a line") from None
    return [line.strip() for line in lines if line.strip()]


def write_list(path: Path, names: Iterable[str]) -> None:
    """Writes a list, whole or not at all, in the order given.

    Raises:
        OutputError: it cannot be written.
    """
    write("".join(f"{name}\n" for name in names).encode(), path)


def add_to_list(path: Path, names: Iterable[str]) -> None:
    """Adds the names that the list lacks at its end; makes the list if there is none.

    Raises:
        DataError: what is there is not a text file.
        OutputError: it cannot be written.
    """
    there = read_list(path) if path.exists() else []
    every = list(dict.fromkeys([*there, *names]))
    if len(every) > len(there) or not path.exists():
        write_list(path, every)
