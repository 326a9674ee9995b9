"""The finishing options as a user types them; every command of docs/finishing.md is run."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn import ROOT, disc, gradient, noise, opened, person, put
from PIL import Image

from humatte.arrays import to_bytes
from humatte.catalog import load
from humatte.cli_words import complete

DOC = (ROOT / "docs" / "finishing.md").read_text("utf-8")
SPEED = (ROOT / "docs" / "speed.md").read_text("utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", DOC, re.S | re.M)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("humatte ")]


class DrawnNetwork:
    """Stands in for a network: sees a person from the front, but in even pictures nobody."""

    runtime, device = "onnxruntime", "cpu"
    facts = load("night").facts

    def __call__(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        if image[0, :, 0].std() < 10:
            return np.zeros((height, width), np.float32)
        return person(height, width, min(height / 240, width / 200))

    small = __call__  # as large as the picture: refinement leaves it as it is


@pytest.fixture(autouse=True)
def drawn_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("humatte.catalog.load", lambda *_: DrawnNetwork())


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands of docs/finishing.md name."""
    folder = tmp_path_factory.mktemp("kit")
    put(folder / "photo.jpg", noise(240, 200), dpi=(72, 72))
    put(folder / "photos/a.jpg", noise(240, 200))
    put(folder / "photos/b.png", noise(120, 100))
    for name in ("keep", "drop", "trimap", "mask", "drops/b"):
        put(folder / f"{name}.png", to_bytes(disc(240, 200, 60)))
    put(folder / "beach.jpg", noise(40, 60))
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_text_works(
    humatte, kit: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(kit)
    name, *words = shlex.split(command)
    assert name == "humatte"
    result = humatte(*words)
    assert result.code == 0, result.err
    assert not [line for line in result.err.splitlines() if "failed" in line]


def test_the_python_of_the_text_works(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kit)
    monkeypatch.setattr("humatte.finish.load", lambda *_: DrawnNetwork())
    (block,) = re.findall(r"^```python\n(.*?)^```$", DOC, re.S | re.M)
    names: dict[str, np.ndarray] = {}
    exec(block, names)
    assert names["rgba"].shape == (512, 512, 4)


def test_the_text_names_every_option() -> None:
    from typer.main import get_command

    from humatte.cli import app

    options = {name for p in get_command(app).commands["cutout"].params for name in p.opts}  # type: ignore[attr-defined]
    plain = {"inputs", "-h", "--help", "-o", "--out", "-m", "--model", "-f", "--format", "--refine"}
    computed = {"--runtime", "--device", "--threads", "--precision"}
    for option in options - plain - computed - {"--skip-existing", "-j"}:
        assert f"{option}" in DOC, option
    for option in computed:
        assert option in SPEED, option


def test_options_that_may_stand_alone() -> None:
    assert complete(["--crop", "a.jpg"]) == ["--crop", "yes", "a.jpg"]
    assert complete(["--crop", "10%", "a.jpg"]) == ["--crop", "10%", "a.jpg"]
    assert complete(["a.jpg", "--crop"]) == ["a.jpg", "--crop", "yes"]
    assert complete(["--shadow", "x=1", "--crop", "-o"]) == [
        "--shadow",
        "x=1",
        "--crop",
        "yes",
        "-o",
    ]
    assert complete(["--person", "at", "1,2", "a"]) == ["--person", "at 1,2", "a"]
    assert complete(["--person", "largest", "a"]) == ["--person", "largest", "a"]
    assert complete(["--crop=3", "--", "--crop"]) == ["--crop=3", "--", "--crop"]


@pytest.mark.parametrize("words", [("",), ("-b", ""), ("--id-photo=",), ("-o", "")])
def test_an_empty_word_is_no_wish(
    humatte, kit: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(kit)  # an empty input would be this whole folder
    before = sorted(kit.rglob("*"))
    result = humatte("cutout", "photo.jpg", *words)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "empty" in result.err
    assert sorted(kit.rglob("*")) == before


def test_an_id_photo_has_its_size_and_dpi(humatte, kit: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        words = ("--id-photo", "2x2in", "--dpi", "150")
        result = humatte("cutout", kit / "photo.jpg", "-o", tmp_path / name, *words)
        assert result.code == 0
        photo = opened(tmp_path / name)
        assert (photo.size, photo.mode) == ((300, 300), "RGB")
        assert photo.info["dpi"] == pytest.approx((150, 150), abs=0.1)
    assert (
        "enlarged"
        in humatte(
            "cutout",
            kit / "photo.jpg",
            "-o",
            tmp_path / "b.jpg",
            "--id-photo",
            "2x2in",
            "--dpi",
            600,
        ).err
    )


def test_no_person_no_id_photo(humatte, photo: Path, tmp_path: Path) -> None:
    result = humatte("cutout", photo, "-o", tmp_path / "a.jpg", "--id-photo", "35x45mm")
    assert result.code == 1
    assert "no upright head" in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "a.jpg").exists()


def test_a_folder_gets_mattes_and_a_report(humatte, kit: Path, tmp_path: Path) -> None:
    put(tmp_path / "in/sub/c.png", gradient(40, 30))
    for name in ("a.jpg", "b.png"):
        (tmp_path / "in" / name).write_bytes((kit / "photos" / name).read_bytes())
    (tmp_path / "in" / "d.jpg").write_text("not a picture")
    out, mattes, report = tmp_path / "out", tmp_path / "mattes", tmp_path / "r.jsonl"
    words = ("-o", out, "--mask-out", mattes, "--report", report, "--crop", "--drop", kit / "drops")
    result = humatte("cutout", tmp_path / "in", *words)
    assert result.code == 1
    assert "3 of 4 pictures had no hint for --drop" in result.err
    for name in ("a.png", "b.png", "sub/c.png"):
        matte = np.asarray(opened(mattes / name))
        assert (matte == np.asarray(opened(out / name))[..., 3]).all()
    lines = {Path(e["source"]).name: e for e in map(json.loads, report.read_text().splitlines())}
    assert set(lines) == {"a.jpg", "b.png", "c.png", "d.jpg"}
    assert "not a picture" in lines["d.jpg"]["error"]
    assert lines["a.jpg"]["person_found"] and not lines["c.png"]["person_found"]
    assert lines["c.png"]["box"] is None
    assert lines["b.png"]["hints"] == ["drop"]
    assert [lines["a.jpg"][key] for key in ("network", "runtime", "device")] == [
        "night",
        "onnxruntime",
        "cpu",
    ]
    assert lines["a.jpg"]["size"] == [200, 240]
    assert lines["a.jpg"]["result_size"] == list(opened(out / "a.png").size)
    assert set(lines["a.jpg"]["seconds"]) == {"read", "matte", "finish", "encode", "total"}
    before = (mattes / "a.png").stat().st_mtime_ns
    (mattes / "b.png").unlink()
    again = humatte("cutout", tmp_path / "in", *words, "--skip-existing")
    assert "1 cut out, 2 skipped" in again.err
    assert (mattes / "b.png").exists() and (mattes / "a.png").stat().st_mtime_ns == before


def test_an_interrupt_keeps_the_report_of_what_is_finished(
    humatte, kit: Path, tmp_path: Path, interrupt_at_b: None
) -> None:
    report = tmp_path / "r.json"
    words = ("-o", tmp_path / "out", "--report", report)
    assert humatte("cutout", kit / "photos", *words).code == 130
    (line,) = report.read_text().splitlines()
    assert json.loads(line)["source"].endswith("a.jpg")


def test_a_report_on_stdout_is_json_alone(humatte, photo: Path, tmp_path: Path) -> None:
    result = humatte("cutout", photo, "-o", tmp_path / "a.png", "--report", "json")
    assert json.loads(result.out)["source"] == str(photo)
    assert "no person found" in result.err


def test_stdin_with_a_matte_and_a_report(
    humatte, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(photo.read_bytes())))
    matte, report = tmp_path / "m.png", tmp_path / "r.json"
    words = ("-o", tmp_path / "a.png", "--mask-out", matte, "--report", report, "--pad", 2)
    assert humatte("cutout", "-", *words).code == 0
    assert opened(matte).size == opened(tmp_path / "a.png").size == (84, 64)
    assert json.loads(report.read_text())["source"] == "stdin"


@pytest.mark.parametrize(
    ("words", "expected"),
    [((), [0.0012, 0.09]), (("--size", "200x100"), [0.02, 0.09]), (("--pad", 0), [0.0012, 0.09])],
)
def test_large_results_wait_for_each_other_as_large_pictures_do(
    humatte, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], expected: list
) -> None:
    for height, width in ((30, 40), (300, 300)):
        Image.fromarray(gradient(height, width)).save(tmp_path / f"{height}.png")
    asked: list[float] = []

    class Room:
        def __init__(self, _: float) -> None:
            pass

        def for_one(self, amount: float) -> contextlib.AbstractContextManager[None]:
            asked.append(amount)
            return contextlib.nullcontext()

    monkeypatch.setattr("humatte.run.Room", Room)
    assert humatte("cutout", tmp_path, "-o", tmp_path / "cut", "-j", 1, *words).code == 0
    assert sorted(asked) == pytest.approx(expected)


def test_who_stops_reading_the_report_stops_no_picture(tmp_path: Path) -> None:
    for name in "abcd":
        Image.fromarray(gradient(20, 30)).save(tmp_path / f"{name}.png")
    words = ["cutout", str(tmp_path), "-o", str(tmp_path / "cut"), "--report", "json"]
    readable, writable = os.pipe()
    os.close(readable)
    answer = subprocess.run(
        [sys.executable, "-m", "humatte", *words],
        check=False,
        stdout=writable,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writable)
    assert answer.returncode == 1
    assert len(list((tmp_path / "cut").iterdir())) == 4
    assert answer.stderr.count("stdout cannot be written (Broken pipe)") == 1
    assert "Traceback" not in answer.stderr


def test_decoders_say_nothing_of_sound_pictures(tmp_path: Path) -> None:
    # 16-bit transparent TIFFs as OpenCV writes them do not say what their alpha means.
    values = gradient(20, 30).astype(np.uint16) * 257
    assert cv2.imwrite(str(tmp_path / "a.tiff"), np.dstack([values, values[..., :1]]))
    words = ["cutout", tmp_path / "a.tiff", "-o", tmp_path / "b.tiff"]
    answer = subprocess.run(
        [sys.executable, "-m", "humatte", *words], check=True, capture_output=True, text=True
    )
    (line,) = answer.stderr.splitlines()
    assert "no person found" in line


def test_a_single_picture_done_before_keeps_its_line_of_the_report(
    humatte, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "r.json"
    for source in (photo, "-"):
        words = (source, "-o", tmp_path / f"{len(str(source))}.png", "--report", report)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(photo.read_bytes())))
        assert humatte("cutout", *words).code == 0
        before = report.read_text()
        assert json.loads(before)["share"] == 0
        assert humatte("cutout", *words, "--skip-existing").code == 0
        assert report.read_text() == before
        report.unlink()
        assert humatte("cutout", *words, "--skip-existing").code == 0
        assert json.loads(report.read_text())["skipped"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-b", "good.jpg", "-o", "good.jpg"], "is an input"),
        (["--keep", "hint.png", "-o", "hint.png"], "is an input"),
        (["-o", "a.png", "--mask-out", "m.docx"], "cannot write"),
    ],
)
def test_wrong_outputs_of_a_picture_from_stdin_are_refused_before_it_is_read(
    humatte, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(gradient(40, 30)).save("good.jpg")
    Image.new("L", (30, 40)).save("hint.png")
    monkeypatch.setattr(sys, "stdin", None)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    result = humatte("cutout", "-", *words)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert expected in result.err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


WRONG = {
    "a report where the picture goes": (["-o", "-", "--report", "json"], "stdout carries"),
    "a matte into a folder, from stdin": (["-o", "-", "--mask-out", "."], "a folder"),
    "a matte into stdout": (["-o", "a.png", "--mask-out", "-"], "--alpha"),
    "a matte over the input": (["-o", "a.png", "--mask-out", "good.jpg"], "overwritten"),
    "a matte over the result": (["-o", "a.png", "--mask-out", "a.png"], "two results"),
    "a matte over a hint": (
        ["-o", "a.png", "--keep", "hint.png", "--mask-out", "hint.png"],
        "overwritten",
    ),
    "a result over a hint": (["-o", "hint.png", "--keep", "hint.png"], "overwritten"),
    "a report over the result": (
        ["-o", "a.json", "-f", "png", "--report", "a.json"],
        "overwritten",
    ),
    "a matte of no format": (["-o", "a.png", "--mask-out", "m.docx"], "cannot write"),
    "a report of no format": (["-o", "a.png", "--report", "yaml"], "expected json"),
    "a hint that is not there": (["-o", "a.png", "--keep", "none.png"], "no such file"),
    "a hint of another shape": (["-o", "a.png", "--keep", "hint.png"], "same proportions"),
    "a crop that is none": (["-o", "a.png", "--crop=wide"], "crop"),
    "an aspect alone": (["-o", "a.png", "--aspect", "1:1"], "--crop"),
    "a fit without a picture": (["-o", "a.png", "--fit", "tile"], "--fit"),
    "an id photo of gigapixels": (
        ["-o", "a.jpg", "--id-photo", "500x500mm", "--dpi", "5000"],
        "179 megapixels",
    ),
    "a transparent id photo as JPEG": (
        ["-o", "a.jpg", "--id-photo", "2x2in", "-b", "none"],
        "no transparency",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_gets_one_clear_line_and_writes_nothing(
    humatte, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    words, expected = WRONG[case]
    monkeypatch.chdir(tmp_path)
    Image.fromarray(gradient(40, 30)).save("good.jpg")
    Image.new("L", (50, 20)).save("hint.png")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    result = humatte("cutout", "good.jpg", *words)
    assert result.code == 2
    assert expected in result.err
    assert result.err.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_in_several_jobs_is_as_in_one_and_resumes_with_a_whole_manifest(
    humatte, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(6):
        Image.fromarray(noise(40, 30 + 10 * number, number)).save(photos / f"p{number}.png")
    (photos / "bad.png").write_bytes(b"no picture")
    results = {}
    for jobs in (1, 3):
        out, manifest = tmp_path / f"cut{jobs}", tmp_path / f"m{jobs}.jsonl"
        words = [photos, "-o", out, "--jobs", jobs, "--report", manifest]
        answer = humatte("cutout", *words)
        assert answer.code == 1
        assert "6 cut out, 1 failed" in answer.err
        assert "pictures a second" in answer.err
        results[jobs] = {path.name: path.read_bytes() for path in out.iterdir()}
        before = manifest.read_text("utf-8").splitlines()
        assert [Path(json.loads(line)["source"]).name for line in before] == [
            "bad.png",
            *(f"p{number}.png" for number in range(6)),
        ]
        (out / "p3.png").unlink()
        answer = humatte("cutout", *words, "--skip-existing")
        assert "1 cut out, 5 skipped (already there), 1 failed" in answer.err
        after = {json.loads(line)["source"]: json.loads(line) for line in before}
        again = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]
        assert {entry["source"] for entry in again} == set(after)
        assert all("skipped" not in entry for entry in again)
        assert (out / "p3.png").read_bytes() == results[jobs]["p3.png"]
    assert results[1] == results[3]
