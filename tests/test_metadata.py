from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from drawn import gradient, opened
from made_files import chunk, deep_png, deep_tiff, gray_profile, srgb_of
from PIL import ExifTags, Image, ImageCms

from humatte import metadata
from humatte.image_io import Kept, encode, read

STORED = Image.fromarray(gradient(20, 30))


def packed(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def directory(*entries: tuple[int, int, int, bytes]) -> bytes:
    """EXIF with these entries (tag, type, count, four bytes of value)."""
    rows = b"".join(struct.pack(">HHL4s", *entry) for entry in entries)
    return b"Exif\0\0MM\0\x2a\0\0\0\x08" + struct.pack(">H", len(entries)) + rows + bytes(4)


def photo_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera"
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09"}
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    return exif


BROKEN = {
    "junk": b"Exif\0\0JUNK",
    "cut": photo_exif().tobytes()[:40],
    "a width of letters": directory((0x0100, 2, 4, b"abc\0"), (0x010F, 2, 4, b"abc\0")),
    "an offset far away": directory((0x010F, 2, 400, b"\xff\xff\xff\xff")),
    "Exif directory of letters": directory((0x8769, 2, 4, b"abc\0")),
    "nothing": b"Exif\0\0",
}


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", BROKEN.values(), ids=list(BROKEN))
def test_broken_exif_is_no_reason_to_refuse_good_pixels(exif: bytes, format_name: str) -> None:
    picture = read(packed(STORED, format_name, exif=exif))
    assert picture.image.shape == (20, 30, 3)
    encode(picture.image, "JPEG", picture.kept)


def test_the_orientation_is_obeyed_even_if_the_rest_of_the_exif_is_broken() -> None:
    exif = directory((0x0100, 2, 4, b"abc\0"), (0x0112, 3, 1, b"\0\6\0\0"))
    assert read(packed(STORED, "JPEG", exif=exif)).image.shape == (30, 20, 3)


def test_exif_too_long_for_jpeg_is_left_out() -> None:
    exif = photo_exif()
    exif[ExifTags.Base.ImageDescription] = "long " * 20_000
    picture = read(packed(STORED, "PNG", exif=exif.tobytes()))
    assert picture.kept.exif
    assert not opened(encode(picture.image, "JPEG", picture.kept)).getexif()
    found = opened(encode(picture.image, "PNG", picture.kept)).getexif()
    assert found[ExifTags.Base.Make] == "Camera"


@pytest.mark.parametrize("target", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("source", ["JPEG", "TIFF"])
def test_photographic_exif_is_kept_from_and_to_every_format(source: str, target: str) -> None:
    options = {"compression": "raw"} if source == "TIFF" else {}
    picture = read(packed(STORED, source, exif=photo_exif().tobytes(), **options))
    data = encode(picture.image[:10], target, picture.kept)
    assert read(data).image.shape == (10, 30, 3)
    with Image.open(io.BytesIO(data)) as file:
        found = file.getexif()
        assert found[ExifTags.Base.Make] == "Camera"
        assert found.get_ifd(ExifTags.IFD.Exif)[36867] == "2024:05:06 07:08:09"
        assert found.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"


def test_every_photographic_tag_can_be_written_into_a_tiff() -> None:
    exif = photo_exif()
    for tag in metadata._PHOTOGRAPHIC:
        name = tag.name
        exif[tag] = 3 if "Rating" in name else b"x\0\0\0" if name[:2] == "XP" else "Zoë 人"
    data = encode(gradient(20, 30), "TIFF", Kept(exif=exif.tobytes()))
    assert set(metadata._PHOTOGRAPHIC) <= set(opened(data).getexif())
    kept = read(data).kept
    assert encode(gradient(20, 30), "JPEG", kept)
    assert encode(gradient(20, 30), "TIFF", kept)


@pytest.mark.parametrize("tag", [0x8769, 0x8825])
def test_a_tiff_with_a_broken_directory_is_read(tag: int) -> None:
    values = np.full((5, 7, 3), 65535, np.uint16)
    assert read(deep_tiff(values, (tag, 9999))).image.min() == 255


def test_the_layout_of_a_tiff_is_not_kept() -> None:
    kept = read(packed(STORED, "TIFF", exif=photo_exif().tobytes())).kept
    assert kept.exif
    found = Image.Exif()
    found.load(kept.exif)
    allowed = {ExifTags.Base.Make, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}
    assert set(found) == allowed


def test_a_jpegs_layout_tags_do_not_reach_a_tiff() -> None:
    exif = photo_exif()
    exif[ExifTags.Base.ImageWidth] = 9999
    exif[ExifTags.Base.Compression] = 6
    kept = Kept(exif=exif.tobytes())
    assert (np.asarray(opened(encode(gradient(20, 30), "TIFF", kept))) == gradient(20, 30)).all()


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
def test_resolution_survives(format_name: str) -> None:
    kept = Kept(dpi=(300.0, 150.0), exif=photo_exif().tobytes())
    found = read(encode(gradient(20, 30), format_name, kept)).kept
    assert found.dpi == pytest.approx((300, 150), abs=0.1)
    assert found.exif is not None


def test_resolution_in_centimetres() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.XResolution] = exif[ExifTags.Base.YResolution] = 100.0
    exif[ExifTags.Base.ResolutionUnit] = 3
    assert read(packed(STORED, "WEBP", exif=exif.tobytes())).kept.dpi == pytest.approx((254, 254))


@pytest.mark.parametrize("dpi", [(3e8, 3e8), (0.0, 0.0), (300.0, 1e6)])
def test_impossible_resolution_is_dropped(dpi: tuple[float, float]) -> None:
    picture = read(packed(STORED, "TIFF", dpi=dpi))
    assert picture.kept.dpi is None
    for format_name in ("PNG", "JPEG", "TIFF", "WEBP", "AVIF"):
        encode(picture.image, format_name, picture.kept)


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_gray_goes_through_its_profile(mode: str) -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = Image.fromarray(gray)
    if mode == "LA":
        image.putalpha(Image.fromarray(255 - gray))
    elif mode == "I;16":
        image = Image.fromarray(gray.astype(np.uint16) * 257)
    picture = read(packed(image, "PNG", icc_profile=gray_profile(1.0)))
    assert picture.kept.icc is None
    assert np.abs(picture.image - srgb_of(gray / 255)[..., None]).max() <= 1.5
    if mode == "LA":
        assert picture.alpha is not None
        assert (np.rint(picture.alpha * 255) == 255 - gray).all()


@pytest.mark.parametrize(("mode", "space"), [("L", b"GRAY"), ("CMYK", b"CMYK")])
def test_a_broken_profile_means_the_plain_conversion(mode: str, space: bytes) -> None:
    image = Image.fromarray(gradient(8, 8)).convert(mode)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for broken in (srgb[:16] + space + srgb[20:], (srgb[:16] + space + srgb[20:])[:140]):
        picture = read(packed(image, "TIFF", icc_profile=broken))
        assert picture.kept.icc is None
        assert (picture.image == np.asarray(image.convert("RGB"))).all()


EDGES = np.array([0, 128, 129, 255, 256, 385, 386, 511, 512, 32768, 65406, 65407, 65535])


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("layout", ["PNG LA", "PNG RGB", "PNG RGBA", "TIFF RGB", "TIFF RGBA"])
def test_16_bit_colour_is_rounded(layout: str, orientation: int) -> None:
    kind, bands = layout.split()
    values = np.random.default_rng(0).integers(0, 65536, (5, 13, len(bands))).astype(np.uint16)
    values[0] = EDGES[:, None]
    if kind == "PNG":
        exif = directory((0x0112, 3, 1, struct.pack(">HH", orientation, 0)))[6:]
        picture = read(deep_png(values, chunk(b"eXIf", exif)))
    else:
        picture = read(deep_tiff(values, (274, orientation)))
    expected = np.rint(np.rot90(values, 3 if orientation == 6 else 0) / 257)
    assert (picture.image == (expected[..., :1] if bands == "LA" else expected[..., :3])).all()
    if bands.endswith("A"):
        assert picture.alpha is not None
        assert (np.rint(picture.alpha * 255) == expected[..., -1]).all()
    else:
        assert picture.alpha is None


def test_a_16_bit_transparent_colour_is_seen() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    alpha = read(deep_png(values, chunk(b"tRNS", values[2, 3].astype(">u2").tobytes()))).alpha
    assert alpha is not None
    assert alpha[2, 3] == 0
    assert alpha.sum() == 34


def test_16_bit_gray_with_alpha_goes_through_its_profile() -> None:
    gray = np.arange(256).reshape(16, 16)
    values = np.dstack([gray * 257, 65535 - gray * 257])
    profile = chunk(b"iCCP", b"g\0\0" + zlib.compress(gray_profile(1.0)))
    picture = read(deep_png(values, profile))
    assert np.abs(picture.image - srgb_of(gray / 255)[..., None]).max() <= 1.5


def test_unknown_fourth_channel_of_a_tiff_is_not_alpha() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 4)).astype(np.uint16)
    data = deep_tiff(values).replace(
        struct.pack("<HHLL", 338, 3, 1, 2), struct.pack("<HHLL", 338, 3, 1, 0)
    )
    picture = read(data)
    assert picture.alpha is None
    assert (picture.image == np.rint(values[..., :3] / 257)).all()


def test_another_size_and_resolution_are_noted_where_the_photo_notes_them() -> None:
    exif = photo_exif()
    exif[ExifTags.Base.XResolution] = exif[ExifTags.Base.YResolution] = 72
    details = {ExifTags.Base.ExifImageWidth: 30, ExifTags.Base.ExifImageHeight: 20}
    exif[ExifTags.IFD.Exif] |= details
    exif[ExifTags.Base.ImageWidth], exif[ExifTags.Base.ImageLength] = 30, 20
    exif[ExifTags.Base.Orientation] = 6
    kept = read(packed(STORED, "JPEG", exif=exif)).kept
    for format_name in ("JPEG", "PNG", "WEBP"):
        changed = metadata.with_dpi(kept, 300)
        found = opened(encode(gradient(10, 15), format_name, changed)).getexif()
        assert found[ExifTags.Base.Make] == "Camera"
        assert found[ExifTags.Base.XResolution] == 300
        assert (found[ExifTags.Base.ImageWidth], found[ExifTags.Base.ImageLength]) == (15, 10)
        inner = found.get_ifd(ExifTags.IFD.Exif)
        assert (inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight]) == (
            15,
            10,
        )
        assert inner[ExifTags.Base.DateTimeOriginal] == "2024:05:06 07:08:09"
        assert found.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    assert metadata.with_dpi(kept, None) is kept


@pytest.mark.parametrize("exif", [*BROKEN.values(), None])
def test_without_sound_exif_only_the_resolution_is_noted(exif: bytes | None) -> None:
    found = metadata.with_dpi(Kept(b"icc", exif, (72, 72)), 300)
    assert (found.icc, found.dpi) == (b"icc", (300, 300))
