"""`humatte batch`. One worker is tested in this process; the cluster once, with -m slow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import noise, opened
from PIL import Image

import humatte as library
from humatte.errors import DataError, OutputError, UsageError
from humatte.network import Network

pytest.importorskip("ray", reason="the extra cluster is not installed")
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from humatte import batch, batch_shard
from humatte.batch import Cluster, Todo, find_pictures, finished, run_batch
from humatte.batch_shard import FAILURES, RESULTS, Order, Worker, read_all, write_rows


def table(folder: Path | str, kind: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for path in sorted(Path(folder, kind).glob("*.parquet")):
        rows += pq.read_table(path).to_pylist()
    return rows


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Four pictures, one in a folder, one broken, and a file that is none."""
    folder = tmp_path / "src"
    (folder / "more").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "more/c.png")):
        Image.fromarray(noise(40, 30, number)).save(folder / name)
    (folder / "bad.jpg").write_bytes(b"no picture")
    (folder / "notes.md").write_text("x")
    return folder


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order(str(tmp_path / "out"), {"refine": "off"}, "night", (1, "auto", "auto", "fp32"))


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A cluster of this process; gives the sizes of the shards that were done."""
    sizes = []

    def shards(todo: list[Todo], size: int, order: Order, _: Cluster) -> Any:
        worker = Worker(order)
        for start in range(0, len(todo), size):
            part = todo[start : start + size]
            sizes.append(len(part))
            yield worker({"names": [t.name for t in part], "sources": [t.source for t in part]})

    class Nothing:
        def __init__(self, _: Cluster) -> None: ...
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(batch, "_shards", shards)
    monkeypatch.setattr(batch, "_connected", Nothing)
    return sizes


def test_every_picture_ends_in_results_or_failures(pictures: Path, order: Order, in_process):
    assert not run_batch(str(pictures), order, Cluster(shard=3))
    assert in_process == [3, 1]
    results, failures = table(order.target, RESULTS), table(order.target, FAILURES)
    assert sorted(row["name"] for row in results) == ["a.png", "b.png", "more/c.png"]
    (failed,) = failures
    assert failed["name"] == "bad.jpg" and failed["kind"] == "PictureError"
    assert "picture" in failed["error"]
    for row in results:
        made = np.asarray(opened(row["bytes"]))
        expected = library.cutout(pictures / row["name"], model="night", refine="off")
        np.testing.assert_array_equal(made, expected)
        assert (row["width"], row["height"], row["format"]) == (30, 40, "png")
        assert row["person_found"] is False and row["worker"].endswith(f":{os.getpid()}")


def test_what_is_done_is_not_done_again(pictures: Path, order: Order, in_process) -> None:
    run_batch(str(pictures), order, Cluster(shard=2))
    Image.fromarray(noise(40, 30, 9)).save(pictures / "new.png")
    in_process.clear()
    assert run_batch(str(pictures), order, Cluster(shard=2))
    assert in_process == [1]
    assert not run_batch(str(pictures), order, Cluster(shard=2), retry_failed=True)
    assert in_process == [1, 1]
    names = [row["name"] for kind in (RESULTS, FAILURES) for row in table(order.target, kind)]
    assert sorted(names) == ["a.png", "b.png", "bad.jpg", "more/c.png", "new.png"]


def test_a_picture_that_kills_its_worker_is_found_and_written_down(
    pictures: Path, order: Order, monkeypatch: pytest.MonkeyPatch, in_process
) -> None:
    real = batch._shards

    def deadly(todo: list[Todo], size: int, *rest: Any) -> Any:
        for start in range(0, len(todo), size):
            part = todo[start : start + size]
            if not any(one.name == "b.png" for one in part):  # its worker died: no answer
                yield from real(part, size, *rest)

    monkeypatch.setattr(batch, "_shards", deadly)
    assert not run_batch(str(pictures), order, Cluster(shard=2))
    failures = {row["name"]: row for row in table(order.target, FAILURES)}
    assert set(failures) == {"b.png", "bad.jpg"}
    assert failures["b.png"]["kind"] == "WorkerDied"
    assert {row["name"] for row in table(order.target, RESULTS)} == {"a.png", "more/c.png"}


@pytest.mark.parametrize("name", ["night", "night-int8"])
def test_several_in_one_run_give_the_same_mattes(
    tmp_path: Path, astronaut: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """But for the rounding of other batch sizes: a level of 255."""
    with Image.open(astronaut) as picture:
        small = picture.resize((200, 200))
    for number in range(6):
        small.rotate(5 * number).save(tmp_path / f"{number}.png")
    paths = sorted(str(path) for path in tmp_path.glob("*.png"))
    counted: list[int] = []
    real = Network.run

    def run(self: Network, pictures: np.ndarray) -> np.ndarray:
        counted.append(len(pictures))
        time.sleep(0.02)  # as long as others need to come
        return real(self, pictures)

    monkeypatch.setattr(Network, "run", run)
    look, found = {"alpha_only": True, "refine": "off"}, []
    for together in (1, 4):
        counted.clear()
        order = Order(str(tmp_path / f"out{together}"), look, name, (1,), together=together)
        Worker(order)({"names": paths, "sources": paths})
        assert len(table(order.target, RESULTS)) == 6
        assert sum(counted) == 6 and (max(counted) > 1) == (together > 1) and max(counted) <= 4
        found.append([np.asarray(opened(row["bytes"])) for row in table(order.target, RESULTS)])
    for one, other in zip(*found, strict=True):
        assert one.max() == 255
        assert np.abs(one.astype(int) - other).max() <= 1


@pytest.mark.parametrize("others", [[], ["x.png"], ["a.png"]])
def test_a_result_that_comes_after_the_failure_counts(
    pictures: Path,
    order: Order,
    monkeypatch: pytest.MonkeyPatch,
    in_process,
    capsys: pytest.CaptureFixture[str],
    others: list[str],
) -> None:
    """Its worker was taken for dead, but it was only slow; another may have done the rest."""
    real, give_up = batch._shards, batch._give_up

    def slow(todo: list[Todo], size: int, *rest: Any) -> Any:
        yield from real([one for one in todo if one.name != "b.png"], size, *rest)

    def late(todo: list[Todo], order: Order) -> None:
        give_up(todo, order)
        assert "b.png" in finished(order.target)
        names = ["b.png", *others]  # its shard has another name, if it had others
        Worker(order)({"names": names, "sources": [str(pictures / "b.png")] * len(names)})

    monkeypatch.setattr(batch, "_shards", slow)
    monkeypatch.setattr(batch, "_give_up", late)
    assert not run_batch(str(pictures), order, Cluster(shard=9))
    assert [row["name"] for row in table(order.target, FAILURES)] == ["bad.jpg"]
    done = sorted(row["name"] for row in table(order.target, RESULTS))
    assert done == sorted({"a.png", "b.png", "more/c.png", *others})
    assert "3 cut out, 1 failed" in capsys.readouterr().err


def test_a_shard_that_is_done_twice_is_there_once(pictures: Path, order: Order) -> None:
    worker = Worker(order)
    row = {
        "names": ["a.png", "bad.jpg"],
        "sources": [str(pictures / name) for name in ("a.png", "bad.jpg")],
    }
    first = worker(row)
    assert worker(row) == first == {"names": row["names"], "error": ""}
    assert [row["name"] for row in table(order.target, RESULTS)] == ["a.png"]
    # What failed because its file was not there yet has succeeded by now.
    Image.fromarray(noise(20, 20)).save(pictures / "bad.jpg", "PNG")
    worker(row)
    assert table(order.target, FAILURES) == []
    assert not [path for path in Path(order.target).rglob("*") if path.name.endswith(".part")]


def test_results_within_the_sources_and_names_with_brackets(
    pictures: Path, order: Order, in_process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures)
    (pictures / "out [1]").mkdir()
    inside = replace(order, target="out [1]")
    assert not run_batch(".", inside, Cluster(shard=2))
    in_process.clear()
    assert run_batch(".", inside, Cluster(shard=2))
    assert in_process == []
    assert len(table(pictures / "out [1]", RESULTS)) == 3
    assert [todo.name for todo in find_pictures(str(pictures / "more"))] == ["c.png"]


def test_any_error_is_that_pictures_own(
    pictures: Path, order: Order, in_process, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = batch_shard.cut_out

    def fails(picture: Any, *rest: Any, **named: Any) -> Any:
        if picture.image.shape == (41, 30, 3):
            raise MemoryError("too\nlarge")
        return real(picture, *rest, **named)

    Image.fromarray(noise(41, 30)).save(pictures / "large.png")
    monkeypatch.setattr(batch_shard, "cut_out", fails)
    assert not run_batch(str(pictures), order, Cluster())
    failures = {row["name"]: row for row in table(order.target, FAILURES)}
    assert failures["large.png"]["kind"] == "MemoryError"
    assert failures["large.png"]["error"] == "too large"
    assert in_process == [5]


def test_what_cannot_be_written_or_seen_ends_it(
    pictures: Path, order: Order, in_process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(batch_shard, "write_rows", full)
        with pytest.raises(OutputError, match=r"cannot write: .*No space left"):
            run_batch(str(pictures), order, Cluster())
    with monkeypatch.context() as patch:
        patch.setattr(batch, "finished", lambda _: set())
        with pytest.raises(OutputError, match="4 pictures that cannot be seen from here"):
            run_batch(str(pictures), order, Cluster())
    assert in_process == [4, 4]


def test_a_worker_that_cannot_begin_says_why(pictures: Path, order: Order, in_process) -> None:
    unfit = replace(order, model=str(pictures / "none.onnx"))
    with pytest.raises(OutputError, match=r"no network is called .*none\.onnx"):
        run_batch(str(pictures), unfit, Cluster())


def test_only_these_failures_are_tried_again(pictures: Path, order: Order, in_process) -> None:
    (pictures / "more/bad.jpg").write_bytes(b"none")
    run_batch(str(pictures), order, Cluster())
    Image.fromarray(noise(20, 20)).save(pictures / "bad.jpg", "PNG")
    with pytest.raises(UsageError, match="not found"):
        run_batch(str(pictures / "typo"), order, Cluster(), retry_failed=True)
    assert len(table(order.target, FAILURES)) == 2
    assert run_batch(str(pictures / "bad.jpg"), order, Cluster(), retry_failed=True)
    assert [row["name"] for row in table(order.target, FAILURES)] == ["more/bad.jpg"]


def test_parquet_is_read_by_groups_of_rows(tmp_path: Path) -> None:
    data = [b"%d" % number for number in range(10)]
    for name in ("a.parquet", "b.PARQUET"):
        pq.write_table(pa.table({"bytes": data}), tmp_path / name, row_group_size=3)
    sources = [todo.source for todo in find_pictures(str(tmp_path))]
    assert len(sources) == 20
    assert list(read_all(sources)) == data * 2
    assert list(read_all(sources[::-1])) == data[::-1] * 2
    (missing,) = read_all([f"{tmp_path}/a.parquet#10"])
    assert "row 10 of 10" in str(missing)


def test_parquet_in_and_out(pictures: Path, order: Order, tmp_path: Path, in_process) -> None:
    data = [(pictures / name).read_bytes() for name in ("a.png", "b.png")]
    named = pa.table({"name": ["one", "two"], "bytes": [data[0], None], "more": [1, 2]})
    pq.write_table(named, tmp_path / "named.parquet")
    assert not run_batch(str(tmp_path / "named.parquet"), order, Cluster())
    assert [row["name"] for row in table(order.target, RESULTS)] == ["one"]
    (failed,) = table(order.target, FAILURES)
    assert failed["name"] == "two" and "no bytes" in failed["error"]
    (tmp_path / "nameless").mkdir()
    pq.write_table(pa.table({"bytes": data}), tmp_path / "nameless/a.parquet")
    found = find_pictures(str(tmp_path / "nameless"))
    assert [todo.name for todo in found] == ["a.parquet#0", "a.parquet#1"]
    assert list(read_all([todo.source for todo in found])) == data


def test_urls_patterns_and_lists(pictures: Path, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/pictures/x.png", (pictures / "a.png").read_bytes())
    (todo,) = find_pictures("memory://pictures")
    assert todo.name == "x.png" and todo.source.startswith("memory:")
    assert list(read_all([todo.source])) == [(pictures / "a.png").read_bytes()]
    found = find_pictures(f"{pictures}/*.png")
    assert [Path(one.name).name for one in found] == ["a.png", "b.png"]
    assert [one.name for one in find_pictures(str(pictures / "a.png"))] == ["a.png"]
    listed = tmp_path / "list.txt"
    listed.write_text(f"# mine\n{pictures}/b.png\n\nmemory://pictures/x.png\n")
    assert len(find_pictures(str(listed))) == 2
    write_rows("memory://out", FAILURES, "part-1", [dict.fromkeys(("name", "error"), "n")], SCHEMA)
    assert finished("memory://out") == {"n"}


SCHEMA = pa.schema([("name", pa.string()), ("error", pa.string())])


def test_sources_that_cannot_be_used(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not found; expected a folder"):
        find_pictures(str(tmp_path / "no"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no pictures there"):
        find_pictures(str(tmp_path / "empty"))
    listed = tmp_path / "twice.txt"
    listed.write_text("a.png\na.png\n")
    with pytest.raises(DataError, match=r"a\.png: two pictures are called so"):
        find_pictures(str(listed))
    (tmp_path / "x.parquet").write_bytes(b"none")
    with pytest.raises(DataError, match="not a Parquet file"):
        find_pictures(str(tmp_path / "x.parquet"))
    pq.write_table(pa.table({"other": [1]}), tmp_path / "y.parquet")
    with pytest.raises(DataError, match="columns other; expected bytes"):
        find_pictures(str(tmp_path / "y.parquet"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", "nobody"), "no network is called 'nobody'"),
        (("--format", "jpg"), "JPEG has no transparency"),
        (("--runtime", "x"), "unknown --runtime 'x'"),
        ((), "not found; expected a folder"),
    ],
)
def test_wrong_words_are_one_line(humatte, tmp_path: Path, words: tuple[str, ...], message: str):
    result = humatte("batch", tmp_path / "none", tmp_path / "out", *words)
    assert (result.code, result.err.count("\n")) == (2, 1), result.err
    assert message in result.err


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    source, out = tmp_path / "src", tmp_path / "out"
    source.mkdir()
    for number in range(60):
        Image.fromarray(noise(300, 400, number)).save(source / f"p{number:02d}.png")
    (source / "bad.jpg").write_bytes(b"no picture")
    command = [sys.executable, "-m", "humatte", "batch", str(source), str(out), "-m", "night"]
    process = subprocess.Popen([*command, "--workers", "2", "--shard", "3"])
    killed: list[int] = []

    def kill_one() -> None:
        while process.poll() is None and not killed:
            if len(list(out.glob("results/*.parquet"))) >= 2:
                workers = sorted({row["worker"] for row in table(out, RESULTS)})
                killed.append(int(workers[0].rpartition(":")[2]))
                os.kill(killed[0], signal.SIGKILL)
            time.sleep(0.1)

    threading.Thread(target=kill_one, daemon=True).start()
    assert process.wait(380) == 1  # one picture is none
    assert killed
    results, failures = table(out, RESULTS), table(out, FAILURES)
    assert Counter(row["name"] for row in [*results, *failures]) == Counter(
        path.name for path in source.iterdir()
    )
    assert [row["name"] for row in failures] == ["bad.jpg"]
    assert len({row["worker"] for row in results}) >= 2
