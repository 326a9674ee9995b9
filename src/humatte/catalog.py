"""The networks that come with humatte, by name."""

from __future__ import annotations

import os
import threading
from functools import cache
from os import PathLike
from pathlib import Path

from humatte.errors import UsageError
from humatte.network import Network
from humatte.runtimes import Running

DEFAULT = "dawn"
_WEIGHTS = Path(__file__).parent / "weights"
_OPENING = threading.Lock()


def names() -> list[str]:
    """The names of the bundled networks."""
    return sorted(path.stem for path in _WEIGHTS.glob("*.onnx"))


def find(name: str | PathLike[str]) -> Path:
    """The file of a bundled network, or of a path that ends in .onnx.

    Raises:
        UsageError: no network is called that.
    """
    text = os.fspath(name)
    if text in names():
        return _WEIGHTS / f"{text}.onnx"
    if text.endswith(".onnx") and Path(text).is_file():
        return Path(text).resolve()
    raise UsageError(
        f"no network is called '{text}'; bundled: {', '.join(names())}; or give an .onnx file"
    )


def load(
    name: str | PathLike[str] = DEFAULT,
    threads: int | None = None,
    runtime: str = "auto",
    device: str = "auto",
    precision: str = "fp32",
) -> Network:
    """Opens a network by name or by the path of an .onnx file; one open copy is shared.

    Args:
        name: a bundled network's name, or a path.
        threads: how many threads one run uses; all cores if None.
        runtime: `auto`, `onnxruntime` or `openvino`.
        device: `auto`, `cpu`, `cuda`, `directml` or `coreml`; of OpenVINO `cpu`, `gpu` or `npu`.
        precision: `fp32`, or `bf16` of OpenVINO.

    Raises:
        UsageError: no network is called that, or what is asked cannot be had on this machine.
        NetworkError: the file is not a network that humatte exported.
    """
    path = find(name)
    state = path.stat()
    with _OPENING:  # threads that come together would each open it
        running = Running(threads, runtime, device, precision)
        return _open(path, running, (state.st_mtime_ns, state.st_size))


@cache
def _open(path: Path, running: Running, version: tuple[int, int]) -> Network:
    del version  # part of the key: a file that was written anew is opened anew
    return Network(path, running)
