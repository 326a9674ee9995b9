"""The private engine in a real browser: its worker, under the headers that the server sends."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from engine_node import WEB, needs_runtime, rgba
from skimage import data

import humatte
from humatte.catalog import find
from humatte.foreground import estimate_foreground
from humatte.matting import matte

pytestmark = [
    needs_runtime,
    pytest.mark.timeout(400),  # a browser on a machine that is busy otherwise
]

# As the server sends them: the engine must do with no more than that.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; "
    "style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self' blob: data:; worker-src 'self' blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}
LONGEST_MS = 300_000

RUN = """async ({ model, threads, keep }) => {
  const { available, open } = await import("/web/engine/index.js");
  if (!(await available())) throw new Error("private mode is not available");
  const seen = [];
  const engine = await open(model, (part) => seen.push(part), { threads });
  const bytes = await (await fetch("/picture.raw")).arrayBuffer();
  const image = new ImageData(new Uint8ClampedArray(bytes), 256, 256);
  const brush = new Uint8Array(256 * 256).fill(255, 0, keep);
  const asked = [engine.matte(image, { refine: "fast" }), engine.matte(image, { keep: brush })];
  const [alpha, kept] = await Promise.all(asked);
  const cut = await engine.foreground(image, alpha);
  const wrong = await engine.matte(image, { refine: "finer" }).catch((error) => error.message);
  engine.close();
  const closed = await engine.matte(image).catch((error) => error.message);
  const list = (values) => Array.from(values);
  return {
    isolated: crossOriginIsolated, seen, alpha: list(alpha), kept: list(kept.subarray(0, keep)),
    cut: list(cut.data), wrong, closed, still: image.data.length,
  };
}"""

FAIL = """async ({ model, folder }) => {
  const { available, open } = await import(`/${folder}/engine/index.js`);
  const said = await open(model).then(() => "opened", (error) => error.message);
  return [await available(), said];
}"""


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map: ClassVar = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *words: Any) -> None:
        """A test says nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A server of the package's web files, a network, and a picture."""
    (tmp_path / "web").symlink_to(WEB)
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "engine").symlink_to(WEB / "engine")
    shutil.copy(find("night"), tmp_path / "night.onnx")
    (tmp_path / "index.html").write_text("<!doctype html><title>humatte</title>")
    (tmp_path / "picture.raw").write_bytes(rgba(picture()).tobytes())
    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Any, site: str) -> Iterator[Any]:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(LONGEST_MS)
    page.goto(f"{site}/index.html")
    yield page
    context.close()


def picture() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[:256, 100:356])


def model(file: str) -> dict[str, Any]:
    facts = humatte.load("night").facts
    return {
        "file": file,
        "bytes": find("night").stat().st_size,
        "long_side": facts.best_long_side,
        "stride": facts.stride,
    }


def test_the_worker_gives_the_librarys_mattes_with_two_threads(page: Any) -> None:
    asked = {"model": model("/night.onnx"), "threads": 2, "keep": 999}
    found = page.evaluate(RUN, asked)
    assert found["isolated"]  # else there would be one thread
    assert found["seen"] == sorted(found["seen"])
    assert found["seen"][-1] == 1
    wanted = matte(picture(), humatte.load("night"), "fast")
    alpha = np.array(found["alpha"], np.float32).reshape(wanted.shape)
    assert np.abs(alpha - wanted).max() <= 2 / 255
    assert found["kept"] == [1] * 999
    cut = np.array(found["cut"], np.uint8).reshape(*wanted.shape, 4)
    colours = estimate_foreground(picture(), alpha)
    assert np.abs(cut[..., :3].astype(int) - colours).max() <= 1
    assert "unknown refinement 'finer'" in found["wrong"]
    assert "closed" in found["closed"]
    assert found["still"] == 256 * 256 * 4  # the page's picture stays its own


def test_what_cannot_be_opened_says_why(page: Any) -> None:
    def said(file: str, folder: str = "web") -> tuple[bool, str]:
        there, message = page.evaluate(FAIL, {"model": model(file), "folder": folder})
        return there, message

    there, message = said("/nothing.onnx")
    assert there
    assert "404" in message
    assert said("/index.html")[1] not in ("", "opened")
    # A build without the runtime.
    there, message = said("/night.onnx", "bare")
    assert not there
    assert "private mode stopped working" in message
