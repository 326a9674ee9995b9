"""Fixtures that all tests share, and one thread for each of them."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

# A worker and what it starts has a core of its own: threads of several wait for each other, and a
# network's do so spinning. Read when these libraries are loaded.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import cv2  # noqa: E402
import pytest  # noqa: E402
from drawn import ROOT, gradient  # noqa: E402
from hypothesis import settings  # noqa: E402
from PIL import Image  # noqa: E402

from humatte import cli, network  # noqa: E402
from humatte.runtimes import Running, Session, open_session  # noqa: E402


def _open_on_one_thread(data: bytes, running: Running) -> Session:
    if running.threads is None and running.runtime != "openvino":
        running = running._replace(threads=1)
    return open_session(data, running)


def pytest_configure() -> None:
    """Before tests' modules are imported: some open networks then, and these are shared."""
    cv2.setNumThreads(1)
    # A shell's background job ignores Ctrl-C, and so would humatte: tests press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    network.open_session = _open_on_one_thread


# Time limits belong to benchmarks: on a busy machine the first example pays for an import.
settings.register_profile("humatte", deadline=None)
settings.load_profile("humatte")


@pytest.fixture(scope="session")
def astronaut() -> Path:
    return ROOT / "examples" / "astronaut.jpg"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small JPEG without anybody in it."""
    path = tmp_path / "photo.jpg"
    Image.fromarray(gradient(60, 80)).save(path)
    return path


class Outcome:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def humatte(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["humatte", *(str(word) for word in words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return Outcome(int(end.value.code or 0), out, err)

    return run


@pytest.fixture
def interrupt_at_b(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes when b.png is about to be written."""
    from humatte import run

    write = run.write

    def write_until_b(data: bytes, path: Path) -> None:
        if path.name == "b.png":
            raise KeyboardInterrupt
        write(data, path)

    monkeypatch.setattr(run, "write", write_until_b)
