"""Reports that people look at: one HTML file with everything in it, pictures included.

In: titles, tables, pictures. Out: HTML text. Everything that comes from data is escaped; nothing is
loaded from elsewhere.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from humatte.arrays import Image
from humatte.image_io import Kept, encode


class Html(str):
    """Text that is already HTML; any other string is escaped."""


_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
table { border-collapse: collapse; display: block; overflow-x: auto }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .7rem; text-align: left }
td.number { text-align: right; font-variant-numeric: tabular-nums }
.gallery { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 1rem }
figure { margin: 0; background: var(--soft); padding: .5rem; width: fit-content; min-width: 11rem;
  max-width: 100%; box-sizing: border-box }
figure p { margin: 0; max-width: 22rem; overflow-wrap: anywhere }
figcaption { font-size: .85rem; overflow-wrap: anywhere; contain: inline-size }
img { max-width: 100%; height: auto }
.good { color: #188038 } .bad { color: #d93025; font-weight: 600 }
@media (prefers-color-scheme: dark) { .good { color: #81c995 } .bad { color: #f28b82 } }
"""


def page(title: str, *parts: Html) -> str:
    """A whole HTML document."""
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def heading(text: str, anchor: str = "") -> Html:
    """The title of a section; `link` leads to its anchor."""
    mark = f' id="{_anchor(anchor)}"' if anchor else ""
    return Html(f"<h2{mark}>{escape(text)}</h2>")


def link(text: str, anchor: str) -> Html:
    """Words that lead to the heading with this anchor."""
    return Html(f'<a href="#{_anchor(anchor)}">{escape(text)}</a>')


def details(summary: str, *parts: Html) -> Html:
    """Parts that are folded away under a line of words."""
    inner = "\n".join(parts)
    return Html(f"<details><summary>{escape(summary)}</summary>{inner}</details>")


def coloured(text: str, kind: str) -> Html:
    """Words within a line, marked as `good` or `bad`."""
    return Html(f'<span class="{escape(kind)}">{escape(text)}</span>')


def _anchor(text: str) -> str:
    return escape(text.replace(" ", "-"), quote=True)


def paragraph(text: str, kind: str = "") -> Html:
    """Plain words; `kind` is `good`, `bad` or nothing."""
    return Html(f'<p class="{escape(kind)}">{_inner(text)}</p>')


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A table; numbers stand to the right, floats with four digits."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "\n".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return Html(f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>")


def picture(image: Image, caption: str) -> Html:
    """A figure with its caption; the picture travels inside the page."""
    data = base64.b64encode(encode(image, "WEBP", Kept())).decode()
    height, width = image.shape[:2]
    return Html(
        f'<figure><img src="data:image/webp;base64,{data}" width="{width}" height="{height}" '
        f'alt="{escape(caption, quote=True)}" loading="lazy">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def gallery(figures: Iterable[Html]) -> Html:
    """Figures side by side."""
    return Html('<div class="gallery">\n' + "\n".join(figures) + "\n</div>")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class="number">{value:.4f}</td>'
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    return f"<td>{_inner(value)}</td>"


def _inner(value: object) -> str:
    return value if isinstance(value, Html) else escape(str(value))
