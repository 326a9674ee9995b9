"""A real server and a real browser for the page's tests."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from humatte.server import app as service
from humatte.server.settings import Settings

CHROMIUM = Path("/usr/bin/chromium")
MODEL = "night-lite"  # the quickest: browsers compute it on one thread, without their graphics card
WEB = Path(service.__file__).parent.parent / "web"
needs_vendor = pytest.mark.skipif(
    not (WEB / "vendor" / "ort.wasm.min.mjs").exists(),
    reason="no onnxruntime-web in web/vendor; python scripts/vendor_web.py fetches it",
)


class Served(str):
    """A service's address, with all that it was asked for: methods and paths, workers' too."""

    asked: list[tuple[str, str]]


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    """The service in a thread, on a port of its own; gives its address."""
    import uvicorn

    app, asked = service.build_app(settings), []

    async def noted(scope, receive, send) -> None:
        if scope["type"] == "http":
            asked.append((scope["method"], scope["path"]))
        await app(scope, receive, send)

    config = uvicorn.Config(noted, port=0, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="humatte-server", daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive() and time.monotonic() < until, "the server did not start"
        time.sleep(0.02)
    try:
        url = Served(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/")
        url.asked = asked
        yield url
    finally:
        server.should_exit = True
        thread.join(30)


# Rooted containers have no sandbox for it. The runtime of private mode is compiled once, quickly:
# to compile it again so that it runs fast takes longer than what a test lets it do.
ARGUMENTS = ["--no-sandbox", "--js-flags=--liftoff-only"]


def launched(driver, *more: str):
    """A headless Chromium."""
    return driver.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *more])


class Visit:
    """One page in a context of its own, with all that it asked for and complained of."""

    def __init__(
        self, browser, address: str, path: Path, on_start: str = "", **options: object
    ) -> None:
        self.context = browser.new_context(
            # The wide layout, of few pixels: no graphics card draws them.
            **{"viewport": {"width": 900, "height": 640}, **options}
        )
        self.page, self.path, self.address = self.context.new_page(), path, address
        self.complaints: list[str] = []
        self.page.set_default_timeout(100_000)  # a busy machine
        self.page.add_init_script(on_start)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)
        self.page.goto(address)

    def _heard(self, message) -> None:
        # The browser itself reports each answer of 400 and above: tests that ask for one expect it.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def add(self, *files: Path, done: int | None = None) -> None:
        """Chooses files and waits until so many are done; all of them if it is not said."""
        self.page.set_input_files("#files", files)
        self.until_done(len(files) if done is None else done)

    def until_done(self, count: int = 1) -> None:
        self.page.wait_for_function(
            "count => document.querySelectorAll('#list [data-state=done]').length === count",
            arg=count,
        )

    @contextlib.contextmanager
    def renewed(self) -> Iterator[None]:
        """Waits until what is done inside has led to a new matte from the server."""
        with self.page.expect_response("**/v1/cutout*"):
            yield
        self.until_done(self.page.locator("#list li").count())

    def shown_at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the fitted square picture is on the screen, from shares of its sides."""
        box = self.page.locator("#stage").bounding_box()
        side = min(box["width"], box["height"]) - 40
        left = box["x"] + (box["width"] - side) / 2
        return left + x * side, box["y"] + (box["height"] - side) / 2 + y * side

    def choose(self, name: str, value: str) -> None:
        self.page.locator(f"[name={name}][value='{value}']").check(force=True)

    def download(self, button: str = "#download") -> Path:
        with self.page.expect_download() as coming:
            self.page.click(button)
        to = self.path / coming.value.suggested_filename
        coming.value.save_as(to)
        return to

    def pixel(self, x: float, y: float) -> tuple[int, ...]:
        """What the large view shows at shares of the stage, RGBA."""
        box = self.page.locator("#stage").bounding_box()
        shot = Image.open(io.BytesIO(self.page.screenshot(clip=box)))
        at = (int(x * shot.width), int(y * shot.height))
        return tuple(shot.convert("RGB").getpixel(at))


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)
