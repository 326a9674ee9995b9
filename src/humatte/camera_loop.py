"""A camera, live: the newest picture, what is made of it, where it is shown, what is kept.

In: a running camera, a look, views, a keeper. Out: nothing; it ends when somebody quits, when the
pictures end, or by Ctrl-C, and leaves whole files.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median

from humatte.camera import Newest, Shot
from humatte.camera_keep import Keeper, snapshot
from humatte.camera_look import Look, Made
from humatte.camera_view import Command, View
from humatte.errors import HumatteError, one_line
from humatte.interrupt import between_steps

_WAIT_S = 0.05  # for a picture, before keys are looked at again
_RECENT = 30  # frames that the shown rate and latency are taken from
_REMEMBERED = 5000  # latencies for the summary
_NOTICE_S = 3.0  # for so long the window says what was done


class Meter:
    """Frames a second, and the latency: from a picture's arrival until it is shown, in seconds."""

    def __init__(self) -> None:
        self.frames = 0
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self._moments: deque[float] = deque(maxlen=_RECENT)
        self._begin = 0.0

    def shown(self, taken: float, now: float) -> None:
        """Counts a picture that came at `taken` and is seen from `now` on."""
        if not self.frames:
            self._begin = now
        self.frames += 1
        self._latencies.append(now - taken)
        self._moments.append(now)

    @property
    def rate(self) -> float:
        """Frames a second, of the latest ones; 0 before the second."""
        passed = self._moments[-1] - self._moments[0] if self._moments else 0.0
        return (len(self._moments) - 1) / passed if passed > 0 else 0.0

    @property
    def latency_s(self) -> float:
        """The median latency of the latest frames."""
        recent = list(self._latencies)[-_RECENT:]
        return median(recent) if recent else 0.0

    def summary(self, came: int) -> list[str]:
        """A line about all of it, of so many pictures that the camera gave; none before any."""
        if not self.frames:
            return []
        passed = self._moments[-1] - self._begin
        rate = f", {(self.frames - 1) / passed:.1f} a second" if passed > 0 else ""
        ordered = sorted(self._latencies)
        late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        return [
            f"{self.frames} of {came} pictures shown{rate}; latency {median(ordered) * 1000:.0f} "
            f"ms, 95 % below {late * 1000:.0f} ms"
        ]


class Loop:
    """One session.

    Args:
        newest: the camera, running.
        look: what is made of its pictures.
        views: where they are shown; all may give commands.
        keeper: where snapshots and recordings go.
        say: takes lines for a person.
        meter: counts what is shown.
    """

    def __init__(
        self,
        newest: Newest,
        look: Look,
        views: Sequence[View],
        keeper: Keeper,
        say: Callable[[str], None],
        meter: Meter,
    ) -> None:
        self._newest, self._look, self._views = newest, look, views
        self._keeper, self._say, self._meter = keeper, say, meter
        self.failed = False
        """Whether something could not be kept, which was said."""
        self._last: Made | None = None
        self._notice, self._notice_until = "", 0.0

    def run(self) -> None:
        """Shows pictures until somebody quits or they end.

        Raises:
            HumatteError: the camera or a view cannot go on.
            KeyboardInterrupt: after Ctrl-C, once a recording is whole.
        """
        with between_steps() as step:
            try:
                self._show_all(step)
            finally:
                step.end()
                self._keep(self._keeper.end)

    def _show_all(self, step: Callable[[], None]) -> None:
        number = 0
        while self._obeyed():
            step()
            shot = self._newest.after(number, _WAIT_S)
            if shot is not None:
                number = shot.number
                self._show(shot)
            elif self._newest.over:
                return

    def _show(self, shot: Shot) -> None:
        made = self._last = self._look(shot.image)
        line = self.line(time.monotonic())
        for view in self._views:
            view.show(made, line)
        self._meter.shown(shot.taken, time.monotonic())
        self._keep(lambda: self._keeper.put(made, shot.taken))

    def line(self, now: float) -> str:
        """What is to be known while it runs: rate, latency, background, what was just done."""
        parts = [f"{self._meter.rate:.1f} frames/s", f"{self._meter.latency_s * 1000:.0f} ms"]
        parts.append(f"background {self._look.background}")
        parts += ["mirrored"] if self._look.mirror else []
        if self._keeper.recording:
            minutes, seconds = divmod(int(self._keeper.recorded_s(now)), 60)
            parts.append(f"RECORDING {minutes}:{seconds:02d}")
        parts += [self._notice] if now < self._notice_until else []
        return "   ".join(parts)

    def _obeyed(self) -> bool:
        """Does what was asked for; False once that is to quit."""
        asked = [command for view in self._views for command in view.commands()]
        for command in asked:
            if command is Command.QUIT:
                return False
            self._obey(command)
        return True

    def _obey(self, command: Command) -> None:
        match command:
            case Command.NEXT | Command.PREVIOUS:
                self._look.turn(1 if command is Command.NEXT else -1)
            case Command.NONE | Command.BLUR:
                self._look.choose("none" if command is Command.NONE else "blur")
            case Command.MIRROR:
                self._look.mirror = not self._look.mirror
            case Command.SNAPSHOT | Command.RECORD:
                made = self._last
                if made is None:
                    self._tell("nothing to keep: no picture has come yet")
                elif command is Command.SNAPSHOT:
                    self._keep(lambda: [f"wrote {snapshot(made, self._keeper.folder)}"])
                elif self._keeper.recording:
                    self._keep(self._keeper.end)
                else:
                    self._keeper.start(made, time.monotonic())

    def _keep(self, work: Callable[[], Sequence[str]]) -> None:
        """Says what was written. What cannot be kept is said too, and the camera goes on."""
        try:
            lines = work()
        except HumatteError as error:
            self.failed = True
            lines = [one_line(error)]
        for line in lines:
            self._tell(line)

    def _tell(self, line: str) -> None:
        self._say(line)
        self._notice, self._notice_until = line, time.monotonic() + _NOTICE_S
