"""Video jobs: one worked on after the other, in folders of their own that go with them.

What removes files (`cancel`, `drop`, `sweep`, `close`) may take seconds, as may `open`: these are
called in threads, the others in the event loop. A job's own work is in `clips`.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections import Counter
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from humatte.server import log
from humatte.server.refusals import Refusal, refusal_of
from humatte.server.scratch import Scratch
from humatte.server.settings import Settings
from humatte.server.tasks import StoppedError

State = Literal["receiving", "waiting", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")
_MOST_ENDED = 200  # jobs without a file that are still told of


@dataclass
class Job:
    """One clip on its way. Written by its thread, read by everybody: each field on its own."""

    id: str
    folder: Path
    state: State = "receiving"
    frames_done: int = 0
    frames_total: int | None = None
    began: float | None = None
    ended: float | None = None
    """`time.monotonic`, as `began`."""
    error: dict[str, str] | None = None
    notices: list[str] = field(default_factory=list)
    result: Path | None = None
    media_type: str = ""
    unwanted: threading.Event = field(default_factory=threading.Event)
    future: Future[None] | None = None

    @property
    def source(self) -> Path:
        """The uploaded clip."""
        return self.folder / "source"

    def rate(self) -> float | None:
        """Frames a second so far."""
        if self.began is None or not self.frames_done:
            return None
        return self.frames_done / max(1e-6, (self.ended or time.monotonic()) - self.began)


class Work(Protocol):
    """What a job does; `clips.Cut` is the one."""

    media_type: str

    def __call__(self, job: Job) -> Path:
        """Makes the result's file in the job's folder; looks at `job.unwanted` as it goes."""
        ...


class Jobs:
    """All jobs that are known.

    Args:
        settings: how many, how long.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jobs: dict[str, Job] = {}
        self._scratch = Scratch(settings.temp)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="humatte-clip")
        self._deciding = threading.Lock()  # how a job ends: its thread and a caller may both say

    def open(self) -> None:
        """Makes the folder for jobs; removes those of servers that were killed.

        Raises:
            OSError: it cannot be made.
        """
        self._scratch.open()

    def begin(self) -> Job:
        """A new job, whose clip is about to be received.

        Raises:
            Refusal: too many are there.
        """
        held = [
            job for job in list(self._jobs.values()) if job.state not in ("failed", "cancelled")
        ]
        if len(held) >= self._settings.video_jobs:
            wait = self._next_expiry(held)
            raise Refusal(
                429,
                "busy",
                f"{len(held)} clips are waiting, being worked on or ready to be fetched; cancel "
                f"one that is no longer needed, or try again in {wait} s",
                {"Retry-After": str(wait)},
            )
        name = secrets.token_urlsafe(16)
        job = Job(name, self._scratch.new(name))
        self._jobs[name] = job
        return job

    def _next_expiry(self, held: list[Job]) -> int:
        left = [self.expires_in(job) for job in held]
        known = [seconds for seconds in left if seconds is not None]
        return max(1, min(60, round(min(known, default=60.0))))

    def submit(self, job: Job, work: Work) -> None:
        """Puts a received job in the queue."""
        job.state, job.media_type = "waiting", work.media_type
        job.future = self._pool.submit(self._run, job, work)

    def _run(self, job: Job, work: Work) -> None:
        """One job, in the thread."""
        if job.unwanted.is_set():
            self._end(job, "cancelled")
            return
        job.state, job.began = "running", time.monotonic()
        try:
            result = work(job)
            job.source.unlink()
        except (StoppedError, CancelledError):
            self._end(job, "cancelled")
        except Exception as error:
            refusal = refusal_of(error)
            if refusal.status == 500:
                log.failure("job failed", error)
            job.error = {"code": refusal.code, "message": refusal.message}
            self._end(job, "failed")
        else:
            with self._deciding:
                job.result = result
                self._end(job, "cancelled" if job.unwanted.is_set() else "done")
        log.line("job", state=job.state, frames=job.frames_done, rate=job.rate())

    def _end(self, job: Job, state: State) -> None:
        job.state, job.ended = state, time.monotonic()
        if state != "done":
            _remove(job)

    def find(self, name: str) -> Job:
        """The job of that name.

        Raises:
            Refusal: there is none, or not any more.
        """
        job = self._jobs.get(name)
        if job is None or job.state == "receiving":
            raise Refusal(
                404, "no_job", "no such job; it may have expired, or the service began anew"
            )
        return job

    def cancel(self, job: Job) -> None:
        """Stops a job, or forgets its result."""
        with self._deciding:
            job.unwanted.set()
            begun = job.future is not None and not job.future.cancel()
            if job.state == "done" or (not begun and job.state in ("waiting", "receiving")):
                self._end(job, "cancelled")
        # What has begun its thread ends, after the frame that it is at.

    def expires_in(self, job: Job) -> float | None:
        """Seconds until an ended job is forgotten."""
        if job.ended is None:
            return None
        return max(0.0, job.ended + self._settings.expires_s - time.monotonic())

    def sweep(self) -> None:
        """Forgets what has expired."""
        ended = [job for job in list(self._jobs.values()) if job.state in ENDED]
        files = sum(job.state == "done" for job in ended)
        surplus = max(0, len(ended) - files - _MOST_ENDED)
        for job in ended:
            without_file = job.state != "done"
            if self.expires_in(job) == 0.0 or (without_file and surplus > 0):
                surplus -= without_file
                _remove(job)
                self._jobs.pop(job.id, None)

    def drop(self, job: Job) -> None:
        """Forgets a job that was never received whole."""
        _remove(job)
        self._jobs.pop(job.id, None)

    def states(self) -> Counter[str]:
        """How many there are of each state."""
        return Counter(job.state for job in list(self._jobs.values()))

    def status(self, job: Job) -> dict[str, Any]:
        """What callers are told."""
        rate, total = job.rate(), job.frames_total
        running = job.state == "running" and rate and total is not None
        left = (total - job.frames_done) / rate if running and rate and total is not None else None
        expires = self.expires_in(job)
        return {
            "id": job.id,
            "state": job.state,
            "frames_done": job.frames_done,
            "frames_total": total,
            "frames_per_second": None if rate is None else round(rate, 2),
            "seconds_left": None if left is None else round(max(0.0, left), 1),
            "error": job.error,
            "notices": job.notices,
            "expires_in_s": None if expires is None else round(expires, 1),
        }

    def stop(self) -> None:
        """Stops every job that is not done."""
        for job in list(self._jobs.values()):
            if job.state not in ENDED:
                self.cancel(job)

    def close(self) -> None:
        """Stops all, and removes all files."""
        self.stop()
        self._pool.shutdown(wait=True)
        self.remove_all()

    def remove_all(self) -> None:
        """Removes all files at once, whatever is being done with them."""
        self._scratch.close()


def _remove(job: Job) -> None:
    job.result = None
    if job.folder.exists():
        shutil.rmtree(job.folder, ignore_errors=True)  # on Windows one may still be read
