"""The path of a clip: frames are read, matted, finished and written, all at the same time.

    read → network → finish → write        each in a thread, two frames between them at most

In: a job, options, an open network. Out: the files of the job. In constant memory.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol

from humatte import video_io
from humatte.arrays import Alpha, Image, Size
from humatte.clip import Clip, Frame, Looked, Part, unlooked
from humatte.composite import over_white
from humatte.console import Stdout
from humatte.hints import NO_HINTS, Hints
from humatte.interrupt import between_steps
from humatte.network import Network
from humatte.pipeline import ahead
from humatte.steady import VideoMatte
from humatte.video_behind import Behind
from humatte.video_finish import Finished, Finisher
from humatte.video_io import PICTURES, Reader
from humatte.video_kinds import TELL_ASPECT
from humatte.video_options import ClipOptions
from humatte.video_plan import RAW, ClipJob
from humatte.video_segments import SEGMENT, Output, Segments
from humatte.video_writer import Settings, Writer

_WARM_UP = 12
"""Frames that a steady matte looks back on at the beginning of a segment: so a run that goes on
there gives the same as one that was never stopped."""
_ENDING = "interrupted: ending what was made, one moment (Ctrl-C twice more gives it up)"
_EXACT = frozenset({PICTURES, RAW, "apng", "gif"})  # kinds that keep the colours' bytes


@dataclass
class Outcome:
    """What came of a clip.

    `seconds` are those of each stage's own work: stages work at the same time.
    """

    clip: Clip
    frames: int = 0
    resumed: int = 0
    """Frames that an earlier run had made."""
    with_person: int = 0
    """Of these and of the resumed ones; so are the next two."""
    share: float = 0.0
    """The sum of the mattes' means."""
    size: Size = (0, 0)
    interrupted: bool = False
    """Whether Ctrl-C came too late to stop it: the clip is whole, what comes after it unwanted."""
    notices: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, made: Finished) -> None:
        """Counts a frame."""
        self.frames += 1
        self.with_person += made.person_found
        self.share += made.share
        self.size = made.shown.size

    def tally(self) -> dict[str, Any]:
        """What a run that goes on must know of these frames, in JSON's types."""
        return {"with_person": self.with_person, "share": self.share, "size": list(self.size)}

    def go_on(self, resumed: int, tally: Mapping[str, Any]) -> None:
        """Begins with the frames of an earlier run."""
        self.resumed = resumed
        self.with_person, self.share = tally["with_person"], tally["share"]
        self.size = tally["size"][0], tally["size"][1]


class Out(Protocol):
    """Takes finished frames."""

    def write(self, *frames: Frame) -> None:
        """The next frame, and its matte if that is written too."""
        ...

    @property
    def notices(self) -> list[str]:
        """Lines for a person about what the formats could not hold; whole in the end."""
        ...


Looking = Callable[[Part], Looked]


@dataclass(frozen=True)
class Run:
    """Everything that a clip is cut out with.

    Args:
        job: what to read and write.
        options: what is asked for.
        network: open.
        hints: of every frame alike.
        order: what else makes the result what it is, for a run that goes on; JSON's types.
        most_pixels: of a frame that is decoded; None = any.
        looked: gives, for the part that is wanted, what is told of every frame that is decoded.
    """

    job: ClipJob
    options: ClipOptions
    network: Network
    hints: Hints = NO_HINTS
    order: dict[str, Any] = field(default_factory=dict)
    most_pixels: int | None = None
    looked: Looking = lambda _: unlooked


def cut_clip(run: Run, tick: Callable[[Outcome], None] = lambda _: None) -> Outcome:
    """Cuts the person out of a clip.

    Ctrl-C leaves whole, shorter files, or with `resume` the segments; any other error leaves what
    was there before.

    Args:
        run: what with.
        tick: called after each frame.

    Raises:
        VideoError: the clip, or that behind it, cannot be read.
        UsageError: a format that cannot do what is asked for, a target in the way.
        OutputError: it cannot be written.
        KeyboardInterrupt: after Ctrl-C, once the files are whole.
    """
    began = time.perf_counter()
    job, options = run.job, run.options
    reader = video_io.read(
        job.source,
        options.part,
        max_size=options.max_size,
        most_pixels=run.most_pixels,
        square=any(kind not in TELL_ASPECT for kind in (job.kind, job.mask_kind) if kind),
    )
    outcome = Outcome(reader.clip)
    clock = _Clock(outcome.seconds)
    with ExitStack() as opened:
        step = opened.enter_context(between_steps("" if options.resume else _ENDING))
        behind = _behind(reader.clip, options, step)
        finish = Finisher(
            options,
            run.hints,
            exact=job.kind in _EXACT,
            behind=behind,
            want_matte=job.mask is not None,
            pixel_aspect=reader.clip.pixel_aspect,
        )
        out = opened.enter_context(_opened(run, _outputs(job, reader, options), outcome))
        if isinstance(out, Segments):
            finish.origin = out.first
        looked = _both(run.looked(reader.wanted), step)
        matted = _matted(reader, run, outcome.resumed, looked, clock)
        frames = ahead(_finished(matted, finish, clock))
        opened.enter_context(closing(frames))
        try:
            for made in frames:
                with clock("write"):
                    out.write(*(frame for frame in (made.shown, made.matte) if frame))
                outcome.add(made)
                tick(outcome)
                step()
            step.end()
            with clock("write"):
                opened.close()
        finally:
            outcome.seconds["total"] = time.perf_counter() - began
    outcome.interrupted = step.asked
    outcome.notices += [*reader.notices, *(behind.notices if behind else []), *out.notices]
    return outcome


def _behind(clip: Clip, options: ClipOptions, step: Callable[[], None]) -> Behind | None:
    if options.behind is None:
        return None
    return Behind(
        options.behind, clip.size, options.fit, clip.pixel_aspect, looked=lambda _: step()
    )


def _both(looked: Looked, step: Callable[[], None]) -> Looked:
    """Ctrl-C takes effect also while frames are decoded that nobody wants, on the way to others."""

    def look(seconds: Fraction) -> None:
        step()
        looked(seconds)

    return look


def _matted(
    reader: Reader, run: Run, first: int, looked: Looked, clock: _Clock
) -> Generator[tuple[Frame, Alpha], None, None]:
    """Frames from number `first` on, with the network's mattes."""
    options = run.options
    matte = VideoMatte(run.network, refine=options.look.refine, steady=options.steady)
    warm_up = _WARM_UP if options.resume and options.steady else 0
    past: deque[Image] = deque(maxlen=warm_up)
    begin = max(0, first - warm_up)
    decoded = reader.frames(begin, looked)
    with closing(ahead(clock.timed("read", decoded))) as frames:
        for number, frame in enumerate(frames, begin):
            image = over_white(frame.rgb, frame.alpha)
            if number >= first:
                with clock("matte"):
                    if warm_up and number and number % SEGMENT == 0:
                        matte.reset()
                        for earlier in past:
                            matte(earlier)
                    alpha = matte(image)
                yield frame, alpha
            past.append(image)


def _finished(
    frames: Generator[tuple[Frame, Alpha], None, None], finish: Finisher, clock: _Clock
) -> Generator[Finished, None, None]:
    with closing(ahead(frames)) as matted:
        for frame, alpha in matted:
            with clock("finish"):
                made = finish(frame, alpha)
            yield made


class _Clock:
    """How long each stage has worked."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        seconds |= dict.fromkeys(("read", "matte", "finish", "write"), 0.0)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] += time.perf_counter() - began

    def timed(self, stage: str, frames: Iterator[Frame]) -> Generator[Frame, None, None]:
        """The same frames; the time that making them takes is counted."""
        while True:
            with self(stage):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame


def _outputs(job: ClipJob, reader: Reader, options: ClipOptions) -> list[Output]:
    usual = Settings.of(reader.clip, cut=reader.cut)
    settings = replace(usual, gray=options.look.alpha_only)
    outputs = []
    if job.target:
        outputs.append(Output(job.target, job.kind, settings, reader.tracks()))
    if job.mask:
        outputs.append(Output(job.mask, job.mask_kind, replace(usual, gray=True)))
    return outputs


@contextmanager
def _opened(run: Run, outputs: Sequence[Output], outcome: Outcome) -> Iterator[Out]:
    """Where the frames go. Whatever leaves the block, the writers hear of it."""
    if run.options.resume:
        with Segments(outputs, run.order, SEGMENT, outcome.tally) as segments:
            outcome.go_on(segments.done, segments.tally)
            yield segments
        return
    with ExitStack() as opened:
        writers = []
        if run.job.target is None:
            settings = Settings(gray=run.options.look.alpha_only)
            writers.append(opened.enter_context(video_io.write_raw(Stdout(), settings)))
        for one in outputs:
            writer = video_io.write(one.target, one.settings, kind=one.kind, tracks=one.tracks)
            writers.append(opened.enter_context(writer))
        yield _Together(writers)


class _Together:
    """Writers that each take their frame."""

    def __init__(self, writers: Sequence[Writer]) -> None:
        self._writers = writers

    @property
    def notices(self) -> list[str]:
        return [line for writer in self._writers for line in writer.notices]

    def write(self, *frames: Frame) -> None:
        for writer, frame in zip(self._writers, frames, strict=True):
            writer.write(frame)
