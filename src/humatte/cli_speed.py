"""`humatte bench` and `humatte doctor`: what this machine can, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from humatte import cli_running as running
from humatte.cli_words import frame_size


def bench(
    picture: Annotated[
        Path | None, typer.Argument(help="A picture or a clip; a drawn portrait if left out.")
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option("-m", "--model", help="A network; may be given several times."),
    ] = None,
    runtimes: Annotated[
        list[str] | None,
        typer.Option(
            "--runtime", help="auto, onnxruntime or openvino; may be given several times."
        ),
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option("--threads", min=1, help="Of one run; may be given several times."),
    ] = None,
    device: running.Device = "auto",
    precision: running.Precision = "fp32",
    refine: Annotated[str | None, typer.Option(metavar="off|fast|detail")] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Of the drawn portrait: 4000x3000 unless given."),
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option("-f", "--format", help="What is encoded: png unless given; of clips, webm."),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(help="Measured cut-outs of each: 9 unless given; of a clip, 3.")
    ] = None,
    json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Everything measured; - is stdout."),
    ] = None,
) -> None:
    """Measure cut-outs by stage, memory, and how much of the machine's arithmetic is used."""
    from humatte import bench_report
    from humatte.catalog import DEFAULT
    from humatte.errors import UsageError
    from humatte.matting import REFINEMENT, refinement
    from humatte.paths import guard_outputs
    from humatte.runtimes import Running, check
    from humatte.video_plan import is_clip

    if picture and size:
        raise UsageError(f"--size is the drawn portrait's; {picture} has its own")
    target = None if json in (None, "-") else Path(str(json))
    guard_outputs([target], [picture] if picture else [])
    wanted: Sequence[int | None] = threads or [None]
    kinds = [
        (model, check(Running(count, runtime, device, precision)))
        for model in models or [DEFAULT]
        for runtime in runtimes or ["auto"]
        for count in wanted
    ]
    if picture and is_clip(picture):
        from humatte.bench_clip import ClipTask
        from humatte.video_kinds import KINDS, kind_of

        kind = kind_of(picture, format_name or ClipTask.kind)
        if kind not in KINDS:
            raise UsageError(f"--format {kind}: clips are measured as one file; try webm or mov")
        edges = refine and refinement(refine)
        often = ClipTask.rounds if rounds is None else rounds
        clips = [ClipTask(picture, *one, often, kind, edges) for one in kinds]
        bench_report.run_clips(clips, target, to_stdout=json == "-")
        return
    from humatte.bench import Task
    from humatte.image_io import head, output_format

    if picture:
        head(picture)  # what is wrong with it is said before anything is measured
    encoded = output_format(None, format_name or "png")
    of_drawn = frame_size(size, "4000x3000") if size else Task.size
    often = Task.rounds if rounds is None else rounds
    finest = refinement(refine or REFINEMENT)
    tasks = [Task(*one, picture, of_drawn, often, encoded, finest) for one in kinds]
    bench_report.run(tasks, target, to_stdout=json == "-")


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Findings as JSON.")] = False,
    runtime: running.Runtime = "auto",
    device: running.Device = "auto",
    threads: running.Threads = None,
    precision: running.Precision = "fp32",
) -> None:
    """Say what is installed, what would run, and test it."""
    from dataclasses import asdict
    from json import dumps

    from humatte.console import say, tell
    from humatte.doctor import examine
    from humatte.runtimes import Running, check

    findings = []
    for finding in examine(check(Running(threads, runtime, device, precision))):
        findings.append(finding)
        if not json:
            mark = {True: "ok", False: "FAILED", None: "-"}[finding.fine]
            tell(f"{mark:6} {finding.what:18} {finding.told}")
    if json:
        tell(dumps([asdict(finding) for finding in findings], indent=2))
    failed = sum(finding.fine is False for finding in findings)
    if failed:
        say(f"{failed} of {len(findings)} findings failed")
        raise typer.Exit(1)
