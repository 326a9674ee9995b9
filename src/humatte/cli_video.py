"""`humatte cutout`: the options that clips alone have."""

from __future__ import annotations

from typing import Annotated

import typer

_PANEL = "Clips"

From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="TIME", help="Begin there: seconds, or 1:02.5.", rich_help_panel=_PANEL
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="End before there.", rich_help_panel=_PANEL),
]
Every = Annotated[
    int | None,
    typer.Option("--every", min=1, help="Each Nth frame only.", rich_help_panel=_PANEL),
]
MaxSize = Annotated[
    int | None,
    typer.Option(
        "--max-size",
        min=1,
        metavar="PIXELS",
        help="Make frames with a longer side smaller.",
        rich_help_panel=_PANEL,
    ),
]
Steady = Annotated[
    str | None,
    typer.Option(
        "--steady",
        metavar="on|off",
        help="Smooth mattes over time; on unless given.",
        rich_help_panel=_PANEL,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Work in segments; after a stop, the same command goes on.",
        rich_help_panel=_PANEL,
    ),
]
Raw = Annotated[
    str | None,
    typer.Option(
        "--raw",
        metavar="rgba|rgb|gray",
        help="Bare frames to stdout, with -o -.",
        rich_help_panel=_PANEL,
    ),
]
