"""`humatte camera`: its options, and what they open."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from humatte import cli_running as running
from humatte.cli_words import frame_size
from humatte.errors import CameraError, UsageError

if TYPE_CHECKING:
    from humatte.camera_feed import Feed
    from humatte.camera_view import View

_FASTEST = 1000


def camera(
    device: Annotated[
        str,
        typer.Option(
            "-d", "--device", metavar="0|PATH", help="A camera's number or path, or a clip."
        ),
    ] = "0",
    background: Annotated[
        list[str] | None,
        typer.Option(
            "-b",
            "--background",
            help="none, blur[:radius], gray, a colour name, #rrggbb, or a picture's path; may be "
            "given several times: keys go through them. none, or blur with --virtual, unless "
            "given.",
        ),
    ] = None,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror",
            help="Left and right changed, as in a mirror; yes unless --virtual.",
        ),
    ] = None,
    virtual: Annotated[
        bool,
        typer.Option("--virtual", help="Be a camera to other programs too (extra: camera)."),
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Asked of the camera, as 1280x720."),
    ] = None,
    fps: Annotated[
        float | None, typer.Option("--fps", help="Frames a second asked of the camera.")
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="A clip begins anew at its end.")] = False,
    steady: Annotated[
        str | None,
        typer.Option(
            "--steady", metavar="on|off", help="Smooth mattes over time; on unless given."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", help="A bundled network or an .onnx file.")
    ] = None,
    runtime: running.Runtime = "auto",
    compute: Annotated[
        str,
        typer.Option(
            "--compute",
            metavar="auto|cpu|cuda|directml|coreml|gpu|npu",
            help="What --device is elsewhere: where the network runs.",
            rich_help_panel=running.PANEL,
        ),
    ] = "auto",
    threads: running.Threads = None,
    precision: running.Precision = "fp32",
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FOLDER", help="For snapshots and recordings; here unless given."
        ),
    ] = None,
) -> None:
    """Cut the person out of a camera's pictures, live."""
    from humatte.camera import Newest
    from humatte.camera_feed import open_feed
    from humatte.camera_keep import Keeper
    from humatte.camera_look import Look
    from humatte.camera_loop import Loop, Meter
    from humatte.catalog import DEFAULT, load
    from humatte.console import say
    from humatte.paths import make_folder
    from humatte.steady import VideoMatte, is_steady

    asked_size, asked_rate = None if size is None else frame_size(size, "1280x720"), _rate(fps)
    specs = background or (["blur"] if virtual else [])
    network = load(model or DEFAULT, threads, runtime, compute, precision)
    matte = VideoMatte(network, refine="fast", steady=is_steady(steady))
    look = Look(matte, specs, mirror=not virtual if mirror is None else mirror)
    if out is not None:
        make_folder(out)
    with Newest(open_feed(device, asked_size, asked_rate, loop=loop)) as newest:
        feed, meter = newest.feed, Meter()
        with ExitStack() as stack:
            stack.callback(lambda: _say_all([*feed.notices, *meter.summary(newest.count)]))
            views = _views(feed, virtual, stack)
            session = Loop(newest, look, views, Keeper(out or Path()), say, meter)
            session.run()
    if session.failed:
        raise typer.Exit(1)


def _say_all(lines: Sequence[str]) -> None:
    from humatte.console import say

    for line in lines:
        say(line)


def _views(feed: Feed, virtual: bool, stack: ExitStack) -> list[View]:
    """The window, or a line on the terminal where there can be none, and the virtual camera."""
    from humatte.camera_view import StatusLine, Window
    from humatte.console import say

    found: list[View] = []
    if virtual:
        from humatte.camera_virtual import VirtualCamera

        sent = VirtualCamera(feed.size, feed.rate)
        stack.enter_context(closing(sent))
        found.append(sent)
        say(f"other programs see {sent.name}; Ctrl-C ends it")
    try:
        shown: View = Window(f"humatte: {feed.name}", feed.size)
    except (CameraError, UsageError) as error:
        if not virtual:
            raise
        say(f"without a window: {error}")
        shown = StatusLine()
    stack.enter_context(closing(shown))
    return [shown, *found]


def _rate(fps: float | None) -> float | None:
    if fps is not None and not 0 < fps <= _FASTEST:
        raise UsageError(f"--fps {fps:g}; expected more than 0, at most {_FASTEST}")
    return fps
