"""`humatte batch`: its options, handed on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from humatte import cli_running as running
from humatte.cli_words import alone

_SPREAD, _LOOK = "How it is spread", "What results show, as with cutout"


def batch(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, a pattern, a .txt list, .parquet; paths or URLs (s3://…).",
            metavar="SRC",
        ),
    ],
    target: Annotated[str, typer.Argument(help="A folder or URL for results.", metavar="DST")],
    model: Annotated[
        str, typer.Option("-m", "--model", help="A bundled network or an .onnx file.")
    ] = "dawn",
    format_name: Annotated[
        str, typer.Option("-f", "--format", help="png, webp, avif, tiff or jpg.")
    ] = "png",
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed before.")
    ] = False,
    address: Annotated[
        str | None,
        typer.Option(
            help="Of a Ray cluster, or auto; one on this machine unless given.",
            rich_help_panel=_SPREAD,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="As many as there is room for.", rich_help_panel=_SPREAD),
    ] = None,
    cpus: Annotated[
        float, typer.Option(min=0.1, help="Of one worker.", rich_help_panel=_SPREAD)
    ] = 1.0,
    gpus: Annotated[
        float, typer.Option(min=0.0, help="Of one worker, as 0.25.", rich_help_panel=_SPREAD)
    ] = 0.0,
    together: Annotated[
        int,
        typer.Option(
            "--batch",
            min=1,
            help="Pictures in one run of the network; pays on a GPU.",
            rich_help_panel=_SPREAD,
        ),
    ] = 1,
    shard: Annotated[
        int,
        typer.Option(min=1, help="Pictures a worker does, then writes.", rich_help_panel=_SPREAD),
    ] = 64,
    retries: Annotated[
        int,
        typer.Option(min=0, help="Of a shard whose worker died.", rich_help_panel=_SPREAD),
    ] = 2,
    alpha: Annotated[bool, typer.Option("--alpha", rich_help_panel=_LOOK)] = False,
    refine: Annotated[
        str | None, typer.Option(metavar="off|fast|detail", rich_help_panel=_LOOK)
    ] = None,
    person: Annotated[str | None, typer.Option("--person", rich_help_panel=_LOOK)] = None,
    background: Annotated[
        str | None, typer.Option("-b", "--background", rich_help_panel=_LOOK)
    ] = None,
    crop: Annotated[
        str | None, typer.Option("--crop", metavar="[MARGIN]", rich_help_panel=_LOOK)
    ] = None,
    aspect: Annotated[str | None, typer.Option(rich_help_panel=_LOOK)] = None,
    size: Annotated[str | None, typer.Option(rich_help_panel=_LOOK)] = None,
    runtime: running.Runtime = "auto",
    device: running.Device = "auto",
    threads: running.Threads = None,
    precision: running.Precision = "fp32",
) -> None:
    """Cut people out of millions of pictures, over a Ray cluster."""
    from humatte.catalog import find, names
    from humatte.extras import extra
    from humatte.image_io import check_channels, output_format
    from humatte.options import parse_options
    from humatte.runtimes import Running, check

    look: dict[str, Any] = {
        "alpha_only": alpha,
        "refine": refine,
        "person": person,
        "background": background,
        "crop": alone(crop),
        "aspect": aspect,
        "size": size,
    }
    encoded = output_format(None, format_name)
    check_channels(encoded, parse_options(**look).transparent)
    path = find(model)
    model = model if model in names() else str(path)  # workers start in folders of their own
    if background and Path(background).is_file():
        look["background"] = str(Path(background).resolve())
    per_worker = max(1, int(cpus))
    how = check(Running(threads or per_worker, runtime, device, precision))
    with extra("cluster"):
        from humatte.batch import Cluster, run_batch
        from humatte.batch_shard import Order

        order = Order(target, look, model, tuple(how), encoded, per_worker, together)
        cluster = Cluster(address, workers, cpus, gpus, shard, retries)
        fine = run_batch(source, order, cluster, retry_failed=retry_failed)
    if not fine:
        raise typer.Exit(1)
