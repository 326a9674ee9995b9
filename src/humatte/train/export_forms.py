"""Which form of a network is written: float32, weights as float16, or 8-bit integers."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from humatte.catalog import find, names
from humatte.errors import UsageError
from humatte.train.checkpoint import best_of
from humatte.train.export import LICENCE_NOT_STATED, export_run, guard_inputs
from humatte.train.quantize import export_int8


@dataclass(frozen=True)
class Form:
    """What was asked for: `calibrate` is a set with mattes, `licence` what the file will say."""

    half: bool = False
    int8: bool = False
    calibrate: Path | None = None
    licence: str | None = None


def export_form(source: str, out: Path, form: Form) -> list[str]:
    """Writes a network in the form that was asked for.

    Args:
        source: a run's folder or a checkpoint; for 8 bits also a bundled network or an .onnx file.
        out: the .onnx file to write.
        form: which.

    Returns:
        Lines for a person about it.

    Raises:
        UsageError: a form that is none, an output over what is read.
        TrainingError: no such run; an export that differs, or 8 bits that cost too much.
    """
    if form.int8 and form.half:
        raise UsageError("--half and --int8 are two forms; give one of them")
    if form.int8 != (form.calibrate is not None):
        missing = "--calibrate DIR, a set with mattes" if form.int8 else "--int8"
        raise UsageError(f"--int8 and --calibrate go together; give {missing} too")
    is_network = source in names() or source.endswith(".onnx")
    if is_network and not form.calibrate:
        raise UsageError(f"{source}: a network already; a run is exported, or give --int8")
    if is_network and form.licence is not None:
        raise UsageError(f"{source}: a network keeps its licence; give --licence with a run")
    network = find(source) if is_network else best_of(Path(source))
    guard_inputs(out, [network, *sorted(network.parent.glob("*.pt"))])  # a run's others, too
    licence = form.licence or LICENCE_NOT_STATED
    if not form.calibrate:
        export_run(Path(source), out, form.half, licence)
        return []
    with tempfile.TemporaryDirectory() as folder:
        if not is_network:
            network = Path(folder) / "float.onnx"
            export_run(Path(source), network, licence=licence)
        told = export_int8(network, form.calibrate, out)
    before, after = told["before"], told["after"]
    return [
        f"{score}: {before[score]:.4f} before, {after[score]:.4f} in 8 bits" for score in before
    ] + [f"convolutions kept in float: {told['kept_in_float']}"]
