"""What a picture carries beside its pixels: orientation, EXIF, XMP, resolution, colour profile.

From Pillow's picture to `Kept` and back into what Pillow saves. Never refuses a picture: metadata
that is broken is left out, because the pixels are what matters.
"""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, ImageCms
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from humatte.arrays import Size

# EXIF's tag 0x0112 (CIPA DC-008, 4.6.5.1.6) to the turn that puts the pixels upright.
_TURNS = {
    2: PillowImage.Transpose.FLIP_LEFT_RIGHT,
    3: PillowImage.Transpose.ROTATE_180,
    4: PillowImage.Transpose.FLIP_TOP_BOTTOM,
    5: PillowImage.Transpose.TRANSPOSE,
    6: PillowImage.Transpose.ROTATE_270,
    7: PillowImage.Transpose.TRANSVERSE,
    8: PillowImage.Transpose.ROTATE_90,
}
_LYING = (5, 6, 7, 8)  # those that exchange rows and columns
# A TIFF file's first directory mixes facts about the photo with the layout of the file (offsets,
# sizes, compression), which is wrong in any other file. Only these are about the photo.
_PHOTOGRAPHIC = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Copyright,
    ExifTags.Base.Rating,
    ExifTags.Base.RatingPercent,
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
)
_CENTIMETRES = 3  # EXIF's ResolutionUnit; 2 is inches
_LARGEST_DPI = 65535  # what a JPEG can hold; PNG and TIFF overflow later
_DPI_IN_EXIF = ("WEBP", "AVIF")  # they have no other place for it
_LARGEST_JPEG_EXIF = 65533  # one APP1 segment, less its two length bytes
_LARGEST_JPEG_XMP = _LARGEST_JPEG_EXIF - 29  # less the name that comes first (XMP part 3, 1.1.3)
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>)\s*)[1-8]")
_SIZE = (ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength)
_PIXEL_SIZE = (0xA002, 0xA003)  # width and height, in EXIF's own directory (CIPA DC-008, 4.6.6)
_BYTES, _UNDEFINED = 1, 7  # types of TIFF values
_XMP, _ICC, _EXTRA_SAMPLES = 700, 34675, 338
_PREMULTIPLIED, _STRAIGHT = 1, 2  # TIFF 6.0, section 18: associated and unassociated alpha


@dataclass(frozen=True)
class Kept:
    """What a picture carries beside its pixels and must not lose."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None


def of(picture: PillowImage.Image) -> tuple[int, Kept]:
    """The picture's EXIF orientation (1 to 8) and what is kept of it; broken parts are left out.

    The kept EXIF has no orientation and XMP's is 1, because the pixels will be upright. Of a TIFF
    only the photographic tags are kept, with the Exif and GPS directories. No thumbnail is kept: it
    would show what was cut away.
    """
    orientation = 1
    exif: bytes | None = None
    dpi = _usable_dpi(picture.info.get("dpi"))
    # Broken bytes make Pillow raise KeyError, TypeError, SyntaxError, struct.error and more.
    with contextlib.suppress(Exception):
        found = picture.getexif()
        orientation = found.get(ExifTags.Base.Orientation, 1)
        dpi = dpi or _exif_dpi(found)
        if picture.format == "TIFF":
            found = _photographic(found)
        else:
            found.pop(ExifTags.Base.Orientation, None)
        exif = found.tobytes() if len(found) else None
    icc = picture.info.get("icc_profile") or None
    kept = Kept(icc=icc, exif=exif, xmp=_xmp(picture.info.get("xmp")), dpi=dpi)
    return orientation if orientation in _TURNS else 1, kept


def _xmp(found: object) -> bytes | None:
    data = found.encode() if isinstance(found, str) else found
    if not isinstance(data, bytes) or not data.strip(b"\0 \r\n"):
        return None
    return _XMP_ORIENTATION.sub(rb"\g<1>1", data)


def upright(picture: PillowImage.Image, orientation: int) -> PillowImage.Image:
    """The picture turned as its EXIF orientation says."""
    return picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture


def upright_size(size: Size, orientation: int) -> Size:
    """The (H, W) that pixels of this size have once they are `upright`."""
    return (size[1], size[0]) if orientation in _LYING else size


def turned(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """As `upright`, of values (H, W, C)."""
    if orientation in _LYING:  # stored lying: rows and columns change places first
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return values[:, ::-1] if orientation in (2, 3, 6, 7) else values


def to_rgb(picture: PillowImage.Image, icc: bytes | None) -> tuple[PillowImage.Image, bytes | None]:
    """The picture in mode RGB, and the profile that describes it.

    CMYK and gray with a profile of their own go through it to sRGB and have none afterwards; with
    a broken one they are converted plainly.
    """
    # ICC.1:2022, 7.2: bytes 16 to 19 of the header name the data colour space.
    space = icc[16:20] if icc and len(icc) >= 128 else b""
    if icc and (space, picture.mode) == (b"CMYK", "CMYK"):
        picture = _through(picture, icc)
    elif icc and space == b"GRAY" and picture.mode in ("1", "L", "LA"):
        # Of the 256 tones, because lcms would interpolate between 33 of them.
        tones = PillowImage.frombytes("L", (256, 1), bytes(range(256)))
        table = np.asarray(_through(tones, icc).convert("RGB"))[0]
        picture = PillowImage.fromarray(table[np.asarray(picture.convert("L"))])
    if picture.mode == "La":  # premultiplied gray, which Pillow takes to LA only
        picture = picture.convert("LA")
    if picture.has_transparency_data and picture.mode != "RGBA":
        picture = picture.convert("RGBA")
    return picture.convert("RGB"), icc if space == b"RGB " else None


def to_save(kept: Kept, format_name: str, size: Size, *, gray: bool) -> dict[str, object]:
    """The options with which Pillow saves `kept` in a format, as far as the format can hold it.

    For TIFF there are none; its tags are put in afterwards (`tiff_tags`).
    """
    options: dict[str, object] = {}
    if format_name == "TIFF":
        return options
    if kept.icc and not gray:  # an RGB profile does not describe gray pixels
        options["icc_profile"] = kept.icc
    if kept.dpi and format_name not in _DPI_IN_EXIF:
        options["dpi"] = kept.dpi
    exif = _exif_to_save(kept, format_name, size)
    if exif and not (format_name == "JPEG" and len(exif) > _LARGEST_JPEG_EXIF):
        options["exif"] = exif
    if kept.xmp and format_name == "PNG":
        chunks = PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", kept.xmp.decode("utf-8", "replace"))
        options["pnginfo"] = chunks
    elif kept.xmp and not (format_name == "JPEG" and len(kept.xmp) > _LARGEST_JPEG_XMP):
        options["xmp"] = kept.xmp
    return options


def tiff_tags(
    kept: Kept, size: Size, *, channels: int, premultiplied: bool
) -> ImageFileDirectory_v2:
    """What `kept` is in a TIFF's tags, and what its alpha means."""
    tags = ImageFileDirectory_v2()
    if kept.exif:
        exif = PillowImage.Exif()
        exif.load(kept.exif)
        for tag, value in _photographic(_resized(exif, size)).items():
            tags[tag] = value
    if kept.dpi:
        tags[ExifTags.Base.XResolution], tags[ExifTags.Base.YResolution] = kept.dpi
        tags[ExifTags.Base.ResolutionUnit] = 2
    if kept.icc and channels > 1:
        tags.tagtype[_ICC] = _UNDEFINED
        tags[_ICC] = kept.icc
    if kept.xmp:
        tags.tagtype[_XMP] = _BYTES
        tags[_XMP] = kept.xmp
    if channels == 4:
        tags[_EXTRA_SAMPLES] = _PREMULTIPLIED if premultiplied else _STRAIGHT
    return tags


def _exif_to_save(kept: Kept, format_name: str, size: Size) -> bytes | None:
    dpi = kept.dpi if format_name in _DPI_IN_EXIF else None
    exif = PillowImage.Exif()
    if kept.exif:
        exif.load(kept.exif)
        exif = _resized(exif, size)
    if dpi:
        exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = dpi
        exif[ExifTags.Base.ResolutionUnit] = 2
    return exif.tobytes() if len(exif) else None


def _resized(exif: PillowImage.Exif, size: Size) -> PillowImage.Exif:
    """EXIF whose width and height, where it has them, are those of the pixels that are saved."""
    for entries, tags in ((exif, _SIZE), (exif.get_ifd(ExifTags.IFD.Exif), _PIXEL_SIZE)):
        for tag, side in zip(tags, (size[1], size[0]), strict=True):
            if tag in entries:
                entries[tag] = side
    return exif


def _photographic(exif: PillowImage.Exif) -> PillowImage.Exif:
    chosen = PillowImage.Exif()
    for tag in _PHOTOGRAPHIC:
        if tag in exif:
            chosen[tag] = exif[tag]
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if entries := exif.get_ifd(directory):
            chosen[directory] = dict(entries)
    return chosen


def _exif_dpi(exif: PillowImage.Exif) -> tuple[float, float] | None:
    across, down = exif.get(ExifTags.Base.XResolution), exif.get(ExifTags.Base.YResolution)
    unit = exif.get(ExifTags.Base.ResolutionUnit, 2)
    if across is None or down is None or unit not in (2, _CENTIMETRES):
        return None
    per_inch = 2.54 if unit == _CENTIMETRES else 1.0
    return _usable_dpi((float(across) * per_inch, float(down) * per_inch))


def _usable_dpi(dpi: Any) -> tuple[float, float] | None:
    """Files say 0, infinity or giants where they mean "unknown"."""
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
        across, down = (float(value) for value in dpi)
        if 1 <= across <= _LARGEST_DPI and 1 <= down <= _LARGEST_DPI:
            return across, down
    return None


def _through(picture: PillowImage.Image, icc: bytes) -> PillowImage.Image:
    flags = ImageCms.Flags.NOOPTIMIZE if picture.mode == "L" else ImageCms.Flags.NONE
    with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
        profile, srgb = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB", flags=flags)
        return converted or picture
    return picture


def with_dpi(kept: Kept, dpi: float | None) -> Kept:
    """What is kept of a picture, with another resolution, which EXIF notes too; None changes none.

    EXIF's notes of the size follow when the picture is saved.
    """
    if dpi is None:
        return kept
    exif = PillowImage.Exif()
    with contextlib.suppress(Exception):  # broken bytes, as in `of`: then there is no EXIF
        exif.load(kept.exif or b"")
        if ExifTags.Base.XResolution in exif:
            exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = dpi, dpi
            exif[ExifTags.Base.ResolutionUnit] = 2
        return replace(kept, exif=exif.tobytes() if len(exif) else None, dpi=(dpi, dpi))
    return replace(kept, exif=None, dpi=(dpi, dpi))
