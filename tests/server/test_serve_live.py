"""`humatte serve` as a user starts it: signals, sockets, kill -9."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from drawn_video import NTSC, TICK, film, frames
from serving import PNG, httpx

import humatte as humatte_package
from humatte.errors import UsageError
from humatte.server import listen
from humatte.server.settings import Settings

pytestmark = pytest.mark.timeout(400)  # a few seconds; a busy machine starts servers slowly
_AS_USERS_DO = [sys.executable, "-m", "humatte", "serve", "--model", "night", "--port", "0"]


@contextmanager
def served(temp: Path, *words: str) -> Iterator[tuple[Any, str]]:
    """A server in a process of its own, and its address."""
    log = (temp / "log").open("w+")
    where = {**os.environ, "TMPDIR": str(temp)}
    process = subprocess.Popen([*_AS_USERS_DO, *words], stderr=log, env=where)
    try:
        yield process, address(process, temp / "log")
    finally:
        process.kill()
        process.wait()
        log.close()


def address(process: Any, log: Path) -> str:
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"listening on (http://\S+)", log.read_text())
        if found and ready(found[1]):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def ready(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/readyz", timeout=30).status_code == 200)
    except httpx.TransportError:
        return False


def clip_of(path: Path, count: int) -> bytes:
    return film(path, frames([n * NTSC.numerator for n in range(count)], TICK)).read_bytes()


def folders(temp: Path) -> list[Path]:
    return list(temp.glob("humatte-serve-*"))


def test_kill_in_the_middle_of_a_job_and_a_graceful_end(tmp_path: Path) -> None:
    """One server is killed; the next one clears up, and finishes what it began when told to end."""
    clip = clip_of(tmp_path / "clip.mp4", 400)
    with served(tmp_path) as (process, url):
        httpx.post(f"{url}/v1/video?background=red", content=clip, timeout=60)
        assert [path.name for path in folders(tmp_path)[0].rglob("source")] == ["source"]
        process.send_signal(signal.SIGKILL)
        process.wait()
        (orphan,) = folders(tmp_path)
        assert list(orphan.rglob("source"))
    with served(tmp_path) as (process, url):
        assert orphan not in folders(tmp_path)
        httpx.post(f"{url}/v1/video?background=red", content=clip, timeout=60)
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 60) as asked:
            head = f"POST /v1/alpha HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(PNG)}\r\n\r\n"
            asked.sendall(head.encode() + PNG[:-1])
            time.sleep(0.3)  # the request has begun
            process.send_signal(signal.SIGTERM)
            asked.sendall(PNG[-1:])
            answer = b""
            while piece := asked.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 200"), answer[:300]
        assert process.wait(60) == 0
        assert folders(tmp_path) == []
        assert "Traceback" not in (tmp_path / "log").read_text()


def test_cut_connections_and_slow_ones_hold_nothing(tmp_path: Path) -> None:
    with served(tmp_path, "--queue", "4") as (process, url):
        host, _, port = url.removeprefix("http://").partition(":")
        head = f"POST /v1/alpha HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(PNG)}\r\n\r\n"
        slow = []
        for _ in range(4):
            one = socket.create_connection((host, int(port)), 60)
            one.sendall(head.encode() + PNG[:100])
            slow.append(one)
        until_status(url, 429)
        for one in slow:
            one.close()
        until_status(url, 200)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def until_status(url: str, status: int) -> None:
    end = time.monotonic() + 60
    while httpx.post(f"{url}/v1/alpha?refine=off", content=PNG, timeout=60).status_code != status:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(("queue", "connections"), [(1, 1000), (32, 1000), (200, 4000)])
def test_a_short_line_leaves_room_for_the_page(
    monkeypatch: pytest.MonkeyPatch, queue: int, connections: int
) -> None:
    found = []
    monkeypatch.setattr(listen._Server, "run", lambda self, sockets: found.append(self.config))
    listen.listen(Settings(model="night", queue=queue, body_s=7.5, timeout_s=20.2), 0)
    assert found[0].limit_concurrency == connections
    assert found[0].timeout_graceful_shutdown == 28 + 10, "a body, its work, sending the answer"


def test_a_taken_port_is_one_line(humatte: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = humatte("serve", "--port", taken.getsockname()[1], "--model", "night")
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert "give another --port" in result.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--host", "0.0.0.0"], "needs a token"),
        (["--host", "no.such.host.invalid", "--token", "long enough"], "no such address"),
        (["--token", "short"], "soon guessed"),
        (["--model", "nothing"], "no network is called 'nothing'"),
        (["--port", "70000"], "port"),
        (["--queue", "0"], "queue"),
        (["--max-megabytes", "nan"], "--max-megabytes"),
        (["--max-megabytes", "inf"], "--max-megabytes inf"),
        (["--max-video-megabytes", "inf"], "--max-video-megabytes inf"),
        (["--max-megapixels", "nan"], "--max-megapixels"),
        (["--timeout", "inf"], "timeout s"),
    ],
)
def test_wrong_use(
    humatte: Any, monkeypatch: pytest.MonkeyPatch, words: list[str], line: str
) -> None:
    monkeypatch.delenv("HUMATTE_TOKEN", raising=False)
    result = humatte("serve", *words)
    assert result.code == 2
    assert line in result.err
    assert len(result.err.splitlines()) == 1


def test_a_missing_extra_is_named(humatte: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(humatte_package, "server", humatte_package.server)  # put back in the end
    for name in [name for name in sys.modules if name.startswith("humatte.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = humatte("serve")
    assert result.code == 2
    assert "pip install 'humatte[serve]'" in result.err


def test_a_service_that_cannot_be_opened_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    from humatte.server.service import Service

    def fail(_: Service) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Service, "open", fail)
    from humatte.errors import OutputError

    with pytest.raises(OutputError, match="no space left"):
        listen.listen(Settings(model="night"), 0)


def test_no_such_address() -> None:
    with pytest.raises(UsageError, match="cannot listen on 203"):
        listen._bound("203.0.113.1", 8000)
