"""Whoever uses the page: names and roles, small screens, dark and light, less motion."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)  # two busy cores start a browser slowly

# WCAG 2.2, relative luminance and contrast, of the texts that are seen; large ones count as small.
CONTRASTS = """() => {
  const parse = (colour) => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d");
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const found = parse(getComputedStyle(each).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((byte) => {
      const share = byte / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    if (element.closest(":disabled, .unseen, noscript")) continue;
    if (element.closest(".switch:has(:disabled), option")) continue;
    const pair = [parse(getComputedStyle(element).color), behind(element)].map(luminance);
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) low.push([element.textContent.trim(), ratio]);
  }
  return low;
}"""

NAMELESS = """() => [...document.querySelectorAll("button, input, select, [role], progress")]
  .filter((each) => each.checkVisibility() && each.getAttribute("aria-hidden") !== "true")
  .filter((each) => !(each.ariaLabel || each.getAttribute("aria-labelledby")
    || each.labels?.length || each.title
    || (each.tagName !== "SELECT" && each.textContent.trim()))) // its options do not name it
  .filter((each) => each.role !== "status").map((each) => each.outerHTML)"""


def test_small_screens_in_light_and_dark(visit, astronaut: Path) -> None:
    # Less motion, so that colours do not move from one scheme to the other.
    page = visit(viewport={"width": 360, "height": 740}, has_touch=True, reduced_motion="reduce")

    def too_weak() -> list[object]:
        found, pages = [], set()
        for scheme in ("dark", "light"):
            page.page.emulate_media(color_scheme=scheme)
            pages.add(page.page.evaluate("getComputedStyle(document.body).backgroundColor"))
            found += page.page.evaluate(CONTRASTS)
        assert len(pages) == 2, "one of the schemes was not shown"
        return found

    assert too_weak() == []
    page.add(astronaut)
    assert page.page.evaluate("document.documentElement.scrollWidth") == 360
    assert too_weak() == []
    small = page.page.evaluate(
        """() => [...document.querySelectorAll("button, select, .chips span, .switch")]
          .filter((each) => each.checkVisibility())
          .map((each) => [each.textContent.trim() || each.ariaLabel, each.getBoundingClientRect()])
          .filter(([, box]) => Math.min(box.width, box.height) < 24)"""  # WCAG 2.2, 2.5.8
    )
    assert small == []


def test_names_and_roles(visit, astronaut: Path) -> None:
    page = visit(reduced_motion="reduce")
    assert page.page.title() == "humatte: people cut out of pictures"
    page.page.get_by_role("button", name="Choose pictures").wait_for()
    page.add(astronaut)
    assert page.page.evaluate(NAMELESS) == []
    tree = page.page.locator("main").aria_snapshot()
    for line in (
        'group "Background":',
        'radio "None" [checked]',
        'radio "Passport 35 × 45 mm"',
        'group "Brush":',
        'slider "Brush size"',
        'button "Undo stroke" [disabled]',
        'list "Your pictures":',
        'button "Remove astronaut.jpg"',
        'combobox "Format"',
    ):
        assert line in tree, tree
    tabs = page.page.get_by_role("tab")
    tabs.first.focus()
    page.page.keyboard.press("ArrowRight")
    assert tabs.last.get_attribute("aria-selected") == "true"
    assert page.page.evaluate("document.activeElement.id") == "tab-camera"
    assert page.page.locator("main").get_by_role("radio", name="Blur").is_visible()
    assert page.page.evaluate(NAMELESS) == []
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("Shift+Tab")
    page.page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.page.evaluate(outline) == "solid"
