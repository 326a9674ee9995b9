"""Pictures in and out: files or bytes to upright RGB pixels and back, nothing of the photo lost.

`read` gives the pixels as they are meant to be seen (EXIF orientation applied) and what must be
kept beside them (ICC profile, EXIF, DPI). `encode` and `write` put both back. Never opens a URL;
never leaves half a file.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import threading
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from humatte import metadata
from humatte.arrays import Alpha, Image, to_float
from humatte.errors import OutputError, PictureError, UsageError, one_line
from humatte.metadata import Kept

__all__ = [
    "READABLE_SUFFIXES",
    "WRITABLE_FORMATS",
    "Kept",
    "Picture",
    "check_channels",
    "encode",
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
    """A decoded picture: image (H, W, 3) uint8 RGB, its own alpha if it had one, what is kept."""

    image: Image
    alpha: Alpha | None
    kept: Kept


def read(source: Path | bytes) -> Picture:
    """Reads a picture: JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, PPM, MPO or JPEG 2000.

    Of a file with several frames or pages (GIF, animated WebP, AVIF or PNG, MPO, TIFF) the first.

    Args:
        source: a file's path (pipes too), or the file's bytes.

    Returns:
        The upright picture. 16-bit values are rounded to 8 (in planar and premultiplied TIFF, JPEG
        2000, AVIF and PPM colour as Pillow does it). Gray, palette and CMYK become RGB: gray and
        CMYK through their own colour profile where they have one. Broken metadata is left out, and
        so is a TIFF's that is not about the photo.

    Raises:
        PictureError: missing, empty, truncated, not a picture, or more pixels than Pillow's limit
            (`PIL.Image.MAX_IMAGE_PIXELS` x 2, about 179 megapixels).
    """
    name = "the picture's bytes" if isinstance(source, bytes) else str(source)
    with _explained(name), _open(source) as file, _identified(file) as opened:
        picture, kept = _upright(opened, file)
        alpha = _own_alpha(picture)
        rgb, icc = metadata.to_rgb(_eight_bits(picture), kept.icc)
        image = np.ascontiguousarray(np.asarray(rgb))
    return Picture(image, alpha, replace(kept, icc=icc))


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
        raise PictureError(
            f"{name}: more than {limit:.0f} megapixels, which is refused; make it smaller first"
        ) from None
    except PictureError as error:
        raise PictureError(f"{name}: {error}") from None
    except MemoryError:
        raise PictureError(f"{name}: too large for this machine's memory") from None
    except Exception as error:
        # On broken bytes Pillow's decoders raise whatever happens to them: OSError, SyntaxError,
        # RuntimeError, struct.error and more were seen. To the user they all mean one thing.
        reason = one_line(error)
        raise PictureError(f"{name}: broken or cut off ({reason}); get the file again") from error


def _upright(opened: PillowImage.Image, file: BinaryIO) -> tuple[PillowImage.Image, Kept]:
    # Pillow's name of the stored layout, such as 'RGB;16B'; "RGBa" is premultiplied.
    layout = _DEEP_COLOUR.search(str(getattr(opened, "tile", [])[:1]))
    if opened.format == "TIFF":
        _facts(opened)  # loading reads its tags too, and not quietly
    opened.load()
    orientation, kept = _facts(opened)  # 1 for a TIFF: loading has turned it, OpenCV does as well
    picture = metadata.upright(opened, orientation)
    deep = _deep_colour(file, picture, orientation) if layout else None
    if deep and layout and layout[1] == "LA":
        deep = deep.convert("LA")
    return deep or picture, kept


_DEEP_COLOUR = re.compile(r"\b(LA|RGB|RGBA|RGBX);16")


def _facts(opened: PillowImage.Image) -> tuple[int, Kept]:
    with _quiet():
        return metadata.of(opened)


def _deep_colour(
    file: BinaryIO, truncated: PillowImage.Image, orientation: int
) -> PillowImage.Image | None:
    """The pixels rounded from 16 bits, of which Pillow keeps the high byte only.

    None where OpenCV, which decodes them whole, does not see the same high bytes.
    """
    import cv2

    file.seek(0)
    with contextlib.suppress(cv2.error):
        values = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
        if values is None or values.dtype != np.uint16 or values.ndim != 3:
            return None
        channels = min(values.shape[2], 4 if truncated.has_transparency_data else 3)
        values = values[..., [2, 1, 0, 3][:channels]]  # BGR(A) to RGB(A)
        whole = metadata.upright(PillowImage.fromarray(_rounded(values)), orientation)
        high = metadata.upright(PillowImage.fromarray((values >> 8).astype(np.uint8)), orientation)
        colour = len(truncated.getbands())  # a PNG's one transparent colour adds alpha to cv2's
        same = np.array_equal(np.asarray(high)[..., :colour], np.asarray(truncated))
        return whole if same else None
    return None


def _rounded(values: NDArray[np.integer]) -> NDArray[np.uint8]:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _own_alpha(picture: PillowImage.Image) -> Alpha | None:
    if not picture.has_transparency_data:
        return None
    alpha = np.asarray(picture.convert("RGBA").getchannel("A"))
    return None if alpha.min(initial=255) == 255 else to_float(alpha)


def _eight_bits(picture: PillowImage.Image) -> PillowImage.Image:
    if picture.mode == "F":
        raise PictureError("floating-point pixels; expected 8 or 16 bits a channel")
    if not picture.mode.startswith("I"):
        return picture
    values = np.asarray(picture)
    if values.max(initial=0) > 65535 or values.min(initial=0) < 0:
        raise PictureError("32-bit values; expected 8 or 16 bits a channel")
    return PillowImage.fromarray(_rounded(values))


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


def encode(pixels: NDArray[np.uint8], format_name: str, kept: Kept) -> bytes:
    """The file's bytes for pixels (H, W), (H, W, 3) or (H, W, 4) uint8, in Pillow's format name.

    Left out is what cannot be kept: the ICC profile for gray pixels, which it does not describe;
    EXIF above 64 kB in JPEG; in TIFF all EXIF but the main tags (camera, date, author, copyright
    and the like), because Pillow cannot write the Exif and GPS directories into a compressed one.
    WebP and AVIF hold the DPI in the EXIF, JPEG as whole numbers.

    Raises:
        UsageError: transparency in a format without it.
        OutputError: the format cannot hold a picture of this size.
    """
    check_channels(format_name, pixels.ndim == 3 and pixels.shape[2] == 4)
    buffer = io.BytesIO()
    try:
        options = metadata.to_save(kept, format_name, gray=pixels.ndim == 2)
        PillowImage.fromarray(pixels).save(buffer, format_name, **_ENCODING[format_name], **options)
    except Exception as error:  # the encoders raise OSError, ValueError, RuntimeError and more
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        reason = one_line(error)
        raise OutputError(f"{format_name} cannot hold this picture ({size}): {reason}") from error
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
            _replace(data, Path(os.path.realpath(path)))
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: cannot be written ({reason}); choose another -o") from None


def _replace(data: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not named after the target, whose name may have the most bytes that are legal already.
    beside = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        beside.write_bytes(data)
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
