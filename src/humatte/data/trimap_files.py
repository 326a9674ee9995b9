"""`humatte data trimap`: the trimaps of masks and mattes in files.

In: a mask, a folder of masks, or a set. Out: a PNG for each, its tree kept. What is there already
is left alone; what cannot be used is named with its reason.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from humatte.arrays import Alpha, to_float
from humatte.console import say
from humatte.data.claim import SKIPPED, claim, expect_new
from humatte.data.pairs import read_matte
from humatte.data.trimap import BACKGROUND, PERSON, Band
from humatte.data.work import Skip, work_through
from humatte.errors import DataError, UsageError
from humatte.files import Job, Plan, is_folder, plan
from humatte.image_io import Kept, encode, write
from humatte.paths import is_dir, is_file

_MOST_LABELS = 20  # a person who is nowhere more than 8 % opaque is none


def make_trimaps(source: Path, out: str, band: Band, jobs: int = 1) -> bool:
    """Makes the trimap of every mask: a file, a folder (its tree is kept), or a set's mattes.

    Args:
        source: a mask or matte, a folder of them, or a set with `alpha/` (or `mask/`).
        out: the file or folder to write to; finished ones in a folder are left alone.
        band: how wide the unsure band is.
        jobs: how many processes.

    Returns:
        Whether none failed. What was left out of a folder is in `skipped.csv` in the output folder.

    Raises:
        HumatteError: wrong use, or nothing to work on.
    """
    work = _plan(source, out)
    folder = Path(out)
    single = is_file(source)
    if single:
        expect_new(work.jobs[0].target)
    else:
        claim(folder, band.settings(), [job.target for job in work.jobs])
    report = work_through(
        "trimaps", work.jobs, partial(make_trimap, band=band), _name, _is_there, jobs
    )
    report.failed += [(line.partition(":")[0], line) for line in work.unreadable]
    if work.left_out:
        say(f"{work.left_out.total()} other files left out ({', '.join(work.left_out)})")
    return report.tell("trimaps", None if single else folder / SKIPPED)


def make_trimap(job: Job, band: Band) -> None:
    """Reads one mask and writes its trimap.

    Raises:
        Skip: the band swallows the whole person, or the whole background.
        HumatteError: the mask cannot be read, or the trimap not be written.
    """
    alpha = read_mask(job.source)
    trimap = band.of(alpha)
    for what, there, sure in (
        ("person", alpha > 0.5, PERSON),
        ("background", alpha < 0.5, BACKGROUND),
    ):
        if there.any() and not (trimap == sure).any():
            raise Skip(f"{job.source}: no sure {what} is left; choose a smaller --size")
    write(encode(trimap, "PNG", Kept()), job.target)


def read_mask(path: Path) -> Alpha:
    """A mask or matte of a file, as alpha (H, W) float32.

    Raises:
        PictureError: the file cannot be read.
        DataError: it holds labels (0 and 1 of 255) instead of a mask.
    """
    values = read_matte(path)
    if 0 < values.max(initial=0) <= _MOST_LABELS:
        raise DataError(
            f"{path}: its largest value is {values.max()} of 255, as in a map of labels; "
            "expected a mask of 0 and 255, or a matte"
        )
    return to_float(values)


def _plan(source: Path, out: str) -> Plan:
    """The masks to read and the trimaps to write."""
    if not is_folder(out) and Path(out).suffix.lower() not in ("", ".png"):
        raise UsageError(f"{out}: a trimap is written as .png, which loses nothing; rename it")
    masks = source
    for part in ("alpha", "mask") if is_dir(source / "image") else ():
        if is_dir(source / part):
            masks = source / part
            break
    if masks == source and is_dir(source / "image"):
        raise DataError(f"{source}: a set without alpha/ and mask/; expected one of them")
    if masks != source and Path(out).resolve() in {
        (source / part).resolve() for part in ("", "image", "alpha", "mask")
    }:
        raise UsageError(f"{out}: holds the set's own files; choose another -o, as {source}/trimap")
    return plan([str(masks)], out, "png")


def _name(job: Job) -> str:
    return str(job.source)


def _is_there(job: Job) -> bool:
    return job.target.exists()
