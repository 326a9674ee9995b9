"""The sources of a set that is still being made: nothing of them is lost when the run is ended.

`sources.csv` is written whole, at the end. Until then a line is added to a file beside it for every
finished picture; what is found there by a later run goes into `sources.csv` first.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from humatte.data.layouts import read_sources, write_sources

Row = dict[str, str]
_UNFINISHED = "sources.unfinished.csv"


class Journal:
    """The lines of a set's sources.csv, kept on disk one by one."""

    def __init__(self, folder: Path, columns: Sequence[str]) -> None:
        """Reads what earlier runs have left."""
        self._folder, self._columns = folder, ["name", *columns]
        self._file = folder / _UNFINISHED
        self.rows: dict[str, Row] = {}
        self.rows.update(read_sources(folder))
        if self._file.is_file():
            self.rows |= self._unfinished()
            self.finish()

    def _unfinished(self) -> dict[str, Row]:
        """The whole lines; the last one is torn when the machine was switched off."""
        text = self._file.read_bytes().decode(errors="replace")
        lines = csv.reader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))
        whole = [row for row in lines if len(row) == len(self._columns)]
        return {row[0]: dict(zip(self._columns[1:], row[1:], strict=True)) for row in whole}

    def add(self, name: str, row: Row) -> None:
        """Keeps the line of a finished picture."""
        self.rows[name] = row
        # Appended, not renamed into place as other files are: one line, not all of them, each time.
        with self._file.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([name, *(row[column] for column in self._columns[1:])])

    def finish(self) -> None:
        """Writes sources.csv whole."""
        write_sources(self._folder, self.rows)
        self._file.unlink(missing_ok=True)
