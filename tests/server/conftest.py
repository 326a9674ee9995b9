"""A service for each test file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from serving import serving

    with serving(tmp_path_factory.mktemp("jobs")) as found:
        yield found
