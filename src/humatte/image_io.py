"""Pictures in and out: files or bytes to upright RGB pixels and back, nothing of the photo lost.

`read` gives the pixels as they are meant to be seen (EXIF orientation applied) and what must be
kept beside them (ICC profile, EXIF, XMP, DPI). `encode` and `write` put both back. Never opens a
URL; never leaves half a file.
"""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from humatte import deep, metadata, splice
from humatte.arrays import Alpha, Image, Size, to_float
from humatte.colour import gray_to_srgb, premultiply
from humatte.deep import FORMATS as DEEP_FORMATS
from humatte.deep import Deep
from humatte.errors import OutputError, PictureError, TooLargeError, UsageError, one_line
from humatte.metadata import Kept
from humatte.paths import Beside
from humatte.tiff_tiles import check_tiles

__all__ = [
    "DEEP_FORMATS",
    "READABLE_SUFFIXES",
    "WRITABLE_FORMATS",
    "Kept",
    "Picture",
    "check_channels",
    "encode",
    "head",
    "orientation",
    "output_format",
    "read",
    "write",
]

# Pillow's names of what is read, with the file suffixes. No others are tried: Pillow would hand
# EPS, for one, to Ghostscript. Those that Pillow always loads come first: looking for another one
# imports all of its forty plugins.
_READABLE = {
    "JPEG": ".jpg .jpeg .jpe .jfif .mpo",
    "PNG": ".png",
    "GIF": ".gif",
    "BMP": ".bmp",
    "PPM": ".ppm .pgm .pbm .pnm",
    "WEBP": ".webp",
    "TIFF": ".tif .tiff",
    "AVIF": ".avif",
    "JPEG2000": ".jp2",
}
READABLE_SUFFIXES = frozenset(" ".join(_READABLE.values()).split())
# Format names as users write them, to Pillow's.
WRITABLE_FORMATS = {
    "png": "PNG",
    "webp": "WEBP",
    "avif": "AVIF",
    "tiff": "TIFF",
    "tif": "TIFF",
    "jpg": "JPEG",
    "jpeg": "JPEG",
}
_OPAQUE_FORMATS = {"JPEG"}
_REDUCIBLE = {"JPEG", "MPO"}
_REDUCTIONS = (8, 4, 2)  # what JPEG decoders make of a file's frequencies
_ENCODING: dict[str, dict[str, object]] = {
    # zlib's run-length strategy (3): four times as fast as Pillow's default on a 12-megapixel
    # cut-out, and no larger (benchmarks/png_settings.py).
    "PNG": {"compress_level": 1, "compress_type": 3},
    "WEBP": {"quality": 90, "method": 2, "alpha_quality": 100},
    "AVIF": {"quality": 80, "speed": 8},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "JPEG": {"quality": 95, "subsampling": 0},
}


@dataclass(frozen=True)
class Picture:
    """A decoded picture: image (H, W, 3) uint8 RGB, its own alpha if it had one, what is kept.

    `deep` is the image in 16 bits, (H, W, 3) uint16 RGB, if it has them and they were asked for;
    `image` is then these values, rounded. `full` is the (H, W) of the file's upright pixels where
    they were decoded at a reduced size, else None.
    """

    image: Image
    alpha: Alpha | None
    kept: Kept
    deep: Deep | None = None
    full: Size | None = None


def read(
    source: Path | bytes,
    *,
    keep_deep: bool = False,
    least_side: Callable[[Size], int] | None = None,
) -> Picture:
    """Reads a picture: JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, PPM, MPO or JPEG 2000.

    Of a file with several frames or pages (GIF, animated WebP, AVIF or PNG, MPO, TIFF) the first.

    Args:
        source: a file's path (pipes too), or the file's bytes.
        keep_deep: keep the 16-bit values of a PNG, TIFF or gray PGM beside the rounded ones.
        least_side: gives for the upright (H, W) the long side, in pixels, that is needed: a JPEG is
            decoded at a half, a quarter or an eighth where that is no smaller, and its sides can be
            so divided. All of it if None.

    Returns:
        The upright picture. 16-bit values are rounded to 8 (in JPEG 2000, AVIF, PPM colour and CMYK
        as Pillow does it). Gray, palette and CMYK become RGB: gray and CMYK through their own
        colour profile where they have one. Premultiplied colours become straight. Broken metadata
        is left out, and so is a TIFF's that is not about the photo.

    Raises:
        PictureError: missing, empty, truncated, not a picture, floating-point or 32-bit values,
            16-bit planes, or more pixels than Pillow's limit (`PIL.Image.MAX_IMAGE_PIXELS` x 2,
            about 179 megapixels), or a TIFF's tiles far more than it.
    """
    name = "the picture's bytes" if isinstance(source, bytes) else str(source)
    with _explained(name), _open(source) as file, _identified(file) as opened:
        stored = deep.layout(opened)  # unknown once it is loaded
        whole = opened.height, opened.width
        orientation, kept = _load(opened, file, least_side)
        reduced = (opened.height, opened.width) != whole
        values = deep.gray(opened)
        if stored and values is None:
            file.seek(0)
            values = deep.colour(file.read(), stored, opened)
        if values is not None:
            return _deep_picture(metadata.turned(values, orientation), kept, keep_deep)
        picture = metadata.upright(opened, orientation)
        alpha = _own_alpha(picture)
        rgb, icc = metadata.to_rgb(picture, kept.icc)
        image = np.ascontiguousarray(np.asarray(rgb))
    full = metadata.upright_size(whole, orientation) if reduced else None
    return Picture(image, alpha, replace(kept, icc=icc), full=full)


def head(source: Path | bytes) -> tuple[str, Size]:
    """Pillow's name of a picture's format, and its (height, width) as stored. Decodes nothing.

    Raises:
        TooLargeError: more pixels than Pillow's limit, or a TIFF's tiles have far more than it.
        PictureError: missing, empty, or not a picture.
    """
    name = "the picture's bytes" if isinstance(source, bytes) else str(source)
    with _explained(name), _open(source) as file, _identified(file) as opened:
        if opened.format == "TIFF":
            check_tiles(file, (opened.height, opened.width))
        return str(opened.format), (opened.height, opened.width)


def megapixels(path: Path) -> float:
    """Millions of pixels, by the file's head; 0 for what is no picture, or for a pipe."""
    if not path.is_file():
        return 0.0
    try:
        with path.open("rb") as file, _identified(file) as opened:
            return opened.width * opened.height / 1e6
    except (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError):
        return 0.0  # `read` says what is wrong with it


def orientation(source: Path | bytes) -> int:
    """The EXIF orientation, 1 to 8, that `read` undoes; 1 = the pixels are stored as they are seen.

    Raises:
        PictureError: missing, empty, or not a picture.
    """
    name = "the picture's bytes" if isinstance(source, bytes) else str(source)
    with _explained(name), _open(source) as file, _identified(file) as opened:
        return _facts(opened)[0]


@contextlib.contextmanager
def _open(source: Path | bytes) -> Iterator[BinaryIO]:
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        # Decoders go back and forth, which a pipe cannot.
        seekable: BinaryIO = file if file.seekable() else io.BytesIO(file.read())
        if not seekable.read(1):
            raise PictureError("the file is empty (0 bytes); expected a picture")
        seekable.seek(0)
        yield seekable


def _identified(file: BinaryIO) -> PillowImage.Image:
    with _quiet():
        return PillowImage.open(file, formats=list(_READABLE))


_FILTERS = threading.Lock()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences Pillow about odd metadata, and between one and two times its limit of pixels.

    Above that it refuses. The warning filters belong to the whole process: threads that put them
    back in another order would leave them changed for good. So one at a time; it never decodes.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns every way in which a file can be unreadable into one line about `name`."""
    try:
        yield
    except FileNotFoundError:
        raise PictureError(f"{name}: no such file; check the path") from None
    except IsADirectoryError:
        raise PictureError(f"{name}: a folder, expected a picture") from None
    except PermissionError:
        raise PictureError(f"{name}: may not be read; check its permissions") from None
    except UnidentifiedImageError:
        raise PictureError(
            f"{name}: not a picture that can be read ({', '.join(_READABLE)}); check the file"
        ) from None
    except PillowImage.DecompressionBombError:
        limit = 2 * (PillowImage.MAX_IMAGE_PIXELS or 0) / 1e6
        raise TooLargeError(
            f"{name}: more than {limit:.0f} megapixels, which is refused; make it smaller first"
        ) from None
    except PictureError as error:
        raise type(error)(f"{name}: {error}") from None
    except UsageError:  # of the size that is asked for: not the file's fault
        raise
    except MemoryError:
        raise PictureError(f"{name}: too large for this machine's memory") from None
    except Exception as error:
        # On broken bytes Pillow's decoders raise whatever happens to them: OSError, SyntaxError,
        # RuntimeError, struct.error and more were seen. To the user they all mean one thing.
        reason = one_line(error)
        raise PictureError(f"{name}: broken or cut off ({reason}); get the file again") from error


def _load(
    opened: PillowImage.Image, file: BinaryIO, least_side: Callable[[Size], int] | None
) -> tuple[int, Kept]:
    """Decodes; gives the orientation that is still to be undone, and what is kept."""
    if least_side and opened.format in _REDUCIBLE:
        orientation, kept = _facts(opened)
        size = metadata.upright_size((opened.height, opened.width), orientation)
        _reduce(opened, least_side(size))
        opened.load()
        return orientation, kept
    if opened.format == "TIFF":
        check_tiles(file, (opened.height, opened.width))
        _facts(opened)  # loading reads its tags too, and not quietly
        deep.refuse_planes(opened)
    opened.load()
    if opened.mode == "F":
        raise PictureError("floating-point pixels; expected 8 or 16 bits a channel")
    return _facts(opened)  # 1 for a TIFF: loading has turned it, OpenCV does as well


def _reduce(opened: PillowImage.Image, least: int) -> None:
    """Has a JPEG decoded no larger than needed.

    A side that cannot be divided would be rounded up: everything would move towards its end.
    """
    width, height = opened.size
    for scale in _REDUCTIONS:
        if width % scale == height % scale == 0 and max(width, height) // scale >= least:
            opened.draft(None, (width // scale, height // scale))
            return


def _facts(opened: PillowImage.Image) -> tuple[int, Kept]:
    with _quiet():
        return metadata.of(opened)


def _deep_picture(values: Deep, kept: Kept, keep_deep: bool) -> Picture:
    """The picture of upright values (H, W, 1 to 4): gray or RGB; an even number has alpha."""
    alpha = None
    if values.shape[2] in (2, 4):
        opacity, values = values[..., -1], values[..., :-1]
        alpha = None if opacity.min(initial=65535) == 65535 else to_float(opacity)
    space = kept.icc[16:20] if kept.icc else b""  # ICC.1:2022, 7.2: the data colour space
    if values.shape[2] == 1:
        if kept.icc and space == b"GRAY":
            values = gray_to_srgb(values, kept.icc)
        values = np.repeat(values, 3, axis=2)
    values = np.ascontiguousarray(values)
    kept = replace(kept, icc=kept.icc if space == b"RGB " else None)
    return Picture(deep.rounded(values), alpha, kept, values if keep_deep else None)


def _own_alpha(picture: PillowImage.Image) -> Alpha | None:
    if not picture.has_transparency_data:
        return None
    if picture.mode == "La":  # premultiplied gray, which Pillow takes to LA only
        picture = picture.convert("LA")
    alpha = np.asarray(picture.convert("RGBA").getchannel("A"))
    return None if alpha.min(initial=255) == 255 else to_float(alpha)


def output_format(path: Path | None, name: str | None) -> str:
    """Pillow's name of the format to write: `name` if given, else by the path's extension.

    Raises:
        UsageError: a format that cannot be written.
    """
    wanted = (name or (path.suffix if path else "") or "png").lower().lstrip(".")
    if wanted not in WRITABLE_FORMATS:
        raise UsageError(
            f"cannot write '{wanted}'; expected one of {', '.join(sorted(WRITABLE_FORMATS))}"
        )
    return WRITABLE_FORMATS[wanted]


def check_channels(format_name: str, transparent: bool) -> None:
    """Refuses a format that cannot hold transparency when the result has it.

    Raises:
        UsageError: with what to choose instead.
    """
    if transparent and format_name in _OPAQUE_FORMATS:
        raise UsageError(
            f"{format_name} has no transparency; choose png, webp, avif or tiff, or a --background"
        )


def encode(
    pixels: NDArray[np.uint8] | Deep, format_name: str, kept: Kept, *, premultiplied: bool = False
) -> bytes:
    """The file's bytes, in Pillow's format name.

    Left out is what cannot be kept: the ICC profile for gray pixels, which it does not describe;
    EXIF or XMP above 64 kB in JPEG; in TIFF the EXIF tags that are not about the photo. WebP and
    AVIF hold the DPI in the EXIF, JPEG as whole numbers. EXIF's width and height are made to agree.

    Args:
        pixels: (H, W), (H, W, 3) or straight (H, W, 4), uint8; for PNG and TIFF also uint16.
        format_name: one of the values of `WRITABLE_FORMATS`.
        kept: what to put beside the pixels.
        premultiplied: store colours multiplied by alpha. TIFF and AVIF say so in the file; PNG and
            WebP cannot.

    Raises:
        UsageError: transparency, or 16 bits, in a format without it.
        OutputError: the format cannot hold a picture of this size.
    """
    check_channels(format_name, pixels.ndim == 3 and pixels.shape[2] == 4)
    if pixels.dtype == np.uint16 and format_name not in DEEP_FORMATS:
        raise UsageError(f"{format_name} has 8 bits a channel; found 16; choose png or tiff")
    try:
        return _encoded(pixels, format_name, kept, premultiplied)
    except Exception as error:  # the encoders raise OSError, ValueError, RuntimeError and more
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        reason = one_line(error)
        raise OutputError(f"{format_name} cannot hold this picture ({size}): {reason}") from error


def _encoded(pixels: NDArray[Any], format_name: str, kept: Kept, premultiplied: bool) -> bytes:
    size, channels = (pixels.shape[0], pixels.shape[1]), pixels.shape[2] if pixels.ndim == 3 else 1
    options = _ENCODING[format_name] | metadata.to_save(kept, format_name, size, gray=channels == 1)
    if premultiplied and format_name == "AVIF":
        options["alpha_premultiplied"] = True  # libavif multiplies, and says so
    elif premultiplied:
        pixels = premultiply(pixels)
    if pixels.dtype == np.uint16:
        data = deep.encode(pixels, format_name)
        if format_name == "PNG":
            data = splice.with_chunks(data, _saved(np.zeros((1, 1), np.uint8), "PNG", options))
    else:
        data = _saved(pixels, format_name, options)
    if format_name == "TIFF":
        tags = metadata.tiff_tags(kept, size, channels=channels, premultiplied=premultiplied)
        data = splice.with_tags(data, tags)
    return data


def _saved(pixels: NDArray[np.uint8], format_name: str, options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, format_name, **options)
    return buffer.getvalue()


def write(data: bytes, path: Path) -> None:
    """Writes a whole file or nothing: beside the target first, then renamed over it.

    Missing folders are made. A link stays, and the file it points to is written; a pipe or a device
    is written into. A file that is replaced hands on its permissions.

    Raises:
        OutputError: the folder cannot be made or written to, or the disk is full.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as pipe:
                pipe.write(data)
        else:
            _replace(data, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: cannot be written ({reason}); choose another place") from None


def _replace(data: bytes, target: Path) -> None:
    beside = Beside(target)
    try:
        beside.path.write_bytes(data)
        beside.keep()
    finally:
        beside.drop()
