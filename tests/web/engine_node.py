"""Calls the private engine's stages in node, all jobs of a test in one process."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import ROOT

import humatte

WEB = Path(humatte.__file__).parent / "web"
RUNTIME = WEB / "vendor" / "ort.wasm.min.mjs"
NODE = shutil.which("node")

needs_node = pytest.mark.skipif(NODE is None, reason="needs node")
needs_runtime = pytest.mark.skipif(
    not RUNTIME.is_file(), reason="needs onnxruntime-web: python scripts/vendor_web.py"
)


@dataclass
class Job:
    """A call of engine_run.mjs: its arrays, its options, and the type of what it gives."""

    call: str
    arrays: dict[str, np.ndarray]
    options: dict[str, Any] = field(default_factory=dict)
    dtype: type = np.float32


def rgba(image: np.ndarray) -> np.ndarray:
    """An image as a canvas holds it."""
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


def engine(folder: Path, jobs: list[Job], network: dict[str, Any] | None = None) -> list[Any]:
    """What the engine makes of the jobs: arrays, or the values that are none."""
    asked = [_written(folder, number, job) for number, job in enumerate(jobs)]
    (folder / "jobs.json").write_text(json.dumps({"network": network, "jobs": asked}))
    runner = ROOT / "tests" / "web" / "engine_run.mjs"
    command = [str(NODE), str(runner), str(WEB / "engine"), str(folder / "jobs.json")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    found = zip(jobs, asked, json.loads(answer.stdout), strict=True)
    return [_read(job.dtype, Path(call["out"]), facts) for job, call, facts in found]


def _written(folder: Path, number: int, job: Job) -> dict[str, Any]:
    arrays = {}
    for name, values in job.arrays.items():
        path = folder / f"{number}-{name}.raw"
        path.write_bytes(np.ascontiguousarray(values).tobytes())
        arrays[name] = {"file": str(path), "dtype": str(values.dtype), "shape": values.shape}
    out = str(folder / f"{number}.raw")
    return {"call": job.call, "arrays": arrays, "options": job.options, "out": out}


def _read(dtype: type, out: Path, facts: dict[str, Any]) -> Any:
    if "value" in facts:
        return facts["value"]
    values = np.fromfile(out, dtype).reshape(facts["shape"])
    return values[..., 0] if values.shape[2] == 1 else values
