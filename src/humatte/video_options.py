"""Everything that can be asked of a clip's result, from words to one frozen object.

In: the words of the command line: those for pictures that make sense for clips, and those that
clips alone have. Out: `ClipOptions`, checked against each other. Nothing is ignored: what does not
apply is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from humatte.clip import Part
from humatte.composite import FITS
from humatte.errors import UsageError
from humatte.matting import Refinement
from humatte.options import Options, parse_options
from humatte.steady import is_steady
from humatte.video_plan import is_clip

VIDEO_REFINEMENT: Refinement = "fast"
"""What clips get unless users choose: `detail` takes about twice as long for the matte."""
RAW = ("rgba", "rgb", "gray")
# Options of pictures, and why clips do not have them.
_PICTURES_ONLY = {
    "--crop": "a crop would jump from frame to frame",
    "--aspect": "it is the crop's",
    "--pad": "frames keep their shape",
    "--size": "give --max-size",
    "--id-photo": "a clip is none",
    "--dpi": "a clip has none",
    "--jobs": "frames follow each other",
}
ALL_FRAMES = Part()
_STAND_IN = "black"  # for a background that is read later: it is as opaque


@dataclass(frozen=True)
class ClipWords:
    """Options that clips alone have, as typed."""

    start: str | None = None
    end: str | None = None
    every: int | None = None
    max_size: int | None = None
    steady: str | None = None
    resume: bool = False
    raw: str | None = None

    def given(self) -> list[str]:
        """The names of those that were typed."""
        names = ("--from", "--to", "--every", "--max-size", "--steady", "--resume", "--raw")
        words = vars(self).values()
        return [n for n, word in zip(names, words, strict=True) if word not in (None, False)]


@dataclass(frozen=True)
class ClipOptions:
    """What is asked of a clip's result. Everything left out: people on transparency, all frames."""

    look: Options
    """What each frame shows: as of a picture."""
    behind: Path | None = None
    """A clip as background; `look.background` stands in for it."""
    fit: str = "cover"
    part: Part = ALL_FRAMES
    max_size: int | None = None
    steady: bool = True
    resume: bool = False
    raw: str | None = None
    """Bare frames to stdout: one of `RAW`."""

    @property
    def transparent(self) -> bool:
        """Whether the result has an alpha channel."""
        return self.look.transparent


def refused_for_clips(words: Mapping[str, Any]) -> list[str]:
    """The options among those typed (by name, as `--crop`) that clips do not have, with why."""
    given = [name for name in _PICTURES_ONLY if words.get(name) not in (None, False)]
    return [f"{name} is for pictures, not for clips ({_PICTURES_ONLY[name]})" for name in given]


def parse_clip_options(
    words: ClipWords,
    *,
    background: str | None = None,
    fit: str | None = None,
    alpha_only: bool = False,
    refine: str | None = None,
    **others: Any,
) -> ClipOptions:
    """Understands the words of every option of clips and checks them together.

    Args:
        words: those that clips alone have.
        background: as for pictures, or the path of a clip.
        fit: how a picture or clip as background fills the frames.
        alpha_only: the matte alone.
        refine: as for pictures; `VIDEO_REFINEMENT` if left out.
        others: further words of `humatte.options.parse_options`.

    Raises:
        UsageError: words that are none, or that contradict each other.
        PictureError: a background picture that cannot be read.
    """
    behind = Path(background) if background and is_clip(Path(background)) else None
    if fit is not None and fit not in FITS:
        raise UsageError(f"unknown fit '{fit}'; expected one of {', '.join(FITS)}")
    alpha_only = alpha_only or words.raw == "gray"
    look = parse_options(
        background=_STAND_IN if behind else background,
        fit=None if behind else fit,
        alpha_only=alpha_only,
        refine=refine or VIDEO_REFINEMENT,
        **others,
    )
    options = ClipOptions(
        look=look,
        behind=behind,
        fit=fit or "cover",
        part=Part(_seconds(words.start, "--from"), _seconds(words.end, "--to"), words.every or 1),
        max_size=words.max_size,
        steady=is_steady(words.steady),
        resume=words.resume,
        raw=words.raw,
    )
    return _with_raw(options)


def _with_raw(options: ClipOptions) -> ClipOptions:
    if options.raw is None:
        return options
    if options.raw not in RAW:
        raise UsageError(f"unknown --raw '{options.raw}'; expected one of {', '.join(RAW)}")
    if options.raw == "rgba" and not options.transparent:
        raise UsageError("--raw rgba is for transparent frames; with a background give --raw rgb")
    if options.raw == "rgb" and options.transparent:
        raise UsageError("--raw rgb holds no transparency; give a --background, or --raw rgba")
    if options.raw == "rgb" and options.look.alpha_only:
        raise UsageError("--alpha writes the matte alone; give --raw gray")
    if options.resume:
        raise UsageError("--resume goes on with a file; leave it out, or write a file with -o")
    return options


def _seconds(text: str | None, option: str) -> Fraction | None:
    """Seconds, as 12.5, or minutes and hours too, as 1:02.5 and 1:00:02.5; exact."""
    if text is None:
        return None
    if not re.fullmatch(r"(\d{1,6}:){0,2}\d{1,9}(\.\d{1,9})?", text):
        raise UsageError(f"{option} {text}: expected seconds, as 12.5, or a time, as 1:02:03.5")
    total = Fraction(0)
    for part in text.split(":"):
        total = total * 60 + Fraction(part)
    return total
