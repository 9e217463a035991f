"""The commands; each imports its verb when it runs, so that --help is quick."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zonate.cli import render
from zonate.errors import ConfigError, OutputError, ZonateError

if TYPE_CHECKING:
    from zonate.config import Settings
    from zonate.study import Sequence

app = typer.Typer(
    help="From a multi-parametric prostate MRI study to its anatomical zones. For research use only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they would print local variables, header values among them
)

DONE, SOME_FAILED, WRONG_CALL = 0, 1, 2

Study = Annotated[Path, typer.Argument(help="Folder or zip of DICOM files, or folder of NIfTI/MHA/NRRD volumes.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where to write.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Empty an output that holds results already.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout instead of a table.")]
CaseId = Annotated[str | None, typer.Option("--case-id", help="Instead of the folder's or archive's name.")]
T2w = Annotated[int | None, typer.Option("--t2w", help="Series number to use as T2W.", metavar="NUMBER")]
Dwi = Annotated[int | None, typer.Option("--dwi", help="Series number to use as DWI.", metavar="NUMBER")]
Adc = Annotated[int | None, typer.Option("--adc", help="Series number to use as ADC.", metavar="NUMBER")]
Jobs = Annotated[int, typer.Option("-j", "--jobs", min=0, help="Studies at a time; 0: as many as fit the machine.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting, such as training.epochs=20; may be given often.", metavar="NAME=VALUE"),
]


def main() -> None:
    """Run the command line; every error that Zonate raises on purpose becomes one line and an exit code."""
    render.quiet_libraries()
    try:
        app()
    except (ConfigError, OutputError) as error:
        _fail(error, WRONG_CALL)
    except ZonateError as error:
        _fail(error, SOME_FAILED)
    except OSError as error:  # such as a folder that may not be written to, or a full disk
        _fail(OutputError(f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}"), SOME_FAILED)
    except ValueError as error:  # a bad argument of a verb
        _fail(error, WRONG_CALL)


def _fail(error: Exception, code: int) -> None:
    render.console.print(f"error: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def _overrides(t2w: int | None, dwi: int | None, adc: int | None) -> "dict[Sequence, int]":
    from zonate.study import Sequence

    given = {Sequence.T2W: t2w, Sequence.DWI: dwi, Sequence.ADC: adc}
    return {sequence: number for sequence, number in given.items() if number is not None}


def _settings(assignments: list[str] | None) -> "Settings":
    from zonate.config import Settings

    return Settings().override(assignments or [])


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@app.command()
def demo(output: Output = Path("demo"), overwrite: Overwrite = False, studies: int = 12, seed: int = 0) -> None:
    """Everything below on simulated studies, in minutes, on a CPU."""
    from zonate.verbs.demo import demo as run

    with render.progress_bar("demo") as progress:
        result = run(output, studies=studies, seed=seed, overwrite=overwrite, progress=progress)
    render.show_summary(result.summary)
    render.show_table("Where to look", ["what", "file"], [[what, str(path)] for what, path in result.places.items()])
    render.console.print(
        f"{result.seconds / 60:.1f} minutes. These patients are SIMULATED: the figures show that the software works, "
        "and say nothing about its accuracy on patients.",
        style="bold",
    )


@app.command()
def simulate(
    output: Output,
    n: Annotated[int, typer.Option("-n", help="How many studies.", min=1)] = 10,
    seed: int = 0,
    vendor: Annotated[list[str] | None, typer.Option(help="Header style, may be given often; default: all.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write DICOM studies of a digital pelvis phantom, with the truth beside them."""
    from zonate.verbs.simulate import simulate as run

    with render.progress_bar("simulate") as progress:
        folders = run(n, output, seed=seed, vendors=vendor, overwrite=overwrite, progress=progress)
    render.console.print(
        f"{len(folders)} simulated studies in {output}; truth and cases.csv beside them", markup=False, soft_wrap=True
    )


@app.command()
def inspect(
    study: Study,
    as_json: AsJson = False,
    case_id: CaseId = None,
    t2w: T2w = None,
    dwi: Dwi = None,
    adc: Adc = None,
    assignments: Assignments = None,
) -> None:
    """Show which series there are, which role each got, and why."""
    from zonate.verbs.inspect import inspect as run
    from zonate.verbs.inspect import study_to_json

    found = run(study, _settings(assignments), case_id=case_id, overrides=_overrides(t2w, dwi, adc))
    if as_json:
        _print_json(study_to_json(found))
    else:
        render.show_study(found)


@app.command()
def align(
    study: Study,
    output: Output,
    case_id: CaseId = None,
    t2w: T2w = None,
    dwi: Dwi = None,
    adc: Adc = None,
    landmarks: Annotated[
        list[Path] | None,
        typer.Option(help="Point pairs of 3D Slicer (.fcsv, .mrk.json) to measure by: one file, or T2W's and DWI's."),
    ] = None,
    overwrite: Overwrite = False,
    assignments: Assignments = None,
) -> None:
    """Bring DWI and ADC onto the T2W grid; write the volumes, the transform, the figures and a picture."""
    from zonate.verbs.align import align as run

    overrides = _overrides(t2w, dwi, adc)
    settings = _settings(assignments)
    result = run(
        study,
        output,
        settings,
        case_id=case_id,
        overrides=overrides,
        landmarks=landmarks or [],
        overwrite=overwrite,
    )
    render.show_alignment(result.alignment.record)
    if result.landmarks is not None:
        render.show_landmarks(result.landmarks)
    render.show_warnings(result.alignment.warnings)
    render.console.print(f"look at {output / 'alignment.png'}", markup=False, soft_wrap=True)


@app.command()
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
    jobs: Jobs = 0,
    overwrite: Overwrite = False,
    assignments: Assignments = None,
) -> None:
    """Turn studies with labels into a dataset; done again, it goes on where it stopped."""
    from zonate.verbs.prepare import prepare as run

    settings = _settings([*(assignments or []), *([f"split.test_sets={json.dumps(test_set)}"] if test_set else [])])
    with render.progress_bar("prepare") as progress:
        result = run(
            output,
            manifests=manifest or [],
            source=source or [],
            layout=layout or [],
            settings=settings,
            overwrite=overwrite,
            jobs=jobs,
            progress=progress,
        )
    there = f"{len(result.done)} cases prepared, {len(result.skipped)} were there already"
    nothing = "no case could be prepared: there is no dataset"
    render.console.print(there if result.taken else nothing, markup=False, soft_wrap=True)
    render.show_taken(result)
    render.show_warnings(result.warnings)
    render.show_failures(result.failed)
    sys.exit(SOME_FAILED if result.failed else DONE)


@app.command()
def check(
    dataset: Annotated[Path, typer.Argument(help="What `prepare` wrote.")],
    output: Output,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 where anything stands out.")] = False,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
) -> None:
    """Show which cases of a dataset stand out, and draw every case on contact sheets."""
    from zonate.verbs.check import check as run

    with render.progress_bar("check") as progress:
        result = run(dataset, output, overwrite=overwrite, progress=progress)
    if as_json:
        _print_json(json.loads((output / "check.json").read_text(encoding="utf-8")))
    else:
        render.show_checked(result)
    render.console.print(
        f"look at {output / result.sheets[0]} ({len(result.sheets)} in all)", markup=False, soft_wrap=True
    )
    sys.exit(SOME_FAILED if strict and result.outliers else DONE)


@app.command()
def export(
    dataset: Annotated[Path, typer.Argument(help="What `prepare` wrote.")],
    output: Output,
    to: Annotated[str, typer.Option(help="npy (plain arrays), nnunet (nnU-Net raw) or bids (derivatives).")] = "npy",
    overwrite: Overwrite = False,
) -> None:
    """Write a dataset in another form."""
    from zonate.verbs.export import export as run

    with render.progress_bar("export") as progress:
        run(dataset, output, to=to, overwrite=overwrite, progress=progress)
    render.console.print(f"look at {output}; what is in it: docs/reference/files.md", markup=False, soft_wrap=True)


@app.command()
def download(
    collection: Annotated[str, typer.Argument(help="A public data set, by its layout's name (see `zonate info`).")],
    output: Output,
    yes: Annotated[bool, typer.Option("--yes", help="Fetch it; without, only say what there is.")] = False,
    patients: Annotated[int | None, typer.Option(help="Only so many patients.", min=1)] = None,
) -> None:
    """Say what a public data set holds, weighs and asks for; fetch it with --yes."""
    from zonate.verbs.download import download as run

    with render.progress_bar("download") as progress:
        result = run(collection, output, fetch=yes, patients=patients, progress=progress)
    render.show_collection(result, fetched=yes)
    render.show_failures(result.failed)
    sys.exit(SOME_FAILED if result.failed else DONE)


@app.command()
def train(
    output: Output,
    data: Annotated[Path, typer.Option(help="What `prepare` wrote.")],
    recipe: Annotated[str, typer.Option(help="A recipe's name (see `zonate info`) or a TOML file.")] = "pix2pix",
    fold: Annotated[int | None, typer.Option(help="Leave this fold of cross-validation out, from 0.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in OUTPUT stopped.")] = False,
    overwrite: Overwrite = False,
    assignments: Assignments = None,
) -> None:
    """Train a model by a recipe."""
    from zonate.config import load_recipe
    from zonate.verbs.train import train as run

    settings = load_recipe(recipe).override(assignments or [])
    with render.log_warnings(), render.progress_bar(settings.name) as progress:
        best = run(data, output, settings, fold=fold, resume=resume, overwrite=overwrite, progress=progress)
    render.console.print(
        f"best model: {best}; whose data it learnt from: {output / 'card.md'}", markup=False, soft_wrap=True
    )


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="Run folder or model file.")],
    data: Annotated[Path, typer.Option(help="What `prepare` wrote.")],
    output: Output,
    split: Annotated[str, typer.Option(help="test, validation, train or evaluation.")] = "test",
    fold: Annotated[int | None, typer.Option(help="Fold of cross-validation; the model's own by default.")] = None,
    compare_readers: Annotated[
        bool, typer.Option("--compare-readers", help="Also model against reader, and reader against reader.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Measure a model per patient in 3D on the original grid."""
    from zonate.verbs.evaluate import evaluate as run

    with render.progress_bar("evaluate") as progress:
        summary = run(
            model, data, output, split=split, fold=fold, readers=compare_readers, overwrite=overwrite, progress=progress
        )
    about = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    render.show_summary(about)
    render.show_readers(about.get("readers", []))
    render.show_failures(summary.failed)
    sys.exit(SOME_FAILED if summary.failed else DONE)


@app.command()
def predict(
    studies: Annotated[list[Path], typer.Argument(help="Studies, as for inspect.")],
    output: Output,
    model: Annotated[Path, typer.Option(help="Run folder or model file.")],
    case_id: CaseId = None,
    t2w: T2w = None,
    dwi: Dwi = None,
    adc: Adc = None,
    jobs: Jobs = 0,
    overwrite: Overwrite = False,
) -> None:
    """Segment studies: zones.nii.gz, zones.json and qc.png in OUTPUT/<case_id>/."""
    from zonate.verbs.predict import predict as run

    overrides = _overrides(t2w, dwi, adc)
    with render.progress_bar("predict") as progress:
        result = run(
            studies,
            output,
            model,
            case_id=case_id,
            overrides=overrides,
            overwrite=overwrite,
            jobs=jobs,
            progress=progress,
        )
    for folder in result.done:
        about = json.loads((folder / "zones.json").read_text(encoding="utf-8"))
        render.show_warnings(tuple(f"case {folder.name}: {text}" for text in about["warnings"]))
        render.console.print(f"look at {folder / 'qc.png'}", markup=False, soft_wrap=True)
    if result.done and about["model"]["terms_of_use"]:
        render.console.print(f"terms: {about['model']['terms_of_use']}", markup=False, soft_wrap=True)
    render.show_failures(result.failed)
    sys.exit(SOME_FAILED if result.failed else DONE)


@app.command()
def info(as_json: AsJson = False) -> None:
    """Show versions, machine, recipes and zones."""
    from zonate.verbs.info import info as run

    found = run()
    if as_json:
        _print_json(found)
        return
    rows = [[key, json.dumps(value, ensure_ascii=False)] for key, value in found.items()]
    render.show_table("Zonate", ["what", "value"], rows)
