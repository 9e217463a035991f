"""Commands that need nothing yet."""

from pathlib import Path
from typing import Annotated

import typer

from zonate.cli import render, terminal
from zonate.cli.app import START, AsJson, Output, Overwrite, app, print_json
from zonate.cli.installation import show_installation
from zonate.cli.model_table import show_model


@app.command(rich_help_panel=START)
def demo(output: Output = Path("demo"), overwrite: Overwrite = False, studies: int = 12, seed: int = 0) -> None:
    """Simulate, prepare, train, evaluate and predict, in minutes, on a CPU."""
    from zonate.verbs.demo import demo as run

    with terminal.progress_bar("demo") as progress:
        result = run(output, studies=studies, seed=seed, overwrite=overwrite, progress=progress)
    render.show_summary(result.summary)
    render.show_table("Where to look", ["what", "file"], [[what, str(path)] for what, path in result.places.items()])
    terminal.console.print(
        f"{result.seconds / 60:.1f} minutes. These patients are SIMULATED: the figures show that the software works, "
        "and say nothing about its accuracy on patients.",
        style="bold",
    )


@app.command(rich_help_panel=START)
def info(
    model: Annotated[
        Path | None, typer.Argument(help="Run folder, model file or `shipped`: what stands in it, and nothing else.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show versions, machine, recipes, zones, and the model that ships; or what a given model is."""
    from zonate.verbs.info import info as run

    found = run(model)
    if as_json:
        print_json(found)
        return
    if model is not None:
        show_model(found, f"Model {model}")
        return
    show_installation(found)
    show_model(found["shipped_model"], "Model that ships")
