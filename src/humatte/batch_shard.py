"""One worker of `humatte batch`: a shard of pictures in, Parquet of results and of failures out.

A shard is a list of names. Its files are named after it and written beside, then renamed: a shard
that is done a second time, because its first worker died, replaces them. So every picture ends once
in results or in failures.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from humatte.batching import SharedNetwork
from humatte.errors import HumatteError, PictureError, one_line
from humatte.finish import cut_out
from humatte.image_io import DEEP_FORMATS, encode
from humatte.options import Options, parse_options
from humatte.pipeline import overlapped
from humatte.reading import read_for
from humatte.runtimes import Running

RESULTS, FAILURES = "results", "failures"
RESULT_COLUMNS = pa.schema(
    [
        ("name", pa.string()),
        ("bytes", pa.binary()),
        ("format", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("person_found", pa.bool_()),
        ("share", pa.float32()),
        ("warnings", pa.list_(pa.string())),
        ("seconds", pa.float32()),
        ("worker", pa.string()),
    ]
)
FAILURE_COLUMNS = pa.schema(
    [("name", pa.string()), ("error", pa.string()), ("kind", pa.string()), ("worker", pa.string())]
)


@dataclass(frozen=True)
class Order:
    """What every worker does, and where. Only plain values: it travels between machines."""

    target: str
    """A folder or an fsspec URL."""
    look: Mapping[str, Any] = field(default_factory=dict)
    """By the names of `humatte.options.parse_options`."""
    model: str = "dawn"
    running: tuple[Any, ...] = Running()
    format_name: str = "PNG"
    threads: int = 1
    """Pictures worked on at once by one worker."""
    together: int = 1
    """Pictures that may go through the network in one run; then so many are worked on at once."""


class Worker:
    """Holds an open network, and does shards one after the other."""

    def __init__(self, order: Order) -> None:
        from humatte.catalog import load

        self._order = order
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._unfit = ""
        try:
            self._options: Options = parse_options(**order.look)
            network, together = load(order.model, *order.running), order.together
            self._network = SharedNetwork(network, together) if together > 1 else network
        except HumatteError as error:  # a worker that cannot begin would be begun for ever
            self._unfit = f"{self._name}: {one_line(error)}"

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Cuts out a shard's pictures and writes its files.

        Args:
            row: `names`, what the pictures are called, and `sources`: for each its URL, or a
                Parquet file's URL with `#` and the row's number.

        Returns:
            How many are `done` and `failed`, the `names` that were written, and an `error` for
            which nothing could be done or written, or "".
        """
        if self._unfit:
            return _told([], self._unfit)
        names, sources = list(row["names"]), list(row["sources"])
        results: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        workers = max(self._order.threads, self._order.together)
        pairs = zip(names, read_all(sources), strict=True)
        for (name, _), future in overlapped(self._one, pairs, workers):
            try:
                results.append(future.result())
            except Exception as error:  # one picture's, whatever it is: the others go on
                failures.append(self._failure(name, error))
        shard = shard_name(names)
        try:
            write_rows(self._order.target, RESULTS, shard, results, RESULT_COLUMNS)
            write_rows(self._order.target, FAILURES, shard, failures, FAILURE_COLUMNS)
        except Exception as error:  # of the disk or the store: told, not tried picture by picture
            return _told([], f"{self._name} cannot write: {one_line(error)}")
        return _told(names, "")

    def _one(self, item: tuple[str, bytes | PictureError]) -> dict[str, Any]:
        name, data = item
        if isinstance(data, PictureError):
            raise data
        started, order = time.perf_counter(), self._order
        deep = order.format_name in DEEP_FORMATS
        reading = read_for(data, self._network, self._options, keep_deep=deep)
        cut = cut_out(reading.picture, self._network, self._options, first=reading.first)
        premultiplied = self._options.premultiplied
        encoded = encode(cut.pixels, order.format_name, cut.kept, premultiplied=premultiplied)
        return {
            "name": name,
            "bytes": encoded,
            "format": order.format_name.lower(),
            "width": cut.pixels.shape[1],
            "height": cut.pixels.shape[0],
            "person_found": cut.person_found,
            "share": float(cut.matte.mean()),
            "warnings": list(cut.warnings),
            "seconds": time.perf_counter() - started,
            "worker": self._name,
        }

    def _failure(self, name: str, error: Exception) -> dict[str, Any]:
        return failure(name, one_line(error), type(error).__name__, self._name)


def _told(names: Sequence[str], error: str) -> dict[str, Any]:
    return {"names": list(names), "error": error}


def failure(name: str, error: str, kind: str, worker: str) -> dict[str, Any]:
    """A row of failures."""
    return {"name": name, "error": error, "kind": kind, "worker": worker}


def read_all(sources: Sequence[str]) -> Iterable[bytes | PictureError]:
    """Each source's bytes, or why there are none. A Parquet file is read group by group of rows."""
    held: tuple[str, int, int, Any] = ("", 0, 0, None)  # a file's rows from .. to .. : one group
    for source in sources:
        try:
            if ".parquet#" in source.lower():
                url, _, text = source.rpartition("#")
                row = int(text)
                if held[0] != url or not held[1] <= row < held[2]:
                    held = (url, *_group_with(url, row))
                yield held[3][row - held[1]].as_py() or PictureError(f"{source}: no bytes")
            else:
                with fsspec.open(source, "rb") as file:
                    yield file.read()
        except Exception as error:  # stores have errors of their own
            yield PictureError(f"{source}: cannot be read ({one_line(error)})")


def _group_with(url: str, row: int) -> tuple[int, int, Any]:
    """The group of rows that a row is in: its first row, the one behind its last, its bytes."""
    with fsspec.open(url, "rb") as file:
        parquet = pq.ParquetFile(file)
        start = 0
        for number in range(parquet.num_row_groups):
            stop = start + parquet.metadata.row_group(number).num_rows
            if row < stop:
                return start, stop, parquet.read_row_group(number, columns=["bytes"])["bytes"]
            start = stop
    raise ValueError(f"row {row} of {start}")


def shard_name(names: Sequence[str]) -> str:
    """The same names give the same shard, wherever it is done."""
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()
    return f"part-{digest[:24]}"


def write_rows(
    target: str, kind: str, shard: str, rows: Sequence[Mapping[str, Any]], columns: pa.Schema
) -> None:
    """Writes a shard's rows, if it has any, as TARGET/KIND/SHARD.parquet: whole or not at all."""
    files, root = fsspec.core.url_to_fs(target)
    path = posixpath.join(root, kind, f"{shard}.parquet")
    if not rows:
        # A first worker may have failed where the second did not.
        files.invalidate_cache()
        if files.exists(path):
            files.rm(path)
        return
    files.makedirs(posixpath.dirname(path), exist_ok=True)
    beside = posixpath.join(root, kind, f".{shard}.{os.getpid()}.part")
    with files.open(beside, "wb") as file:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=columns), file)
    files.mv(beside, path)
