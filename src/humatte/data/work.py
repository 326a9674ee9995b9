"""Many items, each worked on by itself: several processes, progress, resume, a report of skips.

A bad item does not stop the others. What an item could not be used for is said with its reason.
"""

from __future__ import annotations

import csv
import io
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, TypeVar

from humatte.console import progress, say
from humatte.errors import DataError, HumatteError, one_line
from humatte.image_io import write

Item = TypeVar("Item")
_COLUMNS = ("name", "kind", "why")  # of the CSV of what was left out
_SHOWN = 10  # skipped items named on the terminal; the CSV has all


class Skip(Exception):
    """Raised by the work on an item that is left out; the message is the reason."""


@dataclass
class Report:
    """What became of the items."""

    made: int = 0
    there: int = 0
    """Finished by an earlier run."""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """(name, reason) of what was left out on purpose."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """(name, reason) of what went wrong."""
    answers: list[Any] = field(default_factory=list)
    """What the work returned for each item that was made, in no order."""

    def tell(self, what: str, csv_file: Path | None) -> bool:
        """Says the counts, writes the reasons to a CSV if there are any; whether none failed.

        Without reasons the CSV of an earlier run is removed, as it is no longer true.
        """
        parts = [f"{self.made} {what}"]
        parts += [f"{self.there} already there"] if self.there else []
        parts += [f"{len(self.skipped)} skipped"] if self.skipped else []
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        left = [(n, "failed", w) for n, w in self.failed]
        left += [(n, "skipped", w) for n, w in self.skipped]
        for name, kind, why in left[:_SHOWN]:
            say(f"{kind}: {why if name in why else f'{name}: {why}'}")
        if csv_file and left:
            text = io.StringIO(newline="")
            csv.writer(text).writerows([_COLUMNS, *sorted(left)])
            write(text.getvalue().encode(), csv_file)
            parts.append(f"all reasons in {csv_file}")
        elif csv_file and is_report(csv_file):
            csv_file.unlink()
        say(", ".join(parts))
        return not self.failed


def is_report(path: Path) -> bool:
    """Whether a file is a CSV of what was left out, as `Report.tell` writes it."""
    header = ",".join(_COLUMNS).encode()
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.readline().rstrip() == header


def work_through(
    what: str,
    items: Sequence[Item],
    do: Callable[[Item], object],
    name_of: Callable[[Item], str],
    is_done: Callable[[Item], bool] = lambda item: False,
    jobs: int = 1,
    keep: Callable[[Any], None] = lambda answer: None,
) -> Report:
    """Works on every item that is not done yet.

    Args:
        what: the bar's words.
        items: what to work on.
        do: works on one item and writes its result; what it returns is kept in `Report.answers`.
            Raises `Skip` to leave the item out. With several jobs it runs in other processes: a
            function of a module, or a `partial` of one.
        name_of: an item's name, for the report.
        is_done: whether an earlier run has finished it.
        jobs: how many processes; 1 works in this one.
        keep: called in this process with each answer as it comes.

    Raises:
        KeyboardInterrupt: interrupted; what was finished is kept, and a later run goes on.
        DataError: a process died, for want of memory or by a crash; what was finished is kept.
    """
    report = Report()
    waiting = [item for item in items if not is_done(item)]
    report.there = len(items) - len(waiting)
    with progress(what, len(waiting)) as advance:
        if jobs == 1 or len(waiting) < 2:
            for item in waiting:
                _note(report, name_of(item), lambda item=item: do(item), keep)  # type: ignore[misc]
                advance()
            return report
        # Spawned, not forked: the parent may have threads (OpenCV, onnxruntime, numba).
        context = multiprocessing.get_context("spawn")
        workers = min(jobs, len(waiting))
        pool = ProcessPoolExecutor(workers, context, initializer=_leave_interrupts_to_the_parent)
        try:
            with _interrupts_held():  # submitting is what starts the processes
                running = {pool.submit(do, item): item for item in waiting}
            for future in as_completed(running):
                _note(report, name_of(running[future]), future.result, keep)
                advance()
        except BrokenProcessPool:
            raise DataError(
                f"{what}: a process died, perhaps for want of memory; what was finished is kept: "
                "run it again with fewer --jobs"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
    return report


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits for the end of the block; in processes that start in it, for their initializer.

    Between its start and its initializer a process would answer it with a trace.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # started with the first process, it would end the holding
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_interrupts_to_the_parent() -> None:
    """Ctrl-C reaches every process of the terminal; one of them saying so is enough."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _note(
    report: Report, name: str, result: Callable[[], object], keep: Callable[[Any], None]
) -> None:
    try:
        report.answers.append(result())
        keep(report.answers[-1])
        report.made += 1
    except BrokenProcessPool:
        raise
    except Skip as why:
        report.skipped.append((name, one_line(why)))
    except HumatteError as error:
        report.failed.append((name, one_line(error)))
    except Exception as error:  # whatever else befell it does not stop the others
        report.failed.append((name, f"{type(error).__name__}: {one_line(error)}"))
