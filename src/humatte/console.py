"""What a command says: its result on stdout; lines and a progress bar, on stderr, as it works."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from humatte.errors import OutputError


def say(line: str) -> None:
    """Writes one line for a person to stderr."""
    sys.stderr.write(f"humatte: {line}\n")


def tell(text: str) -> None:
    """Writes a command's result to stdout."""
    sys.stdout.write(f"{text}\n")


def to_stdout(data: bytes | memoryview) -> None:
    """Writes bytes to stdout, at once. After a failure, what comes later is dropped.

    Raises:
        OutputError: whoever reads it has gone, or it is a file on a full disk.
    """
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer would fail once more, with a trace, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"stdout cannot be written ({error.strerror})") from error


class Stdout:
    """Stdout as a stream of bytes; a failure to write is explained."""

    def write(self, data: memoryview, /) -> None:
        """Writes bytes, at once.

        Raises:
            OutputError: as `to_stdout`.
        """
        to_stdout(data)

    def flush(self) -> None:
        """Nothing is held."""


@contextmanager
def progress(what: str, total: int | None, *, rate: str = "") -> Iterator[Callable[[], None]]:
    """A bar on a terminal, advanced by calling what it yields; none in logs.

    Args:
        what: is done.
        total: how often; None = not known.
        rate: say how many of these a second, as "frames".
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeLeft()]
    if rate:
        columns.insert(3, TextColumn(f"{{task.fields[rate]:.1f}} {rate}/s"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total, rate=0.0)
        began = time.monotonic()

        def advance() -> None:
            done = bar.tasks[0].completed + 1
            bar.update(task, advance=1, rate=done / (time.monotonic() - began))

        yield advance
