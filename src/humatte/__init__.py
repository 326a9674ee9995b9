"""humatte cuts people out of pictures, on your own machine.

>>> import humatte
>>> rgba = humatte.cutout("examples/astronaut.jpg")
>>> rgba.shape
(512, 512, 4)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from humatte.catalog import load
    from humatte.errors import HumatteError
    from humatte.finish import cutout
    from humatte.matting import matte
    from humatte.network import Network

__version__ = "0.1.0"
__all__ = ["HumatteError", "Network", "__version__", "cutout", "load", "matte"]

_HOMES = {
    "HumatteError": "humatte.errors",
    "Network": "humatte.network",
    "cutout": "humatte.finish",
    "load": "humatte.catalog",
    "matte": "humatte.matting",
}


def __getattr__(name: str) -> Any:
    """Loads a public name where it is first used: importing humatte alone stays instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'humatte' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
