from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from drawn import disc

from humatte.errors import UsageError
from humatte.report import Reporter, confidence


def test_confidence_is_how_decided_a_matte_is() -> None:
    assert confidence((disc(200, 200, 60) > 0.5).astype(np.float32)) == 1
    assert confidence(np.full((50, 50), 0.5, np.float32)) == 0
    assert confidence(np.zeros((50, 50), np.float32)) == 1
    speck = np.zeros((200, 200), np.float32)
    speck[0, 0] = 0.5
    assert confidence(speck) > 0.98
    crisp, soft, faint = (confidence(disc(200, 200, 60, soft=width)) for width in (2, 12, 60))
    assert 0.95 < crisp < 1
    assert crisp > soft > faint


def test_the_confidence_of_a_large_matte_needs_little_memory() -> None:
    alpha = np.full((4000, 1000), 0.9, np.float32)
    tracemalloc.start()
    assert confidence(alpha) == pytest.approx(1 - 4 * 0.09 / 0.902)
    assert tracemalloc.get_traced_memory()[1] < alpha.nbytes / 2
    tracemalloc.stop()


def test_a_file_is_written_whole_at_the_end(tmp_path: Path) -> None:
    reporter = Reporter(str(tmp_path / "r.jsonl"))
    reporter.add("ü.jpg", {"share": 0.5})
    reporter.failed("b.jpg", ValueError("bad\npicture"))
    assert not (tmp_path / "r.jsonl").exists()
    reporter.close()
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text("utf-8").splitlines()]
    assert lines == [
        {"source": "ü.jpg", "share": 0.5},
        {"source": "b.jpg", "error": "bad picture"},
    ]


def test_stdout_gets_lines_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    Reporter("json").add("a.jpg", {"share": 1})
    assert json.loads(capsys.readouterr().out) == {"source": "a.jpg", "share": 1}
    Reporter(None).add("a.jpg", {"share": 1})
    assert capsys.readouterr().out == ""


def test_places_that_cannot_or_must_not_be_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected json"):
        Reporter("yaml")
    with pytest.raises(UsageError, match="no such folder"):
        Reporter(str(tmp_path / "none" / "r.json"))
    with pytest.raises(UsageError, match="is an input"):
        Reporter(str(tmp_path / "r.json"), [tmp_path / "r.json"])


def test_a_picture_done_before_keeps_its_line(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    before = [
        {"source": "a.jpg", "result": "a.png", "share": 0.25},
        {"source": "elsewhere.jpg", "result": "old/elsewhere.png", "share": 0.25},
        {"source": "failed.jpg", "error": "broken"},
    ]
    lines = "".join(f"{json.dumps(entry)}\n" for entry in before)
    file.write_text(f"{lines}no line of ours\n[1]\n")
    reporter = Reporter(str(file))
    for name in ("a", "elsewhere", "failed", "new"):
        reporter.skipped(f"{name}.jpg", Path(f"{name}.png"))
    reporter.add("c.jpg", {"share": 1})
    reporter.close()
    assert [json.loads(line) for line in file.read_text("utf-8").splitlines()] == [
        before[0],
        {"source": "elsewhere.jpg", "skipped": True},
        {"source": "failed.jpg", "skipped": True},
        {"source": "new.jpg", "skipped": True},
        {"source": "c.jpg", "share": 1},
    ]


def test_any_file_name_goes_into_a_report_and_is_known_again(tmp_path: Path) -> None:
    names = [
        "not utf-8: \udcff.jpg",
        "line separator: \u2028.jpg",
        "next line: \x85.jpg",
        "new\nline.jpg",
    ]
    for _ in range(2):
        reporter = Reporter(str(tmp_path / "r.jsonl"))
        for name in names:
            reporter.skipped(name, Path("a.png"))
            reporter.add(name, {"result": "a.png"})
        reporter.close()
    entries = [json.loads(line) for line in (tmp_path / "r.jsonl").read_bytes().splitlines()]
    assert [entry["source"] for entry in entries] == [name for name in names for _ in range(2)]
    assert not any("skipped" in entry for entry in entries)


def test_a_run_that_noted_nothing_leaves_the_earlier_report(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("as before")
    Reporter(str(tmp_path / "r.jsonl")).close()
    assert (tmp_path / "r.jsonl").read_text() == "as before"


def test_a_long_report_is_written_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("humatte.report.time.monotonic", lambda: now[0])
    reporter = Reporter(str(tmp_path / "r.jsonl"))
    reporter.add("a.jpg", {"share": 1})
    assert not (tmp_path / "r.jsonl").exists()
    now[0] = 11
    reporter.add("b.jpg", {"share": 1})
    assert len((tmp_path / "r.jsonl").read_text("utf-8").splitlines()) == 2
