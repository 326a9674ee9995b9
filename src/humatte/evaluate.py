"""Scores on pictures whose mattes are known, of networks and of mattes that any tool made.

In: subjects (networks, folders of mattes) and pairs. Out: one row per picture and subject. A
network is run through the path that users take; every picture is scored at its own size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from humatte import metrics
from humatte.arrays import Alpha, Image, to_float
from humatte.catalog import load
from humatte.data.fingerprint import SAME_BITS, Hashes, fingerprint, near
from humatte.data.layouts import files_by_stem
from humatte.data.pairs import Pair, is_no_matte, matte_in, read_pair
from humatte.data.trimap import UNSURE, permille_px, trimap_of
from humatte.errors import DataError, PictureError, UsageError, first_few
from humatte.image_io import read
from humatte.matting import matte
from humatte.paths import is_dir
from humatte.runtimes import ANYHOW, Running
from humatte.scores import Row

_PART = "part of the clip"  # a column that `chosen` adds: frames of one part follow each other
BAND_PERMILLE = 15
"""The unsure band: what is not 0 or 1 in the true matte, grown by so much of the long side."""


@dataclass(frozen=True)
class Subject:
    """What is scored: where the matte of a picture comes from."""

    name: str
    matte_of: Callable[[Pair, Image], Alpha]
    trained_on: Hashes
    """Fingerprints of the pictures it was trained on; empty if nobody knows."""


@dataclass(frozen=True)
class Result:
    """The scores of one subject."""

    subject: Subject
    rows: list[Row]
    seen: list[str]
    """Names of the pictures that look like one it was trained on."""


def open_subject(text: str, pairs: Sequence[Pair], running: Running = ANYHOW) -> Subject:
    """A bundled network's name, an .onnx file, or a folder with a matte NAME.* for every picture.

    Of a cut-out with transparency its alpha is the matte. `running` says what computes a network.

    Raises:
        UsageError: no such network, or one that cannot run so.
        NetworkError: a file that is not a network of ours.
        DataError: pictures without a matte in the folder; the first ones are named.
    """
    if is_dir(Path(text)):
        return _folder(Path(text), pairs)
    network = load(text, *running)
    return Subject(text, lambda _, image: matte(image, network), network.trained_on())


def _folder(folder: Path, pairs: Sequence[Pair]) -> Subject:
    files = files_by_stem(folder)
    missing = [pair.name for pair in pairs if pair.name not in files]
    if missing:
        raise DataError(
            f"{folder}: {len(missing)} of {len(pairs)} pictures have no matte there: "
            f"{first_few(missing)}; expected NAME.png or another picture for each"
        )

    def matte_of(pair: Pair, image: Image) -> Alpha:
        try:
            picture = read(files[pair.name])
        except PictureError as error:
            raise DataError(str(error)) from error
        if is_no_matte(picture):
            raise DataError(
                f"{files[pair.name]}: a picture in colour without transparency; expected a matte, "
                "gray or transparent"
            )
        alpha = to_float(matte_in(picture))
        if alpha.shape != image.shape[:2]:
            found, wanted = (f"{shape[1]}x{shape[0]}" for shape in (alpha.shape, image.shape))
            raise DataError(f"{files[pair.name]}: the matte is {found}, the picture {wanted}")
        return alpha

    return Subject(str(folder), matte_of, np.zeros(0, np.uint64))


def chosen(pairs: Sequence[Pair], where: Sequence[str]) -> list[Pair]:
    """The pairs whose columns have the given values.

    Args:
        pairs: to choose from.
        where: conditions `COLUMN=VALUE`; all of them must hold.

    Raises:
        UsageError: not such a condition, no such column, or no pair left.
    """
    fits = [True] * len(pairs)
    for condition in where:
        column, equals, value = condition.partition("=")
        if not equals:
            raise UsageError(f"--where {condition}: expected COLUMN=VALUE, as label=agreed")
        values = groups_of(pairs, column)
        fits = [fit and found == value for fit, found in zip(fits, values, strict=True)]
        if not any(fits):
            known = ", ".join(sorted(set(values))[:8])
            raise UsageError(f"--where {condition}: no picture is left; {column} is one of {known}")
    # Frames before and after one that is left out do not follow each other.
    gaps = np.cumsum(~np.array(fits))
    return [
        replace(pair, columns={**pair.columns, _PART: str(gap)})
        if pair.columns.get("clip")
        else pair
        for pair, fit, gap in zip(pairs, fits, gaps, strict=True)
        if fit
    ]


def groups_of(pairs: Sequence[Pair], column: str) -> list[str]:
    """The value of a column of the list for every pair.

    Raises:
        UsageError: no pair has that column.
    """
    if not any(column in pair.columns for pair in pairs):
        known = sorted({name for pair in pairs for name in pair.columns}) or ["none"]
        raise UsageError(f"no column '{column}' in the list; it has {', '.join(known)}")
    return [pair.columns.get(column, "") for pair in pairs]


def evaluate(
    subjects: Sequence[Subject],
    pairs: Sequence[Pair],
    on_progress: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Scores every subject on every pair; `on_progress` is called after each pair.

    Pairs that follow each other and have the same `clip` in their columns are frames of one clip.

    Raises:
        DataError: a pair or a matte cannot be read, or their sizes differ.
    """
    results = [Result(subject, [], []) for subject in subjects]
    before: _Frame | None = None
    for pair in pairs:
        image, truth_bytes = read_pair(pair)
        alphas = [subject.matte_of(pair, image) for subject in subjects]
        truth = to_float(truth_bytes)
        frame = _Frame(_clip_of(pair), image, truth, band_of(truth), alphas)
        hashed = np.array([fingerprint(image)])
        for number, result in enumerate(results):
            result.rows.append(_score(pair.name, frame, number, before))
            if near(hashed, result.subject.trained_on, SAME_BITS)[0].size:
                result.seen.append(pair.name)
        before = frame if frame.clip else None
        on_progress()
    return results


def _clip_of(pair: Pair) -> tuple[str, str] | None:
    clip = pair.columns.get("clip")
    return (clip, pair.columns.get(_PART, "")) if clip else None


@dataclass(frozen=True)
class _Frame:
    clip: tuple[str, str] | None
    image: Image
    truth: Alpha
    band: metrics.Mask
    alphas: list[Alpha]

    def follows(self, other: _Frame | None) -> bool:
        return (
            other is not None and other.clip == self.clip and other.image.shape == self.image.shape
        )


def band_of(truth: Alpha) -> metrics.Mask:
    """The unsure band of a true matte: what is neither 0 nor 1, and hard edges, grown by 1.5 %."""
    reach = permille_px((truth.shape[0], truth.shape[1]), BAND_PERMILLE)
    return np.asarray(trimap_of(truth, reach) == UNSURE)


def _score(name: str, frame: _Frame, number: int, before: _Frame | None) -> Row:
    alpha, truth, band = frame.alphas[number], frame.truth, frame.band
    absolute, squared = np.abs(alpha - truth), np.square(alpha - truth)
    gradient = metrics.gradient_difference(alpha, truth)
    connectivity = metrics.connectivity_difference(alpha, truth)
    row = Row(
        name=name,
        person_iou=metrics.person_iou(alpha, truth),
        miou=metrics.mean_iou(alpha, truth),
        boundary_f=metrics.boundary_f(alpha, truth),
        mad=metrics.mean(absolute),
        mse=metrics.mean(squared),
        sad_k=metrics.total(absolute),
        gradient_k=metrics.total(gradient),
        connectivity_k=metrics.total(connectivity),
        mad_band=metrics.mean(absolute, band),
        mse_band=metrics.mean(squared, band),
        sad_band_k=metrics.total(absolute, band),
        gradient_band_k=metrics.total(gradient, band),
        connectivity_band_k=metrics.total(connectivity, band),
    )
    if before is None or not frame.follows(before):
        return row
    old = before.alphas[number]
    return replace(
        row,
        dtssd=metrics.dtssd(alpha, old, truth, before.truth),
        flicker=metrics.flicker(alpha, old, frame.image, before.image),
    )
