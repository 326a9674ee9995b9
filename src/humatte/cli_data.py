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


@app.command()
def alpha(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="A set (image/ with trimap/, mask/ or alpha/), or a picture and its trimap.",
            metavar="SET | PICTURE TRIMAP",
        ),
    ],
    out: _Out,
    method: Annotated[
        str, typer.Option("--method", help="knn, cf (closed form) or lbdm (learning based).")
    ] = "knn",
    solve_at: Annotated[
        int, typer.Option("--solve-at", help="Larger pictures are solved with this long side.")
    ] = 640,
    guide: Annotated[
        str | None,
        typer.Option("--guide", help="trimap, mask or alpha; if not given, what is there."),
    ] = None,
    size: _Size = "10permille",
    inward: _Inward = None,
    kernel: _Kernel = "ellipse",
    neighbours: Annotated[
        int, typer.Option("--neighbours", help="With knn: how many a pixel resembles.")
    ] = 10,
    penalty: Annotated[
        float, typer.Option("--penalty", help="With knn and lbdm: weight of the sure pixels.")
    ] = 100.0,
    jobs: _Jobs = 1,
) -> None:
    """Make mattes of pictures with trimaps, or with masks, by the matting equations."""
    from humatte.data.alpha import Solver, parse_method
    from humatte.data.alpha_files import make_alphas
    from humatte.data.trimap import parse_band

    solver = Solver(parse_method(method), solve_at, neighbours, penalty)
    if not make_alphas(inputs, out, solver, parse_band(size, kernel, inward), guide, jobs):
        raise typer.Exit(1)


@app.command()
def compose(
    people: Annotated[Path, typer.Option("--people", help="A set of people with mattes.")],
    background: Annotated[
        Path, typer.Option("--background", help="A folder of pictures that show nobody.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The new set's folder.")],
    count: Annotated[int, typer.Option("--count", help="How many pictures.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of every choice.")] = 1,
    harmonise: Annotated[
        float, typer.Option("--harmonise", help="Towards the scene's light: 0 not, 1 wholly.")
    ] = 0.5,
    shadows: Annotated[
        bool, typer.Option("--shadows", help="Standing people throw a shadow.")
    ] = False,
    several: Annotated[
        float, typer.Option("--several", help="Share of pictures with others behind, 0 to 1.")
    ] = 0.0,
    long_side: Annotated[
        int, typer.Option("--long-side", help="Of the new pictures, in pixels.")
    ] = 512,
    list_file: Annotated[str, typer.Option("--list", help="Whom: a list, or all.")] = "all",
    format_name: Annotated[
        str, typer.Option("-f", "--format", help="Of the pictures: webp, png or jpg.")
    ] = "webp",
    jobs: _Jobs = 1,
) -> None:
    """Make a new set: people over new backgrounds."""
    from humatte.data.compose import Look
    from humatte.data.compose_files import make_pictures

    look = Look(long_side, harmonise, shadows)
    if not make_pictures(
        people, background, out, count, seed, look, several, list_file, format_name, jobs
    ):
        raise typer.Exit(1)
