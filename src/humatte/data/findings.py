"""What a check of a set finds: kinds of findings with their advice, as text, CSV, clean lists.

In: findings. Out: words and files. An error stands in the way of training or makes its scores lie;
a warning is worth a look.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from humatte.data.lists import write_list
from humatte.data.pairs import Pair
from humatte.errors import UsageError
from humatte.image_io import write

_SHOWN = 3  # names of a kind on the terminal


@dataclass(frozen=True)
class Kind:
    """One way in which a set can be wrong."""

    severity: Literal["error", "warning"]
    title: str
    advice: str


KINDS = {
    "no list": Kind(
        "error", "Lists that are missing or empty", "Make them with: humatte data split SET"
    ),
    "no files": Kind(
        "error",
        "Names in a list without a picture or a matte",
        "Take the names out of the list, or bring the files.",
    ),
    "one name": Kind(
        "error",
        "Files that share one name",
        "Only the part before the suffix counts: rename or remove one of them.",
    ),
    "unreadable": Kind("error", "Files that cannot be read", "Get them again, or take them out."),
    "sizes differ": Kind(
        "error",
        "Matte and picture of different sizes",
        "They do not belong together, or one of them was turned or scaled: make the matte again.",
    ),
    "colour": Kind(
        "error",
        "Mattes that are pictures in colour",
        "Their red channel would be taken for the matte: expected 8-bit gray, or transparency.",
    ),
    "faint": Kind(
        "error",
        "Mattes that never reach half of 255",
        "Were they saved as 0 and 1 instead of 0 and 255? Then multiply them by 255.",
    ),
    "in two lists": Kind(
        "error",
        "Names in two lists",
        "A picture that is trained on must not be measured on: leave it in one of them.",
    ),
    "same across lists": Kind(
        "error",
        "The same photo or shoot in two lists",
        "The scores would flatter: leave each in one list, or split again with --by looks.",
    ),
    "hard claimed soft": Kind(
        "error", "Mattes without softness", "--soft says that they are soft; these are masks."
    ),
    "same in a list": Kind(
        "warning",
        "The same photo or shoot within a list",
        "It counts several times. Remove copies; a few pictures of one shoot do no harm.",
    ),
    "twice in a list": Kind("error", "Names twice in a list", "Leave each once."),
    "empty": Kind(
        "warning",
        "Mattes without a person",
        "Right for a picture without anybody, else make the matte again.",
    ),
    "full": Kind(
        "warning",
        "Mattes that are person everywhere",
        "Right for a face that fills the picture, else the matte is missing or inverted.",
    ),
    "hard": Kind(
        "warning",
        "Mattes without softness",
        "Masks teach hard edges; humatte data trimap and humatte data alpha make mattes of them.",
    ),
    "tiny": Kind("warning", "Tiny pictures", "They blur when they are scaled up: leave them out."),
    "in no list": Kind(
        "warning",
        "Pictures in no list",
        "They are not used. If they should be: humatte data split --add puts them into lists.",
    ),
    "alone": Kind(
        "warning",
        "Pictures without a matte, mattes without a picture",
        "They are not used; bring the other file or remove them.",
    ),
    "no row": Kind(
        "warning",
        "Pictures that sources.csv does not know",
        "Where they are from and under which licence is not said.",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was found, of one kind, about one or two pictures."""

    kind: str
    names: tuple[str, ...]
    why: str
    lists: tuple[str, ...] = ()
    """Of two names the list of each; of one name the lists with it, or none for all of them."""

    @property
    def severity(self) -> str:
        """`error` or `warning`."""
        return KINDS[self.kind].severity


@dataclass(frozen=True)
class Outcome:
    """What was checked and what was found, the kinds in the order of `KINDS`."""

    folder: Path
    lists: dict[str, list[Pair]]
    findings: list[Finding] = field(default_factory=list)

    def of(self, kind: str) -> list[Finding]:
        """The findings of one kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    @property
    def may_train(self) -> bool:
        """Whether no error stands in the way."""
        return all(finding.severity != "error" for finding in self.findings)

    def counted(self) -> list[tuple[str, int]]:
        """Every kind that was found, with how often."""
        counts = Counter(finding.kind for finding in self.findings)
        return [(kind, counts[kind]) for kind in KINDS if counts[kind]]


def as_text(outcome: Outcome) -> str:
    """The counts by kind with the first names, what to do, and whether training may start."""
    lists = ", ".join(f"{len(pairs):,} in {name}" for name, pairs in outcome.lists.items())
    lines = [f"{outcome.folder}: {lists}"]
    for kind, count in outcome.counted():
        shown = [" = ".join(found.names) for found in outcome.of(kind)[:_SHOWN]]
        more = ", ..." if count > len(shown) else ""
        lines.append(f"{KINDS[kind].severity:>7} {count:>6,}  {KINDS[kind].title}")
        lines.append(f"{'':16}{', '.join(shown)}{more}")
        lines.append(f"{'':16}{KINDS[kind].advice}")
    return "\n".join([*lines, verdict(outcome)])


def verdict(outcome: Outcome) -> str:
    """One sentence: may training start, and if not, what stands in the way."""
    if outcome.may_train:
        return "training may start" if outcome.findings else "nothing found: training may start"
    ways = [KINDS[k].title.lower() for k, _ in outcome.counted() if KINDS[k].severity == "error"]
    return f"training should not start: {', '.join(ways)}"


def write_csv(outcome: Outcome, path: Path) -> None:
    """One line per finding: severity, kind, name, other (the second picture of two), list, why."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("severity", "kind", "name", "other", "lists", "why"))
    for found in outcome.findings:
        name, other = (*found.names, "", "")[:2]
        row = (found.severity, found.kind, name, other, " ".join(found.lists), found.why)
        writer.writerow(row)
    write(text.getvalue().encode(), path)


def write_clean(outcome: Outcome, folder: Path) -> dict[str, int]:
    """Writes every list again into `folder`, without what stands in the way.

    Names with an error are left out. Where two lists have the same picture, it stays in the shorter
    one, so that what is measured on does not change.

    Returns:
        How many names each list has lost.

    Raises:
        UsageError: as `clean_paths`.
    """
    paths, lost = clean_paths(outcome.folder, [*outcome.lists], folder), {}
    for name, pairs in outcome.lists.items():
        dropped = {*_dropped(outcome, name)}
        kept = dict.fromkeys(pair.name for pair in pairs if pair.name not in dropped)
        write_list(paths[name], kept)
        lost[name] = len(pairs) - len(kept)
    return lost


def clean_paths(own: Path, lists: Sequence[str], folder: Path) -> dict[str, Path]:
    """Where the clean lists of the set `own` go, by list.

    Raises:
        UsageError: the lists are not text files of names; two have one name; `folder` is the set's
            own, is a file, or has lists of their names already.
    """
    if not all(name.endswith(".txt") for name in lists):
        raise UsageError(f"clean lists are made of .txt lists; found {', '.join(lists)}")
    if folder.resolve() == own.resolve():
        raise UsageError(f"{folder}: the set's own lists are there; choose another folder")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: a file; expected a folder for the clean lists")
    paths = {name: folder / Path(name).name for name in lists}
    if len({*paths.values()}) < len(paths):
        raise UsageError(f"two lists have one name: {', '.join(lists)}; clean them one by one")
    there = next((path for path in paths.values() if path.exists()), None)
    if there:
        raise UsageError(f"{there}: is there already; remove it or choose another folder")
    return paths


def _dropped(outcome: Outcome, list_name: str) -> Iterable[str]:
    """The names of a list that errors are about; a name that comes twice stays, once."""
    for found in outcome.findings:
        if found.severity != "error" or found.kind == "twice in a list":
            continue
        if not found.lists:
            yield from found.names
        elif list_name == _longest(found.lists, outcome):
            two = len(found.names) == 2
            yield found.names[found.lists.index(list_name)] if two else found.names[0]


def _longest(lists: Sequence[str], outcome: Outcome) -> str:
    return max(lists, key=lambda name: len(outcome.lists.get(name, ())))
