"""Writes every bundled network's known answer into its card, for `humatte doctor` to compare with.

    python scripts/known_answers.py

Computed by onnxruntime on the processor. Run it when a network's file has changed, and only then.
"""

from __future__ import annotations

import re

from humatte.catalog import find, load, names
from humatte.known_answer import ROW, answer_of, row_of


def main() -> None:
    """Replaces the row, or puts it below that of the file."""
    for name in names():
        card = find(name).with_suffix(".md")
        row = row_of(answer_of(load(name, None, "onnxruntime", "cpu")))
        text = re.sub(rf"^\| {ROW} \|.*\n", "", card.read_text("utf-8"), flags=re.MULTILINE)
        text, count = re.subn(r"^(\| file \|.*)$", rf"\1\n{row}", text, count=1, flags=re.MULTILINE)
        if not count:
            raise SystemExit(f"{card}: no row '| file |' in it")
        card.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
