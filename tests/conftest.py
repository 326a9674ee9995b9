"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn import ROOT, gradient
from PIL import Image


@pytest.fixture(scope="session")
def astronaut() -> Path:
    return ROOT / "examples" / "astronaut.jpg"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small JPEG without anybody in it."""
    path = tmp_path / "photo.jpg"
    Image.fromarray(gradient(60, 80)).save(path)
    return path
