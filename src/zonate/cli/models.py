"""Commands that make and measure models."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from zonate.cli import render, terminal
from zonate.cli.app import (
    DONE,
    MODELS,
    SOME_FAILED,
    Assignments,
    CacheFolder,
    CacheGb,
    Data,
    Output,
    Overwrite,
    app,
    cache_of,
)
from zonate.cli.processes import is_first, must_launch, shown_by_the_first, told_once_a_machine
from zonate.counted import counted

ModelArgument = Annotated[Path, typer.Argument(help="Run folder, model file, or `shipped`: the weights that ship.")]


@app.command(rich_help_panel=MODELS)
def train(
    output: Output,
    data: Data,
    recipe: Annotated[
        str | None,
        typer.Option(help="A recipe's name (see `zonate info`) or a TOML file; none: pix2pix, or that of --init."),
    ] = None,
    init: Annotated[
        Path | None, typer.Option(help="Begin from the weights of a run folder, a model file or `shipped`.")
    ] = None,
    fold: Annotated[int | None, typer.Option(help="Leave this fold of cross-validation out, from 0.")] = None,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Larger batches, bfloat16, compiled networks: for a GPU. --set has the last word."),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in OUTPUT stopped.")] = False,
    overwrite: Overwrite = False,
    devices: Annotated[
        int | None, typer.Option(help="GPUs of this machine, or processes where there is none; 1 by default.", min=1)
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(help="Machines; more than one are started by torchrun, on each of them.", min=1)
    ] = None,
    cache: CacheFolder = None,
    cache_gb: CacheGb = 100.0,
    assignments: Assignments = None,
) -> None:
    """Train a model by a recipe, from scratch or from the weights of another."""
    from zonate.config import load_recipe
    from zonate.fast import fast as quickened
    from zonate.training.initial_weights import initial_settings

    with told_once_a_machine():
        begun = initial_settings(init) if init is not None and recipe is None else load_recipe(recipe or "pix2pix")
        settings = (quickened(begun) if fast else begun).override(assignments or [])
    if must_launch(devices, nodes):
        from zonate.training.torchrun import launch

        sys.exit(launch(sys.argv[1:], devices or 1, output))

    from zonate.verbs.train import train as run

    with shown_by_the_first(settings.name) as progress:
        best = run(
            *(data, output, settings),
            fold=fold,
            init=init,
            resume=resume,
            overwrite=overwrite,
            devices=devices,
            nodes=nodes,
            cache=cache_of(cache, cache_gb),
            by_hand=[assignment.partition("=")[0].strip() for assignment in assignments or []],
            progress=progress,
        )
    if is_first():
        terminal.say(f"best model: {best}; whose data it learnt from: {output / 'card.md'}")


@app.command(rich_help_panel=MODELS)
def evaluate(
    model: ModelArgument,
    data: Data,
    output: Output,
    split: Annotated[str, typer.Option(help="test, validation, train or evaluation.")] = "test",
    fold: Annotated[int | None, typer.Option(help="Fold of cross-validation; the model's own by default.")] = None,
    compare_readers: Annotated[
        bool, typer.Option("--compare-readers", help="Also model against reader, and reader against reader.")
    ] = False,
    overwrite: Overwrite = False,
    cache: CacheFolder = None,
    cache_gb: CacheGb = 100.0,
) -> None:
    """Measure a model per patient in 3D on the original grid."""
    from zonate.verbs.evaluate import evaluate as run

    with terminal.log_warnings(), terminal.progress_bar("evaluate") as progress:
        summary = run(
            *(model, data, output),
            split=split,
            fold=fold,
            readers=compare_readers,
            overwrite=overwrite,
            cache=cache_of(cache, cache_gb),
            progress=progress,
        )
    about = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    render.show_summary(about)
    render.show_readers(about.get("readers", []))
    if about["structures"]:
        terminal.say(f"look at {output / 'boxplots.png'}")
    render.show_failures(summary.failed)
    sys.exit(SOME_FAILED if summary.failed else DONE)


@app.command(rich_help_panel=MODELS)
def calibrate(
    model: ModelArgument,
    data: Annotated[Path, typer.Option(help="What `prepare` wrote.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Another model file to write; none: the model's own.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="validation (the default) or test.")] = None,
    fold_run: Annotated[
        list[Path] | None,
        typer.Option(help="For a model of all patients: a run of `train --fold` in its place; given once a fold."),
    ] = None,
    samples: Annotated[int, typer.Option(help="Segmentations to draw of each result.", min=1)] = 10,
    copies: Annotated[int, typer.Option(help="Worse copies of each case, which show failures.", min=0)] = 6,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier calibration.")] = False,
) -> None:
    """Teach a model what its own agreement is worth, on patients that it did not learn from."""
    from zonate.verbs.calibrate import calibrate as run

    with terminal.log_warnings(), terminal.progress_bar("calibrate") as progress:
        result = run(
            model,
            data,
            output,
            split=split,
            fold_runs=fold_run or [],
            samples=samples,
            copies=copies,
            overwrite=overwrite,
            progress=progress,
        )
    results = f"{counted(result.n_results, 'result')} of {counted(result.n_patients, 'patient')}"
    terminal.say(f"calibrated on {results}: {result.model}")
    render.show_failures(result.failed)
    sys.exit(SOME_FAILED if result.failed else DONE)
