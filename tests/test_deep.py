"""16 bits a channel, in and out, to the last bit."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from drawn import disc, gradient, opened
from made_files import chunk, deep_png, deep_tiff, gray_profile, srgb_of
from PIL import Image
from test_finish import FixedNetwork

import humatte as package
from humatte.arrays import to_integers
from humatte.deep import encode as encode_plain
from humatte.errors import OutputError, PictureError, UsageError
from humatte.finish import cut_out
from humatte.image_io import Kept, encode, read
from humatte.options import parse_options


def values_of(channels: int, height: int = 13, width: int = 17) -> np.ndarray:
    rng = np.random.default_rng(channels)
    return rng.integers(0, 65536, (height, width, channels)).astype(np.uint16)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "channels"),
    [("PNG", 1), ("PNG", 2), ("PNG", 3), ("PNG", 4), ("TIFF", 1), ("TIFF", 3), ("TIFF", 4)],
)
def test_every_value_is_read_upright(kind: str, channels: int, orientation: int) -> None:
    values = values_of(channels)
    if kind == "PNG":
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture = read(deep_png(values, chunk(b"eXIf", exif.tobytes()[6:])), keep_deep=True)
    else:
        picture = read(deep_tiff(values, (274, orientation)), keep_deep=True)
    turns = {1: values, 2: values[:, ::-1], 3: values[::-1, ::-1], 4: values[::-1]}
    turns |= {5: values.swapaxes(0, 1), 6: np.rot90(values, 3), 8: np.rot90(values)}
    turns[7] = turns[5][::-1, ::-1]
    expected = turns[orientation]
    has_alpha = channels in (2, 4)
    assert picture.deep is not None
    assert (picture.deep == (expected[..., :-1] if has_alpha else expected)).all()
    assert picture.deep.shape[2] == 3
    assert (picture.image == np.rint(picture.deep / 257)).all()
    if has_alpha:
        assert picture.alpha is not None
        assert (to_integers(picture.alpha, np.uint16) == expected[..., -1]).all()
    assert read(deep_png(values)).deep is None  # only who asks for them pays for them


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_value_is_written(format_name: str, channels: int) -> None:
    values = values_of(channels, 300, 40)
    pixels = values[..., 0] if channels == 1 else values
    picture = read(encode(pixels, format_name, Kept()), keep_deep=True)
    assert picture.deep is not None
    assert (picture.deep == values[..., :3]).all()
    if channels == 4:
        assert picture.alpha is not None
        assert (to_integers(picture.alpha, np.uint16) == values[..., 3]).all()


@pytest.mark.parametrize("format_name", ["JPEG", "WEBP", "AVIF"])
def test_formats_of_8_bits_refuse_16(format_name: str) -> None:
    with pytest.raises(UsageError, match=f"{format_name} has 8 bits"):
        encode(values_of(3), format_name, Kept())


def test_what_the_encoder_cannot_hold_is_one_line() -> None:
    with pytest.raises(OutputError, match="cannot hold"):
        encode(np.zeros((1, 1 << 21, 3), np.uint16), "PNG", Kept())


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_gray_profile_is_followed_to_16_bits(kind: str) -> None:
    tones = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    buffer = io.BytesIO()
    Image.fromarray(tones).save(buffer, kind, icc_profile=gray_profile(1.0))
    picture = read(buffer.getvalue(), keep_deep=True)
    assert picture.deep is not None
    assert picture.kept.icc is None
    assert np.abs(picture.deep - 257 * srgb_of(tones / 65535)[..., None]).max() <= 1


def test_a_broken_gray_profile_leaves_the_tones() -> None:
    broken = gray_profile(1.0)[:140]
    buffer = io.BytesIO()
    tones = values_of(1)
    Image.fromarray(tones[..., 0]).save(buffer, "TIFF", icc_profile=broken)
    picture = read(buffer.getvalue(), keep_deep=True)
    assert picture.deep is not None
    assert (picture.deep == tones).all()


def test_white_may_be_zero() -> None:
    values = values_of(1)
    picture = read(deep_tiff(values, (262, 0)), keep_deep=True)
    assert picture.deep is not None
    assert (picture.deep == 65535 - values).all()


def test_one_transparent_tone() -> None:
    values = values_of(1)
    data = deep_png(values, chunk(b"tRNS", values[2, 3].astype(">u2").tobytes()))
    alpha = read(data).alpha
    assert alpha is not None
    assert alpha[2, 3] == 0
    assert alpha.sum() == (values != values[2, 3]).sum()


def test_separate_planes_are_refused() -> None:
    with pytest.raises(PictureError, match="separate planes; save it interleaved"):
        read(deep_tiff(values_of(3), (284, 2)))


def test_a_premultiplied_tiff_is_read_straight() -> None:
    straight, alpha = values_of(3).astype(np.uint32), values_of(1).astype(np.uint32)
    alpha[0], alpha[1] = 65535, 0
    stored = np.dstack([(straight * alpha + 32767) // 65535, alpha]).astype(np.uint16)
    picture = read(deep_tiff(stored, (338, 1)), keep_deep=True)
    assert picture.deep is not None
    assert picture.alpha is not None
    assert (to_integers(picture.alpha, np.uint16) == alpha[..., 0]).all()
    assert (picture.deep[0] == straight[0]).all()
    off = np.abs(picture.deep.astype(int) - straight)
    assert (off * alpha <= 65535).all()  # half a step of what was stored, and of the result
    assert (picture.deep[1] == 0).all()


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("background", ["none", "#336699", "gray", "blur:3", "picture"])
def test_16_bits_go_through_a_cut_out(tmp_path: Path, background: str, deep: bool) -> None:
    if background == "picture":
        background = str(tmp_path / "behind.png")
        Image.fromarray(gradient(30, 30)).save(background)
    alpha = disc(60, 80, 25, soft=8)
    values = (gradient(60, 80).astype(np.uint16) * 257) ^ np.uint16(0x35)
    picture = read(encode(values, "TIFF", Kept()), keep_deep=deep)
    network = FixedNetwork(alpha)
    options = parse_options(background=background)
    result = cut_out(picture, network, options)  # type: ignore[arg-type]
    assert network.seen.dtype == np.uint8
    assert result.pixels.dtype == (np.uint16 if deep else np.uint8)
    expected = values if deep else np.rint(values / 257)
    assert (result.pixels[alpha == 1, :3] == expected[alpha == 1]).all()
    if not deep:
        return
    plain = cut_out(
        read(encode(values, "PNG", Kept())), network, parse_options(background=background)
    )  # type: ignore[arg-type]
    visible = alpha > 0.5
    assert np.abs(result.pixels[visible] / 257 - plain.pixels[visible]).max() <= 1.5
    if background == "none":
        assert (result.pixels[..., 3] == to_integers(alpha, np.uint16)).all()
        assert (result.pixels[alpha == 0] == 0).all()


def test_own_alpha_of_16_bits_multiplies() -> None:
    values = values_of(4, 40, 40)
    network = FixedNetwork(disc(40, 40, 15, soft=6))
    picture = read(deep_png(values), keep_deep=True)
    result = cut_out(picture, network, parse_options(background="none"))  # type: ignore[arg-type]
    expected = np.rint(values[..., 3] * network.alpha.astype(float))
    assert np.abs(result.pixels[..., 3] - expected).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "tiff", "jpg", "webp", "avif"])
def test_a_16_bit_photo_becomes_a_file(tmp_path: Path, astronaut: Path, humatte, suffix) -> None:
    small = np.asarray(opened(astronaut).resize((160, 160)))
    values = small.astype(np.uint16) * 257 ^ np.uint16(0x5A)
    source, target = tmp_path / "deep.png", tmp_path / f"out.{suffix}"
    source.write_bytes(encode_plain(values, "PNG"))
    background = ["-b", "white"] if suffix == "jpg" else []
    assert humatte("cutout", source, "-o", target, *background).code == 0
    found = read(target, keep_deep=True)
    if suffix not in ("png", "tiff"):
        assert found.deep is None
        return
    assert found.deep is not None
    assert found.alpha is not None
    opaque = found.alpha == 1
    assert opaque.mean() > 0.2
    assert (found.deep[opaque] == values[opaque]).all()
    assert (np.rint(found.alpha * 65535) % 257 != 0).any()
    if suffix == "png":
        assert (package.cutout(source)[..., :3] == found.deep).all()
        assert (package.cutout(values)[..., :3] == found.deep).all()
