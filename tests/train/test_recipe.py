from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from drawn import ROOT

from humatte.errors import UsageError
from humatte.train.recipe import read_recipe

RECIPES = sorted((ROOT / "recipes").glob("*.toml"))
CARDS = sorted((ROOT / "src/humatte/weights").glob("*.md"))


def commands() -> list[str]:
    """Every command of the cards and of the recipes' headers."""
    texts = [card.read_text("utf-8") for card in CARDS]
    blocks = [block for text in texts for block in re.findall(r"^```\n(.*?)^```$", text, re.S | re.M)]
    heads = [re.findall(r"Command: (.*?)# Time:", path.read_text("utf-8"), re.S) for path in RECIPES]
    blocks += [found.replace("\n#", "\n") for head in heads for found in head]
    lines = (re.split(r"\n(?=humatte |python )", block.strip()) for block in blocks)
    return [line.replace("\\\n", " ") for block in lines for line in block]


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


@pytest.mark.parametrize("command", [line for line in commands() if line.startswith("humatte train")])
def test_every_training_that_is_told_of_is_read(command: str) -> None:
    words = shlex.split(command)
    overrides = [value for word, value in zip(words, words[1:], strict=False) if word == "--set"]
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
        ("loss.trimap=1", "needs trimap"),
        ('phases=[{name="a", share=0.5}]', "add up to 0.5"),
        ("train.lr", "key=value"),
        ("name.x=1", "not a table"),
    ],
)
def test_wrong_settings_are_refused_by_name(tmp_path: Path, override: str, words: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text('name = "r"\n[network]\nname = "night"\n')
    with pytest.raises(UsageError, match=words):
        read_recipe(path, [override])


def test_unreadable_recipes(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(UsageError, match="not a TOML file"):
        read_recipe(tmp_path / "bad.toml")
    with pytest.raises(UsageError, match="no such recipe"):
        read_recipe(tmp_path / "none.toml")
