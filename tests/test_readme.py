"""The README's commands exist, and what it says of them is so."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from drawn import ROOT
from typer.main import get_command

from humatte.cli import app

README = (ROOT / "README.md").read_text("utf-8")
DATA = "".join((ROOT / "docs" / f"{n}.md").read_text("utf-8") for n in ("data", "data-sets"))


def typed() -> list[list[str]]:
    """Every humatte command in the code blocks of the README and the texts about data, as words."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", README + DATA, re.S | re.M)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line.split() for line in lines if line.startswith("humatte ")]


@pytest.mark.parametrize("words", typed(), ids=" ".join)
def test_every_command_is_one_and_takes_its_options(words: list[str]) -> None:
    command: Any = get_command(app)
    rest = words[1:]
    while hasattr(command, "commands"):
        assert rest[0] in command.commands
        command = command.commands[rest.pop(0)]
    known = {name for option in command.params for name in option.opts}
    for word in rest:
        if word.startswith("-") and word != "-":
            assert word in known


def test_there_are_commands_to_check() -> None:
    assert len(typed()) > 8


def test_the_two_commands_stand_where_the_checks_look_for_them() -> None:
    for name in ("cut out", "test"):
        (line,) = re.findall(rf"<!-- command: {name} -->\n```\n(.*)\n```", README)
        assert line.startswith("python3 -m venv .venv && ")
        assert "-c constraints.txt" in line


def test_every_file_that_is_linked_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


SCORES = re.compile(r"^\| `([a-z-]+)`.*? MB \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", re.MULTILINE)


@pytest.mark.parametrize("row", SCORES.findall(README), ids=lambda row: row[0])
def test_a_networks_scores_are_its_cards(row: tuple[str, ...]) -> None:
    name, *said = row
    card = (ROOT / "src/humatte/weights" / f"{name}.md").read_text("utf-8")
    (line,) = re.findall(r"^\| person IoU \| mIoU .*\n\|[-|]+\n\|(.*)\|$", card, re.MULTILINE)
    iou, _, boundary_f, mad, _, _ = (float(score) for score in line.split("|"))
    assert [float(score) for score in said] == pytest.approx([iou, boundary_f, mad], abs=6e-4)


def test_the_scores_of_all_networks_are_compared() -> None:
    assert len(SCORES.findall(README)) == 6


def test_every_verb_is_listed() -> None:
    for verb in get_command(app).commands:  # type: ignore[attr-defined]
        assert f"`humatte {verb}" in README


def test_the_changelog_knows_this_version() -> None:
    from humatte import __version__

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_extras_are_declared() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert {"train", "data", "camera", "serve", "openvino", "cluster", "dev"} <= set(extras)
