"""The pictures of a run: found, checked, decoded, and counted by where they come from.

In: a recipe and a data folder. Out: the stores that samples are made of and scored on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from lightning_fabric import Fabric

from humatte.data.layouts import below_or_here, find_backgrounds, find_split, find_things
from humatte.data.pairs import Pair
from humatte.errors import DataError, TrainingError
from humatte.train.augment import Sources
from humatte.train.recipe import DataPart, Recipe
from humatte.train.report import Report
from humatte.train.samples import Store, build_store


@dataclass(frozen=True)
class Data:
    """Everything a run reads."""

    sources: Sources
    validation: Store

    @property
    def data_hash(self) -> str:
        """Names the exact pictures that were trained on."""
        backgrounds, things = self.sources.backgrounds, self.sources.things
        parts = [self.sources.people.data_hash, backgrounds.data_hash if backgrounds else "none"]
        parts += [things.data_hash] if things else []
        return "-".join(part[:16] for part in parts)


def open_data(recipe: Recipe, data: Path, cache: Path, report: Report, fabric: Fabric) -> Data:
    """Finds, checks and decodes the pictures of a recipe; one process of a machine decodes."""
    part = recipe.data
    train, held_out = find_split(data, part.people, part.train, part.validation, part.layout)
    train = without_sources(train, part.without)
    backgrounds = _chosen_backgrounds(data, part)
    things = find_things(below_or_here(data, part.things)) if part.things else []
    if fabric.is_global_zero:
        parts = {"people": train, "backgrounds": backgrounds, "things": things}
        write_origins(parts, report.folder / "data.json")

    def store(pairs: list[Pair], what: str) -> Store:
        with report.progress(f"decoding {what}", len(pairs)) as advance:
            return build_store(pairs, cache, part.long_side, advance)

    with fabric.rank_zero_first(local=True):
        return Data(
            Sources(
                store(train, "training pictures"),
                store(backgrounds, "backgrounds") if backgrounds else None,
                store(things, "things") if things else None,
            ),
            store(held_out, "validation pictures"),
        )


def _chosen_backgrounds(data: Path, part: DataPart) -> list[Pair]:
    """The pictures without people; only the folder that is looked for by default may be absent."""
    if part.background == DataPart().background:
        return find_backgrounds(data / part.background)
    folder = below_or_here(data, part.background)
    found = find_backgrounds(folder)
    if not found:
        raise DataError(
            f"{folder}: no pictures; data.background expects a folder of pictures without people"
        )
    return found


def without_sources(pairs: list[Pair], sources: Collection[str]) -> list[Pair]:
    """The pairs of all other sources.

    Raises:
        TrainingError: no pair is of one of the sources, or none is left.
    """
    absent = set(sources) - {pair.source for pair in pairs}
    kept = [pair for pair in pairs if pair.source not in sources]
    if absent or not kept:
        known = ", ".join(sorted({pair.source for pair in pairs if pair.source})) or "none"
        raise TrainingError(
            f"data.without: {', '.join(sorted(absent)) or 'every picture'} cannot be left out; "
            f"the training list has the sources {known}"
        )
    return kept


def write_origins(parts: Mapping[str, list[Pair]], path: Path) -> None:
    """Counts each part's pictures by source and licence, for the card of what comes out."""
    rows = [
        {"part": part, "source": source, "licence": licence, "pictures": count}
        for part, pairs in parts.items()
        for (source, licence), count in Counter((p.source, p.licence) for p in pairs).most_common()
    ]
    path.write_text(json.dumps(rows, indent=2), "utf-8")
