"""Fixtures that all tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from drawn import ROOT, gradient
from hypothesis import settings
from PIL import Image

from humatte import cli

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
