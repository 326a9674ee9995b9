"""Reading recipes: one TOML file describes one training run, whole.

In: a TOML file and `key=value` overrides, or what a checkpoint stored. Out: a frozen `Recipe`.
Unknown keys, networks and losses are refused with the nearest known name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from humatte.errors import TrainingError, UsageError
from humatte.train.recipe import Recipe, nearest


def stored_recipe(values: dict[str, Any], path: Path) -> Recipe:
    """The recipe in the checkpoint `path`; keys that are newer than it have their defaults.

    Raises:
        TrainingError: it has a key or a value that this version does not know.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise TrainingError(
            f"{path}: its recipe is of another version of humatte ({_explain(error)}); "
            "use the one that wrote it"
        ) from None


def read_recipe(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """Reads a TOML recipe; each override is `key=value` with a dotted key, as `train.lr=3e-4`.

    In a list a number is the key: `phases.0.lr=1e-4`.

    Raises:
        UsageError: no such file, not TOML, an unknown key or a value out of range.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such recipe") from None
    except OSError as error:  # a folder, or not ours to read
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); expected a recipe's TOML file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a TOML file: {error}") from None
    for override in overrides:
        _set(values, override)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{path}: {_explain(error)}") from None


def _set(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {override}: expected key=value, as train.epochs=5")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    keys = key.strip().split(".")
    part: Any = values
    for number, inner in enumerate(keys, start=1):
        place = _place(part, ".".join(keys[: number - 1]), inner, override)
        if number == len(keys):
            part[place] = value
        else:
            part = part.setdefault(place, {}) if isinstance(part, dict) else part[place]


def _place(part: Any, name: str, inner: str, override: str) -> str | int:
    """What `inner` stands for in a table or, as a number, in a list called `name`."""
    if isinstance(part, dict):
        return inner
    if not isinstance(part, list):
        raise UsageError(f"--set {override}: '{name}' is a value, not a table")
    if not inner.isdecimal() or int(inner) >= len(part):
        raise UsageError(
            f"--set {override}: '{name}' has {len(part)} parts, numbered from 0; "
            f"expected such a number after it, as {name}.0"
        )
    return int(inner)


def _explain(error: ValidationError) -> str:
    """The first problem as one line, with the nearest known key for an unknown one."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        model: Any = Recipe
        for part in problem["loc"][:-1]:
            if not isinstance(part, int):
                kind = model.model_fields[part].annotation
                model = get_args(kind)[0] if get_origin(kind) is tuple else kind
        return f"unknown key '{where}'{nearest(str(problem['loc'][-1]), model.model_fields)}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
