"""`humatte data ...`: one command per verb, a few lines each; the work is done in `data/`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="data",
    help="Prepare training data: masks to trimaps to mattes, new backgrounds, checks, lists.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _data() -> None:
    pass


_Out = Annotated[str, typer.Option("-o", "--out", help="A folder, or a file for one picture.")]
_Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes that share the work.")]
_Size = Annotated[
    str,
    typer.Option(
        "--size",
        help="How far the unsure band reaches: 12 (pixels) or 10permille (of the long side).",
    ),
]
_Kernel = Annotated[str, typer.Option("--kernel", help="ellipse, rectangle or cross.")]
_Inward = Annotated[
    str | None, typer.Option("--inward", help="Its reach into the person; as --size if not given.")
]


@app.command()
def trimap(
    source: Annotated[
        Path,
        typer.Argument(help="A mask or matte, a folder of them, or a set with alpha/ or mask/."),
    ],
    out: _Out,
    size: _Size = "10permille",
    inward: _Inward = None,
    kernel: _Kernel = "ellipse",
    jobs: _Jobs = 1,
) -> None:
    """Make trimaps of masks or mattes: 0 background, 128 unsure, 255 person."""
    from humatte.data.trimap import parse_band
    from humatte.data.trimap_files import make_trimaps

    if not make_trimaps(source, out, parse_band(size, kernel, inward), jobs):
        raise typer.Exit(1)
