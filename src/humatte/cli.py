"""The command line: one short command per verb, all work done in the modules below.

Errors raised on purpose become one line on stderr and their exit code; --verbose shows the trace.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from humatte import cli_running as running
from humatte.cli_batch import batch
from humatte.cli_camera import camera
from humatte.cli_cutout import cutout
from humatte.cli_data import app as data_app
from humatte.cli_serve import serve
from humatte.cli_speed import bench, doctor
from humatte.cli_words import WithDefaults
from humatte.errors import HumatteError, one_line
from humatte.extras import extra

# Typer carries its own copy of click, or takes the installed one: its class is found by its heir.
_WrongUse: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

_INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended; typer returns it too

app = typer.Typer(
    name="humatte",
    help="Cut people out of pictures and clips, on this machine, offline.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=WithDefaults)(cutout)
app.command()(camera)
app.command(cls=WithDefaults)(batch)
app.command()(bench)
app.command()(doctor)
app.command()(serve)
app.add_typer(data_app)


def _version(wanted: bool) -> None:
    if wanted:
        from humatte import __version__

        typer.echo(f"humatte {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the trace of an error.")] = False,
) -> None:
    pass


@app.command()
def models() -> None:
    """List the networks that come with humatte."""
    from humatte.catalog import DEFAULT, find, names
    from humatte.network import facts_of

    for name in names():
        facts = facts_of(find(name))
        scores = ", ".join(f"{key} {value:.4f}" for key, value in facts.scores.items())
        size = find(name).stat().st_size / 1e6
        mark = " (default)" if name == DEFAULT else ""
        typer.echo(f"{name}{mark}: {size:.1f} MB, {facts.licence}; {scores}")


@app.command()
def evaluate(
    subjects: Annotated[
        list[str],
        typer.Argument(
            help="Bundled networks, .onnx files, folders of mattes.", metavar="SUBJECT…"
        ),
    ],
    data: Annotated[Path, typer.Option("--data", help="Folder with people/ (image/, alpha/).")],
    list_file: Annotated[str, typer.Option("--list", help="List of names; or all.")] = "val.txt",
    where: Annotated[
        list[str] | None, typer.Option("--where", help="Only pictures with COLUMN=VALUE.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="A table by this column of the list.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Compare with this subject, with intervals.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write a row per picture.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write everything as JSON.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write an HTML page with pictures.")
    ] = None,
    sheets: Annotated[
        Path | None, typer.Option("--sheets", help="Folder for sheets of worst, best, random.")
    ] = None,
    runtime: running.Runtime = "auto",
    device: running.Device = "auto",
    threads: running.Threads = None,
    precision: running.Precision = "fp32",
) -> None:
    """Score networks, or mattes of any tool, on pictures whose mattes are known."""
    from humatte.runtimes import Running, check
    from humatte.scoring import Order, run

    how = check(Running(threads, runtime, device, precision))
    order = Order(
        subjects, data, list_file, where or [], by, against, csv, json, report, sheets, how
    )
    with extra("data"):
        run(order)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe (TOML).")],
    data: Annotated[Path, typer.Option("--data", help="Folder with people/ and background/.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of this run.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from its last.pt.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key, as train.lr=3e-4.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder for decoded pictures (several GB).")
    ] = None,
) -> None:
    """Train a network by a recipe."""
    with extra("train"):
        from humatte.paths import default_cache
        from humatte.train.loop import train as run
        from humatte.train.recipe_read import read_recipe

        folder = cache or default_cache()
        best = run(read_recipe(recipe, settings or ()), data, out, folder, resume)
    typer.echo(f"best checkpoint: {best}")


@app.command()
def export(
    run: Annotated[
        str,
        typer.Argument(
            help="A run's folder, or a checkpoint; with --int8 also a network's name or .onnx file."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The .onnx file to write.")],
    half: Annotated[
        bool, typer.Option("--half", help="Store the weights as float16: half the size.")
    ] = False,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Compute in 8-bit integers; refused where that costs scores."),
    ] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option("--calibrate", metavar="DIR", help="A set to find ranges on and judge by."),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", help="What the file says of its licence, as 'CC-BY-4.0'."),
    ] = None,
) -> None:
    """Write a trained network as an ONNX file, proven equal to the trained one."""
    with extra("train"):
        from humatte.train.export_forms import Form, export_form

        lines = export_form(run, out, Form(half, int8, calibrate, licence))
    for line in lines:
        typer.echo(line)
    typer.echo(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


@app.command("import-keras")
def import_keras(
    weights: Annotated[Path, typer.Argument(help="The original's weights (.h5).")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The .onnx file to write.")],
    layers: Annotated[
        Path | None, typer.Option("--layers", help="Its layer description (.json).")
    ] = None,
) -> None:
    """Read original LikeUnet weights into an ONNX file."""
    with extra("train"):
        from humatte.train.export import export_keras

        export_keras(weights, layers, out)
    typer.echo(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


def _stop(signum: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt


def _stop_politely() -> None:
    """Makes the system's other ways to end a program clean up as Ctrl-C does."""
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP; nohup has it ignored
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)


def main() -> None:
    """Runs the command line and exits."""
    _stop_politely()
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # no remarks on sound pictures
    words = [word for word in sys.argv[1:] if word != "--verbose"]
    verbose = len(words) < len(sys.argv) - 1  # anywhere on the line, not only before the verb
    try:
        code = app(args=words or ["--help"], standalone_mode=False)
    except HumatteError as error:
        if verbose:
            raise
        _end(one_line(error), error.exit_code)
    except _WrongUse as error:
        message = error.format_message().strip().rstrip(".")
        _end(f"{message}; see humatte --help", error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    except Exception as error:
        if verbose:
            raise
        _end(f"{type(error).__name__}: {one_line(error)}; --verbose shows where it happened", 1)
    if code == _INTERRUPTED:
        _end("interrupted; what was finished is kept", _INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _end(message: str, code: int) -> NoReturn:
    typer.echo(f"humatte: {message}", err=True)
    sys.exit(code)
