"""Pictures in and out: files or bytes to upright RGB pixels and back, nothing of the photo lost.

`read` gives the pixels as they are meant to be seen (EXIF orientation applied) and what must be
kept beside them (ICC profile, EXIF, DPI). `encode` and `write` put both back. Never opens a URL;
never leaves half a file.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import uuid
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, ImageCms, ImageOps, UnidentifiedImageError
from PIL import Image as PillowImage

from humatte.arrays import Alpha, Image, to_float
from humatte.errors import OutputError, PictureError, UsageError, one_line

READABLE_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .avif .tif .tiff .bmp .gif .ppm .pgm .jp2".split()  # noqa: SIM905
)
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
class Kept:
    """What a picture carries beside its pixels and must not lose."""

    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None


@dataclass(frozen=True)
class Picture:
    """A decoded picture: image (H, W, 3) uint8 RGB, its own alpha if it had one, what is kept."""

    image: Image
    alpha: Alpha | None
    kept: Kept


def read(source: Path | bytes) -> Picture:
    """Reads a picture: JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF (first frame) and the like.

    Args:
        source: a file's path, or the file's bytes.

    Returns:
        The upright picture. 16-bit values are rounded to 8; gray, palette and CMYK become RGB,
        CMYK through its own colour profile where it has one.

    Raises:
        PictureError: missing, empty, truncated, not a picture, or more pixels than Pillow's limit
            (`PIL.Image.MAX_IMAGE_PIXELS` x 2, about 179 megapixels).
    """
    name = "the picture from stdin" if isinstance(source, bytes) else str(source)
    with _explained(name), _open(source) as file, PillowImage.open(file) as opened:
        opened.load()
        upright = ImageOps.exif_transpose(opened)
        kept = _kept(upright, opened.format)
        alpha = _own_alpha(upright)
        image, icc = _to_rgb(upright, kept.icc, name)
    return Picture(image, alpha, replace(kept, icc=icc))


@contextlib.contextmanager
def _open(source: Path | bytes):  # type: ignore[no-untyped-def]
    file: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    with file:
        if not file.read(1):
            raise PictureError("the file is empty (0 bytes); expected a picture")
        file.seek(0)
        yield file


@contextlib.contextmanager
def _explained(name: str):  # type: ignore[no-untyped-def]
    """Turns every way in which a file can be unreadable into one line about `name`."""
    try:
        with warnings.catch_warnings():
            # Between one and two times Pillow's limit it only warns; above that it refuses.
            warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)
            # Broken metadata is no reason to refuse good pixels.
            warnings.simplefilter("ignore", UserWarning)
            yield
    except FileNotFoundError:
        raise PictureError(f"{name}: no such file; check the path") from None
    except IsADirectoryError:
        raise PictureError(f"{name}: a folder, expected a picture") from None
    except PermissionError:
        raise PictureError(f"{name}: may not be read; check its permissions") from None
    except UnidentifiedImageError:
        raise PictureError(
            f"{name}: not a picture that can be read (JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF); "
            "check the file"
        ) from None
    except PillowImage.DecompressionBombError:
        limit = 2 * (PillowImage.MAX_IMAGE_PIXELS or 0) / 1e6
        raise PictureError(
            f"{name}: more than {limit:.0f} megapixels, which is refused; make it smaller first"
        ) from None
    except PictureError as error:
        text = str(error)
        raise (error if text.startswith(name) else PictureError(f"{name}: {text}")) from None
    except MemoryError:
        raise PictureError(f"{name}: too large for this machine's memory") from None
    except Exception as error:
        # On broken bytes Pillow's decoders raise whatever happens to them: OSError, SyntaxError,
        # RuntimeError, struct.error and more were seen. To the user they all mean one thing.
        reason = one_line(error)
        raise PictureError(f"{name}: broken or cut off ({reason}); get the file again") from error


def _kept(upright: PillowImage.Image, format_name: str | None) -> Kept:
    exif = upright.getexif()
    exif.pop(ExifTags.Base.Orientation, None)  # the pixels will be upright
    return Kept(
        icc=upright.info.get("icc_profile") or None,
        exif=exif.tobytes() if len(exif) and format_name != "TIFF" else None,
        dpi=_usable_dpi(upright.info.get("dpi")),
    )


def _usable_dpi(dpi: Any) -> tuple[float, float] | None:
    """Files say 0 or infinity where they mean "unknown"."""
    if not dpi or not all(np.isfinite(float(value)) and float(value) > 0 for value in dpi):
        return None
    return float(dpi[0]), float(dpi[1])


def _own_alpha(picture: PillowImage.Image) -> Alpha | None:
    if not picture.has_transparency_data:
        return None
    alpha = np.asarray(picture.convert("RGBA").getchannel("A"))
    return None if alpha.min(initial=255) == 255 else to_float(alpha)


def _to_rgb(picture: PillowImage.Image, icc: bytes | None, name: str) -> tuple[Image, bytes | None]:
    """RGB bytes, and the profile that describes them."""
    if picture.mode in ("I;16", "I;16B", "I;16L", "I"):
        values = np.asarray(picture).astype(np.float32)
        if values.max(initial=0) > 65535 or values.min(initial=0) < 0:
            raise PictureError(f"{name}: 32-bit values; expected 8 or 16 bits a channel")
        gray = np.rint(values / 257).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2), None
    if picture.mode == "F":
        raise PictureError(f"{name}: floating-point pixels; expected 8 or 16 bits a channel")
    space = _colour_space(icc)
    if picture.mode == "CMYK" and icc and space == "CMYK":
        srgb = ImageCms.createProfile("sRGB")
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        with contextlib.suppress(ImageCms.PyCMSError):  # a broken profile: the plain conversion
            picture = ImageCms.profileToProfile(picture, source, srgb, outputMode="RGB") or picture
    if picture.has_transparency_data and picture.mode != "RGBA":
        picture = picture.convert("RGBA")
    rgb = np.asarray(picture.convert("RGB"))
    return np.ascontiguousarray(rgb), icc if space == "RGB" else None


def _colour_space(icc: bytes | None) -> str:
    """The colour space a profile is for, as 'RGB', 'GRAY', 'CMYK'; '' for none or a broken one."""
    # ICC.1:2022, 7.2: bytes 16 to 19 of the header name the data colour space.
    return icc[16:20].decode("ascii", "replace").strip() if icc and len(icc) >= 128 else ""


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

    The ICC profile is left out for gray pixels, which it does not describe.

    Raises:
        UsageError: transparency in a format without it.
        OutputError: the format cannot hold a picture of this size.
    """
    check_channels(format_name, pixels.ndim == 3 and pixels.shape[2] == 4)
    options = dict(_ENCODING[format_name])
    if kept.icc and pixels.ndim == 3:
        options["icc_profile"] = kept.icc
    if kept.exif and format_name != "TIFF":
        options["exif"] = kept.exif
    if kept.dpi and format_name in ("PNG", "JPEG", "TIFF"):
        options["dpi"] = kept.dpi
    buffer = io.BytesIO()
    try:
        PillowImage.fromarray(pixels).save(buffer, format_name, **options)
    except (OSError, ValueError, SystemError) as error:
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise OutputError(f"{format_name} cannot hold this picture ({size}): {error}") from None
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
