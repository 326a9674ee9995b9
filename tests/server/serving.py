"""What the service's tests share: a network that is quick and exact, a client in process."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import person
from PIL import Image

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
httpx = pytest.importorskip("httpx", reason="httpx is not installed: it asks the service")

from humatte.network import Facts, Network  # noqa: E402
from humatte.server.app import build_app  # noqa: E402
from humatte.server.settings import Settings  # noqa: E402

FACTS = Facts("drawn", 32, 64, "Apache-2.0", "", "", {"person_iou": 1.0}, {})


class DrawnNetwork(Network):
    """Sees a person where blue is missing. `hold` makes it wait; `entered` says that it does."""

    def __init__(self) -> None:
        self.facts, self.shapes = FACTS, list[tuple[int, ...]]()
        self.hold, self.entered = threading.Event(), threading.Event()
        self.hold.set()

    @property
    def device(self) -> str:
        return "cpu"

    def run(self, batch: np.ndarray) -> np.ndarray:
        self.shapes.append(batch.shape)
        self.entered.set()
        assert self.hold.wait(30)
        return np.clip((0.6 - batch[:, 2:3]) / 0.3, 0, 1).astype(np.float32)


@cache
def scene(height: int = 96, width: int = 80) -> np.ndarray:
    """A person without blue before a blue wall, (H, W, 3)."""
    alpha = person(height, width, min(height / 240, width / 200))[..., None]
    columns = np.linspace(0, 90, width, dtype=np.float32)[None, :, None]
    behind = np.concatenate([columns + 20, 120 - columns, 0 * columns + 250], axis=2)
    colours = alpha * np.array([210, 150, 20]) + (1 - alpha) * behind
    return np.rint(colours).astype(np.uint8)


def file_of(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


PNG = file_of(scene())


def pixels_of(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


class Client:
    """Asks an application in process; its event loop runs in a thread."""

    def __init__(self, app: Any, network: DrawnNetwork) -> None:
        self.app, self.network, self.service = app, network, app.state.service
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._life = app.router.lifespan_context(app)
        self.wait(self._life.__aenter__())
        transport = httpx.ASGITransport(app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    def begin(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.begin(work).result(60)

    def later(self, method: str, path: str, **how: Any) -> Any:
        """A future of the answer."""
        return self.begin(self._client.request(method, path, timeout=60, **how))

    def get(self, path: str, **how: Any) -> Any:
        return self.later("GET", path, **how).result(60)

    def post(self, path: str, content: Any = PNG, **how: Any) -> Any:
        how = how if "files" in how or "json" in how else {"content": content, **how}
        return self.later("POST", path, **how).result(60)

    def delete(self, path: str) -> Any:
        return self.later("DELETE", path).result(60)

    def cut_off(
        self, path: str, body: bytes, *, more: bool = False, when: threading.Event | None = None
    ) -> None:
        """Posts a body, or what there is of it, and goes away once `when` is set: none hears more.

        By hand, as httpx in process does not close connections.
        """
        messages = [
            {"type": "http.request", "body": body, "more_body": more},
            {"type": "http.disconnect"},
        ]
        answered: list[Any] = []

        async def receive() -> Any:
            while len(messages) == 1 and when is not None and not when.is_set():
                await asyncio.sleep(0.01)
            return messages.pop(0)

        async def send(message: Any) -> None:
            answered.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
        self.wait(self.app({**scope, "headers": [(b"host", b"localhost")]}, receive, send))
        assert answered == []

    def close(self) -> None:
        self.network.hold.set()
        try:
            self.wait(self._client.aclose())
            self.wait(self._life.__aexit__(None, None, None))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


@contextmanager
def serving(temp: Path, **settings: Any) -> Iterator[Client]:
    """A service with the drawn network, its jobs in `temp`."""
    network = DrawnNetwork()
    chosen = Settings(**{"model": "night", "temp": temp, "workers": 2, **settings})
    client = Client(build_app(chosen, network), network)
    try:
        until(lambda: client.service.opened)
        yield client
    finally:
        client.close()


def until(true: Callable[[], object]) -> None:
    """Waits for something to become true."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def error_of(answer: Any, status: int) -> dict[str, str]:
    """The error of an answer in our shape, with one line for a person."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"code", "message"}
    assert error["message"]
    assert "\n" not in error["message"]
    assert "--" not in error["message"]
    return error
