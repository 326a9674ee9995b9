"""What may be written where: nothing that is read is replaced, nothing fails after the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from humatte.errors import UsageError
from humatte.paths import guard_outputs


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("set/image/a.png", "set/sources.csv", "else/b.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("mine")
    Path("set/image/b.png").symlink_to(Path("else/b.png").absolute())
    return tmp_path


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (["set/sources.csv"], "sources.csv: is an input"),
        (["else/../set/sources.csv"], "is an input"),
        (["set/image/a.png"], "is among the inputs in set/image"),
        (["set/image/new.html"], "is among the inputs in set/image"),
        (
            ["else/b.png"],
            "is among the inputs in set/image",
        ),  # a picture of the set is a link to it
        (["a.csv", None, "set/../a.csv"], "two outputs"),
        (["else"], "else: a folder"),
        (["no/a.csv"], "no/a.csv: there is no such folder; make it first"),
        (["/proc/x.png"], "/proc/x.png: cannot be written"),
        (["x" * 300 + "/a.csv"], "no such folder"),
    ],
)
def test_what_must_not_or_cannot_be_written(
    place: Path, outputs: list[str | None], words: str
) -> None:
    before = sorted(place.rglob("*"))
    with pytest.raises(UsageError, match=words):
        guard_outputs(
            [Path(name) if name else None for name in outputs],
            [Path("set/sources.csv"), Path("set/image")],
        )
    assert sorted(place.rglob("*")) == before


def test_what_may_be_written(place: Path) -> None:
    inputs = [Path("set/sources.csv"), Path("set/image"), Path("nothing")]
    guard_outputs([Path("set/new.csv"), None, Path("new.html"), Path("/dev/null")], inputs)
    assert not Path("new.html").exists()
