"""What a picture carries, into every format and back."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from drawn import disc, gradient, noise, opened
from made_files import deep_tiff
from PIL import ExifTags, Image, ImageCms
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from test_metadata import packed, photo_exif

from humatte import splice
from humatte.arrays import to_bytes
from humatte.image_io import WRITABLE_FORMATS, Kept, encode, read

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="{}">Zoë</a></x:xmpmeta>'
EVERY = [(name, 8) for name in sorted(set(WRITABLE_FORMATS.values()))] + [("PNG", 16), ("TIFF", 16)]


def full_exif() -> bytes:
    exif = photo_exif()
    exif[ExifTags.IFD.Exif] |= {0xA002: 9999, 0xA003: 8888}
    return exif.tobytes()


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("format_name", "bits"), EVERY)
def test_all_of_it_goes_into_every_format(format_name: str, bits: int, channels: int) -> None:
    kept = Kept(icc=SRGB, exif=full_exif(), xmp=XMP.format(1).encode(), dpi=(300.0, 150.0))
    pixels = np.dstack([gradient(20, 30), gradient(20, 30)[..., :1]])[..., :channels]
    pixels = pixels if bits == 8 else pixels.astype(np.uint16) * 257
    if format_name == "JPEG" and channels == 4:
        return
    data = encode(pixels, format_name, kept)
    found = read(data).kept
    assert found.icc == SRGB
    assert found.xmp == kept.xmp
    assert found.dpi == pytest.approx((300, 150), abs=0.1)
    exif = opened(data).getexif()
    assert exif[ExifTags.Base.Make] == "Camera"
    directory = exif.get_ifd(ExifTags.IFD.Exif)
    assert directory[36867] == "2024:05:06 07:08:09"
    assert (directory[0xA002], directory[0xA003]) == (30, 20)
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_matte_alone_has_no_profile_but_the_rest(format_name: str, dtype: type) -> None:
    kept = Kept(icc=SRGB, exif=full_exif(), xmp=XMP.format(1).encode(), dpi=(300.0, 150.0))
    pixels = gradient(20, 30)[..., 0].astype(dtype)
    data = encode(pixels, format_name, kept)
    assert "icc_profile" not in opened(data).info
    assert (np.asarray(opened(data)) == pixels).all()
    found = read(data).kept
    assert found.xmp == kept.xmp
    assert found.dpi == pytest.approx((300, 150), abs=0.1)


@pytest.mark.parametrize("source", ["PNG", "TIFF", "JPEG", "WEBP", "AVIF"])
def test_xmp_is_read_with_its_orientation_reset(source: str) -> None:
    data = encode(gradient(20, 30), source, Kept(xmp=XMP.format(6).encode()))
    found = read(data).kept.xmp
    # Pillow has turned the TIFF, and left the orientation out.
    expected = XMP.format(1)
    if source == "TIFF":
        expected = expected.replace('tiff:Orientation="1"', "")
    assert found == expected.encode()


def test_xmp_of_elements_is_reset_too() -> None:
    kept = Kept(xmp=b"<tiff:Orientation>8</tiff:Orientation>")
    assert read(encode(gradient(20, 30), "PNG", kept)).kept.xmp == kept.xmp.replace(b"8", b"1")


def test_xmp_too_long_for_jpeg_is_left_out() -> None:
    kept = Kept(xmp=b"<a>" + b"x" * 65_500 + b"</a>")
    assert read(encode(gradient(20, 30), "JPEG", kept)).kept.xmp is None
    assert read(encode(gradient(20, 30), "WEBP", kept)).kept.xmp == kept.xmp


@pytest.mark.parametrize("format_name", ["JPEG", "TIFF", "PNG"])
def test_no_thumbnail_of_the_uncut_photo_is_kept(format_name: str) -> None:
    thumbnail = packed(Image.fromarray(noise(8, 8)), "JPEG")
    exif = photo_exif().tobytes()
    head, rows = exif[6:14], struct.unpack_from("<H", exif, 14)[0]
    second = len(exif) - 6  # IFD1 at the end: offset and length of a JPEG
    entries = [(0x0103, 3, 1, 6), (0x0201, 4, 1, second + 42), (0x0202, 4, 1, len(thumbnail))]
    packed_rows = b"".join(struct.pack("<HHLL", *entry) for entry in entries)
    ifd1 = struct.pack("<H", 3) + packed_rows + bytes(4)
    link = 16 + 12 * rows
    whole = b"Exif\0\0" + head + exif[14:link] + struct.pack("<L", second) + exif[link + 4 :]
    whole += ifd1 + thumbnail
    source = packed(Image.fromarray(gradient(20, 30)), "JPEG", exif=whole)
    assert thumbnail in source
    picture = read(source)
    assert picture.kept.exif
    assert thumbnail not in encode(picture.image, format_name, picture.kept)


def test_the_pixels_of_a_png_are_not_touched() -> None:
    plain = encode(noise(20, 30), "PNG", Kept())
    donor = encode(noise(1, 1), "PNG", Kept(icc=SRGB))
    whole = splice.with_chunks(plain, donor)
    assert whole.startswith(plain[:33])
    assert whole.endswith(plain[33:])
    assert whole[33:].index(b"iCCP") == 4


def test_a_tiff_of_another_kind_is_refused() -> None:
    tags = ImageFileDirectory_v2()
    with pytest.raises(ValueError, match="little-endian"):
        splice.with_tags(b"MM\0\x2a\0\0\0\x08", tags)


def test_tags_are_added_and_replaced() -> None:
    values = np.arange(4 * 6 * 3, dtype=np.uint16).reshape(4, 6, 3)
    tags = ImageFileDirectory_v2()
    tags[271], tags[274] = "Maker", 3
    for plain in (deep_tiff(values, (274, 1)), deep_tiff(values, (274, 1)) + b"\0"):
        with Image.open(io.BytesIO(splice.with_tags(plain, tags))) as found:
            assert found.tag_v2[271] == "Maker"
            assert found.tag_v2[274] == 3
            assert found.tag_v2[256] == 6


def soft_rgba(dtype: type) -> np.ndarray:
    image = np.dstack([gradient(40, 40), to_bytes(disc(40, 40, 12, soft=10))])
    return image if dtype == np.uint8 else image.astype(np.uint16) * np.uint16(257)


def multiplied(rgba: np.ndarray) -> np.ndarray:
    return np.rint(rgba[..., :3] * (rgba[..., 3:] / np.iinfo(rgba.dtype).max))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_premultiplied_png_holds_the_products(dtype: type) -> None:
    rgba = soft_rgba(dtype)
    picture = read(encode(rgba, "PNG", Kept(), premultiplied=True), keep_deep=True)
    found = picture.image if picture.deep is None else picture.deep
    assert (found == multiplied(rgba)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_premultiplied_tiff_says_so_and_comes_back_straight(dtype: type) -> None:
    rgba = soft_rgba(dtype)
    data = encode(rgba, "TIFF", Kept(), premultiplied=True)
    assert opened(data).tag_v2[338] == (1,)
    picture = read(data, keep_deep=True)
    found = picture.image if picture.deep is None else picture.deep
    again = multiplied(np.dstack([found, rgba[..., 3]]))
    assert np.abs(again - multiplied(rgba)).max() <= 1
    opaque = rgba[..., 3] == np.iinfo(dtype).max
    assert (found[opaque] == rgba[opaque, :3]).all()


@pytest.mark.parametrize("format_name", ["WEBP", "AVIF"])
def test_avif_says_premultiplied_and_webp_cannot(format_name: str) -> None:
    rgba = soft_rgba(np.uint8)
    image = read(encode(rgba, format_name, Kept(), premultiplied=True)).image
    soft = (rgba[..., 3] > 60) & (rgba[..., 3] < 200)
    from_straight = np.abs(image.astype(int) - rgba[..., :3])[soft].mean()
    from_products = np.abs(image - multiplied(rgba))[soft].mean()
    nearer, other = (from_straight, from_products)[:: 1 if format_name == "AVIF" else -1]
    assert nearer < 6 < other / 3


def test_straight_tiff_says_so() -> None:
    for dtype in (np.uint8, np.uint16):
        assert opened(encode(soft_rgba(dtype), "TIFF", Kept())).tag_v2[338] == (2,)


def test_premultiplied_gray_tiff_is_read() -> None:
    gray = Image.merge("LA", [Image.new("L", (4, 3), 100), Image.new("L", (4, 3), 128)])
    data = packed(gray, "TIFF")
    tags = ImageFileDirectory_v2()
    tags[338] = 1
    picture = read(splice.with_tags(data, tags))
    assert picture.image[0, 0].tolist() == [199, 199, 199]
    assert picture.alpha is not None
