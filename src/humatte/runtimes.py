"""What computes a network: onnxruntime or OpenVINO, on a processor or an accelerator.

In: an ONNX file's bytes, and how it is to run. Out: a session, which takes batches. What was asked
for and cannot be had is an error: nothing falls back silently.
"""

from __future__ import annotations

import importlib.util
import threading
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from humatte.arrays import Batch
from humatte.console import say
from humatte.errors import UsageError, one_line

RUNTIMES = ("auto", "onnxruntime", "openvino")
PRECISIONS = ("fp32", "bf16")
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""onnxruntime's words for devices."""
# An accelerator's build of onnxruntime is installed on purpose. CoreML is not taken unasked: it
# compiles anew for every size of picture.
_TAKEN_UNASKED = ("cuda", "directml", "cpu")
_OPENVINO_DEVICES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU"}
DEVICES = ("auto", *PROVIDERS, "gpu", "npu")


class Running(NamedTuple):
    """How a network is to run; the arguments of `humatte.load` after the name."""

    threads: int | None = None
    """Of one run on a processor; all cores if None."""
    runtime: str = "auto"
    """`auto` is onnxruntime: it opens files faster."""
    device: str = "auto"
    """`auto`: CUDA or DirectML where the installed onnxruntime can, else the processor."""
    precision: str = "fp32"
    """`bf16`: OpenVINO computes in bfloat16, which changes mattes by a few levels."""


ANYHOW = Running()


class Session(Protocol):
    """An open network. Safe to use from several threads."""

    runtime: str
    device: str

    def run(self, batch: Batch) -> Batch:
        """Alpha (N, 1, h, w) of a batch (N, 3, h, w) float32."""
        ...


def check(running: Running) -> Running:
    """The same, if its words are known and fit each other.

    Raises:
        UsageError: they do not.
    """
    for option, word, known in (
        ("runtime", running.runtime, RUNTIMES),
        ("device", running.device, DEVICES),
        ("precision", running.precision, PRECISIONS),
    ):
        if word not in known:
            raise UsageError(f"unknown --{option} '{word}'; expected {', '.join(known)}")
    if running.threads is not None and running.threads < 1:
        raise UsageError(f"--threads {running.threads}; expected at least 1")
    if running.runtime != "openvino":
        if running.precision != "fp32":
            raise UsageError(
                f"--precision {running.precision} is OpenVINO's; add --runtime openvino"
            )
        if running.device in ("gpu", "npu"):
            raise UsageError(f"--device {running.device} is OpenVINO's; add --runtime openvino")
    elif running.device not in ("auto", *_OPENVINO_DEVICES):
        raise UsageError(
            f"OpenVINO has no device '{running.device}'; expected auto, "
            f"{', '.join(_OPENVINO_DEVICES)}, or leave --runtime out"
        )
    return running


def open_session(data: bytes, running: Running) -> Session:
    """A session of an ONNX file's bytes.

    Raises:
        UsageError: what was asked for cannot be had on this machine.
        Exception: the runtime's own, for a file that it cannot read.
    """
    check(running)
    if running.runtime == "openvino":
        return _Openvino(data, running)
    return _Onnxruntime(data, running)


def onnxruntime_devices() -> list[str]:
    """The devices that the installed onnxruntime was built for."""
    import onnxruntime

    built = onnxruntime.get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider in built]


def openvino_devices() -> list[str] | None:
    """The devices that OpenVINO finds here; None if it is not installed."""
    if importlib.util.find_spec("openvino") is None:
        return None
    import openvino

    found = {name.partition(".")[0] for name in openvino.Core().available_devices}
    return [device for device, name in _OPENVINO_DEVICES.items() if name in found]


@cache
def _say_once(line: str) -> None:
    say(line)


class _Onnxruntime:
    runtime = "onnxruntime"

    def __init__(self, data: bytes, running: Running) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only: they are raised, and explained here
        if running.threads is not None:
            options.intra_op_num_threads = running.threads
        built = onnxruntime_devices()
        wanted = [running.device]
        if running.device == "auto":
            wanted = [device for device in _TAKEN_UNASKED if device in built]
        elif running.device not in built:
            raise UsageError(
                f"--device {running.device}: the installed onnxruntime has {', '.join(built)}; "
                f"install its build for {running.device}, or choose another device"
            )
        self._session, self.device = self._opened(data, options, wanted, running)
        self._input = self._session.get_inputs()[0].name

    @staticmethod
    def _opened(data: bytes, options: Any, wanted: list[str], running: Running) -> tuple[Any, str]:
        """The session, and the device that it is on.

        An accelerator that is listed may still fail to start, for want of a driver or of memory. Of
        `auto` the processor is what comes next, and that is said; onnxruntime's own falling back,
        at the start and in the middle, would be silent.
        """
        import onnxruntime

        asked, why = wanted[0], ""
        providers = [PROVIDERS[device] for device in dict.fromkeys([*wanted, "cpu"])]
        try:
            session = onnxruntime.InferenceSession(
                data, options, providers=providers, enable_fallback=0
            )
        except Exception as error:  # onnxruntime's have no common parent below it
            if asked == "cpu" or running.device != "auto":
                raise
            why = f" ({one_line(error)[:120]})"
            session = onnxruntime.InferenceSession(
                data, options, providers=[PROVIDERS["cpu"]], enable_fallback=0
            )
        first = session.get_providers()[0]
        # A provider whose driver is missing is left out by onnxruntime with no more than a remark.
        device = next((word for word, name in PROVIDERS.items() if name == first), first)
        if device != asked and running.device != "auto":
            raise UsageError(
                f"--device {asked}: its driver or libraries cannot be used "
                "here; 'humatte doctor' says what can"
            )
        if device != asked:
            _say_once(f"{asked} is there but does not start{why}; running on {device}")
        return session, device

    def run(self, batch: Batch) -> Batch:
        (alpha,) = self._session.run(None, {self._input: batch})
        return np.asarray(alpha, np.float32)


class _Openvino:
    runtime = "openvino"

    def __init__(self, data: bytes, running: Running) -> None:
        found = openvino_devices()
        if found is None:
            raise UsageError(
                "--runtime openvino: it is not installed; install it with: "
                "pip install 'humatte[openvino]'"
            )
        self.device = "cpu" if running.device == "auto" else running.device
        if self.device not in found:
            raise UsageError(
                f"--device {self.device}: OpenVINO finds {', '.join(found) or 'none'} here"
            )
        import openvino

        core = openvino.Core()
        precision = {"fp32": "f32", "bf16": "bf16"}[running.precision]
        able = core.get_property(_OPENVINO_DEVICES[self.device], "OPTIMIZATION_CAPABILITIES")
        if running.precision == "bf16" and "BF16" not in able:
            raise UsageError("--precision bf16: this processor has no bfloat16; leave it out")
        # By itself OpenVINO rounds to bfloat16 wherever the processor can.
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if self.device == "cpu" or running.precision != "fp32":
            settings["INFERENCE_PRECISION_HINT"] = precision
        if running.threads is not None and self.device == "cpu":
            settings["INFERENCE_NUM_THREADS"] = running.threads
        self._compiled = core.compile_model(
            core.read_model(data, b""), _OPENVINO_DEVICES[self.device], settings
        )
        self._own = threading.local()

    def run(self, batch: Batch) -> Batch:
        # A request holds one run's memory: each thread has its own.
        request = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self._compiled.create_infer_request()
        return np.array(request.infer({0: batch})[0], np.float32)
