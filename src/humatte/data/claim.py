"""A folder of results is made with one set of settings: a later run goes on with it, or is refused.

Without this, resuming with other options would leave a folder half of one kind, half of another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from humatte.errors import UsageError
from humatte.image_io import write

SETTINGS = "settings.json"
"""Lies beside the results."""
SKIPPED = "skipped.csv"
"""What was left out or went wrong, with reasons; lies beside the results."""


def claim(folder: Path, settings: Mapping[str, object], results: Iterable[Path]) -> None:
    """Notes in the folder what its results are made with, or checks that it is the same.

    Args:
        folder: where the results go; made if it is not there.
        settings: what the results depend on; values that JSON can hold.
        results: the files that are going to be written.

    Raises:
        UsageError: the folder holds results of other settings, or files of their names that this
            command has not made.
    """
    note = folder / SETTINGS
    wanted = json.loads(json.dumps(settings))
    found = next((path for path in results if path.exists()), None)
    if found and not note.is_file():
        raise UsageError(
            f"{found}: is there, but not from this command (no {SETTINGS} beside it); "
            "choose another -o"
        )
    if found:
        _compare(note, wanted)
    write((json.dumps(wanted, indent=1) + "\n").encode(), note)


def _compare(note: Path, wanted: dict[str, object]) -> None:
    try:
        had = json.loads(note.read_text("utf-8"))
    except ValueError:
        had = None
    if not isinstance(had, dict):
        raise UsageError(f"{note}: not the settings of earlier results; choose another -o")
    for key in dict.fromkeys([*wanted, *had]):
        if wanted.get(key) != had.get(key):
            raise UsageError(
                f"{note.parent}: its results were made with {key} {_shown(had.get(key))}, not "
                f"{_shown(wanted.get(key))}; choose another -o, or the same settings to go on"
            )


def _shown(value: object) -> str:
    return "unset" if value is None else str(value)
