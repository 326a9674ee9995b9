"""What is refused, and that refusing costs nothing: sizes, bombs, types, hosts, tokens, paths."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serving import PNG, Client, error_of, file_of, pixels_of, scene, serving, until

from humatte.errors import UsageError
from humatte.server import bodies
from humatte.server.settings import Settings


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service with small limits."""
    folder = tmp_path_factory.mktemp("small")
    limits = {"max_bytes": 60_000, "max_megapixels": 0.5, "body_s": 0.3, "queue": 2}
    with serving(folder, **limits) as found:
        yield found


def png_head(width: int, height: int) -> bytes:
    """A PNG that says it is so large, with next to nothing in it."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (head, data)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def webp_head(width: int, height: int) -> bytes:
    """An animated WebP whose canvas is so large, with one small frame."""
    frame = file_of(np.zeros((2, 2, 3), np.uint8), "WEBP", lossless=True)[12:]
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    place = bytes(6) + (1).to_bytes(3, "little") * 2 + bytes(4)
    body = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sizes
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += b"ANMF" + struct.pack("<I", len(place) + len(frame)) + place + frame
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def of_size(kind: str, width: int = 1200, height: int = 1000) -> bytes:
    return file_of(np.zeros((height, width, 3), np.uint8), kind)


def tiled(side: int, *sides: int) -> bytes:
    """A gray TIFF of 16x16 pixels in a tile of this side, then said to be of others."""
    data = zlib.compress(bytes(side * side), 9)
    plain = [(256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1)]
    tiles = [(tag, one) for one in (side, *sides) for tag in (322, 323)]
    rows = [*plain, *tiles, (324, 0), (325, len(data))]
    at = 8 + 2 + 12 * len(rows) + 4
    entries = [struct.pack("<HHLL", t, 4, 1, at if t == 324 else value) for t, value in rows]
    head = b"II*\0" + struct.pack("<LH", 8, len(rows))
    return head + b"".join(entries) + bytes(4) + data


BOMBS = {
    "tiles": tiled(4096),
    "tiles that are said to be small": tiled(4096, 16),
    "png": png_head(30_000, 20_000),
    "png that Pillow would take": png_head(1200, 1000),
    "webp": webp_head(16_000, 16_000),
    **{kind: of_size(kind.upper()) for kind in ("gif", "avif")},
    "tiff": file_of(np.zeros((1000, 1200, 3), np.uint8), "TIFF", compression="tiff_adobe_deflate"),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("part", ["image", "keep", "background_image"])
def test_bombs_are_refused_before_they_are_decoded(
    small: Client, monkeypatch: pytest.MonkeyPatch, name: str, part: str
) -> None:
    def load(*_: object) -> None:
        raise AssertionError("decoded")

    assert len(BOMBS[name]) < 60_000
    monkeypatch.setattr("humatte.image_io._load", load)
    answer = small.post("/v1/cutout", files={"image": file_of(scene()), part: BOMBS[name]})
    assert error_of(answer, 413)["code"] == "picture_too_large"
    assert part in answer.json()["error"]["message"]


@pytest.mark.parametrize("route", ["/v1/cutout", "/v1/alpha", "/v1.0/removebg"])
def test_too_many_bytes(small: Client, route: str) -> None:
    data = bytes(70_000)

    async def dripped() -> Any:
        for _ in range(7):
            yield data[:10_000]

    form = {"files": {"image_file" if "1.0" in route else "image": data}}
    ways: list[dict[str, Any]] = [{"content": data}, {"content": dripped()}, form]
    for way in ways:
        answer = small.post(route, **way)
        assert answer.status_code == 413, way
    assert small.service.line.bytes_held == 0
    assert small.service.line.inside == 0


def test_a_body_that_drips_is_given_up(small: Client) -> None:
    async def drip() -> Any:
        for byte in PNG:
            yield bytes([byte])
            await asyncio.sleep(0.05)

    answer = small.post("/v1/cutout", drip())
    assert error_of(answer, 408)["code"] == "slow_body"
    assert answer.headers["connection"] == "close"
    assert small.service.line.inside == 0


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"", "image/png", 400),
        (b"not a picture", "image/png", 415),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "image/png", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", 415),
        (PNG, "text/plain", 415),
        (PNG, "application/json", 415),
        (PNG[: len(PNG) // 2], "image/png", 400),
        (PNG, "application/octet-stream", 200),
        (PNG, "image/jpeg", 200),
        (PNG, "multipart/form-data", 400),
        (PNG, "multipart/form-data; boundary=x", 400),
        (b"--x\r\n\r\nabc", "multipart/form-data; boundary=x", 400),
    ],
)
def test_what_is_no_picture(client: Client, data: bytes, kind: str, status: int) -> None:
    answer = client.post("/v1/cutout", data, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    if status != 200:
        message = error_of(answer, status)["message"]
        assert "/" not in message.replace("image/", "").replace("video/", "").replace(
            "multipart/", ""
        ).replace("application/", "").replace("text/", "")


def test_forms_that_are_not_ours(client: Client) -> None:
    for files in (
        [("image", PNG), ("image", PNG)],
        [("image", PNG), ("picture", PNG)],
        [("keep", PNG)],
    ):
        error_of(client.post("/v1/cutout", files=files), 400)
    whole = b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\n' + PNG
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (
        "ends in the middle"
        in error_of(client.post("/v1/cutout", whole, headers=kind), 400)["message"]
    )


def test_a_full_line_is_said_and_nobody_is_lost(small: Client) -> None:
    small.network.hold.clear()
    asked = [small.later("POST", "/v1/alpha?refine=off", content=PNG) for _ in range(2)]
    try:
        until(lambda: small.service.line.inside == 2)
        answer = small.post("/v1/alpha?refine=off")
    finally:
        small.network.hold.set()
    assert error_of(answer, 429)["code"] == "busy"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert [one.result(60).status_code for one in asked] == [200, 200]
    assert small.service.line.inside == 0


def test_who_would_wait_too_long_is_told_at_once(small: Client, monkeypatch: Any) -> None:
    line = small.service.line
    monkeypatch.setattr(line, "_seconds", line.timeout_s)
    assert small.post("/v1/alpha?refine=off").status_code == 200, "nobody is before it"
    monkeypatch.setattr(line, "_seconds", line.timeout_s)
    monkeypatch.setattr(line, "most", 10)
    monkeypatch.setattr(line, "inside", 3)
    error_of(small.post("/v1/alpha?refine=off"), 429)


def test_too_many_pixels_of_all_together(small: Client) -> None:
    flat = file_of(np.zeros((600, 800, 3), np.uint8))
    files = {"image": flat, "keep": flat, "drop": flat}
    message = error_of(small.post("/v1/cutout", files=files), 413)["message"]
    assert "1.4 megapixels together" in message


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/v1/cutout", False),
        ("/v1/cutout?size=600x600", True),
        ("/v1/cutout?pad=9000%25&size=600", True),
        ("/v1/cutout?crop=900%25", True),
        ("/v1/cutout?id_photo=35x45mm&dpi=100", True),
        ("/v1/alpha?size=600", True),
        ("/v1.0/removebg", False),
        ("/v1.0/removebg crop", True),
    ],
)
def test_what_is_made_takes_room_as_what_comes_in(
    small: Client, monkeypatch: pytest.MonkeyPatch, path: str, most: bool
) -> None:
    """A picture of few pixels may become one of as many as are allowed."""
    amounts = []

    def for_one(amount: float) -> Any:
        amounts.append(amount)
        return contextlib.nullcontext()

    monkeypatch.setattr(small.service.room, "for_one", for_one)
    route, _, crop = path.partition(" ")
    data = {"crop": "true", "crop_margin": "900%"} if crop else {}
    part = "image_file" if "1.0" in route else "image"
    small.post(route, files={part: PNG}, data=data)
    assert amounts == [0.5 if most else 96 * 80 / 1e6]


def test_too_many_bytes_of_all_together(small: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small.service.line, "most_bytes", len(PNG) - 1)
    error_of(small.post("/v1/cutout"), 429)
    assert small.service.line.bytes_held == 0


def test_an_answer_that_takes_too_long(tmp_path: Path) -> None:
    with serving(tmp_path, timeout_s=0.2) as client:
        client.network.hold.clear()
        answer = client.post("/v1/cutout")
        assert error_of(answer, 504)["code"] == "took_too_long"
        assert client.service.line.inside == 1, "the thread still works"
        before = len(client.network.shapes)
        client.network.hold.set()
        until(lambda: client.service.line.inside == 0)
        assert len(client.network.shapes) == before, "stopped before the next run"


def test_who_goes_away_is_not_worked_for(client: Client) -> None:
    client.network.hold.clear()
    client.network.entered.clear()
    before = len(client.network.shapes)
    client.cut_off("/v1/cutout", PNG, when=client.network.entered)
    client.network.hold.set()
    until(lambda: client.service.line.inside == 0)
    assert client.service.line.bytes_held == 0
    assert len(client.network.shapes) == before + 1, "stopped before the next run"


def test_who_went_away_at_once_is_not_begun_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    monkeypatch.setattr(client.service.line, "submit", lambda *given: begun.append(given))
    client.cut_off("/v1/cutout", PNG)
    assert begun == []
    assert client.service.line.inside == 0


def test_a_token(tmp_path: Path) -> None:
    with serving(tmp_path, token="long enough", host="0.0.0.0") as client:
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Bearer long enoughx"},
            {"Authorization": "Basic long enough"},
            {"X-Api-Key": "long enough"},
        ):
            for path in ("/v1/cutout", "/v1/models", "/metrics", "/openapi.json", "/nothing"):
                answer = client.get(path, headers=headers)
                error_of(answer, 401)
                assert answer.headers["www-authenticate"] == "Bearer"
        right = {"Authorization": "Bearer long enough", "Host": "pictures.example"}
        assert client.post("/v1/alpha", headers=right).status_code == 200
        for path in ("/healthz", "/readyz"):
            assert client.get(path).status_code == 200
        key = {"X-Api-Key": "long enough"}
        files = {"image_file": PNG}
        assert client.post("/v1.0/removebg", files=files, headers=key).status_code == 200
        answer = client.post("/v1.0/removebg", files=files)
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["code"] == "no_token"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "localhost.evil.example"])
def test_names_that_are_not_this_machines(client: Client, host: str) -> None:
    error_of(client.get("/v1/models", headers={"Host": host}), 421)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:80", "[::1]"]
)
def test_names_of_this_machine(client: Client, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_pages_of_other_origins(client: Client) -> None:
    for origin in ("http://evil.example", "null", "http://localhost:99"):
        error_of(client.post("/v1/cutout", headers={"Origin": origin}), 403)
    own = {"Origin": "http://localhost"}
    assert client.post("/v1/cutout", headers=own).status_code == 200


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"host": "0.0.0.0"}, "needs a token"),
        ({"host": "example.org"}, "needs a token"),
        ({"token": "short"}, "soon guessed"),
        ({"token": "señor señor"}, "no header can hold"),
        ({"queue": 0}, "queue"),
        ({"timeout_s": 0.0}, "timeout"),
        ({"max_megapixels": float("nan")}, "max megapixels"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError, match=line):
        Settings(**settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert Settings(host=host).loopback


@pytest.mark.parametrize(
    ("host", "asked"),
    [("127.0.0.2", "127.0.0.2:8000"), ("::1", "[::1]:8000"), ("0:0::1", "[0:0::1]")],
)
def test_the_address_that_it_listens_on_is_its_own_name(
    tmp_path: Path, host: str, asked: str
) -> None:
    with serving(tmp_path, host=host) as client:
        for name in (asked, "localhost", "127.0.0.1:80"):
            assert client.get("/healthz", headers={"Host": name}).status_code == 200
        error_of(client.get("/healthz", headers={"Host": "127.0.0.3"}), 421)


def test_what_fails_is_logged_without_what_was_sent(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("secret name of a picture")

    monkeypatch.setattr("humatte.server.pictures.cut_out", fail)
    error_of(client.post("/v1/cutout", files={"image": ("secret.png", PNG)}), 500)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert "secret" not in json.dumps(lines)
    (failed,) = [line for line in lines if line["event"] == "failed"]
    assert failed["error"] == "KeyError"
    assert client.service.line.inside == 0


def test_draining_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a body without end nor one that stops holds an answer for long."""
    monkeypatch.setattr(bodies, "_DRAIN_S", 0.1)

    class Request:
        async def receive(self) -> Any:
            await asyncio.sleep(self.pause)
            return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    for pause in (0.0, 10.0):
        request: Any = Request()
        request.pause = pause
        asyncio.run(asyncio.wait_for(bodies.drain(request, 10_000), 5))


def test_upright_sizes_count_as_stored(client: Client) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = file_of(scene(), "JPEG", exif=exif, quality=95)
    assert pixels_of(client.post("/v1/alpha", turned).content).shape == (80, 96)
