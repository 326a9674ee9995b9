from __future__ import annotations

import io
import os
import struct
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from drawn import gradient, noise, opened
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, ImageOps

from humatte.errors import OutputError, PictureError, TooLargeError, UsageError
from humatte.image_io import (
    WRITABLE_FORMATS,
    Kept,
    encode,
    head,
    orientation,
    output_format,
    read,
    write,
)

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LOSSLESS = ("PNG", "TIFF")
EVERY_FORMAT = sorted(set(WRITABLE_FORMATS.values()))


def packed(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(orientation: int) -> None:
    stored = Image.fromarray(gradient(20, 30))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture = read(packed(stored, "PNG", exif=exif.tobytes()))
    reopened = opened(packed(stored, "PNG", exif=exif.tobytes()))
    assert (picture.image == np.asarray(ImageOps.exif_transpose(reopened))).all()
    assert picture.image.shape == ((30, 20, 3) if orientation >= 5 else (20, 30, 3))
    if picture.kept.exif:  # what is kept must not turn the picture a second time
        again = Image.Exif()
        again.load(picture.kept.exif)
        assert ExifTags.Base.Orientation not in again


@pytest.mark.parametrize("format_name", EVERY_FORMAT)
def test_profile_and_resolution_are_kept(format_name: str) -> None:
    data = encode(gradient(20, 30), format_name, Kept(icc=SRGB, dpi=(300.0, 300.0)))
    kept = read(data).kept
    assert kept.icc == SRGB
    assert kept.dpi == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_exif_is_kept_without_the_orientation(format_name: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Camera"
    kept = read(packed(Image.fromarray(gradient(20, 30)), "JPEG", exif=exif.tobytes())).kept
    found = opened(encode(gradient(20, 30), format_name, kept)).getexif()
    assert found[ExifTags.Base.Make] == "Camera"
    assert found.get(ExifTags.Base.Orientation, 1) == 1


@pytest.mark.parametrize("format_name", LOSSLESS)
@pytest.mark.parametrize("channels", [None, 3, 4])
def test_pixels_survive_lossless_formats(format_name: str, channels: int | None) -> None:
    shape = (21, 33) if channels is None else (21, 33, channels)
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    found = opened(encode(pixels, format_name, Kept()))
    assert (np.asarray(found) == pixels).all()


@pytest.mark.parametrize("format_name", ["WEBP", "AVIF"])
def test_alpha_survives_lossy_formats_closely(format_name: str) -> None:
    pixels = np.dstack([gradient(40, 40), gradient(40, 40)[..., :1]])
    alpha = read(encode(pixels, format_name, Kept())).alpha
    assert alpha is not None
    assert np.abs(alpha * 255 - pixels[..., 3]).mean() < 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    gray = np.linspace(0, 255, 48, dtype=np.uint8).reshape(6, 8)
    if mode == "I;16":
        source = Image.fromarray(gray.astype(np.uint16) * 257)
    else:
        source = Image.fromarray(np.repeat(gray[..., None], 3, 2)).convert(mode)
    format_name = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    picture = read(packed(source, format_name))
    assert picture.image.shape == (6, 8, 3)
    assert picture.image.dtype == np.uint8
    if mode != "1":
        allowed = 51 if mode == "P" else 3  # the web palette has steps of 51
        assert np.abs(picture.image.astype(int) - gray[..., None]).max() <= allowed
    assert picture.alpha is None  # opaque everywhere counts as none


def test_16_bit_colour_is_read(tmp_path: Path) -> None:
    import cv2

    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    assert cv2.imwrite(str(tmp_path / "deep.png"), values[..., ::-1])
    image = read(tmp_path / "deep.png").image
    assert (image == np.rint(values / 257)).all()


def test_palette_transparency_and_gif_first_frame() -> None:
    frames = [Image.new("P", (8, 6), color) for color in (1, 2)]
    for frame in frames:
        frame.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0] + [0] * 759)
    data = packed(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read(data).image[0, 0].tolist() == [255, 0, 0]
    seen = Image.new("P", (8, 6), 1)
    seen.putpalette([0, 0, 0, 255, 0, 0])
    seen.putpixel((0, 0), 0)
    alpha = read(packed(seen, "PNG", transparency=0)).alpha
    assert alpha is not None
    assert alpha[0, 0] == 0
    assert alpha[1, 1] == 1


def test_a_gray_or_cmyk_profile_is_not_put_on_rgb_pixels() -> None:
    fake_gray = SRGB[:16] + b"GRAY" + SRGB[20:]
    assert read(packed(Image.new("L", (4, 4)), "PNG", icc_profile=fake_gray)).kept.icc is None


BAD = {
    "empty.jpg": (b"", "empty"),
    "text.jpg": (b"hello, I am a text file", "not a picture"),
    "cut.jpg": (packed(Image.fromarray(noise(64, 64)), "JPEG")[:900], "cut off"),
    "cut.png": (packed(Image.fromarray(noise(64, 64)), "PNG")[:900], "cut off"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_one_line_with_its_name(tmp_path: Path, name: str) -> None:
    data, words = BAD[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(PictureError, match=words) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_folder(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no such file"):
        read(tmp_path / "nobody.jpg")
    with pytest.raises(PictureError, match="folder"):
        read(tmp_path)


def test_bytes_are_named_as_such() -> None:
    with pytest.raises(PictureError, match=r"^the picture's bytes: the file is empty"):
        read(b"")


def test_postscript_is_not_handed_to_ghostscript(monkeypatch: pytest.MonkeyPatch) -> None:
    def called(*_: object, **__: object) -> None:
        raise AssertionError("Ghostscript was asked")

    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", called)
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n"
    with pytest.raises(PictureError, match="not a picture that can be read"):
        read(eps)


def test_a_pipe_is_read(tmp_path: Path) -> None:
    data = packed(Image.fromarray(gradient(20, 30)), "TIFF")  # which is read back and forth
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_bytes, args=(data,))
    feeder.start()
    assert (read(pipe).image == gradient(20, 30)).all()
    feeder.join()


def test_a_large_picture_is_read_without_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    before = list(warnings.filters)
    assert read(packed(Image.fromarray(gradient(20, 30)), "PNG")).image.shape == (20, 30, 3)
    assert warnings.filters == before


@pytest.mark.parametrize("format_name", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_of_several_frames_is_read(format_name: str) -> None:
    frames = [Image.new("RGB", (8, 6), color) for color in ("white", "black")]
    data = packed(frames[0], format_name, save_all=True, append_images=frames[1:])
    assert read(data).image.min() == 255


def test_a_decompression_bomb_is_refused_before_decoding() -> None:
    bomb = packed(Image.new("1", (20_000, 10_000)), "PNG")
    assert len(bomb) < 1_000_000
    with pytest.raises(PictureError, match="megapixels"):
        read(bomb)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"]), st.data())
def test_broken_bytes_give_a_picture_or_one_line(format_name: str, data: st.DataObject) -> None:
    whole = bytearray(packed(Image.fromarray(gradient(24, 31)), format_name))
    for _ in range(data.draw(st.integers(0, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        picture = read(bytes(whole[:cut]))
    except PictureError as error:
        assert "\n" not in str(error)
    else:
        assert picture.image.ndim == 3


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("a.png", None, "PNG"),
        ("a.JPG", None, "JPEG"),
        ("a.png", "webp", "WEBP"),
        (None, None, "PNG"),
        ("a", None, "PNG"),
    ],
)
def test_output_format(path: str | None, name: str | None, expected: str) -> None:
    assert output_format(Path(path) if path else None, name) == expected


def test_unknown_output_format_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"cannot write 'docx'.*png"):
        output_format(Path("a.docx"), None)


def test_jpeg_refuses_transparency_and_webp_and_avif_refuse_giants() -> None:
    with pytest.raises(UsageError, match="no transparency"):
        encode(np.zeros((4, 4, 4), np.uint8), "JPEG", Kept())
    with pytest.raises(OutputError, match="20000x2"):
        encode(np.zeros((2, 20_000, 3), np.uint8), "WEBP", Kept())
    with pytest.raises(OutputError, match="70000x2") as caught:
        encode(np.zeros((2, 70_000, 3), np.uint8), "AVIF", Kept())
    assert "\n" not in str(caught.value)


def test_whatever_an_encoder_raises_is_one_line() -> None:
    with pytest.raises(OutputError, match="PNG cannot hold"):
        encode(gradient(4, 4), "PNG", Kept(dpi=(3e8, 3e8)))


def test_write_makes_folders_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "new" / "a.png"
    write(b"first", target)

    def interrupted(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(b"second", target)
    assert target.read_bytes() == b"first"
    assert [path.name for path in target.parent.iterdir()] == ["a.png"]


def test_unwritable_output_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        write(b"data", tmp_path / "file" / "a.png")


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(b"data", pipe)
    reader.join(5)
    assert found == [b"data"]
    assert pipe.is_fifo()


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to("/dev/null")  # through a link, for a test that fails must not replace it
    write(b"data", link)
    assert link.is_symlink()
    assert link.is_char_device()


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("old", "new"):  # one link leads somewhere, the other not yet
        target = tmp_path / "there" / name
        if name == "old":
            target.write_bytes(b"before")
        link = tmp_path / name
        link.symlink_to(target)
        write(b"data", link)
        assert link.is_symlink()
        assert target.read_bytes() == b"data"
    assert sorted(path.name for path in target.parent.iterdir()) == ["new", "old"]


@pytest.mark.parametrize("name", ["人" * 83 + ".png", "a" * 251 + ".png"], ids=["wide", "plain"])
def test_the_longest_names_can_be_written(tmp_path: Path, name: str) -> None:
    write(b"data", tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"data"


def test_permissions_are_those_of_any_new_file_or_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    write(b"data", tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode
    (tmp_path / "usual").chmod(0o600)
    write(b"data", tmp_path / "usual")
    assert (tmp_path / "usual").stat().st_mode & 0o777 == 0o600


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write(b"data", tmp_path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
@pytest.mark.parametrize("turn", [1, 6])
def test_the_orientation_that_reading_undoes(tmp_path: Path, suffix: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(gradient(40, 30)).save(path, exif=exif)
    assert orientation(path) == orientation(path.read_bytes()) == turn
    assert read(path).image.shape[:2] == ((40, 30) if turn == 1 else (30, 40))


def tiled(width: int, form: str, value: str, kind: int) -> bytes:
    """A TIFF of 16x16 pixels with a tile of that width and 4096 rows, in one form or another."""
    order, big = form[0], form[1:] == "big"
    number, inline = ("Q", 8) if big else ("L", 4)
    rows = [(256, 16), (257, 16), (258, 8), (259, 1), (262, 1), (277, 1), (323, 4096), (324, 8)]
    entries = [
        struct.pack(f"{order}HH{number}{number}", t, 16 if big else 4, 1, v) for t, v in rows
    ]
    stored = struct.pack(f"{order}{value}", width)
    end = struct.pack(f"{order}HH{number}", 322, kind, 1) + stored.ljust(inline, b"\0")
    mark = b"II" if order == "<" else b"MM"
    versions = (43, 8, 0, 16, len(rows) + 1) if big else (42, 8, len(rows) + 1)
    start = mark + struct.pack(f"{order}{'HHHQQ' if big else 'HLH'}", *versions)
    return start + b"".join([*entries, end]) + bytes(inline) + bytes(256)


@pytest.mark.parametrize(
    ("form", "value", "kind"),
    [
        ("<", "L", 4),
        (">", "L", 4),
        ("<", "H", 3),
        (">", "H", 3),
        ("<big", "Q", 16),
        ("<big", "H", 3),
    ],
)
def test_tiles_far_larger_than_their_picture_are_refused(form: str, value: str, kind: int) -> None:
    """The decoder would make room for one of them whole."""
    data = tiled(20_000, form, value, kind)
    for ask in (head, read):
        with pytest.raises(TooLargeError, match="in tiles of 20000x4096"):
            ask(data)
    assert head(tiled(256, form, value, kind)) == ("TIFF", (16, 16))
