"""POST /v1.0/removebg: what remove.bg's API takes is done, or refused in its shape."""

from __future__ import annotations

import base64
import io
import json
import threading
from typing import Any

import numpy as np
import pytest
from drawn import noise
from PIL import Image
from serving import PNG, Client, DrawnNetwork, file_of, pixels_of, scene, until

import humatte
from humatte.image_io import encode, read
from humatte.server.answers import FileAnswer
from humatte.server.removebg_fields import fields_of

URL = "/v1.0/removebg"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def ask(client: Client, data: bytes = PNG, **fields: Any) -> Any:
    return client.post(URL, files={"image_file": ("a.png", data)}, data=fields)


def expected(**words: Any) -> np.ndarray:
    return humatte.cutout(PNG, model=DrawnNetwork(), **words)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, {}),
        ({"size": "auto", "type": "person", "format": "png"}, {}),
        ({"size": "full", "channels": "rgba", "scale": "original"}, {}),
        ({"position": "original", "semitransparency": "true", "roi": "0% 0% 100% 100%"}, {}),
        ({"channels": "alpha"}, {"alpha_only": True}),
        ({"bg_color": "81d4fa", "format": "png"}, {"background": "#81d4fa"}),
        ({"bg_color": "#fff", "format": "png"}, {"background": "#fff"}),
        ({"bg_color": "81d4faff", "format": "png"}, {"background": "#81d4fa"}),
        ({"bg_color": "green", "format": "png"}, {"background": "green"}),
        ({"crop": "true"}, {"crop": "0"}),
        ({"crop": "1", "crop_margin": "10%"}, {"crop": "10%"}),
        ({"crop": "true", "crop_margin": "5px"}, {"crop": "5px"}),
        ({"add_shadow": "true"}, {"shadow": True}),
        ({"shadow_type": "drop", "shadow_opacity": "20"}, {"shadow": "opacity=20%"}),
        ({"crop": "false", "add_shadow": "false", "bg_color": ""}, {}),
    ],
    ids=str,
)
def test_what_is_done(client: Client, fields: dict[str, str], words: dict[str, Any]) -> None:
    answer = ask(client, **fields)
    assert answer.status_code == 200, answer.text
    found = pixels_of(answer.content)
    np.testing.assert_array_equal(found, expected(**words))
    assert answer.headers["x-width"] == str(found.shape[1])
    assert answer.headers["x-height"] == str(found.shape[0])
    assert answer.headers["x-credits-charged"] == "0"
    assert answer.headers["x-type"] == "person"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"format": "auto"}, "image/png"),
        ({"format": "auto", "bg_color": "red"}, "image/jpeg"),
        ({"format": "jpg"}, "image/jpeg"),
        ({"format": "webp"}, "image/webp"),
        ({"channels": "alpha"}, "image/png"),
    ],
    ids=str,
)
def test_formats(client: Client, fields: dict[str, str], kind: str) -> None:
    answer = ask(client, **fields)
    assert answer.headers["content-type"] == kind
    if fields == {"format": "jpg"}:
        assert pixels_of(answer.content)[0, 0].min() > 250, "white behind"


def test_a_background_picture(client: Client) -> None:
    files = {"image_file": PNG, "bg_image_file": file_of(noise(20, 20))}
    answer = client.post(URL, files=files, data={"format": "png"})
    assert pixels_of(answer.content).shape == (96, 80, 3)


def test_roi_leaves_out_what_is_outside(client: Client) -> None:
    for roi in ("0px 0px 40px 96px", "0% 0% 50% 100%", "0 0 40 96"):
        alpha = pixels_of(ask(client, roi=roi, channels="alpha").content)
        whole = expected(alpha_only=True)
        np.testing.assert_array_equal(alpha[:, :40], whole[:, :40])
        assert alpha[:, 40:].max() == 0


def test_roi_is_of_the_picture_as_it_was_sent(client: Client) -> None:
    large = np.asarray(Image.fromarray(scene()).resize((1200, 1440)))
    found = []
    for roi in ("0px 0px 600px 1440px", "0% 0% 50% 100%"):
        answer = ask(client, file_of(large), roi=roi, size="preview", channels="alpha")
        assert answer.status_code == 200, answer.text
        found.append(pixels_of(answer.content))
    np.testing.assert_array_equal(*found)
    width = found[0].shape[1]
    assert found[0][:, : width // 2].max() == 255
    assert found[0][:, width // 2 + 1 :].max() == 0


def test_parameters_in_the_address_are_refused(client: Client) -> None:
    answer = client.post(f"{URL}?size=preview", files={"image_file": PNG})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "bad_parameter"


@pytest.mark.parametrize(
    ("size", "most"), [("preview", 250_000), ("regular", 250_000), ("medium", 1_500_000)]
)
def test_sizes(client: Client, size: str, most: int) -> None:
    large = np.asarray(Image.fromarray(scene()).resize((1200, 1440)))
    answer = ask(client, file_of(large, "JPEG"), size=size, format="webp")
    height, width = pixels_of(answer.content).shape[:2]
    assert 0.97 * most < height * width <= most
    assert abs(height / width - 1.2) < 0.01


def test_base64_json_and_plain_forms(client: Client) -> None:
    coded = base64.b64encode(PNG).decode()
    ways: list[dict[str, Any]] = [
        {"json": {"image_file_b64": coded, "crop": False, "bg_color": None}},
        {"json": {"image_file_b64": f"data:image/png;base64,{coded}", "size": "auto"}},
        {"data": {"image_file_b64": coded}},
    ]
    for way in ways:
        answer = client.later("POST", URL, **way).result(60)
        assert answer.status_code == 200, answer.text
        np.testing.assert_array_equal(pixels_of(answer.content), expected())


def test_an_answer_as_json(client: Client) -> None:
    answer = client.post(URL, files={"image_file": PNG}, headers={"Accept": "application/json"})
    data = answer.json()["data"]
    np.testing.assert_array_equal(pixels_of(base64.b64decode(data["result_b64"])), expected())
    place = {name: data[f"foreground_{name}"] for name in ("top", "left", "width", "height")}
    assert 0 <= place["top"] < 20
    assert place["top"] + place["height"] == 96
    assert 0 <= place["left"] < 40 < place["left"] + place["width"] <= 80


def test_an_answer_as_json_holds_its_place_until_it_is_out(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = []

    async def call(self: FileAnswer, *channels: Any) -> None:
        inside.append((client.service.line.inside, self.media_type))
        await sent(self, *channels)

    sent = FileAnswer.__call__
    monkeypatch.setattr(FileAnswer, "__call__", call)
    client.post(URL, files={"image_file": PNG}, headers={"Accept": "application/json"})
    assert inside == [(1, "application/json")]
    until(lambda: client.service.line.inside == 0)


def test_type_level_none_tells_no_type(client: Client) -> None:
    assert "x-type" not in ask(client, type_level="none").headers


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"image_url": "http://169.254.169.254/"}, "multiple_sources"),
        ({"bg_image_url": "file:///etc/passwd"}, "url_refused"),
        ({"format": "zip"}, "zip_refused"),
        ({"format": "gif"}, "bad_parameter"),
        ({"type": "car"}, "bad_parameter"),
        ({"size": "huge"}, "bad_parameter"),
        ({"scale": "50%"}, "bad_parameter"),
        ({"position": "center"}, "bad_parameter"),
        ({"semitransparency": "false"}, "bad_parameter"),
        ({"shadow_type": "3D"}, "bad_parameter"),
        ({"shadow_opacity": "50"}, "bad_parameter"),
        ({"add_shadow": "true", "shadow_opacity": "101"}, "bad_parameter"),
        ({"crop_margin": "10%"}, "bad_parameter"),
        ({"crop": "true", "crop_margin": "1 2 3 4"}, "bad_parameter"),
        ({"crop": "perhaps"}, "bad_parameter"),
        ({"channels": "alpha", "bg_color": "red"}, "bad_parameter"),
        ({"bg_color": "81d4fa80"}, "bad_parameter"),
        ({"bg_color": "nocolour"}, "bad_parameter"),
        ({"roi": "1 2 3"}, "bad_parameter"),
        ({"roi": "50% 0% 50% 100%"}, "bad_parameter"),
        ({"type_level": "9"}, "bad_parameter"),
        ({"bg_color": "x" * 400}, "bad_parameter"),
        ({"image_file_b64": "AAAA"}, "multiple_sources"),
        ({"wings": "2"}, "bad_body"),
    ],
    ids=str,
)
def test_what_is_refused(client: Client, fields: dict[str, str], code: str) -> None:
    answer = ask(client, **fields)
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["errors"]
    assert error["code"] == code
    assert "\n" not in error["title"]


@pytest.mark.parametrize(
    ("way", "code"),
    [
        ({"json": {"image_url": "http://localhost/x"}}, "url_refused"),
        ({"json": {"size": "auto"}}, "no_picture"),
        ({"json": {"image_file_b64": "***"}}, "invalid_file"),
        ({"json": {"image_file_b64": {"a": 1}}}, "bad_body"),
        ({"json": {"wings": 2}}, "unknown_parameter"),
        ({"json": [1]}, "bad_body"),
        ({"content": b"{", "headers": JSON}, "bad_body"),
        ({"content": b'{"\\ud800": 1}', "headers": JSON}, "unknown_parameter"),
        ({"content": b'{"size": "\\ud800"}', "headers": JSON}, "bad_body"),
    ],
    ids=str,
)
def test_bodies_that_are_refused(client: Client, way: dict[str, Any], code: str) -> None:
    answer = client.later("POST", URL, **way).result(60)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["code"] == code


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"[" * 60_000, JSON),
        (b'{"size": ' + b'{"a": ' * 1000, JSON),
        (b'{"size": "auto"' + b', "size": "auto"' * 65 + b"}", JSON),
        (b'{"image_file_b64": "' + b"\\u0041" * 1000 + b'"}', JSON),
        (b"size=auto&" * 64, FORM),
        (b"size=" + b"%41" * 20_000, FORM),
        (b"%41" * 20_000 + b"=auto", FORM),
    ],
    ids=range(7),
)
def test_what_would_grow_when_it_is_unpacked_is_refused_before(
    client: Client, monkeypatch: pytest.MonkeyPatch, body: bytes, headers: dict[str, str]
) -> None:
    def parse(*_: object, **__: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr("json.loads", parse)
    answer = client.post(URL, body, headers=headers)
    monkeypatch.undo()
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["code"] in ("bad_body", "bad_parameter")


def test_bodies_are_unpacked_in_the_line(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """There its timeout holds for them."""
    threads = []

    def noted(*given: Any) -> Any:
        threads.append(threading.current_thread().name)
        return fields_of(*given)

    monkeypatch.setattr("humatte.server.removebg.fields_of", noted)
    coded = base64.b64encode(PNG).decode()
    assert client.post(URL, json={"image_file_b64": coded}).status_code == 200
    assert [name.startswith("humatte-picture") for name in threads] == [True]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_base64_in_lines(client: Client, end: str) -> None:
    lines = base64.encodebytes(PNG).decode().replace("\n", end)
    coded = f"data:image/png;base64,{lines}"
    for way in ({"json": {"image_file_b64": coded}}, {"data": {"image_file_b64": coded}}):
        answer = client.later("POST", URL, **way).result(60)
        assert answer.status_code == 200, answer.text
    slashes = json.dumps({"image_file_b64": coded}).replace("/", "\\/").encode()
    assert client.post(URL, slashes, headers=JSON).status_code == 200


def test_nobody_in_it(client: Client) -> None:
    answer = ask(client, file_of(np.full((40, 40, 3), 255, np.uint8)))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "unknown_foreground"
    assert client.service.line.inside == 0


def test_a_result_reads_as_any_other(client: Client) -> None:
    answer = ask(client)
    picture = read(answer.content)
    assert encode(picture.image, "PNG", picture.kept)
    assert Image.open(io.BytesIO(answer.content)).mode == "RGBA"
