"""`humatte batch`: millions of pictures over a Ray cluster.

In: a folder, a pattern, a list of paths or URLs, or Parquet files of bytes. Out: Parquet files of
results and of failures. What is in either is not done again: a run that was stopped goes on.
"""

from __future__ import annotations

import itertools
import logging
import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import ray
import ray.data

from humatte.batch_shard import (
    FAILURE_COLUMNS,
    FAILURES,
    RESULT_COLUMNS,
    RESULTS,
    Order,
    Worker,
    failure,
    shard_name,
    write_rows,
)
from humatte.console import progress, say
from humatte.errors import DataError, OutputError, UsageError
from humatte.image_io import READABLE_SUFFIXES

_ALL_WORKERS_DIED = "the worker died on it, alone, too"


@dataclass(frozen=True)
class Cluster:
    """How the work is spread."""

    address: str | None = None
    """A cluster's; None: one on this machine, for as long as the command runs."""
    workers: int | None = None
    """None: as many as the cluster's processors, or GPU shares, allow."""
    cpus: float = 1.0
    gpus: float = 0.0
    """Of one worker; the share of a GPU may be a fraction."""
    shard: int = 64
    """Pictures that one worker does before it writes."""
    retries: int = 2
    """How often a shard is done again after its worker died."""


@dataclass(frozen=True)
class Todo:
    """A picture: what it is called in the results, and where its bytes are."""

    name: str
    source: str


def find_pictures(source: str, target: str = "") -> list[Todo]:
    """What is to be cut out, in the order of the sources: those of one Parquet file together.

    Args:
        source: a folder, a pattern, a .txt file with a path or URL a line, a .parquet file or a
            folder of them with columns `name` (if there is one) and `bytes`; each may be an fsspec
            URL.
        target: results are written there; what lies in it is none of the pictures.

    Raises:
        UsageError: nothing there, or nothing that is a picture by its name.
        DataError: a Parquet file without bytes; two pictures of one name.
    """
    files, root = fsspec.core.url_to_fs(source)
    if source.endswith(".txt"):
        found = _listed(source)
    elif files.isdir(root):
        found = [_named(files, path, root) for path in files.find(root)]
    elif files.exists(root):
        found = [_named(files, root, posixpath.dirname(root))]
    elif any(mark in root for mark in "*?["):  # a name may have them, too
        found = [_named(files, path, "") for path in files.glob(root)]
    else:
        raise UsageError(f"{source}: not found; expected a folder, a pattern, a list or Parquet")
    own = absolute(target).rstrip("/") + "/" if target else None
    found = [todo for todo in found if own is None or not todo.source.startswith(own)]
    pictures = [todo for todo in found if _suffix(todo.name) in READABLE_SUFFIXES]
    for todo in found:
        if _suffix(todo.name) == ".parquet":
            pictures += _rows_of(todo.source, todo.name)
    if not pictures:
        raise UsageError(f"{source}: no pictures there (by their names), and no .parquet")
    for one, next_one in itertools.pairwise(sorted(todo.name for todo in pictures)):
        if one == next_one:
            raise DataError(f"{one}: two pictures are called so; names must differ")
    return pictures


def absolute(path: str) -> str:
    """A path or URL as every worker understands it, whatever folder it was started in."""
    files, root = fsspec.core.url_to_fs(path)
    return str(files.unstrip_protocol(root))


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()


def _named(files: Any, path: str, root: str) -> Todo:
    name = posixpath.relpath(path, root) if root else path
    return Todo(name, files.unstrip_protocol(path))


def _listed(source: str) -> list[Todo]:
    with fsspec.open(source, "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    return [Todo(line, absolute(line)) for line in lines if line and not line.startswith("#")]


def _rows_of(url: str, name: str) -> list[Todo]:
    """The pictures of a Parquet file."""
    with fsspec.open(url, "rb") as file:
        try:
            parquet = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{url}: not a Parquet file ({error})") from error
        columns = parquet.schema_arrow.names
        if "bytes" not in columns:
            raise DataError(f"{url}: columns {', '.join(columns)}; expected bytes, and name")
        if "name" not in columns:
            count = parquet.metadata.num_rows
            return [Todo(f"{name}#{row}", f"{url}#{row}") for row in range(count)]
        names = parquet.read(columns=["name"])["name"].to_pylist()
    return [Todo(str(own), f"{url}#{row}") for row, own in enumerate(names)]


def finished(target: str) -> set[str]:
    """The names of pictures that are in results or failures already."""
    return _names_in(target, RESULTS) | _names_in(target, FAILURES)


def _names_in(target: str, kind: str) -> set[str]:
    return {name for _, names in _names_by_file(target, kind) for name in names}


def _names_by_file(target: str, kind: str) -> Iterator[tuple[str, set[str]]]:
    files, _ = fsspec.core.url_to_fs(target)
    for path in _parquet_files(target, kind):
        with files.open(path, "rb") as file:
            yield path, set(pq.read_table(file, columns=["name"])["name"].to_pylist())


def _parquet_files(target: str, kind: str) -> list[str]:
    files, root = fsspec.core.url_to_fs(target)
    files.invalidate_cache()  # others write there
    try:
        found = files.ls(posixpath.join(root, kind), detail=False)
    except FileNotFoundError:
        return []
    return sorted(str(path) for path in found if str(path).endswith(".parquet"))


def forget_failures(target: str, names: set[str]) -> None:
    """Removes these pictures from the failures: they are tried again."""
    for path, own in _names_by_file(target, FAILURES):
        if own & names:
            _leave_out(target, FAILURES, path, names, FAILURE_COLUMNS)


def _leave_out(target: str, kind: str, path: str, names: set[str], columns: pa.Schema) -> None:
    """Writes a file anew without these pictures."""
    files, _ = fsspec.core.url_to_fs(target)
    with files.open(path, "rb") as file:
        rows = pq.read_table(file).to_pylist()
    shard = posixpath.splitext(posixpath.basename(path))[0]
    write_rows(target, kind, shard, [row for row in rows if row["name"] not in names], columns)


def run_batch(source: str, order: Order, cluster: Cluster, *, retry_failed: bool = False) -> bool:
    """Cuts out everything that is not done yet; returns whether nothing failed.

    Each shard is written when it is done. Ctrl-C, or the end of this machine, loses the shards
    under way; the same command goes on. A worker that dies has its shard done again by another; a
    shard whose workers die again and again is done picture by picture, to find the one to blame.

    Raises:
        UsageError: nothing to do, no such cluster, or no worker that can do it.
        DataError: sources that cannot be used.
        OutputError: workers cannot write, or where this process does not see it.
    """
    order = replace(order, target=absolute(order.target))
    pictures = find_pictures(source, order.target)
    if retry_failed:
        forget_failures(order.target, {picture.name for picture in pictures})
    before = finished(order.target)
    todo = [picture for picture in pictures if picture.name not in before]
    say(f"{len(pictures)} pictures, {len(pictures) - len(todo)} of them done before")
    asked = {picture.name for picture in todo}
    if todo:
        with _connected(cluster), progress("cutting out", len(todo), rate="pictures") as advance:
            for size in (cluster.shard, 1):
                reported: set[str] = set()
                for counts in _shards(todo, size, order, cluster):
                    if counts["error"]:
                        raise OutputError(counts["error"])
                    reported.update(counts["names"])
                    for _ in counts["names"]:
                        advance()
                ended = finished(order.target)
                _check_seen(reported - ended, order.target)
                todo = [picture for picture in todo if picture.name not in ended]
                if not todo:
                    break
        _give_up(todo, order)
    done, failed = (
        (len(asked & names) for names in _settled(order.target, asked)) if asked else (0, 0)
    )
    say(f"{done} cut out, {failed} failed; in {order.target}/{RESULTS} and /{FAILURES}")
    return not failed


def _check_seen(unseen: set[str], target: str) -> None:
    """Refuses to do again what workers have done where this process cannot see it."""
    if unseen:
        raise OutputError(
            f"{target}: workers wrote {len(unseen)} pictures that cannot be seen from here; give a "
            "DST that all machines share"
        )


def _shards(
    todo: Sequence[Todo], size: int, order: Order, cluster: Cluster
) -> Iterator[dict[str, Any]]:
    """Does shards of so many pictures; gives what came of each."""
    rows = [
        {
            "names": [picture.name for picture in todo[start : start + size]],
            "sources": [picture.source for picture in todo[start : start + size]],
        }
        for start in range(0, len(todo), size)
    ]
    room = _room(cluster)
    workers = min(len(rows), room, cluster.workers or room)
    # One block a shard: what dies with a worker is one shard.
    shards = ray.data.from_items(rows, override_num_blocks=len(rows))
    counted = shards.map(
        Worker,  # type: ignore[arg-type]  # a class: each actor makes its own
        fn_constructor_args=(order,),
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
        num_cpus=cluster.cpus,
        num_gpus=cluster.gpus or None,
        max_restarts=-1,
        max_task_retries=cluster.retries,
    )
    yield from counted.iter_rows()


def _room(cluster: Cluster) -> int:
    """Workers that the machines of the cluster have room for, each of them on one."""
    room = 0
    for node in ray.nodes():
        if node["Alive"]:
            have = node["Resources"]
            rooms = [have.get("CPU", 0.0) // cluster.cpus]
            rooms += [have.get("GPU", 0.0) // cluster.gpus] if cluster.gpus else []
            room += int(min(rooms))
    if not room:
        resources = ray.cluster_resources()
        raise UsageError(
            f"no machine of the cluster has {cluster.cpus:g} processors and {cluster.gpus:g} GPUs, "
            f"which a worker wants; all of them have {resources.get('CPU', 0):g} and "
            f"{resources.get('GPU', 0):g}"
        )
    return room


def _give_up(todo: Sequence[Todo], order: Order) -> None:
    """Writes down what no worker survived."""
    if todo:
        names = [picture.name for picture in todo]
        rows = [failure(name, _ALL_WORKERS_DIED, "WorkerDied", "") for name in names]
        write_rows(order.target, FAILURES, shard_name(names), rows, FAILURE_COLUMNS)


def _settled(target: str, names: set[str]) -> tuple[set[str], set[str]]:
    """The names in results and in failures, once each of `names` is in one row of one of them.

    A worker that was taken for dead may still finish its shard after others have done it, or parts
    of it: one result counts, whenever it came.
    """
    results, failures = _results_once(target, names), _names_in(target, FAILURES)
    both = names & results & failures
    if both:
        forget_failures(target, both)
    return results, failures - both


def _results_once(target: str, names: set[str]) -> set[str]:
    """The names in results, once those of `names` that several files have are in the first."""
    found: set[str] = set()
    for path, own in _names_by_file(target, RESULTS):
        if twice := own & found & names:
            _leave_out(target, RESULTS, path, twice, RESULT_COLUMNS)
        found |= own
    return found


class _connected:
    """A cluster, for as long as the block lasts; it is left as it was."""

    def __init__(self, cluster: Cluster) -> None:
        self._address, self._ours = cluster.address, False

    def __enter__(self) -> None:
        if not ray.is_initialized():
            # Ray's own remarks; what a user must know of them is said by us.
            os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
            try:
                ray.init(self._address or "local", log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise UsageError(f"--address {self._address}: no such cluster ({error})") from error
            self._ours = True
        logging.getLogger("ray").setLevel(logging.ERROR)
        context = ray.data.DataContext.get_current()
        self._before = context.enable_progress_bars, context.max_errored_blocks
        context.enable_progress_bars = False  # ours says more
        context.max_errored_blocks = -1  # a lost shard is done picture by picture

    def __exit__(self, *_: object) -> None:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars, context.max_errored_blocks = self._before
        if self._ours:
            ray.shutdown()
