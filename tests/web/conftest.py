"""The fixtures of the page's tests: a real server, a real browser, visits to the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browsing import CHROMIUM, MODEL, Served, Visit, launched, serving

from humatte.server.settings import Settings


@pytest.fixture(scope="session")
def address() -> Iterator[Served]:
    with serving(Settings(model=MODEL)) as url:
        yield url


@pytest.fixture(scope="module")  # its event loop would be in the way of other folders' tests
def driver() -> Iterator[object]:
    """Playwright, or skipped tests where it or Chromium is not there. One: a thread has no more."""
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there")
    with sync.sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(driver) -> Iterator[object]:
    found = launched(driver)
    yield found
    found.close()


@pytest.fixture
def visit(browser, address: str, tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    made: list[Visit] = []

    def start(at: str = address, on=browser, **options: object) -> Visit:
        made.append(Visit(on, at, tmp_path, **options))
        return made[-1]

    yield start
    for each in made:
        each.context.close()
        assert each.complaints == [], each.complaints
