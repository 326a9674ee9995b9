"""`humatte cutout`: its options, and their words handed on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from humatte import cli_running as running
from humatte import cli_video as clips
from humatte.cli_words import alone

_WHO, _FRAME, _EFFECTS, _OUT = "Who", "Frame", "Background and effects", "What is written"


def cutout(
    inputs: Annotated[
        list[str],
        typer.Argument(help="Pictures, clips, folders, patterns; - for stdin.", metavar="INPUT…"),
    ],
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", help="A file, a folder, or - for stdout."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", help="A bundled network or an .onnx file.")
    ] = None,
    alpha: Annotated[
        bool, typer.Option("--alpha", help="Write the matte alone.", rich_help_panel=_OUT)
    ] = False,
    refine: Annotated[
        str | None,
        typer.Option(
            metavar="off|fast|detail",
            help="How edges become as fine as the picture; detail unless given.",
        ),
    ] = None,
    premultiplied: Annotated[
        bool,
        typer.Option(
            "--premultiplied",
            help="Colours multiplied by alpha, not straight.",
            rich_help_panel=_OUT,
        ),
    ] = False,
    format_name: Annotated[
        str | None,
        typer.Option(
            "-f",
            "--format",
            help="png, webp, avif, tiff or jpg; of clips webm, mov, mp4, webp, apng, gif or png.",
            rich_help_panel=_OUT,
        ),
    ] = None,
    mask_out: Annotated[
        str | None,
        typer.Option(
            "--mask-out",
            metavar="FILE|FOLDER",
            help="Write the matte too, as the result is framed.",
            rich_help_panel=_OUT,
        ),
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(
            "--report",
            metavar="json|FILE",
            help="A JSON object a picture: to stdout, or to FILE.json.",
            rich_help_panel=_OUT,
        ),
    ] = None,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Leave finished results: resume a folder.",
            rich_help_panel=_OUT,
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "-j",
            "--jobs",
            min=1,
            help="Pictures worked on at once; as many as there are cores if left out.",
            rich_help_panel=_OUT,
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="WHO",
            help="all, largest, at X,Y or box LEFT,TOP,RIGHT,BOTTOM. People who touch are one.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="A picture, or a folder of them: white belongs to the person.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    drop: Annotated[
        Path | None,
        typer.Option(help="Likewise: white does not.", rich_help_panel=_WHO),
    ] = None,
    trimap: Annotated[
        Path | None,
        typer.Option(
            help="Likewise: white and black are decided, gray is the network's.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            help="Likewise: roughly white where the person is; nothing outside.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            "--crop",
            metavar="[MARGIN]",
            help="Crop to the person; margin in pixels or % of their longer side, 5% if left out.",
            rich_help_panel=_FRAME,
        ),
    ] = None,
    aspect: Annotated[
        str | None,
        typer.Option(metavar="W:H", help="Of the crop, as 1:1.", rich_help_panel=_FRAME),
    ] = None,
    pad: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTHS",
            help="Border around the result, as in CSS: 20, or 5%, or top,right,bottom,left.",
            rich_help_panel=_FRAME,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Of the result, padding included: 1200x800, 1200x, x800, or the longer side.",
            rich_help_panel=_FRAME,
        ),
    ] = None,
    id_photo: Annotated[
        str | None,
        typer.Option(
            "--id-photo",
            metavar="SIZE",
            help="A passport's format, as 35x45mm or 2x2in[,head=70%,top=9%]. The head is "
            "estimated from the matte: an approximation, check it.",
            rich_help_panel=_FRAME,
        ),
    ] = None,
    dpi: Annotated[
        float | None,
        typer.Option(help="Written into the file; id photos: 300.", rich_help_panel=_FRAME),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(
            "-b",
            "--background",
            help="none, blur[:radius], gray, a colour name, #rrggbb, a picture's or a clip's path.",
            rich_help_panel=_EFFECTS,
        ),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(
            help="How a background picture fills the result: cover, contain, tile.",
            rich_help_panel=_EFFECTS,
        ),
    ] = None,
    shadow: Annotated[
        str | None,
        typer.Option(
            metavar="[x=,y=,blur=,opacity=,colour=]",
            help="A soft shadow; each part optional, lengths in pixels or % of the person.",
            rich_help_panel=_EFFECTS,
        ),
    ] = None,
    outline: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTH[:COLOUR]",
            help="A rim, as of a sticker; white if no colour is given.",
            rich_help_panel=_EFFECTS,
        ),
    ] = None,
    start: clips.From = None,
    end: clips.To = None,
    every: clips.Every = None,
    max_size: clips.MaxSize = None,
    steady: clips.Steady = None,
    resume: clips.Resume = False,
    raw: clips.Raw = None,
    runtime: running.Runtime = "auto",
    device: running.Device = "auto",
    threads: running.Threads = None,
    precision: running.Precision = "fp32",
) -> None:
    """Cut people out of pictures and clips."""
    from humatte.cutout_run import Words, cut_out
    from humatte.hint_files import HintFiles
    from humatte.runtimes import Running, check
    from humatte.video_options import ClipWords

    look = {
        "background": background,
        "fit": fit,
        "alpha_only": alpha,
        "premultiplied": premultiplied,
        "refine": refine,
        "person": person,
        "crop": alone(crop),
        "aspect": aspect,
        "pad": pad,
        "size": size,
        "id_photo": id_photo,
        "dpi": dpi,
        "shadow": alone(shadow),
        "outline": outline,
    }
    words = Words(
        inputs=inputs,
        out=out,
        look=look,
        clip=ClipWords(start, end, every, max_size, steady, resume, raw),
        hints=HintFiles.of(keep, drop, trimap, mask),
        model=model,
        running=check(Running(threads, runtime, device, precision)),
        format_name=format_name,
        mask_out=mask_out,
        report=report,
        skip_existing=skip_existing,
        jobs=jobs,
    )
    if not cut_out(words):
        raise typer.Exit(1)
