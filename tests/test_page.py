"""One HTML file with everything in it, and nothing from data that is taken for HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from drawn import gradient
from hypothesis import given, settings
from hypothesis import strategies as st

from humatte import page as pages
from humatte.page import Html, coloured, details, gallery, heading, link, page, paragraph, picture

NASTY = "<b>&amp; \"quoted\" 'too' </td><script>alert(1)</script> 名前 é"


class Parsed(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.images: list[str] = []
        self.outside: list[str] = []
        """What would be loaded from elsewhere, and scripts."""
        self.alts: list[str] = []
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("img", "meta", "link", "br"):
            self.open.append(tag)
        if tag in ("script", "link", "iframe", "object"):
            self.outside.append(tag)
        for name, value in attrs:
            self._attribute(tag, name, value or "")

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if name in ("src", "href", "srcset", "data"):
            if tag == "img" and value.startswith("data:"):
                self.images.append(value)
            elif value.startswith("#"):
                self.links.add(value[1:])
            else:
                self.outside.append(value)
        elif name == "id":
            self.anchors.add(value)
        elif name == "alt":
            self.alts.append(value)
        elif name.startswith("on"):
            self.outside.append(name)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data)


def test_a_page_is_self_contained_and_escaped() -> None:
    text = page(
        NASTY,
        heading(NASTY, NASTY),
        paragraph(NASTY),
        pages.table([NASTY], [[NASTY, 3, 0.5]]),
        gallery([picture(gradient(20, 30), NASTY)]),
        details(NASTY, paragraph("inner")),
        Html(f"<p>{link(NASTY, NASTY)} {coloured(NASTY, 'bad')}</p>"),
    )
    parsed = Parsed(text)
    assert parsed.outside == []
    assert len(parsed.images) == 1
    assert "script" not in parsed.tags
    assert "b" not in parsed.tags
    assert parsed.texts.count(NASTY) == 10
    assert parsed.alts == [NASTY]
    assert parsed.links == parsed.anchors
    assert len(parsed.links) == 1


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_whatever_a_name_is_it_stays_a_text(name: str) -> None:
    titles = ("the title of the page", "the title of the column")
    parsed = Parsed(page(titles[0], paragraph(name), pages.table([titles[1]], [[name]])))
    assert parsed.tags.count("td") == 1
    seen = [text for text in parsed.texts if text not in titles]
    # A parser makes one line end of every kind, and knows no NUL.
    assert set(seen[-2:]) <= {name} or "\r" in name or "\0" in name or not name.strip()


def test_html_stays_html_and_only_html() -> None:
    assert "<a " in pages.table(["x"], [[link("here", "there")]])
    assert Parsed(page("x", paragraph(Html("<i>in</i>")))).tags.count("i") == 1


def test_numbers_stand_to_the_right() -> None:
    table = pages.table(["a", "b", "c"], [[12345, 0.25, "12345"]])
    assert table.count('class="number"') == 2
    assert "12,345" in table
    assert "0.2500" in table


@pytest.mark.parametrize("size", [(1, 1), (20, 4000)])
def test_pictures_of_any_shape(size: tuple[int, int]) -> None:
    (data,) = Parsed(page("x", picture(gradient(*size), ""))).images
    assert data.startswith("data:image/webp;base64,")
