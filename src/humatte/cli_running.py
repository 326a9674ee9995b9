"""The options of what computes a network, for every verb that runs one."""

from __future__ import annotations

from typing import Annotated

import typer

PANEL = "What computes it"

Runtime = Annotated[
    str,
    typer.Option(
        "--runtime",
        metavar="auto|onnxruntime|openvino",
        help="OpenVINO is an extra of its own.",
        rich_help_panel=PANEL,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda|directml|coreml|gpu|npu",
        help="gpu and npu with OpenVINO; what cannot be had is an error.",
        rich_help_panel=PANEL,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="Of one run of the network.", rich_help_panel=PANEL),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="fp32|bf16",
        help="bf16 with OpenVINO: faster, mattes differ by a few levels.",
        rich_help_panel=PANEL,
    ),
]
