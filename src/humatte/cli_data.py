"""`humatte data ...`: one command per verb, a few lines each; the work is done in `data/`."""

from __future__ import annotations

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
