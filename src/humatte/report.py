"""What was found in each picture, as JSON: one object a line.

In: finished pictures and failures. Out: lines on stdout as they come, or a file that is whole at
any time: it is written anew every so often, and at the end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import humatte
from humatte.arrays import Alpha, Box
from humatte.console import to_stdout
from humatte.errors import UsageError, one_line
from humatte.finish import CutOut
from humatte.image_io import write
from humatte.network import Network
from humatte.parts import box_of, find_parts
from humatte.paths import guard_outputs

STDOUT = "json"
_SUFFIXES = (".json", ".jsonl", ".ndjson")
_WRITE_EVERY_S = 10.0
_NOBODY = 0.002  # of the picture: a matte that adds up to less is empty, and decidedly so


def confidence(alpha: Alpha) -> float:
    """How decided a matte is, 0 to 1: 1 where every pixel is 0 or 1.

    1 - sum(4 a (1 - a)) / sum(a), not below 0: what is undecided beside what is the person. Soft
    edges cost a little, a matte of halves gives 0. An empty matte is decided.
    """
    # Doubles: sums of millions of pixels; einsum makes no copy of them.
    total = float(alpha.sum(dtype=np.float64))
    undecided = 4 * (total - float(np.einsum("hw,hw->", alpha, alpha, dtype=np.float64)))
    return max(0.0, 1 - undecided / (total + _NOBODY * alpha.size))


def facts(
    result: CutOut, network: Network, hints: Sequence[str], seconds: dict[str, float]
) -> dict[str, Any]:
    """What is reported of a finished picture (docs/finishing.md names the fields)."""
    matte = result.matte
    return {
        "size": _width_height(matte),
        "result_size": _width_height(result.pixels),
        "person_found": result.person_found,
        "share": round(float(matte.mean(dtype=np.float64)), 6),
        "confidence": round(confidence(matte), 4),
        "box": _corners(box_of(matte)),
        "parts": [
            {"box": _corners(part.box), "share": round(part.share, 6)} for part in find_parts(matte)
        ],
        "hints": list(hints),
        "warnings": list(result.warnings),
        "network": network.facts.name,
        "device": network.device,
        "runtime": network.runtime,
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "humatte": humatte.__version__,
    }


def _width_height(pixels: np.ndarray[Any, Any]) -> list[int]:
    return [int(pixels.shape[1]), int(pixels.shape[0])]


def _corners(box: Box | None) -> list[int] | None:
    """Left, top, right, bottom, as `--person box` takes them."""
    return [box.left, box.top, box.right, box.bottom] if box else None


class Reporter:
    """Takes the facts of one picture after another; `close` writes the file, if there is one.

    Not for several threads at once.
    """

    def __init__(self, target: str | None, inputs: Iterable[Path] = ()) -> None:
        """Finds out before the work where the report goes.

        Args:
            target: `json` for stdout, a file's name, or None for no report.
            inputs: files that must stay as they are.

        Raises:
            UsageError: another word, or a file that cannot or must not be written.
        """
        self._path = Path(target) if target not in (None, STDOUT) else None
        if self._path and self._path.suffix.lower() not in _SUFFIXES:
            raise UsageError(
                f"--report {target}; expected json (to stdout) or a file, as report.json"
            )
        self.guard(inputs)
        self.wanted = target is not None
        self._lines: list[str] = []
        self._earlier: dict[tuple[str, str], str] | None = None
        self._next_write = time.monotonic() + _WRITE_EVERY_S

    def guard(self, inputs: Iterable[Path]) -> None:
        """Finds out that the report is not written over one of these files.

        Raises:
            UsageError: it would be.
        """
        guard_outputs([self._path], inputs)

    def add(self, source: str, entry: dict[str, Any]) -> None:
        """Notes one picture."""
        if not self.wanted:
            return
        # In ASCII: a file's name may hold what is no UTF-8, or what ends a line elsewhere.
        self._put(json.dumps({"source": source} | entry))

    def skipped(self, source: str, result: Path) -> None:
        """Notes a picture that was done before: by its line in the file that is there, if any.

        The line of a failure, or of another result, is not that of this one.
        """
        if self._earlier is None:
            self._earlier = _lines_of(self._path)
        if line := self._earlier.get((source, str(result))):
            self._put(line)
        else:
            self.add(source, {"skipped": True})

    def _put(self, line: str) -> None:
        if not self._path:
            to_stdout(f"{line}\n".encode())
            return
        self._lines.append(line)
        started = time.monotonic()
        if started >= self._next_write:
            self.close()
            # Of a long report's time, writing takes a fiftieth.
            self._next_write = started + _WRITE_EVERY_S + 50 * (time.monotonic() - started)

    def failed(self, source: str, error: BaseException) -> None:
        """Notes a picture that failed, and why."""
        self.add(source, {"error": one_line(error)})

    def close(self) -> None:
        """Writes the file; a run that has noted nothing leaves the one that is there."""
        if self._path and self._lines:
            write("".join(f"{line}\n" for line in self._lines).encode(), self._path)


def _lines_of(path: Path | None) -> dict[tuple[str, str], str]:
    """The lines of an earlier report by source and result; what has not both is left out."""
    if path is None or not path.is_file():
        return {}
    found = {}
    for line in path.read_text("utf-8", "replace").split("\n"):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found[str(entry.get("source")), str(entry.get("result"))] = line
    return found
