from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from drawn import disc, noise, put

from humatte.arrays import to_bytes
from humatte.data.layouts import find_pairs, find_set, find_split, read_sources, write_sources
from humatte.data.pairs import read_pair
from humatte.errors import DataError

ALPHA = to_bytes(disc(20, 30, 7))


def split(folder: Path, validation: str = "val.txt", layout: str = "auto"):
    return find_split(folder, "people", "train.txt", validation, layout)


@pytest.fixture
def aisegment(tmp_path: Path) -> Path:
    for group in range(30):
        for number in range(2):
            name = f"{group:03d}-{number:08d}"
            put(tmp_path / f"clip_img/{group:03d}/clip_00000000/{name}.jpg", noise(20, 30))
            rgba = np.dstack([noise(20, 30), ALPHA])
            put(tmp_path / f"matting/{group:03d}/matting_00000000/{name}.png", rgba)
    return tmp_path


def test_aisegment_takes_the_fourth_channel_and_keeps_groups_together(aisegment: Path) -> None:
    train, held_out = split(aisegment)
    assert len(train) + len(held_out) == 60
    assert 0 < len(held_out) < 15
    groups = [{pair.image.parts[-3] for pair in part} for part in (train, held_out)]
    assert not groups[0] & groups[1]
    assert (read_pair(train[0], 480)[1] == ALPHA).all()


def test_aisegment_names_a_missing_matte(aisegment: Path) -> None:
    (aisegment / "matting/004/matting_00000000/004-00000001.png").unlink()
    with pytest.raises(DataError, match=r"1 of 60 names.*004-00000001"):
        split(aisegment)


def test_p3m(tmp_path: Path) -> None:
    folders = {
        "train": "blurred_image",
        "validation/P3M-500-P": "blurred_image",
        "validation/P3M-500-NP": "original_image",
    }
    for number, (folder, pictures) in enumerate(folders.items()):
        put(tmp_path / folder / pictures / f"p_{number}.jpg", noise(20, 30))
        put(tmp_path / folder / "mask" / f"p_{number}.png", ALPHA)
    train, held_out = split(tmp_path)
    assert [pair.name for pair in train] == ["p_0"]
    assert [pair.name for pair in held_out] == ["p_1", "p_2"]
    assert [pair.name for pair in split(tmp_path, "P3M-500-NP")[1]] == ["p_2"]
    assert (read_pair(held_out[1], 480)[1] == ALPHA).all()
    with pytest.raises(DataError, match=r"P3M-500: .*; expected .*val\.txt, P3M-500-P or P3M-500"):
        split(tmp_path, "P3M-500")
    assert [pair.name for pair in find_set(tmp_path, "people", "all")] == ["p_0", "p_1", "p_2"]
    shutil.rmtree(tmp_path / "validation" / "P3M-500-NP")
    assert [pair.name for pair in split(tmp_path)[1]] == ["p_1"]
    with pytest.raises(DataError, match=r"no validation/P3M-500-NP"):
        split(tmp_path, "P3M-500-NP")
    shutil.rmtree(tmp_path / "validation")
    with pytest.raises(DataError, match="no validation/P3M-500-P, validation/P3M-500-NP"):
        split(tmp_path)


def test_a_csv_list_carries_source_and_licence(tmp_path: Path) -> None:
    put(tmp_path / "shots/a.png", noise(20, 30))
    put(tmp_path / "mattes/b.png", ALPHA)
    (tmp_path / "train.csv").write_text(
        "image,alpha,source,licence\nshots/a.png,mattes/b.png,mine,CC0\n"
    )
    (pair,) = find_pairs(tmp_path, "train.csv")
    assert (pair.name, pair.source, pair.licence) == ("a", "mine", "CC0")
    assert (read_pair(pair, 480)[1] == ALPHA).all()
    (tmp_path / "bad.csv").write_text("image,matte\n")
    with pytest.raises(DataError, match="no column 'alpha'"):
        find_pairs(tmp_path, "bad.csv")


def test_a_list_of_names_takes_sources_from_beside_it(tmp_path: Path) -> None:
    put(tmp_path / "image/a.png", noise(20, 30))
    put(tmp_path / "alpha/a.png", ALPHA)
    (tmp_path / "train.txt").write_text("a\n")
    (tmp_path / "sources.csv").write_text("name,source,licence\na,mine,CC0\n")
    (pair,) = find_pairs(tmp_path, "train.txt")
    assert (pair.source, pair.licence) == ("mine", "CC0")


def test_an_unknown_folder_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"image/.*clip_img/.*blurred_image"):
        split(tmp_path)


def test_large_pictures_are_read_small(tmp_path: Path) -> None:
    put(tmp_path / "image/a.png", noise(200, 300))
    put(tmp_path / "alpha/a.png", to_bytes(disc(200, 300, 70)))
    (tmp_path / "train.txt").write_text("a\n")
    image, alpha = read_pair(find_pairs(tmp_path, "train.txt")[0], 30)
    assert image.shape == (20, 30, 3)
    assert alpha.shape == (20, 30)


def test_all_means_every_picture_with_a_matte(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / f"image/{name}.png", noise(20, 30))
    put(tmp_path / "alpha/b.png", ALPHA)
    write_sources(tmp_path, {"b": {"source": "mine", "group": "7"}, "a": {"licence": "CC0"}})
    (pair,) = find_set(tmp_path, "people", "all")
    assert (pair.name, pair.columns) == ("b", {"source": "mine", "group": "7", "licence": ""})


def test_a_set_without_lists_takes_no_other_training_list(aisegment: Path) -> None:
    with pytest.raises(DataError, match=r"mine\.txt: .* without lists; expected train\.txt"):
        find_split(aisegment, "people", "mine.txt", "val.txt")
    with pytest.raises(DataError, match=r"mine\.txt: .*; expected train\.txt, val\.txt or all"):
        split(aisegment, "mine.txt")
    assert len(find_set(aisegment, "people", "all")) == 60


def test_a_list_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the set first, then as given from the current folder."""
    people = tmp_path / "d" / "people"
    for name in ("a", "b"):
        put(people / f"image/{name}.png", noise(20, 30))
        put(people / f"alpha/{name}.png", ALPHA)
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean" / "train.txt").write_text("a\n")
    lines = f"image,alpha\n{people}/image/b.png,{people}/alpha/b.png\n"
    (tmp_path / "clean" / "train.csv").write_text(lines)
    monkeypatch.chdir(tmp_path)
    for end, name in (("txt", "a"), ("csv", "b")):
        found = find_set(Path("d"), "people", f"clean/train.{end}")
        assert [pair.name for pair in found] == [name]
    (people / "clean").mkdir()
    (people / "clean" / "train.txt").write_text("b\n")
    assert [pair.name for pair in find_set(Path("d"), "people", "clean/train.txt")] == ["b"]
    with pytest.raises(DataError, match=r"d/people/none\.txt: no such list"):
        find_set(Path("d"), "people", "none.txt")


BOM = "\ufeff"


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    for folder in ("c1", "c2"):
        put(tmp_path / folder / "0001.png", noise(20, 30))
    for name in ("a", "b"):
        put(tmp_path / f"image/{name}.png", noise(20, 30))
        put(tmp_path / f"alpha/{name}.png", ALPHA)
    return tmp_path


def test_files_that_excel_saved(twins: Path) -> None:
    (twins / "sources.csv").write_text(f"{BOM}name,group\r\na,g1\r\nb,g2\r\n,\r\n", "utf-8")
    assert read_sources(twins) == {"a": {"group": "g1"}, "b": {"group": "g2"}}
    (twins / "train.txt").write_text(f"{BOM}a\r\n", "utf-8")
    (twins / "train.csv").write_text(f"{BOM}image,alpha\r\nimage/a.png,alpha/a.png\r\n", "utf-8")
    for name in ("train.txt", "train.csv"):
        assert [pair.name for pair in find_pairs(twins, name)] == ["a"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("sources.csv", "stem,group\na,1\n", "sources.csv: no column 'name'"),
        ("sources.csv", "name;group\na;1\n", "sources.csv: no column 'name'"),
        ("sources.csv", "", "sources.csv: no column 'name'"),
        ("sources.csv", "name,group\na,1\n,2\n", "sources.csv, line 3: no text for 'name'"),
        ("sources.csv", "name,group\na,J\u00f6rg\n", "sources.csv: not a text file in UTF-8"),
        ("list.csv", "image,alpha\nimage/a.png\n", "list.csv, line 2: no text for 'alpha'"),
        ("list.csv", "alpha,image\nx.png\n", "list.csv, line 2: no text for 'image'"),
        ("list.csv", "image,alpha\nJ\u00f6rg.png,a.png\n", "list.csv: not a text file in UTF-8"),
        ("list.txt", "J\u00f6rg\n", "list.txt: not a text file in UTF-8"),
        ("list.txt", "a\nb\na\n", "1 names come more than once: a; remove the repeated lines"),
        (
            "list.csv",
            "image,alpha\nc1/0001.png,alpha/a.png\nc2/0001.png,alpha/b.png\n",
            "1 names come more than once: 0001; give each picture its own in a column 'name'",
        ),
    ],
)
def test_a_list_that_cannot_be_used_is_named(
    twins: Path, name: str, text: str, expected: str
) -> None:
    (twins / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=re.escape(expected)):
        find_pairs(twins, "all" if name == "sources.csv" else name)
