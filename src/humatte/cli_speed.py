"""`humatte bench` and `humatte doctor`: what this machine can, and how fast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from humatte import cli_running as running
from humatte.cli_words import frame_size

_ROUNDS = 9


def bench(
    picture: Annotated[
        Path | None, typer.Argument(help="A picture; a drawn portrait if left out.")
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
    size: Annotated[str, typer.Option(metavar="WxH", help="Of the drawn portrait.")] = "4000x3000",
    format_name: Annotated[str, typer.Option("-f", "--format", help="What is encoded.")] = "png",
    rounds: Annotated[int, typer.Option(help="Measured cut-outs of each.")] = _ROUNDS,
    json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Everything measured; - is stdout."),
    ] = None,
) -> None:
    """Measure cut-outs by stage, memory, and how much of the machine's arithmetic is used."""
    from humatte import bench_report
    from humatte.bench import Task
    from humatte.catalog import DEFAULT
    from humatte.image_io import output_format
    from humatte.matting import REFINEMENT, refinement
    from humatte.paths import guard_outputs
    from humatte.runtimes import Running, check

    encoded = output_format(None, format_name)
    target = None if json in (None, "-") else Path(str(json))
    guard_outputs([target], [picture] if picture else [])
    wanted: Sequence[int | None] = threads or [None]
    tasks = [
        Task(
            model=model,
            running=check(Running(count, runtime, device, precision)),
            picture=picture,
            size=frame_size(size, "4000x3000"),
            rounds=rounds,
            format_name=encoded,
            refine=refinement(refine or REFINEMENT),
        )
        for model in models or [DEFAULT]
        for runtime in runtimes or ["auto"]
        for count in wanted
    ]
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
