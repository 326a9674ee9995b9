"""`humatte serve`: its options, and what they start."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from humatte import cli_running as running
from humatte.extras import extra

_LIMITS = "Limits"


def serve(
    host: Annotated[
        str,
        typer.Option(help="The address to listen on; others than this machine's need a token."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("-p", "--port", min=0, max=65535)] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="HUMATTE_TOKEN",
            show_envvar=True,
            help="What callers have to show; better in the environment than here, where ps shows "
            "it.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", help="A bundled network or an .onnx file.")
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Serve the web page too.")] = True,
    jobs: Annotated[
        int | None,
        typer.Option(
            "-j",
            "--jobs",
            min=1,
            max=64,
            help="Pictures worked on at once; by the cores, 8 at most, if left out.",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    queue: Annotated[
        int,
        typer.Option(
            min=1,
            max=10_000,
            help="Requests about pictures at once, waiting ones included.",
            rich_help_panel=_LIMITS,
        ),
    ] = 32,
    max_megabytes: Annotated[
        float,
        typer.Option(min=0.001, help="Of a request about a picture.", rich_help_panel=_LIMITS),
    ] = 32,
    max_megapixels: Annotated[
        float,
        typer.Option(min=0.001, max=179, help="Of a picture, in and out.", rich_help_panel=_LIMITS),
    ] = 50,
    max_video_megabytes: Annotated[
        float, typer.Option(min=0.001, help="Of a clip.", rich_help_panel=_LIMITS)
    ] = 500,
    max_video_seconds: Annotated[
        float, typer.Option(min=0.1, help="Of a clip.", rich_help_panel=_LIMITS)
    ] = 600,
    timeout: Annotated[
        float,
        typer.Option(
            min=1, help="Seconds for a picture, waiting included.", rich_help_panel=_LIMITS
        ),
    ] = 60,
    expires: Annotated[
        float,
        typer.Option(
            min=1, help="Seconds that a finished clip can be fetched.", rich_help_panel=_LIMITS
        ),
    ] = 900,
    runtime: running.Runtime = "auto",
    device: running.Device = "auto",
    threads: running.Threads = None,
    precision: running.Precision = "fp32",
) -> None:
    """Serve an HTTP API and a web page, on this machine."""
    from humatte.catalog import DEFAULT, load
    from humatte.errors import UsageError
    from humatte.runtimes import Running, check

    with extra("serve"):
        from humatte.server.listen import listen
        from humatte.server.settings import Settings, default_workers

    for name, megabytes in (
        ("--max-megabytes", max_megabytes),
        ("--max-video-megabytes", max_video_megabytes),
    ):
        if not math.isfinite(megabytes):
            raise UsageError(f"{name} {megabytes}: expected a number, as 32")
    settings = Settings(
        host=host,
        token=token or None,
        model=model or DEFAULT,
        running=check(Running(threads, runtime, device, precision)),
        page=page,
        queue=queue,
        max_bytes=round(max_megabytes * 1e6),
        max_megapixels=max_megapixels,
        max_video_bytes=round(max_video_megabytes * 1e6),
        max_video_s=max_video_seconds,
        timeout_s=timeout,
        expires_s=expires,
        workers=jobs or default_workers(),
    )
    load(settings.model, *settings.running)  # says what is wrong with it before there is a server
    listen(settings, port)
