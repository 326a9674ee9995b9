"""Many items: what is made, left out, failed, interrupted and taken up again."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from drawn import ROOT

from humatte.data.work import Report, Skip, work_through
from humatte.errors import DataError, PictureError


def put(folder: Path, number: int) -> str:
    """Works on a number: a file for it, or the way in which it goes wrong."""
    if number == 3:
        raise Skip("three is\nleft out")
    if number == 4:
        raise PictureError("four: cannot be read")
    if number == 5:
        raise RuntimeError("five")
    (folder / str(number)).write_text("made")
    return f"answer {number}"


def die(number: int) -> None:
    os._exit(7)


def work(folder: Path, count: int, jobs: int) -> Report:
    return work_through(
        "numbers",
        range(count),
        partial(put, folder),
        str,
        lambda number: (folder / str(number)).exists(),
        jobs,
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bad_item_stops_no_other(tmp_path: Path, jobs: int) -> None:
    report = work(tmp_path, 8, jobs)
    assert (report.made, report.there) == (5, 0)
    assert report.skipped == [("3", "three is left out")]
    assert sorted(report.failed) == [("4", "four: cannot be read"), ("5", "RuntimeError: five")]
    assert sorted(report.answers) == [f"answer {n}" for n in (0, 1, 2, 6, 7)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "6", "7"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_answers_are_handed_on_as_they_come(tmp_path: Path, jobs: int) -> None:
    kept: list[str] = []
    do = partial(put, tmp_path)
    report = work_through("numbers", range(5), do, str, jobs=jobs, keep=kept.append)
    assert sorted(kept) == sorted(report.answers) == ["answer 0", "answer 1", "answer 2"]


def test_a_later_run_goes_on(tmp_path: Path) -> None:
    work(tmp_path, 3, 1)
    (tmp_path / "1").write_text("mine")
    report = work(tmp_path, 7, 1)
    assert (report.made, report.there) == (1, 3)
    assert (tmp_path / "1").read_text() == "mine"


def test_an_interrupt_keeps_what_is_finished(tmp_path: Path) -> None:
    def put_two(number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt
        put(tmp_path, number)

    with pytest.raises(KeyboardInterrupt):
        work_through("numbers", range(8), put_two, str)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


SLOW = """
import os, signal, sys, time
from functools import partial
from pathlib import Path
from humatte.data.work import work_through

def put(folder, number):
    time.sleep(0.05)
    (folder / str(number)).write_text("made")

if __name__ == "__mp_main__":  # a process that is starting
    Path(sys.argv[1], f"starts {os.getpid()}").touch()
    time.sleep(float(sys.argv[2]))
elif __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells' background work ignores it
    try:
        work_through("numbers", range(4000), partial(put, Path(sys.argv[1])), str, jobs=2)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize(("starting", "made"), [(0, 4), (1, 0)], ids=["at work", "starting"])
def test_ctrl_c_with_several_processes_ends_quietly(
    tmp_path: Path, starting: int, made: int
) -> None:
    script, out = tmp_path / "slow.py", tmp_path / "out"
    script.write_text(SLOW)
    out.mkdir()
    words = [sys.executable, str(script), str(out), str(starting)]
    where = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, start_new_session=True, env=where
    ) as process:
        try:
            while len(list(out.glob("[0-9]*"))) < made or not any(out.iterdir()):
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the group
            _, err = process.communicate(timeout=100)
        finally:
            process.kill()
    assert process.returncode == 130
    assert err == ""
    assert made <= len(list(out.glob("[0-9]*"))) < 4000


def test_a_process_that_dies_is_said_once() -> None:
    with pytest.raises(DataError, match=r"a process died.*fewer --jobs"):
        work_through("numbers", range(4), die, str, jobs=2)


def test_the_report_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "left.csv"
    report = Report(made=2, there=1, skipped=[("b", "too, small")], failed=[("a", "a: broken")])
    assert not report.tell("made", file)
    err = capsys.readouterr().err
    assert "failed: a: broken\n" in err
    assert "skipped: b: too, small\n" in err
    assert f"2 made, 1 already there, 1 skipped, 1 failed, all reasons in {file}\n" in err
    with file.open(newline="") as rows:
        assert list(csv.DictReader(rows)) == [
            {"name": "a", "kind": "failed", "why": "a: broken"},
            {"name": "b", "kind": "skipped", "why": "too, small"},
        ]
    assert Report(made=3).tell("made", file)
    assert not file.exists()  # its reasons are no longer true
    assert capsys.readouterr().err == "humatte: 3 made\n"


def test_only_the_first_reasons_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Report(skipped=[(str(n), "no matte") for n in range(40)]).tell("made", tmp_path / "left.csv")
    assert capsys.readouterr().err.count("no matte") == 10
    assert (tmp_path / "left.csv").read_text().count("no matte") == 40


def test_a_csv_of_others_stays(tmp_path: Path) -> None:
    (tmp_path / "left.csv").write_text("mine")
    assert Report(made=3).tell("made", tmp_path / "left.csv")
    assert (tmp_path / "left.csv").read_text() == "mine"
