"""One picture, finished: from what was read to the pixels that are written.

The order of operations, which is that of docs/finishing.md:

1. the network's matte, of the whole picture;
2. hints: mask, trimap, drop, keep; then the picture's own transparency multiplies;
3. `person`: who is wanted;
4. straight colours where the matte is soft;
5. the frame: crop and aspect (or the id photo's rule), size, padding; resampled once;
6. outline, and the shadow of both, in the result's pixels;
7. the background, at the result's size.

In: a path, bytes or an image array. Out: pixels, ready to be shown or encoded.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Box, Colours, Size, check_colours, to_integers
from humatte.catalog import DEFAULT, load
from humatte.colour import premultiply, to_profile
from humatte.composite import backdrop, over, over_white, with_alpha
from humatte.deep import rounded
from humatte.effects import Effects, Room, outline_alpha, shadow_alpha, under
from humatte.foreground import estimate_foreground
from humatte.frame import Frame, move_alpha, move_person, move_scene
from humatte.framing import Framing, frame_of, look
from humatte.hints import NO_HINTS, Hints, Source, guided, read_hints
from humatte.id_photo import ID_DPI, id_frame
from humatte.image_io import Kept, Picture
from humatte.lengths import Colour
from humatte.matting import REFINEMENT, Refinement, has_person, matte
from humatte.metadata import with_dpi
from humatte.network import Network
from humatte.options import PLAIN, Options, Word, parse_options
from humatte.parts import choose
from humatte.reading import Reading, read_for

_ROUNDS = 3  # the room for effects depends on the scale, and the scale on the room


@dataclass(frozen=True)
class CutOut:
    """A finished picture.

    `pixels` is (H, W, 4) straight RGBA, (H, W, 3) over a background, or (H, W) alpha alone; uint16
    where the picture is `deep`, else uint8.
    `alpha` is the person's matte of the same view; `matte` is that of the whole picture, as
    large as it was decoded.
    """

    pixels: Colours
    alpha: Alpha
    matte: Alpha
    kept: Kept
    person_found: bool
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    """How long the network's matte and the rest took."""


def cutout(
    source: str | PathLike[str] | bytes | Colours,
    *,
    background: str | None = None,
    fit: str | None = None,
    alpha_only: bool = False,
    premultiplied: bool = False,
    model: str | Network = DEFAULT,
    refine: Refinement = REFINEMENT,
    person: str | None = None,
    keep: Source | None = None,
    drop: Source | None = None,
    trimap: Source | None = None,
    mask: Source | None = None,
    crop: Word = None,
    aspect: str | float | None = None,
    pad: str | int | None = None,
    size: str | int | None = None,
    id_photo: str | None = None,
    dpi: float | None = None,
    shadow: Word = None,
    outline: str | int | None = None,
) -> Colours:
    """Cuts the person out of a picture. The words are those of `humatte cutout`.

    Args:
        source: a path, a file's bytes, or an image (H, W, 3) uint8 or uint16 RGB.
        background: `none` (transparent), `blur[:radius]`, `gray`, a colour name, `#rrggbb`, or the
            path of a picture; `white` for an id photo, else `none`, if left out.
        fit: how a background picture fills the result: `cover`, `contain` or `tile`.
        alpha_only: give the matte instead of a picture.
        premultiplied: give colours multiplied by alpha; for transparent results.
        model: a network's name, an .onnx file, or an open network.
        refine: `off`, `fast` or `detail`, how the matte becomes as large as the picture
            (`humatte.matte`).
        person: `all`, `largest`, `at X,Y` or `box LEFT,TOP,RIGHT,BOTTOM`.
        keep: white where the person is, whatever the network says: a file, or an array (H, W).
        drop: white where the person is not.
        trimap: white and black are decided, gray is the network's.
        mask: roughly where the person is; nothing outside it.
        crop: True, or the margin around the person, as `10%` or 20 pixels.
        aspect: of the crop, as `1:1`.
        pad: 1 to 4 lengths around the result, in the order of CSS.
        size: of the result, padding included: `1200x800`, `1200x`, `x800`, or the longer side.
        id_photo: a format, as `35x45mm` or `2x2in`; the head's place is an approximation.
        dpi: of an id photo; 300 if left out. An array carries none.
        shadow: True, or `x=…,y=…,blur=…,opacity=…,colour=…`.
        outline: its width, or `WIDTH:COLOUR`.

    Returns:
        uint8, or uint16 of a picture with 16 bits a channel, in its own colour profile: (H, W, 4)
        straight RGBA for `none`, (H, W, 3) over a background, (H, W) for `alpha_only`. Pixels that
        a byte would hold as opaque have exactly the picture's values.

    Raises:
        UsageError: an unknown word or network, words that contradict each other, a wrong array.
        PictureError: an unreadable picture, nobody at the chosen place, no head for an id photo.
    """
    options = parse_options(
        background=background,
        fit=fit,
        alpha_only=alpha_only,
        premultiplied=premultiplied,
        refine=refine,
        person=person,
        crop=crop,
        aspect=aspect,
        pad=pad,
        size=size,
        id_photo=id_photo,
        dpi=dpi,
        shadow=shadow,
        outline=outline,
    )
    hints = read_hints(keep, drop, trimap, mask)
    network = model if isinstance(model, Network) else load(model)
    if isinstance(source, np.ndarray):
        reading = Reading(_of_array(source))
    else:
        file = source if isinstance(source, bytes) else Path(source)
        reading = read_for(file, network, options, hints, keep_deep=True)
    pixels = cut_out(reading.picture, network, options, hints, reading.first).pixels
    return premultiply(pixels) if premultiplied else pixels


def _of_array(colours: Colours) -> Picture:
    if check_colours(colours).dtype == np.uint8:
        return Picture(colours, None, Kept())
    return Picture(rounded(colours), None, Kept(), colours)


def cut_out(
    picture: Picture,
    network: Network,
    options: Options = PLAIN,
    hints: Hints = NO_HINTS,
    first: Alpha | None = None,
) -> CutOut:
    """Cuts the person out of a picture that is already read.

    The network sees 8 bits; the result is made of 16 where the picture is `deep`, and straight.
    Where the picture was decoded at a reduced size, the result is as large as the whole's.

    Args:
        picture: as `read_for` gives it for these options, or whole.
        network: an open network.
        options: what is asked.
        hints: about the matte; of a whole picture only.
        first: the network's small matte of the picture, if `read_for` has it.

    Raises:
        UsageError: a hint of other proportions than the picture, a size that cannot be made.
        PictureError: nobody at the chosen place; no head, or too little of it, for an id photo.
    """
    own = picture.alpha
    # Under transparency a file may hold anything: network, blur and gray see it over white.
    seen = over_white(picture.image, own)
    started = time.perf_counter()
    raw = matte(seen, network, options.refine, first)
    matted = time.perf_counter()
    found = guided(raw, hints)
    image = picture.image if picture.deep is None else picture.deep
    if picture.deep is not None and options.background.shows_scene:
        seen = over_white(image, own)
    alpha = found if own is None else found * own
    if options.person:
        alpha = choose(alpha, options.person)
    frame, warnings = _frame(alpha, options, picture.full)
    whole = frame.is_whole((image.shape[0], image.shape[1]))
    if options.alpha_only:
        framed = alpha if whole else move_alpha(alpha, frame)
        pixels = to_integers(framed, image.dtype)
    else:
        # The picture's colours are straight where its own alpha is soft; only where the network's
        # matte is soft is the old background mixed in.
        foreground = estimate_foreground(image, found)
        framed = alpha
        if not whole:
            foreground, framed = move_person(foreground, alpha, frame)
        pixels = _composed(foreground, framed, _Scene(seen, alpha, frame, whole), picture, options)
    kept = with_dpi(picture.kept, options.dpi)
    seconds = {"matte": matted - started, "finish": time.perf_counter() - matted}
    person = has_person(alpha)
    return CutOut(pixels, framed, alpha, kept, person, tuple(warnings), seconds)


def _frame(alpha: Alpha, options: Options, full: Size | None) -> tuple[Frame, list[str]]:
    """The result's frame, and what the user should be warned of.

    `full` is the picture's own size where its matte is smaller.
    """
    if options.id_photo:
        return id_frame(alpha, options.id_photo, options.dpi or ID_DPI)
    size = (alpha.shape[0], alpha.shape[1])
    if options.framing == Framing():
        return Frame(Box(0, 0, *size), size), []
    asked, inside, subject = options.framing, options.background.shows_scene, look(alpha)
    if full:  # nothing is cropped: the frame has all of it, and is fitted by the file's own size
        frame = frame_of(replace(subject, size=full), asked, Room(), inside=inside)
        return replace(frame, box=Box(0, 0, *size)), []
    frame = frame_of(subject, asked, Room(), inside=inside)
    if asked.crop and subject.box is None:
        return frame, ["nobody to crop to; the whole picture is kept"]
    for _ in range(_ROUNDS if asked.crop and options.effects.any else 0):
        reach = options.effects.room(subject.long_side * frame.scale)
        frame = frame_of(subject, asked, reach.scaled(1 / frame.scale), inside=inside)
    return frame, []


@dataclass(frozen=True)
class _Scene:
    """The picture as it is seen, with the matte of who is wanted, and the frame to show it in."""

    seen: Colours
    alpha: Alpha
    frame: Frame
    whole: bool

    def framed(self) -> Colours:
        return self.seen if self.whole else move_scene(self.seen, self.alpha, self.frame)


def _composed(
    foreground: Colours, alpha: Alpha, scene: _Scene, picture: Picture, options: Options
) -> Colours:
    """The person with what is under and behind them, all at the result's size."""
    shape, icc, background = alpha, picture.kept.icc, options.background
    if options.effects.any:
        person_px = look(scene.alpha).long_side * scene.frame.scale
        foreground, alpha = with_effects(foreground, alpha, options.effects, person_px, icc)
    if background.none:
        return with_alpha(foreground, alpha)
    # Of a colour or a picture only the size counts: nothing is moved for these.
    behind = scene.framed() if background.shows_scene else foreground
    return over(foreground, alpha, backdrop(background, behind, shape, icc))


def with_effects(
    foreground: Colours, alpha: Alpha, effects: Effects, person_px: float, icc: bytes | None = None
) -> tuple[Colours, Alpha]:
    """Colours and alpha with outline and shadow, in the result's pixels.

    Args:
        foreground: (H, W, 3), straight.
        alpha: (H, W).
        effects: which.
        person_px: what their percentages are of.
        icc: the profile of the colours.
    """
    outline, shadow = effects.outline, effects.shadow
    if outline:
        rim = outline_alpha(alpha, outline.width.px(person_px))
        foreground, alpha = under(foreground, alpha, _in_profile(outline.colour, icc), rim)
    if shadow:
        dark = shadow_alpha(alpha, shadow, person_px)
        foreground, alpha = under(foreground, alpha, _in_profile(shadow.colour, icc), dark)
    return foreground, alpha


def _in_profile(colour: Colour, icc: bytes | None) -> NDArray[np.uint8]:
    return to_profile(np.array([[colour]], np.uint8), None, icc)[0, 0]
