"""POST /v1/cutout and /v1/alpha: every option gives what `humatte.cutout` gives."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from drawn import disc, noise
from PIL import Image
from serving import PNG, Client, DrawnNetwork, error_of, file_of, pixels_of, scene

import humatte
from humatte.arrays import to_bytes

OPTIONS: list[dict[str, Any]] = [
    {},
    {"background": "blur"},
    {"background": "blur:3"},
    {"background": "gray"},
    {"background": "black"},
    {"background": "green"},
    {"background": "navy"},
    {"background": "#336699"},
    {"refine": "off"},
    {"refine": "fast"},
    {"person": "largest"},
    {"person": "at 40,60"},
    {"person": "box 10,10,70,90"},
    {"crop": ""},
    {"crop": "10%", "aspect": "1:1"},
    {"pad": "5,10"},
    {"size": "40"},
    {"id_photo": "35x45mm", "dpi": "60"},
    {"shadow": ""},
    {"shadow": "x=2,y=2,opacity=40%"},
    {"outline": "3:red"},
    {"premultiplied": "true"},
]


def in_python(words: dict[str, str], **others: Any) -> np.ndarray:
    look: dict[str, Any] = {k: True if v in ("", "true") else v for k, v in words.items()}
    if "dpi" in look:
        look["dpi"] = float(look["dpi"])
    return humatte.cutout(PNG, model=DrawnNetwork(), **look, **others)


@pytest.mark.parametrize("words", OPTIONS, ids=str)
def test_every_option_is_that_of_the_library(client: Client, words: dict[str, str]) -> None:
    answer = client.post("/v1/cutout", params=words, headers={"Content-Type": "image/png"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-humatte-person"] == "yes"
    np.testing.assert_array_equal(pixels_of(answer.content), in_python(words))


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"person": "largest"},
        {"refine": "fast"},
        {"crop": "10%"},
        {"pad": "3"},
        {"size": "30"},
        {"crop": "", "aspect": "1:1"},
    ],
    ids=str,
)
def test_alpha_is_the_librarys_matte(client: Client, words: dict[str, str]) -> None:
    answer = client.post("/v1/alpha", params=words)
    assert answer.headers["content-type"] == "image/png"
    expected = in_python(words, alpha_only=True)
    np.testing.assert_array_equal(pixels_of(answer.content), expected)


def test_alpha_of_a_deep_picture_has_16_bits(client: Client) -> None:
    import cv2

    deep = scene().astype(np.uint16) * 257
    _, data = cv2.imencode(".png", deep[..., ::-1])
    assert pixels_of(client.post("/v1/alpha", data.tobytes()).content).max() == 65535


@pytest.mark.parametrize("kind", ["png", "webp", "jpg", "tiff", "avif"])
def test_every_format(client: Client, kind: str) -> None:
    words = {"format": kind, "background": "white"}
    answer = client.post("/v1/cutout", params=words)
    assert answer.headers["content-type"] == f"image/{'jpeg' if kind == 'jpg' else kind}"
    found = pixels_of(answer.content)[..., :3].astype(int)
    assert np.abs(found - in_python({"background": "white"})).mean() < 4


@pytest.mark.parametrize(
    "words", [{}, {"background": "picture"}, {"fit": "contain"}, {"fit": "tile"}], ids=str
)
def test_a_form_with_a_background_picture(
    client: Client, tmp_path: Path, words: dict[str, str]
) -> None:
    behind = tmp_path / "behind.png"
    behind.write_bytes(file_of(noise(30, 50)))
    files = {"image": ("../../etc/passwd", PNG), "background_image": behind.read_bytes()}
    answer = client.post("/v1/cutout", files=files, params=words)
    assert answer.status_code == 200, answer.text
    fit = {k: v for k, v in words.items() if k == "fit"}
    expected = in_python(fit, background=str(behind))
    np.testing.assert_array_equal(pixels_of(answer.content), expected)


@pytest.mark.parametrize("kind", ["keep", "drop", "trimap", "mask"])
@pytest.mark.parametrize("route", ["/v1/cutout", "/v1/alpha"])
def test_hints(client: Client, kind: str, route: str) -> None:
    hint = to_bytes(disc(96, 80, 20))
    answer = client.post(route, files={"image": PNG, kind: file_of(hint)})
    expected = in_python({}, alpha_only=route == "/v1/alpha", **{kind: hint})
    np.testing.assert_array_equal(pixels_of(answer.content), expected)


def test_the_network_of_a_request(client: Client, astronaut: Any) -> None:
    data = astronaut.read_bytes()
    answer = client.post("/v1/alpha", data, params={"model": "dawn", "refine": "off"})
    expected = humatte.cutout(data, model="dawn", refine="off", alpha_only=True)
    difference = np.abs(pixels_of(answer.content).astype(int) - expected)
    assert difference.max() <= 1


def test_nobody_is_said(client: Client) -> None:
    wall = file_of(np.full((40, 40, 3), 255, np.uint8))
    answer = client.post("/v1/cutout?crop", wall)
    assert answer.headers["x-humatte-person"] == "no"
    warnings = [unquote(line) for line in answer.headers.get_list("x-humatte-warning")]
    assert warnings[0].startswith("no person found")
    assert "nobody to crop to" in warnings[1]


def test_times_and_headers(client: Client) -> None:
    answer = client.post("/v1/cutout")
    timing = answer.headers["server-timing"]
    assert [part.partition(";")[0] for part in timing.split(", ")] == [
        "queue",
        "decode",
        "matte",
        "finish",
        "encode",
    ]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers


def test_a_wide_picture(client: Client) -> None:
    wide = file_of(np.full((40, 10_000, 3), 255, np.uint8))
    answer = client.post("/v1/alpha?refine=fast", wide)
    assert pixels_of(answer.content).shape == (40, 10_000)


def test_a_moving_picture_gives_its_first_frame(client: Client) -> None:
    first, second = (Image.fromarray(p) for p in (scene(), scene()[::-1].copy()))
    buffer = io.BytesIO()
    first.save(buffer, "WEBP", save_all=True, append_images=[second], lossless=True)
    answer = client.post("/v1/cutout", buffer.getvalue())
    np.testing.assert_array_equal(pixels_of(answer.content), in_python({}))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("colour=red", "unknown option 'colour'"),
        ("background=nothing", "unknown background 'nothing'"),
        ("background=/etc/passwd", "unknown background '/etc/passwd'"),
        ("background=rgb(300,0,0)", "above 255"),
        ("background=red&background=blue", "comes twice"),
        ("fit=cover", "fit is for a background_image"),
        ("person=me", "person"),
        ("crop=alot", "crop"),
        ("aspect=1:1", "give crop too"),
        ("size=0", "size"),
        ("size=30000x30000", "megapixels"),
        ("pad=999999px", "megapixels"),
        ("crop=99999%25", "megapixels"),
        ("id_photo=35x45mm&dpi=5000", "megapixels"),
        ("id_photo=35x45mm&crop", "id_photo chooses crop"),
        ("dpi=nan", "dpi"),
        ("dpi=abc", "dpi"),
        ("shadow=blue", "shadow"),
        ("outline=0", "outline"),
        ("premultiplied=maybe", "premultiplied"),
        ("premultiplied=true&background=red", "premultiplied"),
        ("refine=best", "refine"),
        ("model=/etc/passwd.onnx", "no network is called"),
        ("format=exe", "cannot write 'exe'"),
        ("format=jpg", "JPEG has no transparency"),
        ("person=" + "x" * 500, "person"),
    ],
)
def test_options_that_cannot_be(client: Client, words: str, found: str) -> None:
    error = error_of(client.post(f"/v1/cutout?{words}"), 400)
    assert error["code"] == "bad_option"
    assert found in error["message"]
    assert len(error["message"]) < 400


def test_no_file_is_looked_at(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not where the current folder holds one by that name."""
    asked: list[str] = []
    plain = Path.exists
    monkeypatch.setattr(Path, "exists", lambda p, **k: asked.append(str(p)) or plain(p, **k))
    for word in ("/etc/passwd", "blur", "beach.jpg", "..%2F..%2Fetc%2Fpasswd", "%00"):
        client.post(f"/v1/cutout?background={word}")
        client.post(f"/v1/cutout?model={word}.onnx")
    assert not [path for path in asked if "passwd" in path or "beach" in path or "blur" in path]
