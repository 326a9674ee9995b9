"""The networks that come with humatte, by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from humatte.errors import UsageError
from humatte.network import Network

DEFAULT = "night"
_WEIGHTS = Path(__file__).parent / "weights"


def names() -> list[str]:
    """The names of the bundled networks."""
    return sorted(path.stem for path in _WEIGHTS.glob("*.onnx"))


def find(name: str) -> Path:
    """The file of a bundled network, or of a path that ends in .onnx.

    Raises:
        UsageError: no network is called that.
    """
    if name in names():
        return _WEIGHTS / f"{name}.onnx"
    if name.endswith(".onnx") and Path(name).is_file():
        return Path(name)
    raise UsageError(
        f"no network is called '{name}'; bundled: {', '.join(names())}; or give an .onnx file"
    )


def load(name: str = DEFAULT, threads: int | None = None) -> Network:
    """Opens a network by name or by the path of an .onnx file; one open copy is shared.

    Args:
        name: a bundled network's name, or a path.
        threads: how many threads one run uses; all cores if None.

    Raises:
        UsageError: no network is called that.
        NetworkError: the file is not a network that humatte exported.
    """
    return _open(find(name), threads)


@cache
def _open(path: Path, threads: int | None) -> Network:
    return Network(path, threads)
