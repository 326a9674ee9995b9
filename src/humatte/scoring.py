"""`humatte evaluate`: what was asked for, checked; scored; said and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from humatte import catalog, score_report
from humatte.console import progress, say, tell
from humatte.data.layouts import find_set
from humatte.data.own_files import own_files
from humatte.data.pairs import Pair
from humatte.errors import UsageError, first_few
from humatte.evaluate import Result, chosen, evaluate, groups_of, open_subject
from humatte.paths import guard_outputs, is_dir, is_file, make_folder
from humatte.runtimes import ANYHOW, Running
from humatte.scores import Difference, by_group, compare, means, write_csv, write_json


@dataclass(frozen=True)
class Order:
    """What the user asked for; paths and names as typed."""

    subjects: Sequence[str]
    data: Path
    list_file: str = "val.txt"
    where: Sequence[str] = ()
    by: str | None = None
    against: str | None = None
    csv: Path | None = None
    json: Path | None = None
    report: Path | None = None
    sheets: Path | None = None
    running: Running = ANYHOW

    def check(self) -> None:
        """Finds out before the work, not after it, what cannot be done.

        Raises:
            UsageError: subjects given twice.
        """
        if len(set(self.subjects)) < len(self.subjects) or self.against in self.subjects:
            raise UsageError("a subject is named twice; name each once")
        if self.report:
            import matplotlib  # noqa: F401  (missing: said now, not after an hour of scoring)


def run(order: Order) -> None:
    """Scores, prints the means, and writes what was asked for.

    Raises:
        HumatteError: wrong use, or data that cannot be scored.
    """
    order.check()
    _guard(order)
    pairs = chosen(find_set(order.data, "people", order.list_file), order.where)
    groups = groups_of(pairs, order.by) if order.by else None
    names = [*order.subjects, *([order.against] if order.against else [])]
    subjects = [open_subject(name, pairs, order.running) for name in names]
    with progress("scoring", len(pairs)) as advance:
        results = evaluate(subjects, pairs, advance)
    differences = _differences(order, results)
    _warn(results)
    tell(_text(order, results, groups, differences))
    _write(order, results, pairs, groups, differences)


def _guard(order: Order) -> None:
    """Refuses outputs that cannot be written, or that would replace what is read."""
    people = order.data / "people" if is_dir(order.data / "people") else order.data
    named = [Path(name) for name in (*order.subjects, order.against or "") if name]
    subjects = [path for path in named if is_dir(path) or is_file(path)]
    if order.sheets:
        make_folder(order.sheets)
    sheets = [path for name in order.subjects for path in _sheets(order, name).values()]
    outputs = [order.csv, order.json, order.report, *sheets]
    guard_outputs(outputs, [*own_files(people, (), [order.list_file]), *subjects])


def _sheets(order: Order, subject: str) -> dict[str, Path]:
    """The contact sheets of a subject: NAME-worst.png and so on."""
    if not order.sheets or subject == order.against:
        return {}
    name = (
        subject
        if subject in catalog.names()
        else "-".join(Path(subject).with_suffix("").parts[-2:])
    )
    return {kind: order.sheets / f"{name}-{kind}.png" for kind in score_report.SHEETS}


def _warn(results: Sequence[Result]) -> None:
    for result in results:
        if result.seen:
            say(
                f"warning: {result.subject.name} was trained on pictures that look like "
                f"{len(result.seen)} of these {len(result.rows)}: {first_few(result.seen)}; "
                "leave them out"
            )


def _text(
    order: Order,
    results: Sequence[Result],
    groups: Sequence[str] | None,
    differences: Mapping[str, Mapping[str, Difference]],
) -> str:
    """Means, groups and comparisons."""
    lines = [score_report.text_table(results)]
    for result in results if groups else ():
        lines.append(f"\n{result.subject.name} by {order.by}: person IoU, boundary F, MAD")
        for group, (count, scores) in by_group(result.rows, groups or ()).items():
            cells = (scores[name] for name in ("person_iou", "boundary_f", "mad"))
            lines.append(f"{group:>19}  {' '.join(f'{v:.4f}' for v in cells)}  ({count})")
    for title, found in differences.items():
        lines += [f"\n{title}", score_report.text_differences(found)]
    return "\n".join(lines)


def _differences(order: Order, results: Sequence[Result]) -> dict[str, dict[str, Difference]]:
    if not order.against:
        return {}
    *firsts, last = results
    return {
        f"{first.subject.name} against {last.subject.name}": compare(first.rows, last.rows)
        for first in firsts
    }


def _write(
    order: Order,
    results: Sequence[Result],
    pairs: Sequence[Pair],
    groups: Sequence[str] | None,
    differences: Mapping[str, Mapping[str, Difference]],
) -> None:
    rows = {result.subject.name: result.rows for result in results}
    about = f"{len(pairs)} pictures of {order.data}, list {order.list_file}"
    about += "".join(f", {condition}" for condition in order.where)
    if order.csv:
        write_csv(rows, order.csv)
    if order.json:
        summary = {
            "about": about,
            "means": {result.subject.name: means(result.rows) for result in results},
            "against": differences,
            "groups": {
                result.subject.name: by_group(result.rows, groups) for result in results if groups
            },
            "seen_in_training": {result.subject.name: result.seen for result in results},
        }
        write_json(summary, rows, order.json)
    if order.report:
        by = (order.by, groups) if order.by and groups else None
        score_report.write_report(results, pairs, order.report, about, by, differences)
    for result in results if order.sheets else ():
        score_report.draw_sheets(result, pairs, _sheets(order, result.subject.name))
