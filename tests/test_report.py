from __future__ import annotations

import json
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
