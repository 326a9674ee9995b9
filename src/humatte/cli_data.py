"""`humatte data ...`: one command per verb, a few lines each; the work is done in `data/`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from humatte.errors import UsageError

app = typer.Typer(
    name="data",
    help="Prepare training data: masks to trimaps to mattes, new backgrounds, checks, lists.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _data() -> None:
    pass


_Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes that share the work.")]


@app.command("import")
def import_(
    kind: Annotated[
        str, typer.Argument(help="aisegment, p3m, shm, masks or cutouts.", metavar="KIND")
    ],
    source: Annotated[Path, typer.Argument(help="The data set's folder as it was unpacked.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The set to make or to add to.")],
    link: Annotated[
        bool, typer.Option("--link", help="Link to the pictures instead of copying them.")
    ] = False,
    name: Annotated[
        str, typer.Option("--source", help="What the column 'source' says of each picture.")
    ] = "",
    licence: Annotated[
        str, typer.Option("--licence", help="What the column 'licence' says of each picture.")
    ] = "",
    pictures: Annotated[
        str | None, typer.Option("--pictures", help="With masks: the name of the picture folders.")
    ] = None,
    masks: Annotated[
        str | None, typer.Option("--masks", help="With masks: the name of the mask folders.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--value", help="With masks: the gray (0-255) or colour (#rrggbb) that is a person."
        ),
    ] = None,
    soft: Annotated[
        bool, typer.Option("--soft", help="With masks: they are mattes, their gray is kept.")
    ] = False,
    mattes: Annotated[
        str | None,
        typer.Option(
            "--mattes", help="Of pictures turned by the camera: they lie as-seen or as-stored."
        ),
    ] = None,
    jobs: _Jobs = 1,
) -> None:
    """Bring a published data set, or folders of your own, into the one layout."""
    from humatte.data.importing import Wanted, import_set, parse_value

    lies = {None: None, "as-seen": False, "as-stored": True}
    if mattes not in lies:
        raise UsageError(f"--mattes {mattes} is not known; expected as-seen or as-stored")
    colours = tuple(parse_value(value) for value in values or ())
    wanted = Wanted(kind, link, name, licence, pictures, masks, colours, soft, stored=lies[mattes])
    if not import_set(source, out, wanted, jobs):
        raise typer.Exit(1)
