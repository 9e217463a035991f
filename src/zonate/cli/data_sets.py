"""Commands that make and look after data sets."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from zonate.cli import render, terminal
from zonate.cli.app import (
    DATA_SETS,
    DONE,
    SOME_FAILED,
    AsJson,
    Assignments,
    MemoryGib,
    Number,
    Output,
    Overwrite,
    Scheduler,
    TimeoutS,
    app,
    print_json,
    settings_of,
    workers_of,
)
from zonate.counted import counted


@app.command(rich_help_panel=DATA_SETS)
def simulate(
    output: Output,
    n: Annotated[int, typer.Option("-n", help="How many studies.", min=1)] = 10,
    seed: int = 0,
    vendor: Annotated[list[str] | None, typer.Option(help="Header style, may be given often; default: all.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write DICOM studies of a digital pelvis phantom, with the truth beside them."""
    from zonate.verbs.simulate import simulate as run

    with terminal.progress_bar("simulate") as progress:
        folders = run(n, output, seed=seed, vendors=vendor, overwrite=overwrite, progress=progress)
    terminal.say(f"{len(folders)} simulated studies in {output}; truth and cases.csv beside them")


@app.command(rich_help_panel=DATA_SETS)
def synthesise(
    shapes: Annotated[list[Path], typer.Option(help="Label volumes without images, or folders; may be given often.")],
    hosts: Annotated[
        list[Path], typer.Option(help="A table of patients whose images the shapes are put into; may be given often.")
    ],
    dataset: Annotated[str, typer.Option(help="The public name of the shapes' data set.", metavar="NAME")],
    licence: Annotated[str, typer.Option(help="The licence of the shapes.", metavar="NAME")],
    output: Output,
    citation: Annotated[str, typer.Option(help="How the shapes want to be cited.")] = "",
    label_codes: Annotated[
        str, typer.Option(help="What the values of the shapes mean.")
    ] = "0=BACKGROUND;1=PZ;2=CENTRAL_GLAND",
    n: Annotated[int, typer.Option("-n", help="How many images a shape.", min=1)] = 2,
    drawn_share: Annotated[
        float, typer.Option(help="Of these, how many get contrast, texture and noise drawn anew.", min=0, max=1)
    ] = 0.5,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            help="A patient who validates or tests, and lends nothing; may be given often.", metavar="PATIENT"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Make training images for expert labels whose images are not there."""
    from zonate.verbs.synthesise import About
    from zonate.verbs.synthesise import synthesise as run
    from zonate.zones import parse_label_codes

    with terminal.progress_bar("synthesise") as progress:
        result = run(
            output,
            shapes=shapes,
            hosts=hosts,
            about=About(dataset, licence, citation),
            label_codes=parse_label_codes(label_codes),
            n=n,
            drawn_share=drawn_share,
            leave_out=leave_out or [],
            seed=seed,
            overwrite=overwrite,
            progress=progress,
        )
    made = counted(len(result.done), "case")
    terminal.say(f"{made}, for prepare: {result.manifest}")
    render.show_failures(result.failed)
    sys.exit(SOME_FAILED if result.failed else DONE)


@app.command(rich_help_panel=DATA_SETS)
def prepare(
    output: Output,
    source: Annotated[list[Path] | None, typer.Argument(help="Folders of public data sets, see --layout.")] = None,
    layout: Annotated[
        list[str] | None, typer.Option(help="The layout of each SOURCE (see `zonate info`); none: it is recognised.")
    ] = None,
    manifest: Annotated[list[Path] | None, typer.Option(help="A table of cases; may be given often.")] = None,
    test_set: Annotated[
        list[str] | None, typer.Option(help="A data set whose patients all test; may be given often.", metavar="NAME")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="That will learn from it: how it is read, aligned, checked, sliced and split.")
    ] = None,
    workers: Number = 0,
    scheduler: Scheduler = None,
    memory_gib: MemoryGib = None,
    timeout_s: TimeoutS = None,
    overwrite: Overwrite = False,
    assignments: Assignments = None,
) -> None:
    """Turn studies with labels into a dataset; done again, it goes on where it stopped."""
    from zonate.verbs.prepare import prepare as run

    test_sets = [f"split.test_sets={json.dumps(test_set)}"] if test_set else []
    settings = settings_of([*(assignments or []), *test_sets], recipe)
    with terminal.log_warnings(), terminal.progress_bar("prepare") as progress:
        result = run(
            output,
            manifests=manifest or [],
            source=source or [],
            layout=layout or [],
            settings=settings,
            overwrite=overwrite,
            workers=workers_of(workers, scheduler, memory_gib, timeout_s),
            progress=progress,
        )
    there = f"{counted(len(result.done), 'case')} prepared, {len(result.skipped)} there already"
    nothing = "no case could be prepared: there is no dataset"
    terminal.say(there if result.taken else nothing)
    render.show_taken(result)
    render.show_warnings(result.warnings)
    render.show_failures(result.failed)
    sys.exit(SOME_FAILED if result.failed else DONE)


@app.command(rich_help_panel=DATA_SETS)
def check(
    dataset: Annotated[Path, typer.Argument(help="What `prepare` wrote.")],
    output: Output,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 where anything stands out.")] = False,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
) -> None:
    """Show which cases of a dataset stand out, and draw every case on contact sheets."""
    from zonate.verbs.check import check as run

    with terminal.progress_bar("check") as progress:
        result = run(dataset, output, overwrite=overwrite, progress=progress)
    if as_json:
        print_json(json.loads((output / "check.json").read_text(encoding="utf-8")))
    else:
        render.show_checked(result)
    terminal.say(f"look at {output / result.sheets[0]} ({len(result.sheets)} in all)")
    sys.exit(SOME_FAILED if strict and result.outliers else DONE)


@app.command(rich_help_panel=DATA_SETS)
def export(
    dataset: Annotated[Path, typer.Argument(help="What `prepare` wrote.")],
    output: Output,
    to: Annotated[str, typer.Option(help="npy (plain arrays), nnunet (nnU-Net raw) or bids (derivatives).")] = "npy",
    overwrite: Overwrite = False,
) -> None:
    """Write a dataset in another form."""
    from zonate.verbs.export import export as run

    with terminal.progress_bar("export") as progress:
        notes = run(dataset, output, to=to, overwrite=overwrite, progress=progress)
    for note in notes:
        terminal.say(note)
    terminal.say(f"look at {output}; what is in it: docs/reference/files.md")


@app.command(rich_help_panel=DATA_SETS)
def download(
    collection: Annotated[str, typer.Argument(help="A public data set, by its layout's name (see `zonate info`).")],
    output: Output,
    yes: Annotated[bool, typer.Option("--yes", help="Fetch it; without, only say what there is.")] = False,
    patients: Annotated[int | None, typer.Option(help="Only so many patients.", min=1)] = None,
) -> None:
    """Say what a public data set holds, weighs and asks for; fetch it with --yes."""
    from zonate.verbs.download import download as run

    with terminal.progress_bar("download") as progress:
        result = run(collection, output, fetch=yes, patients=patients, progress=progress)
    render.show_collection(result, fetched=yes)
    render.show_failures(result.failed)
    sys.exit(SOME_FAILED if result.failed else DONE)
