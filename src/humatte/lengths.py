"""Lengths and colours as people type them: `20`, `20px`, `5%`, `navy`, `#202020`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from humatte.errors import UsageError

_LENGTH = re.compile(r"([+-]?)(\d{1,6}(?:\.\d+)?)(px|%)?")

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Length:
    """So many pixels, or so many percent of something."""

    value: float
    percent: bool = False

    def px(self, whole: float) -> float:
        """Pixels; `whole` is what 100 % are."""
        return self.value / 100 * whole if self.percent else self.value

    def __str__(self) -> str:
        return f"{self.value:g}{'%' if self.percent else ''}"


def parse_length(text: str, what: str, *, signed: bool = False) -> Length:
    """One length: a number of pixels, or a percentage.

    Args:
        text: as typed.
        what: the option's name, for the message.
        signed: whether it may be below 0.

    Raises:
        UsageError: anything else.
    """
    match = _LENGTH.fullmatch(text.strip().lower())
    if not match or (match[1] == "-" and not signed):
        raise UsageError(f"{what}: '{text}' is no length; expected pixels or percent, as 20 or 5%")
    return Length(float(match[1] + match[2]), match[3] == "%")


def parse_lengths(text: str, what: str, *, signed: bool = False) -> list[Length]:
    """Lengths between commas or spaces.

    Raises:
        UsageError: one of them is none.
    """
    words = [word for word in re.split(r"[,\s]+", text.strip()) if word]
    return [parse_length(word, what, signed=signed) for word in words]


def parse_share(text: str, what: str) -> float:
    """A share from 0 to 1, typed as 40% or 0.4.

    Raises:
        UsageError: anything else.
    """
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?|\.\d+)(%)?", text.strip())
    value = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"{what}: '{text}' is no share; expected 0% to 100%, as 40% or 0.4")
    return value


def parse_pairs(text: str, what: str, known: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE between commas or spaces.

    Raises:
        UsageError: an unknown or repeated key, or no value.
    """
    result: dict[str, str] = {}
    for word in (word for word in re.split(r"[,\s]+", text.strip()) if word):
        key, _, value = word.partition("=")
        key = "colour" if key == "color" else key
        if key not in known or not value or key in result:
            expected = ", ".join(f"{name}=…" for name in known)
            raise UsageError(f"{what}: found '{word}'; expected {expected}, each at most once")
        result[key] = value
    return result


def parse_colour(word: str, what: str) -> Colour | None:
    """A colour by name, #rgb or #rrggbb; None for what is no colour.

    Raises:
        UsageError: a colour with a channel above 255, or with transparency.
    """
    from PIL import ImageColor

    try:
        channels = ImageColor.getrgb(word)
    except ValueError:
        return None
    if max(channels) > 255:
        raise UsageError(f"{what} '{word}' has a channel above 255; expected 0 to 255")
    if len(channels) == 4:
        raise UsageError(f"{what} '{word}' is transparent; expected #rgb or #rrggbb")
    return channels[0], channels[1], channels[2]


def need_colour(word: str, what: str) -> Colour:
    """A colour that must be one.

    Raises:
        UsageError: it is none.
    """
    colour = parse_colour(word, what)
    if colour is None:
        raise UsageError(f"{what}: no colour is called '{word}'; expected a name or #rrggbb")
    return colour
