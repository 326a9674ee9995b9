"""Packages that only some commands need: said by name, with the command that installs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from humatte.errors import UsageError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Names the command that installs a missing extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("humatte"):
            raise
        raise UsageError(
            f"this needs the package '{error.name}'; install it with: pip install 'humatte[{name}]'"
        ) from error
