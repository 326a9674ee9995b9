from __future__ import annotations

import os
from pathlib import Path

import pytest

from humatte.errors import PictureError, UsageError
from humatte.files import plan


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def targets(folder: Path, inputs: list[str], out: str | None, form: str | None = None) -> list[str]:
    jobs = plan(inputs, out, form).jobs
    return [job.target.resolve().relative_to(folder.resolve()).as_posix() for job in jobs]


def test_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree(tmp_path, "a.jpg", "into/keep.txt"))
    assert targets(tmp_path, ["a.jpg"], None) == ["a.cutout.png"]
    assert targets(tmp_path, ["a.jpg"], None, "webp") == ["a.cutout.webp"]
    assert targets(tmp_path, ["a.jpg"], "b.tiff") == ["b.tiff"]
    assert targets(tmp_path, ["a.jpg"], "into") == ["into/a.png"]
    assert targets(tmp_path, ["a.jpg"], "new/") == ["new/a.png"]


def test_a_folder_keeps_its_tree(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "a.jpg", "x/b.PNG", "x/y/c.webp", "x/notes.txt", ".hidden.jpg")
    out = str(tmp_path / "out")
    assert targets(tmp_path, [str(folder)], out) == ["out/a.png", "out/x/b.png", "out/x/y/c.png"]
    assert targets(tmp_path, [str(folder)], None)[0] == "in.cutout/a.png"


def test_names_never_collide(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "a.jpg", "a.png", "A.webp", "b.jpg", "sub/a.jpg")
    found = targets(tmp_path, [str(folder)], str(tmp_path / "out"))
    assert found == [
        "out/A.webp.png",
        "out/a.jpg.png",
        "out/a.png.png",
        "out/b.png",
        "out/sub/a.png",
    ]


def test_case_and_full_names_never_collide(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "a.jpg", "a.JPG", "b.jpg", "b.png", "b.jpg.webp")
    found = targets(tmp_path, [str(folder)], str(tmp_path / "out"))
    assert len({name.casefold() for name in found}) == 5
    assert "out/a.JPG.png" in found
    assert "out/a.jpg-2.png" in found


def test_links_are_pictures_of_their_own(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "a.jpg")
    (folder / "b.jpg").symlink_to(folder / "a.jpg")
    assert targets(tmp_path, [str(folder)], str(tmp_path / "o")) == ["o/a.png", "o/b.png"]


def test_without_out_results_lie_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree(tmp_path, "x/a.jpg", "y/a.jpg", "z/b.jpg"))
    found = targets(tmp_path, ["x/a.jpg", "y/*.jpg", "z"], None)
    assert found == ["x/a.cutout.png", "y/a.cutout.png", "z.cutout/b.png"]


def test_folders_that_cannot_be_looked_into_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree(tmp_path, "one/a.jpg", "two/b.jpg"))

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "one")

    monkeypatch.setattr("os.scandir", refused)
    found = plan(["one", "two"], "out", None, mask_out="mattes")
    assert (found.jobs, len(found.unreadable)) == ([], 2)


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "a.jpg", "b.heic", "c.heic", "notes.txt")
    assert plan([str(folder)], None, None).left_out == {".heic": 2, ".txt": 1}


def test_background_and_network_files_are_guarded(tmp_path: Path) -> None:
    folder = tree(tmp_path, "a.jpg", "beach.png")
    with pytest.raises(UsageError, match="overwritten"):
        plan([str(folder / "a.jpg")], str(folder / "beach.png"), None, [folder / "beach.png"])


def test_files_of_several_folders_keep_the_folders(tmp_path: Path) -> None:
    tree(tmp_path, "x/a.jpg", "y/a.jpg")
    inputs = [str(tmp_path / "x" / "a.jpg"), str(tmp_path / "y")]
    assert targets(tmp_path, inputs, str(tmp_path / "out")) == ["out/x/a.png", "out/y/a.png"]


def test_patterns_and_doubles(tmp_path: Path) -> None:
    tree(tmp_path, "x/a.jpg", "x/deep/b.jpg", "x/c.txt")
    inputs = [str(tmp_path / "x" / "**" / "*"), str(tmp_path / "x" / "a.jpg")]
    assert targets(tmp_path, inputs, str(tmp_path / "out")) == ["out/a.png", "out/deep/b.png"]


def test_a_pattern_that_matches_one_file_still_makes_a_folder(tmp_path: Path) -> None:
    tree(tmp_path, "x/a.jpg")
    assert targets(tmp_path, [str(tmp_path / "x" / "*.jpg")], str(tmp_path / "o")) == ["o/a.png"]


def test_earlier_results_below_the_input_are_not_inputs(tmp_path: Path) -> None:
    folder = tree(tmp_path, "a.jpg", "out/a.png")
    assert targets(tmp_path, [str(folder)], str(folder / "out")) == ["out/a.png"]


@pytest.mark.parametrize(
    ("inputs", "out", "error", "words"),
    [
        (["none.jpg"], None, PictureError, "no such file"),
        (["empty"], None, PictureError, "no pictures"),
        (["*.bmp"], None, PictureError, "no picture matches"),
        (["a.jpg"], "a.jpg", UsageError, "would be overwritten"),
        (["a.jpg", "b.png"], "b.png", UsageError, "a file"),
        (["."], ".", UsageError, "input folder"),
        (["a.jpg"], "a.docx", UsageError, "cannot write"),
        (["a.jpg", "b.png"], "out.png", UsageError, "out.png/"),
        (["*.jpg"], "out.png", UsageError, "out.png/"),
        (["x" * 300 + ".jpg"], None, PictureError, "no such file"),
    ],
)
def test_refusals(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inputs: list[str],
    out: str | None,
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.chdir(tree(tmp_path, "a.jpg", "b.png", "empty/notes.txt"))
    with pytest.raises(error, match=words):
        plan(inputs, out, None)


def test_an_output_that_is_another_input_is_refused(tmp_path: Path) -> None:
    folder = tree(tmp_path, "a.jpg", "b/a.png")
    with pytest.raises(UsageError, match="would be overwritten"):
        plan([str(folder / "a.jpg"), str(folder / "b")], str(folder / "b" / ".."), None)


def mattes(inputs: list[str], out: str | None, mask_out: str) -> list[str]:
    masks = (job.mask for job in plan(inputs, out, None, mask_out=mask_out).jobs)
    return [os.path.relpath(mask) for mask in masks if mask]


def test_mattes_go_to_a_file_or_into_a_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree(tmp_path, "in/a.jpg", "in/a.png", "in/x/b.jpg", "m/keep.txt"))
    assert mattes(["in/a.jpg"], "a.png", "matte.webp") == ["matte.webp"]
    assert mattes(["in/a.jpg"], None, "m") == ["m/a.png"]
    expected = ["m/a.jpg.png", "m/a.png.png", "m/x/b.png"]
    assert mattes(["in"], "out", "m/") == expected
    assert mattes(["in"], None, "m") == expected
    for wrong, message in (("m.png", "--mask-out"), ("out/", "two results")):
        with pytest.raises(UsageError, match=message):
            mattes(["in"], "out", wrong)
    with pytest.raises(UsageError, match="overwritten"):
        mattes(["in/a.jpg"], "a.png", "in/a.jpg")
