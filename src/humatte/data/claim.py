"""A folder of results is made with one set of settings: a later run goes on with it, or is refused.

Without this, resuming with other options would leave a folder half of one kind, half of another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from humatte.data.work import is_report
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
        UsageError: the folder holds results of other settings, or files of their names, or of
            those of the settings and of the report, that this command has not made.
    """
    note = folder / SETTINGS
    wanted = json.loads(json.dumps(settings))
    found = next((path for path in results if path.exists()), None)
    if found and not note.is_file():
        raise UsageError(
            f"{found}: is there, but not from this command (no {SETTINGS} beside it); "
            "choose another -o"
        )
    had = _noted(note, wanted) if note.exists() else {}
    if found:
        _compare(folder, had, wanted)
    report = folder / SKIPPED
    if report.exists() and not is_report(report):
        raise UsageError(f"{report}: not a report of this command; choose another -o")
    write(_as_text(wanted).encode(), note)


def _noted(note: Path, wanted: Mapping[str, object]) -> dict[str, object]:
    """The settings in a file that `claim` has written, and nobody else."""
    try:
        text = note.read_text("utf-8")
        had = json.loads(text)
    except (OSError, ValueError):
        text, had = "", None
    if not isinstance(had, dict) or text != _as_text(had) or not had.keys() & wanted.keys():
        raise UsageError(f"{note}: not the settings of earlier results; choose another -o")
    return had


def _as_text(settings: Mapping[str, object]) -> str:
    return json.dumps(settings, indent=1) + "\n"


def _compare(folder: Path, had: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    for key in dict.fromkeys([*wanted, *had]):
        if wanted.get(key) != had.get(key):
            raise UsageError(
                f"{folder}: its results were made with {key} {_shown(had.get(key))}, not "
                f"{_shown(wanted.get(key))}; choose another -o, or the same settings to go on"
            )


def _shown(value: object) -> str:
    return "unset" if value is None else str(value)


def expect_new(result: Path) -> None:
    """Refuses a single result that is there: what it was made with is noted nowhere.

    Raises:
        UsageError: it is there.
    """
    if result.exists():
        raise UsageError(f"{result}: is there already; remove it or choose another -o")
