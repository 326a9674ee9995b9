"""Published layouts and folders of one's own, brought into the one layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import matte, noise, opened, put
from PIL import Image

from humatte.data.importing import Wanted, import_set, parse_value
from humatte.data.layouts import find_set, read_sources
from humatte.data.lists import read_list
from humatte.data.pairs import read_pair
from humatte.errors import DataError, UsageError

ALPHA = matte(20, 30)
HARD = np.where(ALPHA > 127, 255, 0).astype(np.uint8)


def photo(path: Path, seed: int = 0) -> Path:
    return put(path, noise(20, 30, seed))


def cutout(path: Path, seed: int = 0) -> Path:
    return put(path, np.dstack([noise(20, 30, seed), ALPHA]))


def bring(source: Path, kind: str, /, **options) -> Path:
    target = source.with_name(f"{source.name}-set")
    import_set(source, target, Wanted(kind, **options))
    return target


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "raw"


def aisegment(raw: Path) -> Path:
    for group in ("0011", "0022"):
        for number in range(2):
            name = f"{group}-{number:08d}"
            photo(raw / f"clip_img/{group}/clip_00000000/{name}.jpg", number)
            cutout(raw / f"matting/{group}/matting_00000000/{name}.png", number)
    return raw


def test_aisegment(raw: Path) -> None:
    (aisegment(raw) / "clip_img/0011/clip_00000000/._0011-00000000.jpg").write_bytes(b"macOS")
    made = bring(raw, "aisegment", licence="unclear")
    assert names(made) == ["alpha", "image", "sources.csv"]
    pairs = find_set(made, "people", "all")
    assert [p.columns["group"] for p in pairs] == ["0011", "0011", "0022", "0022"]
    assert {(p.source, p.licence) for p in pairs} == {("AISegment", "unclear")}
    copied = raw / pairs[0].columns["origin"]
    assert pairs[0].image.read_bytes() == copied.read_bytes()
    for pair in pairs:
        assert opened(pair.alpha).mode == "L"
        assert (read_pair(pair, 480)[1] == ALPHA).all()


def test_p3m_keeps_its_split(raw: Path) -> None:
    parts = {
        "train": "blurred_image",
        "validation/P3M-500-P": "blurred_image",
        "validation/P3M-500-NP": "original_image",
    }
    for number, (part, pictures) in enumerate(parts.items()):
        photo(raw / part / pictures / "p_1.jpg", number)  # the same name in each part
        put(raw / part / "mask/p_1.png", ALPHA)
    made = bring(raw, "p3m")
    assert read_list(made / "train.txt") == ["p_1"]
    assert read_list(made / "P3M-500-P.txt") == ["p_1-2"]
    assert read_list(made / "P3M-500-NP.txt") == ["p_1-3"]
    assert read_list(made / "val.txt") == ["p_1-2", "p_1-3"]
    assert read_sources(made)["p_1-3"]["part"] == "P3M-500-NP"
    (pair,) = find_set(made, "people", "P3M-500-NP.txt")
    assert (
        pair.image.read_bytes()
        == (raw / "validation/P3M-500-NP/original_image/p_1.jpg").read_bytes()
    )


def test_shm_keeps_its_lists(raw: Path) -> None:
    for number, name in enumerate(("a.b", "c", "d")):
        photo(raw / f"image/{name}.jpg", number)
        put(raw / f"alpha/{name}.png", ALPHA)
        put(raw / f"mask/{name}.png", HARD)
    (raw / "train.txt").write_text("a.b.jpg\nc\n\nnobody.jpg\n")
    (raw / "valid.txt").write_text("d.jpg\r\n")
    (raw / "notes.txt").write_text("this is no list")
    made = bring(raw, "shm")
    assert (read_list(made / "train.txt"), read_list(made / "val.txt")) == (["a.b", "c"], ["d"])
    assert not (made / "notes.txt").exists()
    assert (read_pair(find_set(made, "people", "val.txt")[0], 480)[1] == ALPHA).all()


def test_masks_of_a_project_with_several_folders(raw: Path) -> None:
    for number, part in enumerate(("ds1", "ds2")):
        photo(raw / part / "img/a.jpg", number)
        put(raw / part / "masks_machine/a.png", HARD // 255 * 3)
        put(raw / part / "masks_human/a.png", noise(20, 60))
    made = bring(raw, "masks")
    assert names(made / "image") == ["a-2.jpg", "a.jpg"]
    assert read_sources(made)["a-2"]["folder"] == "ds2"
    for pair in find_set(made, "people", "all"):
        assert (read_pair(pair, 480)[1] == HARD).all()


def test_masks_by_name_by_value_and_by_list(raw: Path) -> None:
    colours = noise(20, 30)
    colours[HARD > 0] = (192, 128, 128)
    for part in ("Train", "valid"):
        photo(raw / part / "Frames/a.png")
        put(raw / part / "people/a_mask.png", colours)
    made = bring(raw, "masks", pictures="frames", masks="people", values=((192, 128, 128),))
    assert (read_list(made / "train.txt"), read_list(made / "val.txt")) == (["a"], ["a-2"])
    assert (read_pair(find_set(made, "people", "val.txt")[0], 480)[1] == HARD).all()


def test_traces_of_jpeg_are_no_people(raw: Path) -> None:
    photo(raw / "img/a.jpg")
    put(raw / "masks/a.jpg", HARD, quality=40)
    assert 0 < (np.asarray(opened(raw / "masks/a.jpg")) == 0).mean() < 0.6
    (pair,) = find_set(bring(raw, "masks"), "people", "all")
    assert np.abs(read_pair(pair, 480)[1].astype(int) - HARD).mean() < 4


def test_soft_masks_keep_their_gray(raw: Path) -> None:
    photo(raw / "image/a.jpg")
    put(raw / "alpha/a.png", ALPHA)
    (pair,) = find_set(bring(raw, "masks", soft=True), "people", "all")
    assert (read_pair(pair, 480)[1] == ALPHA).all()


def test_cutouts_become_picture_and_matte(raw: Path) -> None:
    cutout(raw / "val/a.png")
    photo(raw / "val/solid.png")
    made = bring(raw, "cutouts")
    assert read_list(made / "val.txt") == ["a"]
    assert opened(made / "image/a.png").mode == "RGB"
    image, alpha = read_pair(find_set(made, "people", "val.txt")[0], 480)
    assert (image == noise(20, 30)).all()
    assert (alpha == ALPHA).all()
    assert "nothing in it is transparent" in (made / "import-cutouts.csv").read_text()


def test_what_cannot_be_used_is_left_out_with_its_reason(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("good", "wide", "alone", "cut", "coloured"):
        photo(raw / f"image/{name}.png")
        put(raw / f"alpha/{name}.png", ALPHA)
    put(raw / "alpha/wide.png", matte(20, 31))
    put(raw / "alpha/coloured.png", noise(20, 30))
    (raw / "alpha/alone.png").unlink()
    whole = (raw / "image/cut.png").read_bytes()
    (raw / "image/cut.png").write_bytes(whole[:200])
    assert not import_set(raw, raw.with_name("made"), Wanted("shm"))
    assert names(raw.with_name("made") / "image") == ["good.png"]
    assert [*read_sources(raw.with_name("made"))] == ["good"]
    err = capsys.readouterr().err
    assert "the matte is 31x20, the picture 30x20" in err
    assert "there is no matte" in err
    assert "picture in colour" in err
    assert "1 imported, 3 skipped, 1 failed" in err
    (raw / "image/cut.png").write_bytes(whole)
    assert import_set(raw, raw.with_name("made"), Wanted("shm"))
    assert "1 imported, 1 already there, 3 skipped" in capsys.readouterr().err


def test_a_later_run_goes_on_and_changes_nothing(raw: Path) -> None:
    made = bring(aisegment(raw), "aisegment")
    kept = {path: path.stat().st_mtime_ns for path in made.glob("*/*")}
    (made / "alpha/0022-00000001.png").unlink()
    photo(raw / "clip_img/0000/clip_00000000/0011-00000000.jpg")  # the name of another, before it
    cutout(raw / "matting/0000/matting_00000000/0011-00000000.png")
    bring(raw, "aisegment")
    assert names(made / "image")[:2] == ["0011-00000000-2.jpg", "0011-00000000.jpg"]
    assert read_sources(made)["0011-00000000-2"]["group"] == "0000"
    again = {path: path.stat().st_mtime_ns for path in kept}
    assert [p.name for p in kept if again[p] != kept[p]] == ["0022-00000001.png"]


def test_an_interrupted_run_keeps_its_names(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from humatte.data import importing

    encode, seen = importing.encode, []

    def stop_at_the_third(*words: object) -> bytes:
        seen.append(words)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return encode(*words)

    monkeypatch.setattr(importing, "encode", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        bring(aisegment(raw), "aisegment")
    monkeypatch.undo()
    made = bring(raw, "aisegment")
    assert len(names(made / "image")) == len(names(made / "alpha")) == 4
    assert not list(made.rglob("*.part"))


def test_nothing_of_another_set_is_overwritten(raw: Path) -> None:
    made = raw.with_name("raw-set")
    mine = put(made / "image/A.webp", noise(9, 9)).read_bytes()
    (made / "train.txt").write_text("A\n")
    cutout(raw / "train/a.png")
    bring(raw, "cutouts")
    assert names(made / "image") == ["A.webp", "a-2.png"]
    assert (made / "image/A.webp").read_bytes() == mine
    assert read_list(made / "train.txt") == ["A", "a-2"]


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def masked(raw: Path) -> Path:
    for number, name in enumerate(("a", "b")):
        photo(raw / f"image/{name}.jpg", number)
        for part in ("alpha", "other"):
            put(raw / f"{part}/{name}.png", ALPHA)
    return raw


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("masks", {"soft": True}, "a was made with imported_as 'hard', not 'soft'"),
        ("masks", {"values": ((255, 0, 0),)}, "imported_as 'hard', not 'hard #ff0000'"),
        ("masks", {"masks": "other"}, "matte_origin 'alpha/a.png', not 'other/a.png'"),
        ("masks", {"stored": True}, "matte_lies 'as-seen', not 'as-stored'"),
        ("shm", {}, "imported_as 'hard', not 'soft'"),
    ],
)
def test_mattes_of_other_options_are_refused(raw: Path, kind, options, expected: str) -> None:
    made = bring(masked(raw), "masks", stored=False)
    before = files(made)
    with pytest.raises(UsageError, match=f"{expected}.*choose another -o"):
        bring(raw, kind, **options)
    assert files(made) == before
    bring(raw, "masks", stored=False)
    assert files(made) == before


@pytest.mark.parametrize("kind", ["masks", "cutouts"])
def test_pictures_are_known_under_another_label(
    raw: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    if kind == "masks":
        masked(raw)
    else:
        cutout(raw / "a.png"), cutout(raw / "b.png", 1)
    made = bring(raw, kind, licence="CC0")
    before = files(made)
    bring(raw, kind, source="mine")
    assert files(made) == before
    err = capsys.readouterr().err
    assert "2 are known under another source ('raw') and keep it" in err
    assert "0 imported, 2 already there" in err


def test_another_picture_of_the_same_path_is_new(raw: Path) -> None:
    made = bring(masked(raw), "masks")
    photo(raw / "image/a.jpg", 7)
    bring(raw, "masks", source="mine")
    assert names(made / "image") == ["a-2.jpg", "a.jpg", "b.jpg"]
    assert [row["source"] for row in read_sources(made).values()] == ["raw", "mine", "raw"]


def test_a_table_that_excel_saved_loses_nothing(raw: Path) -> None:
    made = bring(masked(raw), "masks")
    table = made / "sources.csv"
    whole, rows = table.read_text("utf-8"), read_sources(made)
    table.write_text(f"\ufeff{whole}", "utf-8")
    photo(raw / "image/c.jpg", 3)
    put(raw / "alpha/c.png", ALPHA)
    bring(raw, "masks")
    assert {name: read_sources(made)[name] for name in rows} == rows
    table.write_text(whole.replace("name,", "stem,", 1), "utf-8")
    before = files(made)
    with pytest.raises(DataError, match="no column 'name'"):
        bring(raw, "masks")
    assert files(made) == before


def test_links_instead_of_copies(raw: Path) -> None:
    made = bring(aisegment(raw), "aisegment", link=True)
    original = raw / "clip_img/0011/clip_00000000/0011-00000000.jpg"
    assert (made / "image/0011-00000000.jpg").samefile(original)


TURNS = {3: 180, 6: 270, 8: 90}  # EXIF's orientation to the degrees, anticlockwise, that undo it


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("matte_lies", ["as seen", "as stored"])
def test_pictures_that_the_camera_turned(raw: Path, turn: int, matte_lies: str) -> None:
    def lying(pixels: np.ndarray) -> Image.Image:
        return Image.fromarray(pixels).rotate(-TURNS[turn], expand=True)

    exif = Image.Exif()
    exif[0x0112] = turn
    (raw / "image").mkdir(parents=True)
    (raw / "alpha").mkdir()
    lying(noise(20, 30)).save(raw / "image/a.png", exif=exif)
    matte_file = lying(ALPHA) if matte_lies == "as stored" else Image.fromarray(ALPHA)
    matte_file.save(raw / "alpha/a.png")
    made = bring(raw, "shm")
    if turn == 3:  # the size does not tell
        assert "--mattes as-stored" in (made / "import-shm.csv").read_text()
        bring(raw, "shm", stored=matte_lies == "as stored")
    (pair,) = find_set(made, "people", "all")
    image, alpha = read_pair(pair, 480)
    assert (image == noise(20, 30)).all()
    assert (alpha == ALPHA).all()
    assert pair.image.read_bytes() == (raw / "image/a.png").read_bytes()


def test_odd_names(raw: Path) -> None:
    for name in ("a  b\u2003c", "<&\"'>", "名前", "a,b"):
        cutout(raw / f"{name}.png")
    made = bring(raw, "cutouts")
    stems = {Path(name).stem for name in names(made / "image")}
    assert stems == {"a b c", "<&\"'>", "名前", "a,b"} == set(read_sources(made))


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["p4m", "raw", "-o", "x"], 2, "unknown kind 'p4m'"),
        (["p3m", "nowhere", "-o", "x"], 1, "no such folder"),
        (["p3m", "raw", "-o", "x"], 1, "no train/blurred_image/"),
        (["aisegment", "raw", "-o", "x"], 1, "no clip_img/"),
        (["shm", "raw", "-o", "x"], 1, "no image/"),
        (["masks", "raw", "-o", "x"], 1, "--pictures FOLDER --masks FOLDER"),
        (["cutouts", "raw", "-o", "raw/made"], 2, "lies in the folder"),
        (["cutouts", "raw", "-o", "x", "--link"], 2, "nothing to --link"),
        (["shm", "raw", "-o", "x", "--soft"], 2, "masks only"),
        (["masks", "raw", "-o", "x", "--value", "300"], 2, "--value 300"),
        (["masks", "raw", "-o", "x", "--mattes", "up"], 2, "as-seen or as-stored"),
        (["cutouts", "empty", "-o", "x"], 1, "no pictures"),
    ],
)
def test_wrong_use_is_one_line(
    humatte, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code, expected
) -> None:
    monkeypatch.chdir(tmp_path)
    cutout(tmp_path / "raw/a.png")
    (tmp_path / "empty").mkdir()
    result = humatte("data", "import", *words)
    assert (result.code, result.err.count("\n")) == (code, 1)
    assert expected in result.err
    assert not (tmp_path / "x").exists()


def test_as_a_user_types_it(humatte, raw: Path) -> None:
    aisegment(raw)
    result = humatte("data", "import", "aisegment", raw, "-o", raw.with_name("people"), "--jobs", 2)
    assert result.code == 0
    assert "4 imported" in result.err
    assert f"4 are in no list; humatte data split {raw.with_name('people')} makes" in result.err
    (raw.with_name("people") / "train.txt").write_text("0011-00000000\n")
    result = humatte("data", "import", "aisegment", raw, "-o", raw.with_name("people"))
    assert "3 are in no list" in result.err
    assert "people --add makes" in result.err


def test_values_of_a_mask() -> None:
    assert parse_value("1") == (1, 1, 1)
    assert parse_value("#C08080") == (192, 128, 128)
    for wrong in ("", "256", "-1", "red", "#fff"):
        with pytest.raises(UsageError):
            parse_value(wrong)


def test_a_data_error_names_the_folder(raw: Path) -> None:
    raw.mkdir()
    with pytest.raises(DataError, match="raw"):
        import_set(raw, raw.with_name("x"), Wanted("p3m"))
