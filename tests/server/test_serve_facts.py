"""Networks, health, measures, the page's files, the log, the OpenAPI document."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from drawn import ROOT
from serving import Client, error_of, serving, until

from humatte import catalog
from humatte.server.removebg_words import PARAMETERS


def test_networks(client: Client) -> None:
    found = client.get("/v1/models").json()
    assert found["default"] == "night"
    assert [one["name"] for one in found["models"]] == catalog.names()
    fields = {"name", "bytes", "long_side", "stride", "licence", "gray", "file", "scores"}
    for one in found["models"]:
        assert set(one) == fields
        path = catalog.find(one["name"])
        assert one["bytes"] == path.stat().st_size
        answer = client.get(one["file"])
        assert answer.headers["content-type"] == "application/octet-stream"
        assert hashlib.sha256(answer.content).digest() == hashlib.sha256(path.read_bytes()).digest()
        tag = answer.headers["etag"]
        assert not tag.startswith("W/")
        again = client.get(one["file"], headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
    error_of(client.get("/v1/models/..%2Fdawn/file"), 404)


def test_telling_of_networks_opens_none(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is open keeps its memory for good."""

    def load(*_: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(client.service, "_networks", {})
    monkeypatch.setattr(catalog, "load", load)
    for _ in range(2):
        found = client.get("/v1/models").json()["models"]
    assert [one["name"] for one in found] == catalog.names()
    assert all(one["scores"]["person_iou"] > 0.5 for one in found), found


def test_health_and_shutting_down(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").json() == {"status": "ready"}
        client.service.stop()
        assert client.get("/healthz").status_code == 200
        for path, ask in (("/readyz", client.get), ("/v1/cutout", client.post)):
            error_of(ask(path), 503)
        error_of(client.post("/v1/video"), 503)


def test_not_ready_before_the_network_is_there(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        until(lambda: client.service.opened)
        client.service.opened = False
        assert "loading" in error_of(client.get("/readyz"), 503)["message"]


def test_measures(client: Client) -> None:
    client.post("/v1/cutout")
    client.get("/anything/a-caller-makes-up")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert len(values) == sum(not line.startswith("#") for line in lines), "each series once"
    assert all(
        re.fullmatch(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})?', key) for key in values
    )
    assert int(values['humatte_requests_total{route="/v1/cutout",method="POST",status="200"}']) >= 1
    assert "caller" not in answer.text
    count = values['humatte_request_seconds_count{route="/v1/cutout"}']
    assert values['humatte_request_seconds_bucket{route="/v1/cutout",le="+Inf"}'] == count
    assert float(values["humatte_network_runs_total"]) >= 1
    assert float(values['humatte_stage_seconds_total{stage="matte"}']) > 0
    assert values["humatte_line"] == "0"
    types = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert {re.sub(r"(_bucket|_sum|_count)?(\{.*)?$", "", key) for key in values} == types


def test_the_log_says_what_happened_and_not_what_was_in_it(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    answer = client.post("/v1/cutout?outline=3:hotpink")
    client.get("/private-name?secret=1")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["route"] == "/v1/cutout"
    assert first["status"] == 200
    assert first["result"] == [80, 96]
    assert first["request"] == answer.headers["x-request-id"]
    assert first["received"] > 0 < first["ms"]
    assert second["status"] == 404
    assert not re.search("hotpink|private|secret", json.dumps([first, second]))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("web")
    files = {
        "index.html": "<!doctype html>",
        "app.js": "export {}",
        "vendor/ort.wasm.min.mjs": "export {}",
        "vendor/ort.wasm": "wasm",
        "style.css": "a {}",
        "notes.private": "not a page's file",
    }
    for name, text in files.items():
        (folder / "web" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "web" / name).write_text(text)
    (folder / "outside.js").write_text("outside")
    with serving(
        folder / "jobs" if (folder / "jobs").mkdir() else folder, web=folder / "web"
    ) as it:
        yield it


def test_the_page(page: Client) -> None:
    answer = page.get("/")
    assert answer.text == "<!doctype html>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("app.js", "text/javascript; charset=utf-8"),
        ("vendor/ort.wasm.min.mjs", "text/javascript; charset=utf-8"),
        ("vendor/ort.wasm", "application/wasm"),
        ("style.css", "text/css; charset=utf-8"),
    ],
)
def test_its_files(page: Client, name: str, kind: str) -> None:
    answer = page.get(f"/web/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    head = page.later("HEAD", f"/web/{name}").result(60)
    assert (head.status_code, head.content) == (200, b"")
    known = page.get(f"/web/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert known.status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/web/../outside.js",
        "/web/..%2Foutside.js",
        "/web/%2e%2e/outside.js",
        "/web/..%5Coutside.js",
        "/web//etc/passwd",
        "/web/%2Fetc%2Fpasswd",
        "/web/app.js%00.css",
        "/web/%00",
        "/web/./app.js",
        "/web/vendor/../app.js",
        "/web/vendor",
        "/web/",
        "/web/notes.private",
        "/web/" + "a" * 5000,
    ],
)
def test_nothing_else_is_served(page: Client, path: str) -> None:
    # By hand: httpx would tidy the path up before it asks.
    sent: list[Any] = []

    async def ask() -> None:
        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": unquote(path), "query_string": b""}
        await page.app({**scope, "headers": [(b"host", b"localhost")]}, receive, send)

    page.wait(ask())
    assert sent[0]["status"] == 404
    assert b"outside" not in sent[1]["body"]


def test_without_a_page(tmp_path: Path) -> None:
    with serving(tmp_path, page=False) as client:
        error_of(client.get("/"), 404)
        error_of(client.get("/web/app.js"), 404)


def test_no_page_in_the_package_is_said(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    with serving(tmp_path, web=tmp_path / "web") as client:
        assert "no page" in error_of(client.get("/"), 404)["message"]


def test_what_there_is_not(client: Client) -> None:
    for path in ("/nothing", "/docs", "/redoc", "/v1/cutout/"):
        error_of(client.get(path), 404)
    answer = client.get("/v1/cutout")
    error_of(answer, 405)
    assert answer.headers["allow"] == "POST"


def test_the_document_names_every_route_and_every_error(client: Client) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) >= {
        "/v1/cutout",
        "/v1/alpha",
        "/v1.0/removebg",
        "/v1/video",
        "/v1/jobs/{name}",
        "/v1/models",
        "/metrics",
        "/readyz",
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert "422" not in operation["responses"], path
            assert "401" in operation["responses"], path
    body = document["paths"]["/v1/cutout"]["post"]["requestBody"]["content"]
    assert set(body) == {"image/*", "application/octet-stream", "multipart/form-data"}
    options = document["paths"]["/v1/cutout"]["post"]["parameters"]
    assert {"background", "crop", "id_photo", "format"} <= {one["name"] for one in options}
    assert all(one.get("description") or one["schema"].get("description") for one in options)


def test_the_text_names_what_there_is(client: Client) -> None:
    text = (ROOT / "docs" / "serving.md").read_text("utf-8")
    paths = client.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        assert path.replace("{name}", "JOB" if "jobs" in path else "dawn") in text, path
        for operation in operations.values():
            asked = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
            assert all(f"`{name}`" in text for name in asked), asked
    assert all(f"`{name}" in text for name in PARAMETERS), "remove.bg's"
    from typer.main import get_command

    from humatte.cli import app

    serve = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    for option in {max(p.opts, key=len) for p in serve.params} - {"--help", "--port", "--model"}:
        assert option.replace("--page", "--no-page") in text or option == "--token", option
