from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn import disc, noise, opened
from PIL import Image

from humatte.arrays import to_bytes
from humatte.data.layouts import find_backgrounds, find_pairs, find_set, find_things
from humatte.errors import DataError
from humatte.train import augment
from humatte.train.augment import Sources, low_light, make_sample
from humatte.train.patterns import draw_blob, draw_pattern
from humatte.train.recipe import AugmentPart, Recipe
from humatte.train.samples import Store, build_store


@pytest.fixture
def sources(data: Path, tmp_path: Path) -> Sources:
    people = build_store(find_pairs(data / "people", "train.txt"), tmp_path, 480)
    return Sources(people, build_store(find_backgrounds(data / "background"), tmp_path, 480))


def test_a_store_gives_back_the_pixels(data: Path, sources: Sources) -> None:
    assert sources.people.names == [f"p{n}" for n in range(6)]
    sample = sources.people[3]
    assert (sample.image == np.asarray(opened(data / "people/image/p3.png"))).all()
    assert (sample.alpha == np.asarray(opened(data / "people/alpha/p3.png"))).all()
    assert (sample.foreground[sample.alpha > 30] != sample.image[sample.alpha > 30]).any()
    assert not sources.backgrounds[0].alpha.any()


def test_a_store_is_built_once(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = find_pairs(data / "people", "train.txt")
    first = build_store(pairs, tmp_path, 480)
    monkeypatch.setattr("humatte.train.samples.read_pair", None)  # would fail if called
    assert build_store(pairs, tmp_path, 480).data_hash == first.data_hash
    assert isinstance(Store(first.folder), Store)


def test_a_store_goes_to_another_process_without_its_pixels(sources: Sources) -> None:
    whole = sources.people[2].image.copy()  # opened here, as fingerprints do
    packed = pickle.dumps(sources.people)
    assert len(packed) < 2000 < whole.nbytes
    assert (pickle.loads(packed)[2].image == whole).all()


def test_large_pictures_are_kept_small(data: Path, tmp_path: Path) -> None:
    store = build_store(find_pairs(data / "people", "train.txt"), tmp_path, 32)
    assert store[0].image.shape == (32, 24, 3)


def test_broken_pairs_are_all_listed_before_the_first_step(tmp_path: Path) -> None:
    for folder in ("image", "alpha"):
        (tmp_path / folder).mkdir()
    for name in ("good", "mismatch", "broken"):
        Image.fromarray(noise(20, 20)).save(tmp_path / "image" / f"{name}.png")
        Image.fromarray(to_bytes(disc(20, 20, 5))).save(tmp_path / "alpha" / f"{name}.png")
    Image.fromarray(to_bytes(disc(10, 20, 5))).save(tmp_path / "alpha" / "mismatch.png")
    (tmp_path / "image" / "broken.png").write_bytes(b"no")
    (tmp_path / "list.txt").write_text("good\nmismatch\nbroken\n")
    with pytest.raises(DataError, match=r"2 of 3 pairs .*mismatch: the matte is 20x10.*broken"):
        build_store(find_pairs(tmp_path, "list.txt"), tmp_path / "cache", 480)
    assert not list((tmp_path / "cache").iterdir())
    (tmp_path / "list.txt").write_text("good\nabsent\n")
    with pytest.raises(DataError, match=r"1 of 2 names .*absent"):
        find_pairs(tmp_path, "list.txt")


def test_wrong_folders(data: Path, tmp_path: Path) -> None:
    inside = find_set(data, "people", "train.txt")
    assert find_set(data / "people", "people", "train.txt") == inside
    with pytest.raises(DataError, match="image/"):
        find_set(tmp_path, "people", "train.txt")
    with pytest.raises(DataError, match="no such list"):
        find_pairs(data / "people", "none.txt")
    assert find_backgrounds(tmp_path / "nowhere") == []


def test_a_sample_depends_on_its_seed_alone(sources: Sources) -> None:
    def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
        return make_sample(sources, 1, (64, 96), AugmentPart(), np.random.default_rng(seed))

    for seed in range(12):
        (image, alpha), (again, alpha_again) = draw(seed), draw(seed)
        assert image.shape == (64, 96, 3)
        assert alpha.shape == (64, 96)
        assert image.dtype == alpha.dtype == np.uint8
        assert (image == again).all()
        assert (alpha == alpha_again).all()
    assert (draw(1)[0] != draw(2)[0]).any()


QUIET = {"colour": 0, "blur": 0, "noise": 0, "jpeg": 0, "gray": 0, "group": 0}


@pytest.mark.parametrize("replace", [0.0, 1.0])
def test_geometry_moves_picture_and_alpha_alike(sources: Sources, replace: float) -> None:
    options = AugmentPart(replace_background=replace, empty=0, drawn=1, **QUIET)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        image, alpha = make_sample(sources, 4, (64, 64), options, rng)
        person = image[alpha == 255].astype(int)
        if len(person) > 20:  # the drawn person is one red; its own colour change keeps it one
            assert person.std(axis=0).max() < 6


def test_colour_never_touches_alpha(sources: Sources) -> None:
    quiet = AugmentPart(replace_background=0, empty=0, **QUIET)
    loud = AugmentPart(replace_background=0, empty=0, colour=1, blur=1, noise=1, jpeg=1)
    for seed in range(5):
        alphas = [
            make_sample(sources, 2, (64, 64), options, np.random.default_rng(seed))[1]
            for options in (quiet, loud)
        ]
        assert (alphas[0] == alphas[1]).all()


def test_empty_samples_are_empty(sources: Sources) -> None:
    options = AugmentPart(empty=1)
    for seed in range(5):
        assert not make_sample(sources, 0, (64, 64), options, np.random.default_rng(seed))[1].any()


@pytest.mark.parametrize("size", [(32, 128), (128, 32), (64, 48)])
def test_a_picture_whose_background_stays_is_never_laid_over_another(
    sources: Sources, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("another background")

    monkeypatch.setattr(augment, "_background", refuse)
    options = AugmentPart(replace_background=0, empty=0)
    for seed in range(8):
        image, _ = make_sample(sources, 0, size, options, np.random.default_rng(seed))
        assert image.shape == (*size, 3)


def test_without_backgrounds_patterns_are_drawn(sources: Sources) -> None:
    alone = Sources(sources.people, None)
    image, alpha = make_sample(alone, 0, (64, 64), AugmentPart(empty=1), np.random.default_rng(0))
    assert image.shape == (64, 64, 3)
    assert not alpha.any()


def test_patterns_differ_and_fill_the_size() -> None:
    drawn = [draw_pattern((40, 30), np.random.default_rng(seed)) for seed in range(40)]
    assert all(image.shape == (40, 30, 3) and image.dtype == np.uint8 for image in drawn)
    assert len({image.tobytes() for image in drawn}) > 35
    assert sum(image.std() < 1 for image in drawn) >= 3  # walls of one colour are among them


def test_things_are_shapes_with_soft_edges_and_not_people(sources: Sources) -> None:
    blobs = [draw_blob((60, 50), np.random.default_rng(seed)) for seed in range(30)]
    assert all(blob.shape == (60, 50) and 0 <= blob.min() <= blob.max() <= 1 for blob in blobs)
    assert 0.02 < np.mean(blobs) < 0.5
    options = AugmentPart(empty=1, thing=1)
    assert not make_sample(sources, 0, (64, 64), options, np.random.default_rng(1))[1].any()


def test_groups_have_up_to_so_many_people(sources: Sources) -> None:
    def share(people: int) -> float:
        options = AugmentPart(
            replace_background=1, empty=0, scale=(0.3, 0.3), **QUIET | {"group": 1}, people=people
        )
        rngs = [np.random.default_rng(seed) for seed in range(20)]
        return float(np.mean([make_sample(sources, 0, (64, 64), options, r)[1] for r in rngs]))

    assert share(6) > 1.4 * share(2)


def test_what_stands_before_a_person_is_not_the_person(sources: Sources) -> None:
    def draw(occluder: float, seed: int) -> np.ndarray:
        options = AugmentPart(replace_background=1, empty=0, occluder=occluder, **QUIET)
        return make_sample(sources, 2, (64, 64), options, np.random.default_rng(seed))[1]

    hidden = [int((draw(0, seed) > 127).sum() - (draw(1, seed) > 127).sum()) for seed in range(20)]
    assert sum(count > 0 for count in hidden) > 5


def test_little_light_is_dark_or_noisy() -> None:
    bright = np.full((40, 40, 3), 200, np.uint8)
    dark = [low_light(bright, np.random.default_rng(seed)) for seed in range(30)]
    assert all(image.shape == bright.shape and image.dtype == np.uint8 for image in dark)
    assert min(image.mean() for image in dark) < 40
    assert all(image.mean() < 150 or image.std() > 1 for image in dark)


def test_crops_magnify(sources: Sources) -> None:
    def most(crop: tuple[float, float]) -> int:
        options = AugmentPart(replace_background=0, empty=0, crop=crop, **QUIET)
        draws = [
            make_sample(sources, 5, (64, 48), options, np.random.default_rng(s)) for s in range(9)
        ]
        return max(int((alpha > 127).sum()) for _, alpha in draws)

    assert most((2.5, 2.5)) > 1.5 * most((1, 1))


def test_a_background_that_just_fills_the_frame(tmp_path: Path, data: Path) -> None:
    """With zoom 1 a side is the frame's but for rounding, on either side of it."""
    (tmp_path / "image").mkdir()
    Image.fromarray(noise(49, 147)).save(tmp_path / "image" / "b.png")
    people = build_store(find_pairs(data / "people", "train.txt"), tmp_path, 480)
    plain = AugmentPart(empty=1, zoom=(1, 1), drawn=0, **QUIET)
    backgrounds = build_store(find_backgrounds(tmp_path / "image"), tmp_path, 480)
    for size in ((height, width) for height in range(32, 129, 16) for width in range(32, 129, 16)):
        rng = np.random.default_rng(0)
        make_sample(Sources(people, backgrounds), 0, size, plain, rng)


def test_recipe_fixture_is_small(small: Recipe) -> None:
    assert small.train.steps == 4


def test_cutouts_of_things_are_shown_but_are_nobody(sources: Sources, tmp_path: Path) -> None:
    red = np.zeros((64, 64, 4), np.uint8)
    red[..., 0], red[..., 3] = 255, to_bytes(disc(64, 64, 25))
    (tmp_path / "things").mkdir()
    Image.fromarray(red).save(tmp_path / "things" / "ball.png")
    store = build_store(find_things(tmp_path / "things"), tmp_path / "cache", 480)
    assert (store[0].alpha == red[..., 3]).all()
    plain = AugmentPart(
        empty=1, thing=1, drawn=0, colour=0, blur=0, noise=0, jpeg=0, gray=0, dark=0
    )
    seen = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        image, alpha = make_sample(replace(sources, things=store), 0, (64, 64), plain, rng)
        assert not alpha.any()
        seen += (image[..., 0].astype(int) - image[..., 1] > 120).mean() > 0.02
    assert seen > 10
    with pytest.raises(DataError, match="cut-outs with transparency"):
        find_things(tmp_path / "nowhere")


def test_a_moved_person_brings_nothing_of_the_old_place(tmp_path: Path) -> None:
    """A red disc before blue, scaled over black: no blue in the picture, at whatever size."""
    for folder in ("image", "alpha"):
        (tmp_path / folder).mkdir()
    alpha = disc(200, 200, 60, soft=3)
    red, blue = np.float32([255, 0, 0]), np.float32([0, 0, 255])
    image = np.rint(alpha[..., None] * red + (1 - alpha[..., None]) * blue).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "image" / "a.png")
    Image.fromarray(to_bytes(alpha)).save(tmp_path / "alpha" / "a.png")
    store = build_store(find_set(tmp_path, "people", "all"), tmp_path / "cache", 480)
    for scale in (0.2, 0.6, 1.4):
        plain = AugmentPart(scale=(scale, scale), rotate_degrees=20)
        rng = np.random.default_rng(0)
        foreground, matte = augment._placed_person(store, 0, (128, 128), plain, rng)
        assert matte.max() == 1
        assert foreground[matte > 0, 2].max() <= 12
