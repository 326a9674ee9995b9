"""The large view: slider, zoom, brush, with the mouse and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browsing import MODEL, Visit, pixels_of

import humatte

pytestmark = pytest.mark.timeout(300)  # two busy cores start a browser slowly

FACE, CORNER = (0.44, 0.2), (0.95, 0.05)  # shares of the astronaut's sides


@pytest.fixture
def page(visit, astronaut: Path) -> Visit:
    opened = visit()
    opened.add(astronaut)
    opened.page.wait_for_selector("#split:not([hidden])")
    return opened


def alpha_at(file: Path, place: tuple[float, float]) -> int:
    pixels = pixels_of(file)
    return int(pixels[int(place[1] * len(pixels)), int(place[0] * len(pixels)), 3])


def test_the_slider_by_mouse_and_by_keys(page: Visit) -> None:
    slider = page.page.get_by_role("slider", name="Before and after of astronaut.jpg")
    assert slider.get_attribute("aria-valuenow") == "50"
    slider.hover()
    page.page.mouse.down()
    page.page.mouse.move(*page.shown_at(0.9, 0.5))
    page.page.mouse.up()
    assert abs(int(slider.get_attribute("aria-valuenow")) - 90) <= 1
    before = page.pixel(*_share(page, (0.7, 0.1)))
    slider.focus()
    page.page.keyboard.press("ArrowLeft")
    assert abs(int(slider.get_attribute("aria-valuenow")) - 88) <= 1
    page.page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == "0 % before, 100 % after"
    page.page.wait_for_timeout(200)
    after = page.pixel(*_share(page, (0.7, 0.1)))
    assert min(after) >= 230 and after != before  # white and light gray squares


def _share(page: Visit, place: tuple[float, float]) -> tuple[float, float]:
    box = page.page.locator("#stage").bounding_box()
    x, y = page.shown_at(*place)
    return (x - box["x"]) / box["width"], (y - box["y"]) / box["height"]


def test_zoom(page: Visit) -> None:
    zoom = page.page.locator("#zoom")
    fitted = zoom.inner_text()
    page.page.click("#zoom-full")
    page.page.wait_for_function("() => document.getElementById('zoom').value === '100 %'")
    page.page.locator("#stage").hover()
    page.page.mouse.wheel(0, -300)
    page.page.wait_for_function("() => document.getElementById('zoom').value === '200 %'")
    page.page.locator("#stage").focus()
    page.page.keyboard.press("0")
    page.page.wait_for_function(
        "words => document.getElementById('zoom').value === words", arg=fitted
    )


def test_the_brush_removes_and_keeps_and_takes_back(page: Visit, astronaut: Path) -> None:
    page.page.click("#brush-drop")
    with page.renewed():
        page.page.mouse.click(*page.shown_at(*FACE))
    page.page.click("#brush-keep")
    with page.renewed():
        page.page.mouse.click(*page.shown_at(*CORNER))
    painted = page.download()
    assert (alpha_at(painted, FACE), alpha_at(painted, CORNER)) == (0, 255)
    with page.renewed():
        page.page.click("#undo")
    assert alpha_at(page.download(), CORNER) == 0
    with page.renewed():
        page.page.click("#redo")
    assert alpha_at(page.download(), CORNER) == 255
    with page.renewed():
        page.page.click("#clear")
    assert np.array_equal(pixels_of(page.download()), humatte.cutout(astronaut, model=MODEL))


def test_a_download_waits_for_what_was_just_painted(page: Visit) -> None:
    page.page.click("#brush-drop")
    page.page.mouse.click(*page.shown_at(*FACE))
    assert alpha_at(page.download(), FACE) == 0


def test_the_pointer_moves_while_another_picture_is_loaded(page: Visit, astronaut: Path) -> None:
    page.add(astronaut, done=2)
    page.page.click("#brush-drop")
    page.page.evaluate(
        """() => {
          const [first, second] = document.querySelectorAll("#list .open");
          second.click();
          document.getElementById("stage").dispatchEvent(new PointerEvent("pointermove"));
          first.click();
        }"""
    )
    page.page.wait_for_selector("#split:not([hidden])")


def test_the_focus_stays_where_somebody_works(page: Visit) -> None:
    page.page.click("#brush-drop")
    with page.renewed():
        page.page.mouse.click(*page.shown_at(*FACE))
    page.page.locator("#undo").focus()
    with page.renewed():
        page.page.keyboard.press("Enter")
    assert page.page.evaluate(_NAME) == "stage"
    page.choose("background", "blur")  # made by the server
    page.page.route("**/v1/cutout*", lambda route: (zoom.focus(), route.continue_()))
    zoom = page.page.locator("#zoom-in")
    page.page.locator("#download").focus()
    with page.page.expect_download():
        page.page.keyboard.press("Enter")
    page.page.wait_for_selector("#save-words:text('is ready')")
    assert page.page.evaluate("document.activeElement.id") == "zoom-in"


def test_all_of_it_without_a_mouse(page: Visit) -> None:
    keys = page.page.keyboard
    page.page.get_by_role("tab", name="Pictures").focus()
    reached = []
    while not reached or reached[-1] != "Remove":
        keys.press("Tab")
        assert len(reached) < 30, reached
        reached.append(page.page.evaluate(_NAME))
    assert [name for name in reached if name != "Remove"] == [
        "Private mode",
        "stage",
        "Before and after of astronaut.jpg",
        "Keep",
    ]
    keys.press("Enter")  # the brush; keys go on in the picture
    assert page.page.evaluate(_NAME) == "stage"
    for _ in range(3):
        keys.press("Shift+ArrowUp")  # from the middle to her face: 30 %
    for _ in range(3):
        keys.press("ArrowLeft")
    with page.renewed():
        keys.down(" ")
        keys.press("ArrowRight")
        keys.up(" ")
    keys.press("Escape")
    assert page.page.evaluate(_NAME) == "Remove"
    page.page.locator("#download").focus()
    with page.page.expect_download() as coming:
        keys.press("Enter")
    coming.value.save_as(page.path / "by-keys.png")
    assert alpha_at(page.path / "by-keys.png", (0.44, 0.2)) == 0


_NAME = """() => {
  const focused = document.activeElement;
  if (focused.id === "stage") return "stage";
  const label = focused.labels?.[0]?.innerText;
  return focused.ariaLabel || label || focused.innerText;
}"""
