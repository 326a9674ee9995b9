"""Everything that can be asked of one picture's result, from words to one frozen object.

In: the words of the command line, which are those of `humatte.cutout` too. Out: `Options`, checked
against each other. Reads no picture but the background.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from humatte.composite import FITS, Background, parse_background
from humatte.effects import Effects, parse_outline, parse_shadow
from humatte.errors import UsageError
from humatte.frame import check_pixels
from humatte.framing import Framing, Wish, parse_aspect, parse_crop, parse_pad, parse_size
from humatte.id_photo import ID_DPI, IdPhoto, parse_id_photo
from humatte.matting import REFINEMENT, Refinement, refinement
from humatte.parts import Choice, parse_person

DEFAULT_CROP = "5%"
_DPI = (10.0, 5000.0)
_TRANSPARENT, _AS_IT_IS, _NO_EFFECTS = Background(none=True), Framing(), Effects()

Word = str | bool | int | None
"""An option that may stand alone: True is its default, a number is pixels."""


@dataclass(frozen=True)
class Options:
    """What is asked of a result. Everything left out: the person on transparency, whole picture."""

    background: Background = _TRANSPARENT
    alpha_only: bool = False
    premultiplied: bool = False
    """Of the file; a `CutOut` is straight in any case."""
    refine: Refinement = REFINEMENT
    """How the matte becomes as large as the picture."""
    person: Choice | None = None
    """None keeps everyone."""
    framing: Framing = _AS_IT_IS
    id_photo: IdPhoto | None = None
    dpi: float | None = None
    """Written into the file; None keeps the photo's."""
    effects: Effects = _NO_EFFECTS

    @property
    def transparent(self) -> bool:
        """Whether the result has an alpha channel."""
        return self.background.none and not self.alpha_only

    @property
    def megapixels(self) -> float:
        """Of the result, where a size is asked for: at most about so many; else 0."""
        if self.id_photo:
            height, width = self.id_photo.pixels(self.dpi or ID_DPI)
            return height * width / 1e6
        wish = self.framing.size or Wish()
        side = wish.long_side or wish.width or wish.height or 0
        return side * (wish.height or side) / 1e6


PLAIN = Options()
"""Nothing is asked: the person on transparency."""


def parse_options(
    *,
    background: str | None = None,
    fit: str | None = None,
    alpha_only: bool = False,
    premultiplied: bool = False,
    refine: str | None = None,
    person: str | None = None,
    crop: Word = None,
    aspect: str | float | None = None,
    pad: str | int | None = None,
    size: str | int | None = None,
    id_photo: str | None = None,
    dpi: float | None = None,
    shadow: Word = None,
    outline: str | int | None = None,
) -> Options:
    """Understands the words of every option (docs/finishing.md) and checks them together.

    Raises:
        UsageError: words that are none, or that contradict each other.
        PictureError: a background picture that cannot be read.
    """
    _refuse_contradictions(
        {
            "--background": background,
            "--shadow": shadow,
            "--outline": outline,
            "--crop": crop,
            "--aspect": aspect,
            "--pad": pad,
            "--size": size,
        },
        alpha_only,
        id_photo,
    )
    if aspect is not None and not _given(crop):
        raise UsageError("--aspect is the crop's; give --crop too")
    photo = parse_id_photo(id_photo) if id_photo else None
    behind = _background(background, fit, photo is not None and not alpha_only)
    if premultiplied and (alpha_only or not behind.none):
        other = "--alpha" if alpha_only else "--background or --id-photo"
        raise UsageError(f"--premultiplied is for transparent results; leave it or {other} out")
    return Options(
        background=behind,
        alpha_only=alpha_only,
        premultiplied=premultiplied,
        refine=refinement(refine or REFINEMENT),
        person=_person(person, photo is not None),
        framing=Framing(
            crop=parse_crop(_word(crop, DEFAULT_CROP)) if _given(crop) else None,
            aspect=None if aspect is None else parse_aspect(str(aspect)),
            pad=None if pad is None else parse_pad(str(pad)),
            size=None if size is None else parse_size(str(size)),
        ),
        id_photo=photo,
        dpi=_dpi(dpi, photo),
        effects=Effects(
            outline=None if outline is None else parse_outline(str(outline)),
            shadow=parse_shadow(_word(shadow, "")) if _given(shadow) else None,
        ),
    )


def _given(word: Word) -> bool:
    return word is not None and word is not False


def _word(word: Word, default: str) -> str:
    return default if word is True else str(word)


def _refuse_contradictions(
    words: dict[str, object], alpha_only: bool, id_photo: str | None
) -> None:
    given = {name for name, word in words.items() if word is not None and word is not False}
    for name in ("--background", "--shadow", "--outline"):
        if alpha_only and name in given:
            raise UsageError(f"--alpha writes the matte alone; leave {name} out")
    for name in ("--crop", "--aspect", "--pad", "--size"):
        if id_photo and name in given:
            raise UsageError(f"--id-photo chooses crop and size by its own rule; leave {name} out")


def _person(word: str | None, id_photo: bool) -> Choice | None:
    """An id photo shows one person."""
    return parse_person(word or ("largest" if id_photo else "all"))


def _background(word: str | None, fit: str | None, id_photo: bool) -> Background:
    """A passport's background is plain: white, unless another is asked for."""
    background = parse_background(word or ("white" if id_photo else "none"))
    if fit is None:
        return background
    if background.picture is None:
        raise UsageError("--fit is for a picture as --background; leave it out, or give a picture")
    if fit not in FITS:
        raise UsageError(f"unknown fit '{fit}'; expected one of {', '.join(FITS)}")
    return replace(background, fit=fit)


def _dpi(dpi: float | None, photo: IdPhoto | None) -> float | None:
    if dpi is None:
        return ID_DPI if photo else None
    if not _DPI[0] <= dpi <= _DPI[1]:
        raise UsageError(f"--dpi {dpi:g}; expected {_DPI[0]:g} to {_DPI[1]:g}")
    if photo:
        check_pixels(photo.pixels(dpi), "result")
    return float(dpi)
