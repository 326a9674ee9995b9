"""`humatte cutout`: which inputs are pictures and which are clips; each goes its way.

In: the words of the command line. Out: whether everything succeeded; one report of all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from humatte.console import say
from humatte.errors import UsageError
from humatte.hint_files import HintFiles
from humatte.options import parse_options
from humatte.paths import is_dir
from humatte.report import Reporter
from humatte.run import Request, run_files, run_stream
from humatte.runtimes import ANYHOW, Running
from humatte.video_options import ClipWords, parse_clip_options, refused_for_clips
from humatte.video_plan import ClipJob, Sorted, clip_jobs, sort_inputs

if TYPE_CHECKING:
    from humatte.video_run import ClipRequest


@dataclass(frozen=True)
class Words:
    """Everything that was typed.

    Args:
        inputs: paths, folders, patterns; "-" is stdin.
        out: a file, a folder, or "-" for stdout.
        look: by the names of `humatte.options.parse_options`.
        clip: the options that clips alone have.
        hints: the hints' files.
        model: a network.
        running: what computes it.
        format_name: what to write.
        mask_out: where mattes go.
        report: where the report goes.
        skip_existing: leave what is there.
        jobs: pictures worked on at once.
    """

    inputs: Sequence[str]
    out: str | None
    look: Mapping[str, Any]
    clip: ClipWords
    hints: HintFiles
    model: str | None = None
    running: Running = ANYHOW
    format_name: str | None = None
    mask_out: str | None = None
    report: str | None = None
    skip_existing: bool = False
    jobs: int | None = None


def cut_out(words: Words) -> bool:
    """Cuts out everything; returns whether all of it succeeded.

    Raises:
        HumatteError: nothing could be tried at all, or the only input failed.
    """
    found = sort_inputs(words.inputs, words.out, words.format_name)
    if found.clips:
        found = _left_out(found, words)
    if not found.clips:
        given = words.clip.given()
        if given:
            raise UsageError(f"{given[0]} is for clips, and the inputs are none; leave it out")
        return _pictures(words)
    from humatte.video_run import check_clips, run_clips  # PyAV: pictures need none

    request, jobs = _planned(found, words)
    check_clips(jobs, request)
    sources = [job.source for job in jobs]
    outputs = [path for job in jobs for path, _ in job.outputs()]
    kept = [*sources, *outputs, *request.guarded()]
    reporter = Reporter(words.report, [path for path in kept if not is_dir(path)])
    several = not found.single
    with contextlib.closing(reporter):
        fine = not found.pictures or run_files(
            found.pictures, words.out, _request(words), reporter, sources
        )
        return run_clips(jobs, request, reporter, several=several) and fine


def _left_out(found: Sorted, words: Words) -> Sorted:
    """Clips cannot have all options: a named one is refused, those among pictures left out."""
    typed = {f"--{name.replace('_', '-')}": word for name, word in words.look.items()}
    refused = refused_for_clips(typed | ({} if found.pictures else {"--jobs": words.jobs}))
    if not refused:
        return found
    if not found.pictures:
        raise UsageError(f"{found.clips[0]}: {refused[0]}; leave it out")
    number = len(found.clips)
    say(f"{number} clip{'s' * (number > 1)} left out: {refused[0]}")
    return Sorted(found.pictures, [], found.single)


def _planned(found: Sorted, words: Words) -> tuple[ClipRequest, list[ClipJob]]:
    from humatte.video_run import ClipRequest

    look = dict(words.look)
    options = parse_clip_options(
        words.clip, **{name: word for name, word in look.items() if name not in _PICTURES_ONLY}
    )
    jobs = clip_jobs(
        words.inputs,
        found,
        words.out,
        words.format_name,
        words.mask_out,
        transparent=options.transparent,
    )
    computed = words.running._replace(threads=None)._asdict()  # how many changes no result
    everything = {**look, **vars(words.clip), "model": words.model, **computed}
    request = ClipRequest(
        options=options,
        words=everything,
        background=look["background"],
        model=words.model,
        running=words.running,
        hints=words.hints,
        report=words.report,
        skip_existing=words.skip_existing,
    )
    return request, jobs


_PICTURES_ONLY = ("crop", "aspect", "pad", "size", "id_photo", "dpi")


def _request(words: Words) -> Request:
    return Request(
        options=parse_options(**words.look),
        background=words.look["background"],
        model=words.model,
        running=words.running,
        format_name=words.format_name,
        skip_existing=words.skip_existing,
        hints=words.hints,
        mask_out=words.mask_out,
        report=words.report,
        jobs=words.jobs,
    )


def _pictures(words: Words) -> bool:
    request = _request(words)
    if "-" not in words.inputs and words.out != "-":
        return run_files(words.inputs, words.out, request)
    if len(words.inputs) > 1:
        raise UsageError("stdin and stdout take one picture; found several inputs")
    run_stream(words.inputs[0], words.out, request)
    return True
