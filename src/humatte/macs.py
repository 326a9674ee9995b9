"""How much arithmetic a network's pass is, counted from onnxruntime's own profile of one."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

from humatte.arrays import Batch

_COUNTED = {"Conv", "FusedConv", "ConvTranspose", "Gemm", "MatMul"}
_IN_8_BITS = {"QLinearConv", "ConvInteger", "QLinearMatMul", "MatMulInteger", "QuantizeLinear"}


def macs_of(path: Path, batch: Batch) -> float | None:
    """Multiplications with addition of one pass, those of convolutions and matrices alone.

    None of a file that computes with 8 bits: they run at another rate.

    Args:
        path: a network's file.
        batch: (N, 3, h, w) float32.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    # Later rewritings pad channels for the processor's sake: that is not the network's work.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # A kernel that is packed for the processor is missing from the profile.
    options.add_session_config_entry("session.disable_prepacking", "1")
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "pass")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        session.run(None, {session.get_inputs()[0].name: batch})
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    done = [event["args"] for event in events if "output_type_shape" in event.get("args", {})]
    if any(args["op_name"] in _IN_8_BITS for args in done):
        return None
    return float(sum(_macs(args) for args in done if args["op_name"] in _COUNTED))


def _macs(args: dict[str, list[dict[str, list[int]]]]) -> int:
    """Of one node, from the shapes that the profile names."""
    (out,) = args["output_type_shape"][0].values()
    picture, kernel = (next(iter(entry.values())) for entry in args["input_type_shape"][:2])
    if str(args["op_name"]) == "ConvTranspose":
        return math.prod(picture) * math.prod(kernel[1:])
    if len(kernel) == 2:
        return math.prod(out) * kernel[0]
    return math.prod(out) * math.prod(kernel[1:])
