"""Lists: text files in UTF-8 with one picture name a line; and tables: CSV files with a header.

A byte order mark, which Excel and some editors write, is no part of what a file says.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from humatte.errors import DataError
from humatte.image_io import write


def read_list(path: Path) -> list[str]:
    """The names in a list, in its order; empty lines and spaces around names do not count.

    Raises:
        DataError: no such file, or not a text file.
    """
    lines = _text(path, "one picture name a line").splitlines()
    return [line.strip() for line in lines if line.strip()]


def read_table(path: Path, needed: Iterable[str]) -> list[dict[str, str]]:
    """The lines of a CSV file, by column; empty lines do not count, other missing cells are empty.

    Args:
        path: the file.
        needed: columns that have to be there and have a text in each line.

    Raises:
        DataError: no such file, no CSV in UTF-8, or a needed column or cell is not there.
    """
    needed = list(needed)
    expected = f"a CSV file with the column(s) {', '.join(needed)}"
    reader = csv.DictReader(io.StringIO(_text(path, expected), newline=""))
    rows = []
    try:
        for column in needed:
            if column not in (reader.fieldnames or ()):
                raise DataError(
                    f"{path}: no column '{column}' in its first line; expected {expected}"
                )
        for row in reader:
            # A short line has None for what it lacks, a long one has a list under the key None.
            texts = {key: text or "" for key, text in row.items() if key is not None}
            if any(texts.values()):
                _expect_cells(texts, needed, f"{path}, line {reader.line_num}")
                rows.append(texts)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}; expected {expected}") from None
    return rows


def _expect_cells(row: dict[str, str], needed: Iterable[str], where: str) -> None:
    for column in needed:
        if not row[column].strip():
            raise DataError(f"{where}: no text for '{column}'; add it or remove the line")


def _text(path: Path, expected: str) -> str:
    try:
        # As bytes: a CSV cell may hold line ends, which must stay what they are.
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            f"{path}: not a text file in UTF-8; expected {expected}, saved as UTF-8"
        ) from None
    except OSError:
        raise DataError(f"{path}: no such list; expected {expected}") from None


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
