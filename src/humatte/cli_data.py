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


_Out = Annotated[str, typer.Option("-o", "--out", help="A folder, or a file for one picture.")]
_Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes that share the work.")]
_Size = Annotated[
    str,
    typer.Option(
        "--size",
        help="How far the unsure band reaches: 12 (pixels) or 10permille (of the long side).",
    ),
]
_Kernel = Annotated[str, typer.Option("--kernel", help="ellipse, rectangle or cross.")]
_Inward = Annotated[
    str | None, typer.Option("--inward", help="Its reach into the person; as --size if not given.")
]


@app.command()
def trimap(
    source: Annotated[
        Path,
        typer.Argument(help="A mask or matte, a folder of them, or a set with alpha/ or mask/."),
    ],
    out: _Out,
    size: _Size = "10permille",
    inward: _Inward = None,
    kernel: _Kernel = "ellipse",
    jobs: _Jobs = 1,
) -> None:
    """Make trimaps of masks or mattes: 0 background, 128 unsure, 255 person."""
    from humatte.data.trimap import parse_band
    from humatte.data.trimap_files import make_trimaps

    if not make_trimaps(source, out, parse_band(size, kernel, inward), jobs):
        raise typer.Exit(1)


@app.command()
def alpha(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="A set (image/ with trimap/, mask/ or alpha/), or a picture and its trimap.",
            metavar="SET | PICTURE TRIMAP",
        ),
    ],
    out: _Out,
    method: Annotated[
        str, typer.Option("--method", help="knn, cf (closed form) or lbdm (learning based).")
    ] = "knn",
    solve_at: Annotated[
        int, typer.Option("--solve-at", help="Larger pictures are solved with this long side.")
    ] = 640,
    guide: Annotated[
        str | None,
        typer.Option("--guide", help="trimap, mask or alpha; if not given, what is there."),
    ] = None,
    size: _Size = "10permille",
    inward: _Inward = None,
    kernel: _Kernel = "ellipse",
    neighbours: Annotated[
        int | None,
        typer.Option("--neighbours", help="With knn: how many a pixel resembles; 10 if not given."),
    ] = None,
    penalty: Annotated[
        float | None,
        typer.Option(
            "--penalty", help="With knn and lbdm: weight of the sure pixels; 100 if not given."
        ),
    ] = None,
    jobs: _Jobs = 1,
) -> None:
    """Make mattes of pictures with trimaps, or with masks, by the matting equations."""
    from humatte.data.alpha import parse_solver
    from humatte.data.alpha_files import make_alphas
    from humatte.data.trimap import parse_band

    solver = parse_solver(method, solve_at, neighbours, penalty)
    if not make_alphas(inputs, out, solver, parse_band(size, kernel, inward), guide, jobs):
        raise typer.Exit(1)


@app.command()
def compose(
    people: Annotated[Path, typer.Option("--people", help="A set of people with mattes.")],
    background: Annotated[
        Path, typer.Option("--background", help="A folder of pictures that show nobody.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The new set's folder.")],
    count: Annotated[int, typer.Option("--count", help="How many pictures.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of every choice.")] = 1,
    harmonise: Annotated[
        float, typer.Option("--harmonise", help="Towards the scene's light: 0 not, 1 wholly.")
    ] = 0.5,
    shadows: Annotated[
        bool, typer.Option("--shadows", help="Standing people throw a shadow.")
    ] = False,
    several: Annotated[
        float, typer.Option("--several", help="Share of pictures with others behind, 0 to 1.")
    ] = 0.0,
    long_side: Annotated[
        int, typer.Option("--long-side", help="Of the new pictures, in pixels.")
    ] = 512,
    list_file: Annotated[str, typer.Option("--list", help="Whom: a list, or all.")] = "all",
    format_name: Annotated[
        str, typer.Option("-f", "--format", help="Of the pictures: webp, png or jpg.")
    ] = "webp",
    jobs: _Jobs = 1,
) -> None:
    """Make a new set: people over new backgrounds."""
    from humatte.data.compose import Look
    from humatte.data.compose_files import make_pictures

    look = Look(long_side, harmonise, shadows)
    if not make_pictures(
        people, background, out, count, seed, look, several, list_file, format_name, jobs
    ):
        raise typer.Exit(1)


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


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A set: image/, alpha/, lists.", metavar="SET")],
    lists: Annotated[
        list[str] | None,
        typer.Option(
            "--list", help="A list to check, or all; by default train.txt, val.txt and test.txt."
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write an HTML page with small pictures.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write a line for each finding.")
    ] = None,
    write_clean: Annotated[
        Path | None,
        typer.Option(
            "--write-clean", help="Write the lists, less what stands in the way, to this folder."
        ),
    ] = None,
    soft: Annotated[
        bool, typer.Option("--soft", help="Mattes without softness are an error.")
    ] = False,
    least_side: Annotated[
        int, typer.Option("--least-side", help="Pictures with a shorter side, in pixels, are tiny.")
    ] = 128,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Look for crops and mirror images in each list too.")
    ] = False,
    duplicates: Annotated[
        bool,
        typer.Option("--duplicates/--no-duplicates", help="Look for pictures that show the same."),
    ] = True,
    jobs: _Jobs = 1,
) -> None:
    """Check a set before training: files, lists, mattes, the same photo in two lists."""
    from humatte.console import say, tell
    from humatte.data import findings
    from humatte.data.check import Rules, check_set, guard_reports
    from humatte.data.check_report import report as html
    from humatte.image_io import write

    rules = Rules(soft, least_side, duplicates, thorough)
    guard_reports(folder, lists or (), (report, csv), write_clean)
    outcome = check_set(folder, lists or (), rules, jobs)
    tell(findings.as_text(outcome))
    if csv:
        findings.write_csv(outcome, csv)
    if report:
        write(html(outcome).encode(), report)
    if write_clean:
        for name, lost in findings.write_clean(outcome, write_clean).items():
            say(f"{write_clean / name}: without {lost} names of {folder / name}")
    if not outcome.may_train:
        raise typer.Exit(1)


@app.command()
def split(
    folder: Annotated[Path, typer.Argument(help="A set: image/, alpha/.", metavar="SET")],
    val: Annotated[str, typer.Option("--val", help="Share to validate on, as 5% or 0.05.")] = "5%",
    test: Annotated[str, typer.Option("--test", help="Share to test on, as 5% or 0.05.")] = "0",
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            help="What keeps pictures together: a column of sources.csv, looks (the same photo or "
            "shoot) or name (nothing). By default group, else looks.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another one gives another split.")] = 1,
    add: Annotated[
        bool, typer.Option("--add", help="Keep the lists; put new pictures into them.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace lists that are there.")] = False,
    jobs: _Jobs = 1,
) -> None:
    """Make train.txt, val.txt and test.txt; what belongs together stays together."""
    from humatte.data.split import Shares, parse_share, split_set, tell

    if add and force:
        raise UsageError("--add keeps the lists, --force replaces them; choose one")
    shares = Shares(parse_share(val), parse_share(test))
    tell(split_set(folder, shares, by or (), seed, force, add, jobs), shares)


@app.command()
def review(
    folder: Annotated[Path, typer.Argument(help="A set: image/, alpha/, lists.", metavar="SET")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="A .png sheet (several are numbered) or .html page.")
    ],
    list_file: Annotated[str, typer.Option("--list", help="A list, or all.")] = "all",
    random: Annotated[
        int | None, typer.Option("--random", help="Only so many, drawn at random.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another one draws others.")] = 1,
    names: Annotated[
        list[str] | None, typer.Option("--names", help="Only this one; may be given several times.")
    ] = None,
    mattes: Annotated[
        Path | None,
        typer.Option("--mattes", help="A folder of other mattes NAME.png to show beside them."),
    ] = None,
    cell: Annotated[
        int, typer.Option("--cell", min=32, help="The long side of each picture, in pixels.")
    ] = 200,
    per_sheet: Annotated[
        int, typer.Option("--per-sheet", min=1, help="Pictures on one PNG sheet.")
    ] = 48,
    jobs: _Jobs = 1,
) -> None:
    """Show pictures, their mattes, and the people on magenta, to judge them by eye."""
    from humatte.data.own_files import own_files
    from humatte.data.review import View, choose
    from humatte.data.review import review as draw

    pairs = choose(folder, list_file, names or (), random, seed)
    own = own_files(folder, pairs, [list_file])
    if not draw(pairs, out, View(cell, per_sheet, mattes), jobs, own):
        raise typer.Exit(1)
