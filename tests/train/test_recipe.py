from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from drawn import ROOT

from humatte.errors import UsageError
from humatte.train.recipe import Recipe
from humatte.train.recipe_read import read_recipe

RECIPES = sorted((ROOT / "recipes").glob("*.toml"))
CARDS = sorted((ROOT / "src/humatte/weights").glob("*.md"))


def commands() -> list[str]:
    """Every command of the cards and of the recipes' headers."""
    fenced = re.compile(r"^```\n(.*?)^```$", re.S | re.M)
    header = re.compile(r"Command: (.*?)# Time:", re.S)
    blocks = [block for card in CARDS for block in fenced.findall(card.read_text("utf-8"))]
    heads = [head for path in RECIPES for head in header.findall(path.read_text("utf-8"))]
    blocks += [head.replace("\n#", "\n") for head in heads]
    lines = (re.split(r"\n(?=humatte |python )", block.strip()) for block in blocks)
    return [line.replace("\\\n", " ") for block in lines for line in block]


TRAININGS = [line for line in commands() if line.startswith("humatte train")]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_loads_and_says_how_to_run_it(path: Path) -> None:
    assert path.stem.startswith(read_recipe(path).name)
    header = [line for line in path.read_text("utf-8").splitlines() if line.startswith("#")]
    text = "\n".join(header)
    for word in ("Command: humatte train", "Time:", "Score:"):
        assert word in text


def test_the_authors_recipes_vary_no_more_than_they_do() -> None:
    for name in ("likeunet", "shm-original"):
        recipe = read_recipe(ROOT / "recipes" / f"{name}.toml")
        chances = recipe.augment.model_dump()
        how = ("zoom", "drawn", "group", "people", "crop", "scale")  # no chances by themselves
        assert not any(value for key, value in chances.items() if key not in how), name
        assert recipe.data.long_side > max(max(size) for size in recipe.train.sizes)
        assert (recipe.train.precision, recipe.train.average) == ("32-true", 0.0)


def test_there_are_recipes() -> None:
    assert RECIPES


@pytest.mark.parametrize("command", TRAININGS)
def test_every_training_that_is_told_of_is_read(command: str) -> None:
    words = shlex.split(command)
    overrides = [value for word, value in pairwise(words) if word == "--set"]
    read_recipe(ROOT / words[2], overrides)


def test_cards_tell_of_checks_as_they_are_typed() -> None:
    checks = {line for line in commands() if line.startswith("humatte data check")}
    assert checks == {"humatte data check DIR/people --write-clean CLEAN"}


def test_overrides_are_read_as_toml_values() -> None:
    path = RECIPES[0]
    words = ["train.lr=3e-4", "train.sizes=[[64, 32]]", "network.name=night", "train.steps=7"]
    recipe = read_recipe(path, words)
    assert recipe.train.lr == pytest.approx(3e-4)
    assert recipe.train.sizes == ((64, 32),)
    assert recipe.train.steps == 7


def test_a_number_sets_a_key_of_one_phase() -> None:
    recipe = read_recipe(ROOT / "recipes/shm.toml", ["phases.1.lr=1e-5", "train.sizes.0.0=32"])
    assert [phase.lr for phase in recipe.phases] == [1e-3, 1e-5]
    assert recipe.train.sizes[:2] == ((32, 320), (320, 224))
    for wrong in ("phases.2.lr=1", "phases.lr=1", "phases.-1.lr=1"):
        with pytest.raises(UsageError, match=r"'phases' has 2 parts, numbered from 0"):
            read_recipe(ROOT / "recipes/shm.toml", [wrong])


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.learning_rate=1", "unknown key 'train.learning_rate'"),
        ("train.epoch=1", "did you mean 'epochs'"),
        ("tarin.lr=1", "did you mean 'train'"),
        ("network.name=nigth", "did you mean 'night'"),
        ("loss.binary_crossentropy=1", "did you mean 'binary_cross_entropy'"),
        ("train.lr=-1", "greater than 0"),
        ("train.sizes=[[100, 64]]", "multiples of 32"),
        ("train.first_share=0.5", "first_sizes"),
        ("train.first_sizes=[[32, 32]]", "first_sizes is set but first_share is not"),
        ("augment.scale=[2.0, 0.5]", "augment.scale: 2 is above 0.5; expected the smallest first"),
        ("augment.crop=[1.5, 1.0]", "augment.crop: 1.5 is above 1"),
        ("augment.zoom=[0.5, 2.0]", "augment.zoom.0: .* greater than or equal to 1"),
        ("train.sizes=[]", "train.sizes: .* at least 1"),
        ("train.seed=-1", "train.seed: .* greater than or equal to 0"),
        ("loss.trimap=1", "needs trimap"),
        ("network.norm_place=branch", "night has no asymmetric blocks; .* dark-light, nig"),
        ('phases=[{name="a", share=0.5}]', "add up to 0.5"),
        (
            'phases=[{name="a", share=1.0, learning_rate=1}]',
            r"unknown key 'phases\.0\.learning_rate'; .*schedule",
        ),
        ('phases=[{name="a", share=1.0, schedul="keep"}]', "did you mean 'schedule'"),
        ("train.lr", "key=value"),
        ("name.x=1", "not a table"),
    ],
)
def test_wrong_settings_are_refused_by_name(tmp_path: Path, override: str, words: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text('name = "r"\n[network]\nname = "night"\n')
    with pytest.raises(UsageError, match=words):
        read_recipe(path, [override])


def test_a_share_of_0_switches_first_sizes_off() -> None:
    recipe = read_recipe(ROOT / "recipes/night.toml", ["train.first_share=0"])
    assert recipe.train.first_sizes and not recipe.train.first_share
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_a_phase_without_losses_has_those_of_the_recipe_to_suit_the_network(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('name = "r"\n[network]\nname = "shm"\n')
    phases = 'phases=[{name="a", share=0.5, loss={trimap=1}}, {name="b", share=0.5}]'
    with pytest.raises(UsageError, match="'binary_cross_entropy' needs logits, which shm has not"):
        read_recipe(path, [phases])
    read_recipe(path, [phases, "loss={alpha=1}"])
    read_recipe(path, [phases.replace("0.5}]", "0.5, loss={alpha=1}}]")])


def test_unreadable_recipes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read .*; expected a recipe's TOML file"):
        read_recipe(tmp_path)
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(UsageError, match="not a TOML file"):
        read_recipe(tmp_path / "bad.toml")
    with pytest.raises(UsageError, match="no such recipe"):
        read_recipe(tmp_path / "none.toml")
