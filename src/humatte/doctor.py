"""`humatte doctor`: what is there, what would run, and whether it works.

In: how networks are to run. Out: findings, each a line with its verdict. Nothing is changed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from humatte.catalog import DEFAULT, find, load, names
from humatte.errors import HumatteError, one_line
from humatte.finish import cutout
from humatte.image_io import encode, read
from humatte.known_answer import answer_of, may_differ, stored
from humatte.machine import machine_facts, machine_line
from humatte.matting import matte
from humatte.metadata import Kept
from humatte.runtimes import ANYHOW, Running, onnxruntime_devices, openvino_devices

EXTRAS = {
    "openvino": "openvino",
    "train": "torch",
    "data": "pymatting",
    "serve": "fastapi",
    "camera": "pyvirtualcam",
    "cluster": "ray",
}
"""Each extra, and a package that it brings."""
_CODECS = {"libvpx-vp9": "WebM with alpha", "prores_ks": "ProRes 4444", "libx264": "H.264"}
# At most, and on the mean. Runtimes order their sums differently; bfloat16 has 8 bits; in 8-bit
# integers they round differently, and on noise, which is what is compared, that adds up.
_MAY_DIFFER = {"fp32": (1e-3, 1e-4), "bf16": (0.1, 0.01), "int8": (0.5, 0.03)}
_EMPTY = 0.01
_SIDE = 256


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `fine` is None where there is nothing to judge."""

    what: str
    told: str
    fine: bool | None = None


def examine(running: Running = ANYHOW) -> Iterator[Finding]:
    """Everything, in the order in which it is told."""
    yield Finding("machine", machine_line())
    facts = machine_facts()
    yield Finding("humatte", f"{facts['humatte']}, Python {facts['python']}")
    yield from _runtimes()
    yield from _extras()
    yield _codecs()
    yield _would_run(running)
    for name in names():
        yield _weights(name)
    for name in names():
        yield from _runs(name, running)
        yield _answers(name, running)
    yield _cuts_out()


def _runtimes() -> Iterator[Finding]:
    version = importlib.metadata.version
    packages = importlib.metadata.packages_distributions().get("onnxruntime", ["onnxruntime"])
    told = f"{', '.join(f'{name} {version(name)}' for name in sorted(set(packages)))}: "
    yield Finding("onnxruntime", told + ", ".join(onnxruntime_devices()), True)
    if len(set(packages)) > 1:
        yield Finding(
            "onnxruntime", "several builds at once replace each other's files; keep one", False
        )
    devices = openvino_devices()
    if devices is None:
        yield Finding("openvino", "not installed: pip install 'humatte[openvino]'")
    else:
        yield Finding("openvino", f"{version('openvino')}: {', '.join(devices)}", True)


def _extras() -> Iterator[Finding]:
    for name, package in EXTRAS.items():
        if name == "openvino":
            continue
        there = importlib.util.find_spec(package) is not None
        told = "installed" if there else f"not installed: pip install 'humatte[{name}]'"
        yield Finding(f"extra {name}", told, True if there else None)


def _codecs() -> Finding:
    import av

    missing = [what for codec, what in _CODECS.items() if codec not in av.codecs_available]
    if missing:
        return Finding("video", f"PyAV {av.__version__} lacks {', '.join(missing)}", False)
    return Finding("video", f"PyAV {av.__version__}: {', '.join(_CODECS.values())}", True)


def _would_run(running: Running) -> Finding:
    try:
        network = load(DEFAULT, *running)
    except HumatteError as error:
        return Finding("would run", one_line(error), False)
    return Finding("would run", f"{DEFAULT} with {network.runtime} on {network.device}", True)


def _weights(name: str) -> Finding:
    """Whether a bundled file is what its card says."""
    path = find(name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    card = path.with_suffix(".md")
    known = re.findall(r"\b[0-9a-f]{64}\b", card.read_text("utf-8")) if card.is_file() else []
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    if digest in known:
        return Finding(f"weights {name}", f"{size}, as shipped", True)
    return Finding(f"weights {name}", f"{size}, not what its card says; install again", False)


def _runs(name: str, running: Running) -> Iterator[Finding]:
    """A pass beside onnxruntime's on the processor, and an empty scene."""
    batch = np.random.default_rng(0).random((2, 3, _SIDE, _SIDE), np.float32)
    try:
        network = load(name, *running)
        alpha = network.run(batch)
        began = time.perf_counter()
        alone = network.run(batch[1:])
        took_ms = 1000 * (time.perf_counter() - began)
        truth = load(name, None, "onnxruntime", "cpu").run(batch)
        empty = float(matte(np.full((_SIDE, _SIDE, 3), 128, np.uint8), network).mean())
    except HumatteError as error:
        yield Finding(f"self-test {name}", one_line(error), False)
        return
    differences = np.abs(np.concatenate([alpha - truth, alone - truth[1:]]))
    difference = float(differences.max())
    most, mean = _MAY_DIFFER["int8" if network.facts.int8 else running.precision]
    fine = difference <= most and float(differences.mean()) <= mean and empty < _EMPTY
    told = (
        f"{took_ms:.0f} ms at {_SIDE}x{_SIDE}, {difference:.1g} from onnxruntime on the processor, "
        f"{empty:.3f} on an empty wall"
    )
    yield Finding(f"self-test {name}", told, bool(np.isfinite(alpha).all()) and fine)


def _answers(name: str, running: Running) -> Finding:
    """The network's answer to a drawn batch beside the one in its card."""
    what, known = f"known answer {name}", stored(find(name).with_suffix(".md"))
    if known is None:
        return Finding(what, "its card has none; install again", False)
    try:
        network = load(name, *running)
        away = float(np.abs(answer_of(network) - known).max())
    except HumatteError as error:
        return Finding(what, one_line(error), False)
    limit = may_differ(network, running.precision)
    told = f"at most {away:.2g} away from its card's, in log-odds; {limit:g} is allowed"
    if away <= limit:
        return Finding(what, told, True)
    return Finding(what, f"{told}: wrong mattes; install again, or choose another --runtime", False)


def _cuts_out() -> Finding:
    """A picture through every stage: opaque pixels are the picture's own."""
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    try:
        file = encode(cutout(image, keep=np.ones((48, 64), np.float32)), "PNG", Kept())
        picture = read(file)
    except HumatteError as error:
        return Finding("self-test", one_line(error), False)
    same = picture.alpha is None or bool((picture.alpha == 1).all())
    same = same and np.array_equal(picture.image, image)
    return Finding("self-test", "a cut-out through PNG gives the picture's own pixels", same)
