"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn import ROOT, gradient
from hypothesis import settings
from PIL import Image

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
