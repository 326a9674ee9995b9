"""One clip: what a request asks of it, and the work of its job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from humatte import video_io
from humatte.clip import Part
from humatte.composite import Background
from humatte.errors import HumatteError, TooLargeError, UsageError, VideoError, one_line
from humatte.network import Network
from humatte.server.jobs import Job
from humatte.server.refusals import Refusal
from humatte.server.settings import Settings
from humatte.server.tasks import StoppedError
from humatte.server.words import plain
from humatte.video_cutout import Outcome, Run, cut_clip
from humatte.video_kinds import KINDS
from humatte.video_options import ClipOptions, ClipWords, parse_clip_options
from humatte.video_plan import ClipJob
from humatte.video_run import expected_frames

_MIME = {
    "webm": "video/webm",
    "mov": "video/quicktime",
    "mp4": "video/mp4",
    "gif": "image/gif",
    "webp": "image/webp",
    "apng": "image/apng",
}
_TIMES_LARGER = 4  # than the largest upload may a result be: ProRes is, of a short clip
_TIMES_DECODED = 10  # than may be in the part that is asked for may be decoded on the way to it
_LOOK_EVERY = 25  # frames between looks at the result's size


class VideoWords(BaseModel):
    """Options of `POST /v1/video`, as of `humatte cutout CLIP`."""

    model_config = ConfigDict(extra="forbid")

    background: Annotated[
        str | None,
        Field(
            max_length=200,
            description="none, blur[:radius], gray, black, green, a colour name or #rrggbb",
            examples=["blur"],
        ),
    ] = None
    steady: Annotated[
        str | None, Field(max_length=10, description="on or off; on unless given")
    ] = None
    start: Annotated[
        str | None,
        Field(alias="from", max_length=40, description="seconds, or 1:02.5", examples=["0:01"]),
    ] = None
    to: Annotated[str | None, Field(max_length=40, description="as from", examples=["3"])] = None
    every: Annotated[int | None, Field(ge=1, le=100_000, description="each Nth frame only")] = None
    max_size: Annotated[
        int | None, Field(ge=1, le=100_000, description="frames' longer side, in pixels")
    ] = None
    model: Annotated[
        str | None, Field(max_length=200, description="a network of GET /v1/models")
    ] = None
    format: Annotated[
        str | None,
        Field(
            max_length=10,
            description="webm, mov, mp4, gif, webp or apng; unless given webm, or mp4 where "
            "nothing is transparent",
            examples=["webm"],
        ),
    ] = None


def clip_options(words: VideoWords) -> tuple[ClipOptions, str]:
    """What is asked of a clip, and the format.

    Raises:
        UsageError: words that are none, or that contradict each other.
    """
    behind = Background(none=True) if words.background is None else plain(words.background)
    clip = ClipWords(words.start, words.to, words.every, words.max_size, words.steady)
    # Without the background, which the command line would take for a path first.
    options = parse_clip_options(clip)
    options = replace(options, look=replace(options.look, background=behind))
    kind = words.format or ("webm" if options.transparent else "mp4")
    if kind not in KINDS:
        raise UsageError(f"cannot write clips as '{kind}'; expected one of {', '.join(KINDS)}")
    if options.transparent and not KINDS[kind].transparent:
        raise UsageError(f"{kind} holds no transparency; give a background, or format=webm or mov")
    return options, kind


class Cut:
    """Cuts the person out of a job's clip.

    Args:
        settings: limits.
        options: what is asked for.
        kind: the format.
        network: gives the open network.
    """

    def __init__(
        self, settings: Settings, options: ClipOptions, kind: str, network: Callable[[], Network]
    ) -> None:
        self._settings, self._options, self._kind = settings, options, kind
        self._network = network
        self.media_type = _MIME[kind]

    def __call__(self, job: Job) -> Path:
        """Makes the result.

        Raises:
            HumatteError, Refusal: it cannot be made.
            StoppedError: the job was cancelled.
        """
        target = job.folder / f"result.{self._kind}"
        tick = _Tick(job, self._settings)
        run = Run(
            ClipJob(job.source, target, self._kind),
            self._options,
            self._network(),
            most_pixels=self._settings.most_pixels,
            looked=lambda part: _Look(job, self._settings, part),
        )
        try:
            outcome = cut_clip(run, tick)
        except HumatteError as error:
            raise type(error)(without_paths(error, job)) from error
        job.notices = [line.replace(str(job.folder), "") for line in outcome.notices]
        if not outcome.frames:
            raise VideoError("the clip has no frame in this part; choose another")
        if not outcome.with_person:
            job.notices.insert(0, "no person found (the mattes are empty or almost so)")
        return target


class _Look:
    """Called for every frame that is decoded: of those that are left out there is no result.

    Args:
        job: may be cancelled.
        settings: limits.
        part: that is wanted, in the seconds of the file.
    """

    def __init__(self, job: Job, settings: Settings, part: Part) -> None:
        self._job, self._settings, self._part = job, settings, part
        self._decoded, self._wanted = 0, 0
        self._first: Fraction | None = None

    def __call__(self, seconds: Fraction) -> None:
        """Notes a frame.

        Raises:
            StoppedError: the job was cancelled.
            Refusal: the part is too long, or far too much comes before it.
        """
        if self._job.unwanted.is_set():
            raise StoppedError
        most = self._settings.max_video_frames
        self._decoded += 1
        if self._decoded > _TIMES_DECODED * most:
            raise too_long(f"more than {_TIMES_DECODED * most} frames to decode", self._settings)
        if self._part.start is not None and seconds < self._part.start:
            return
        self._first = seconds if self._first is None else self._first
        self._wanted += 1
        if self._wanted > most:
            raise too_long(f"more than {most} frames", self._settings)
        if seconds - self._first > self._settings.max_video_s:
            raise too_long(f"{float(seconds - self._first):.0f} s", self._settings)


class _Tick:
    """Called after each frame: progress, limits, whether to go on."""

    def __init__(self, job: Job, settings: Settings) -> None:
        self._job, self._settings = job, settings
        self._most_bytes = _TIMES_LARGER * settings.max_video_bytes

    def __call__(self, outcome: Outcome) -> None:
        """Notes a frame.

        Raises:
            StoppedError: the job was cancelled.
            Refusal: it has become too large.
        """
        job = self._job
        if job.unwanted.is_set():
            raise StoppedError
        if job.frames_total is None:
            job.frames_total = expected_frames(outcome)
        job.frames_done = outcome.frames
        if outcome.frames > self._settings.max_video_frames:
            raise too_long(f"more than {self._settings.max_video_frames} frames", self._settings)
        if outcome.frames % _LOOK_EVERY == 0:
            size = sum(path.stat().st_size for path in job.folder.iterdir() if path.is_file())
            if size > self._most_bytes:
                raise Refusal(
                    413,
                    "result_too_large",
                    f"the result has more than {self._most_bytes:,} bytes; choose another format, "
                    "or a smaller max_size",
                )


def check_clip(job: Job, options: ClipOptions, settings: Settings) -> None:
    """Refuses what is no clip or a too large one, by its head.

    Raises:
        Refusal: 415 or 413.
        UsageError: a part that ends before it begins.
    """
    try:
        clip = video_io.read(job.source, options.part, most_pixels=settings.most_pixels).clip
    except TooLargeError as error:
        raise Refusal(413, "video_too_large", without_paths(error, job)) from None
    except VideoError as error:
        raise Refusal(415, "not_a_video", without_paths(error, job)) from None
    height, width = clip.size
    if height * width > settings.most_pixels:
        raise Refusal(
            413,
            "video_too_large",
            f"frames of {width}x{height} are too large; expected at most "
            f"{settings.max_megapixels:g} megapixels",
        )
    if clip.duration is not None and clip.duration > settings.max_video_s:
        raise too_long(f"{float(clip.duration):.0f} s", settings)
    if clip.frames is not None and clip.frames > settings.max_video_frames:
        raise too_long(f"{clip.frames} frames", settings)


def too_long(found: str, settings: Settings) -> Refusal:
    """The refusal of a clip that goes on for too long."""
    return Refusal(
        413,
        "video_too_long",
        f"{found}: too long; expected at most {settings.max_video_s:g} s and "
        f"{settings.max_video_frames} frames; send a part, or ask for one with from and to",
    )


def without_paths(error: HumatteError, job: Job) -> str:
    """An error's line without the folders of this machine."""
    line = one_line(error)
    for path in job.folder.iterdir():
        line = line.replace(str(path), "the clip")
    return line.replace(str(job.folder), "the clip").removeprefix("the clip: ")
