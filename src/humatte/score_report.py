"""What an evaluation shows to people: tables as text, one HTML page, contact sheets.

In: results. Out: text, an HTML file with everything in it, PNGs. Needs matplotlib for the page.
"""

from __future__ import annotations

import heapq
import io
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from humatte.arrays import Alpha, Image, resize, to_bytes, to_float
from humatte.composite import over
from humatte.data.pairs import Pair, read_pair
from humatte.data.sheets import MAGENTA, Tile, contact_sheet
from humatte.evaluate import Result, Subject
from humatte.image_io import Kept, encode, write
from humatte.page import Html, gallery, heading, page, paragraph, picture, table
from humatte.prepare import fitted_size
from humatte.scores import CONVENTIONS, METRICS, Difference, Row, by_group, means, values_of

_GALLERY_PX = 220
_CHARTS = ("person_iou", "boundary_f", "mad_band")


def text_table(results: Sequence[Result]) -> str:
    """The means, a line per score and a column per subject."""
    found = [means(result.rows) for result in results]
    wide = [max(8, len(result.subject.name)) for result in results]
    names = " ".join(f"{r.subject.name:>{w}}" for r, w in zip(results, wide, strict=True))
    lines = [f"{'':>19}  {names}"]
    for metric in METRICS:
        if any(metric in values for values in found):
            cells = (
                f"{values.get(metric, float('nan')):>{w}.4f}"
                for values, w in zip(found, wide, strict=True)
            )
            lines.append(f"{metric:>19}  {' '.join(cells)}")
    return "\n".join([*lines, f"{'pictures':>19}  {len(results[0].rows)}"])


def text_differences(found: Mapping[str, Difference]) -> str:
    """A comparison, a line per score."""
    return "\n".join(
        f"{metric:>19}  {d.mean:+.4f}  [{d.low:+.4f}, {d.high:+.4f}]  {d.verdict}"
        for metric, d in found.items()
    )


SHEETS = ("worst", "best", "random")


def draw_sheets(
    result: Result, pairs: Sequence[Pair], files: Mapping[str, Path], count: int = 40
) -> None:
    """PNGs of the worst, the best and random pictures: photo, true and found person on magenta.

    Args:
        result: of one subject.
        pairs: what was scored.
        files: a file for every name of `SHEETS`. Worst and best go by person IoU; random are the
            same pictures for every subject.
        count: how many pictures a sheet shows.
    """
    scored = list(zip(pairs, result.rows, strict=True))
    by_iou = sorted(scored, key=lambda both: both[1].person_iou)
    shown = {
        "worst": by_iou[:count],
        "best": by_iou[::-1][:count],
        "random": random.Random(1).sample(scored, min(count, len(scored))),
    }
    for name, path in files.items():
        tiles = []
        for pair, row in shown[name]:
            image, truth, alpha = _read(result.subject, pair)
            tiles.append(Tile(f"{row.person_iou:.3f} {pair.name}", image, [truth, alpha]))
        write(encode(contact_sheet(tiles, columns=5), "PNG", Kept()), path)


def write_report(
    results: Sequence[Result],
    pairs: Sequence[Pair],
    path: Path,
    about: str,
    groups: tuple[str, Sequence[str]] | None = None,
    differences: Mapping[str, Mapping[str, Difference]] | None = None,
    worst: int = 24,
) -> None:
    """Writes the HTML page.

    Args:
        results: of all subjects, on the same pairs.
        pairs: what was scored.
        path: the .html file.
        about: what was scored, in words.
        groups: a column's name and its value for every pair: a table by group.
        differences: for every subject's name, how it compares.
        worst: how many of the worst pictures are shown per subject.
    """
    parts = [paragraph(about), *(_seen(result) for result in results if result.seen)]
    parts += [heading("Means"), _means_table(results)]
    for title, found in (differences or {}).items():
        parts += [heading(title), _differences_table(found)]
    if groups:
        column, values = groups
        parts += [heading(f"By {column}"), _groups_table(results, column, values)]
    parts += [heading("Distributions"), _histograms(results)]
    for result in results:
        parts += [heading(f"Worst of {result.subject.name}"), _gallery(result, pairs, worst)]
    write(page("Matte scores", *parts).encode(), path)


def _seen(result: Result) -> Html:
    return paragraph(
        f"{result.subject.name} was trained on pictures that look like {len(result.seen)} of "
        f"these: {', '.join(result.seen[:20])}. Its scores on them prove nothing.",
        "bad",
    )


def _means_table(results: Sequence[Result]) -> Html:
    found = [means(result.rows) for result in results]
    rows = [
        [c.label, *(values.get(metric, "") for values in found), c.unit, c.source]
        for metric, c in CONVENTIONS.items()
        if any(metric in values for values in found)
    ]
    names = [result.subject.name for result in results]
    return table(["score", *names, "unit", "source"], rows)


def _differences_table(found: Mapping[str, Difference]) -> Html:
    kinds = {True: "good", False: "bad", None: ""}
    rows = [
        [
            CONVENTIONS[m].label,
            f"{d.mean:+.4f}",
            f"{d.low:+.4f} to {d.high:+.4f}",
            Html(f'<span class="{kinds[d.better]}">{d.verdict}</span>'),
        ]
        for m, d in found.items()
    ]
    return table(["score", "mean difference", "95 % interval (paired bootstrap)", ""], rows)


def _groups_table(results: Sequence[Result], column: str, values: Sequence[str]) -> Html:
    shown = ("person_iou", "boundary_f", "mad", "mad_band")
    rows = [
        [group, count, result.subject.name, *(scores.get(metric, "") for metric in shown)]
        for result in results
        for group, (count, scores) in by_group(result.rows, values).items()
    ]
    return table([column, "pictures", "subject", *(CONVENTIONS[m].label for m in shown)], rows)


def _histograms(results: Sequence[Result]) -> Html:
    """How the scores spread, as an SVG."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3), layout="constrained")
    for metric, axes in zip(_CHARTS, figure.subplots(1, len(_CHARTS)), strict=True):
        every = np.concatenate([values_of(result.rows, metric) for result in results])
        every = every[~np.isnan(every)]
        low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
        edges = np.linspace(low, high if high > low else low + 1e-3, 31)
        for result in results:
            values = values_of(result.rows, metric)
            axes.hist(
                values[~np.isnan(values)], edges, histtype="step", label=result.subject.name[-30:]
            )
        axes.set_xlabel(CONVENTIONS[metric].label)
        axes.set_ylabel("pictures")
    # Under the charts, one for all: a long name must not squeeze them.
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", fontsize="small")
    text = io.StringIO()
    canvas = FigureCanvasSVG(figure)
    canvas.print_svg(text, metadata={"Date": None})  # type: ignore[no-untyped-call]
    svg = text.getvalue()
    return Html(f'<div style="background:#fff">{svg[svg.index("<svg") :]}</div>')


def _gallery(result: Result, pairs: Sequence[Pair], count: int) -> Html:
    figures = []
    for pair, row in _worst(result, pairs, count):
        caption = f"{pair.name}: IoU {row.person_iou:.3f}, boundary F {row.boundary_f:.3f}, "
        figures.append(picture(_panels(result.subject, pair), f"{caption}MAD {row.mad:.4f}"))
    note = "From left to right: picture, true person, found person, error (dark: none, yellow: 1)."
    return Html(paragraph(note) + gallery(figures))


def _panels(subject: Subject, pair: Pair) -> Image:
    image, truth, alpha = _read(subject, pair)
    size = fitted_size((image.shape[0], image.shape[1]), _GALLERY_PX)
    image, truth, alpha = resize(image, size), resize(truth, size), resize(alpha, size)
    people = [over(image, matte, MAGENTA) for matte in (truth, alpha)]
    return np.hstack([image, *people, error_map(alpha, truth)])


def error_map(alpha: Alpha, truth: Alpha) -> Image:
    """The absolute difference as colours (H, W, 3): black where there is none, yellow where 1."""
    coloured = cv2.applyColorMap(to_bytes(np.abs(alpha - truth)), cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(coloured[..., ::-1])


def _worst(result: Result, pairs: Sequence[Pair], count: int) -> list[tuple[Pair, Row]]:
    """The pairs with the lowest person IoU, the worst first."""
    scored = zip(pairs, result.rows, strict=True)
    return heapq.nsmallest(count, scored, key=lambda both: both[1].person_iou)


def _read(subject: Subject, pair: Pair) -> tuple[Image, Alpha, Alpha]:
    image, truth = read_pair(pair)
    return image, to_float(truth), subject.matte_of(pair, image)
