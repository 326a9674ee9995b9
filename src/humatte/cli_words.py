"""The words after `humatte cutout`, before they are read: options that may stand alone."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

from humatte.errors import UsageError

# Options that may stand alone, with what a value of theirs looks like.
_ALONE = {"--crop": r"[\d.]+(px|%)?", "--shadow": r"\w+=.*"}
_STANDS_ALONE = "yes"


class WithDefaults(TyperCommand):
    """Lets options of `_ALONE` stand without a value, and `--person at X,Y` be two words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the words after the verb.

        Raises:
            UsageError: one of them is empty.
        """
        for before, word in zip(["", *args], args, strict=False):
            if not word or re.fullmatch(r"--[a-z-]+=", word):
                # As an input it would be the current folder, all of it.
                place = word or (f"{before} ''" if before.startswith("-") else "''")
                raise UsageError(f"found {place}: an empty word; leave it out, or fill it in")
        return super().parse_args(ctx, complete(args))


def complete(args: list[str]) -> list[str]:
    """The words with every value written out: an input after `--crop` is no margin."""
    result: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*result, word, *rest]
        result.append(word)
        following = rest[0] if rest else ""
        if word in _ALONE and not re.fullmatch(_ALONE[word], following):
            result.append(_STANDS_ALONE)
        elif word == "--person" and following in ("at", "box") and len(rest) > 1:
            result.append(f"{rest.pop(0)} {rest.pop(0)}")
        elif word in _ALONE or word == "--person":
            result += rest[:1]
            rest = rest[1:]
    return result


def alone(word: str | None) -> str | bool | None:
    """What was typed after such an option: True if nothing."""
    return True if word == _STANDS_ALONE else word


def frame_size(text: str, example: str) -> tuple[int, int]:
    """(height, width) of the word after `--size`, WIDTHxHEIGHT.

    Raises:
        UsageError: it is none; the example is shown.
    """
    match = re.fullmatch(r"([1-9]\d{0,4})[x×]([1-9]\d{0,4})", text.strip().lower())
    if not match:
        raise UsageError(f"--size {text}: expected width and height in pixels, as {example}")
    return int(match[2]), int(match[1])
