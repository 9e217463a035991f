"""Commands that take a study; each imports its verb when it runs, so that --help is quick."""

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zonate.cli import render, terminal
from zonate.cli.app import (
    DONE,
    SOME_FAILED,
    STUDIES,
    Adc,
    AsJson,
    Assignments,
    CaseId,
    Dwi,
    MemoryGib,
    Number,
    Output,
    Overwrite,
    Resume,
    Scheduler,
    Study,
    T2w,
    TimeoutS,
    app,
    importing,
    print_json,
    series_overrides,
    settings_of,
    workers_of,
)
from zonate.cohort.machine import usable_cores
from zonate.errors import StudyError, ZonateError, why_set_aside
from zonate.helper import helping

if TYPE_CHECKING:
    from zonate.cohort.workers import Workers

Studies = Annotated[list[Path], typer.Argument(help="Studies, as for inspect.")]


@contextmanager
def _foreign_errors_by_their_kind(study: Path, case_id: str | None = None) -> Iterator[None]:
    """What a library raises of a study ends the command as it would end a case of a batch: without its text."""
    try:
        yield
    except (ZonateError, OSError):
        raise
    except Exception as error:
        from zonate.io.opening import case_id_of

        raise StudyError(why_set_aside(case_id or case_id_of(study), error)) from error


class DrawnBy(StrEnum):
    """How a DICOM SEG says that labels came about."""

    AUTOMATIC = "AUTOMATIC"
    SEMIAUTOMATIC = "SEMIAUTOMATIC"
    MANUAL = "MANUAL"


class EmptyZones(StrEnum):
    """What becomes of a zone without a voxel in a DICOM SEG."""

    DESCRIBED = "described"
    KEPT = "kept"


@app.command(rich_help_panel=STUDIES)
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

    settings, overrides = settings_of(assignments), series_overrides(t2w, dwi, adc)
    with _foreign_errors_by_their_kind(study, case_id):
        found = run(study, settings, case_id=case_id, overrides=overrides)
    if as_json:
        print_json(study_to_json(found))
    else:
        render.show_study(found)


@app.command(rich_help_panel=STUDIES)
def align(
    studies: Studies,
    output: Output,
    case_id: CaseId = None,
    t2w: T2w = None,
    dwi: Dwi = None,
    adc: Adc = None,
    landmarks: Annotated[
        list[Path] | None,
        typer.Option(help="Point pairs of 3D Slicer (.fcsv, .mrk.json) to measure by: one file, or T2W's and DWI's."),
    ] = None,
    workers: Number = 0,
    scheduler: Scheduler = None,
    memory_gib: MemoryGib = None,
    timeout_s: TimeoutS = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    assignments: Assignments = None,
) -> None:
    """Bring DWI and ADC onto the T2W grid: volumes, transforms, figures and a picture in OUTPUT/<case_id>/."""
    from zonate.verbs.align_studies import align_studies as run

    with terminal.log_warnings(), terminal.progress_bar("align") as progress:
        result = run(
            *(studies, output, settings_of(assignments)),
            case_id=case_id,
            overrides=series_overrides(t2w, dwi, adc),
            landmarks=landmarks or [],
            overwrite=overwrite,
            resume=resume,
            workers=workers_of(workers, scheduler, memory_gib, timeout_s),
            progress=progress,
        )
    for folder, aligned in result.done.items():
        render.show_alignment(aligned.record)
        if aligned.landmarks is not None:
            render.show_landmarks(aligned.landmarks)
        terminal.say(f"look at {folder / 'alignment.png'}")
    render.show_warnings(
        tuple(f"case {folder.name}: {text}" for folder, a in result.done.items() for text in a.warnings)
    )
    render.show_skipped(result.skipped)
    render.show_failures(result.failed)
    sys.exit(SOME_FAILED if result.failed else DONE)


def _writer(crew: "Workers", studies: int) -> AbstractContextManager[None]:
    """A second process for a part of what this one will write, where it segments itself and there is a core for it."""
    if usable_cores() == 1 or not crew.fitted(studies).here:
        return nullcontext()
    return helping("zonate.outputs.surfaces", "zonate.outputs.dicom")


@app.command(rich_help_panel=STUDIES)
def predict(
    studies: Studies,
    output: Output,
    model: Annotated[
        Path | None, typer.Option(help="Run folder or model file; none: the weights that ship, see `zonate info`.")
    ] = None,
    psa: Annotated[float | None, typer.Option(help="Prostate-specific antigen in ng/ml, for its density.")] = None,
    samples: Annotated[
        int | None, typer.Option(help="Segmentations to draw for intervals and warnings (10; 0: none).", min=0)
    ] = None,
    deidentify: Annotated[bool, typer.Option("--deidentify", help="Leave the patient out of DICOM objects.")] = False,
    case_id: CaseId = None,
    t2w: T2w = None,
    dwi: Dwi = None,
    adc: Adc = None,
    workers: Number = 0,
    scheduler: Scheduler = None,
    memory_gib: MemoryGib = None,
    timeout_s: TimeoutS = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    assignments: Assignments = None,
) -> None:
    """Segment studies: zones, sectors, figures, report and DICOM objects in OUTPUT/<case_id>/."""
    settings = list(assignments or [])
    if samples is not None:
        settings.append(f"prediction.samples={samples}")
    if deidentify:
        settings.append("output.deidentify=true")
    crew = workers_of(workers, scheduler, memory_gib, timeout_s)
    with _writer(crew, len(studies)):  # before all slow imports
        with importing():
            from zonate.verbs.predict_studies import predict_studies as run
            from zonate.zonemap import said_of_not_validated
        with terminal.log_warnings(), terminal.progress_bar("predict") as progress:
            result = run(
                studies,
                output,
                model,
                settings=settings,
                case_id=case_id,
                overrides=series_overrides(t2w, dwi, adc),
                psa_ng_ml=psa,
                overwrite=overwrite,
                resume=resume,
                workers=crew,
                progress=progress,
            )
    if deidentify and case_id is None and result.done:
        names = ", ".join(folder.name for folder in result.done)
        what = "the name of the study's folder or zip stands in every file"
        render.show_warnings((f"{what} ({names}): give another with --case-id where it tells who the patient is",))
    for folder in result.done:
        about = json.loads((folder / "zones.json").read_text(encoding="utf-8"))
        render.show_prediction(folder, about)
    if result.done and (said := said_of_not_validated(about["not_validated"])):
        terminal.say(said)
    if result.done and about["model"]["terms_of_use"]:
        terminal.say(f"terms: {about['model']['terms_of_use']}")
    render.show_skipped(result.skipped)
    render.show_failures(result.failed)
    sys.exit(SOME_FAILED if result.failed else DONE)


@app.command(rich_help_panel=STUDIES)
def view(
    output: Annotated[Path, typer.Argument(help="What `predict` wrote: of one case, or of several.")],
    case_id: Annotated[str | None, typer.Option("--case-id", help="Show this case alone, of several.")] = None,
    port: Annotated[int, typer.Option(help="0: one that is free.", min=0, max=65535)] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Look at zones on this machine, in the browser, and correct them by hand."""
    from zonate.verbs.view import view as run

    with terminal.log_warnings():
        saved = run(output, case_id=case_id, port=port, open_browser=browser, announce=render.show_address)
    for file in saved:
        terminal.say(f"saved {file}")


@app.command("export-seg", rich_help_panel=STUDIES)
def export_seg(
    labels: Annotated[Path, typer.Argument(help="Label volume on the T2W's voxels (NIfTI, MHA, NRRD).")],
    study: Annotated[Path, typer.Argument(help="Folder or zip with the DICOM T2W series.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    drawn_by: Annotated[
        DrawnBy, typer.Option(help="By a program, by one and a person, or by a person.", case_sensitive=False)
    ],
    label_codes: Annotated[
        str | None,
        typer.Option(help="What the labels mean, such as 0=BACKGROUND;1=PZ;2=CENTRAL_GLAND; none: Zonate's codes."),
    ] = None,
    name: Annotated[str, typer.Option(help="Of the program that drew them; not written for MANUAL.")] = "not stated",
    version: Annotated[str, typer.Option(help="Of that program.")] = "not stated",
    t2w: T2w = None,
    empty_zones: Annotated[
        EmptyZones, typer.Option(help="Empty frames: only described, or kept as well.")
    ] = EmptyZones.DESCRIBED,
    deidentify: Annotated[bool, typer.Option("--deidentify", help="Leave the patient out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Write a label volume as DICOM SEG."""
    from zonate.io.dicom_output import DicomAlgorithm
    from zonate.verbs.export_seg import export_seg as run
    from zonate.zones import parse_label_codes

    codes = None if label_codes is None else parse_label_codes(label_codes)
    algorithm = DicomAlgorithm(name, version, drawn_by.value)
    with _foreign_errors_by_their_kind(study):
        written = run(
            *(labels, study, output),
            label_codes=codes,
            algorithm=algorithm,
            empty_zones=empty_zones.value,
            deidentify=deidentify,
            t2w_series=t2w,
            overwrite=overwrite,
        )
    rows = [[name, f"{ml:.2f}"] for name, ml in written.volume_ml.items()]
    render.show_table("Segments", ["what the labels were taken for", "ml"], rows)
    render.show_warnings(tuple(f"{doubt}: do the labels mean this? (--label-codes)" for doubt in written.doubts))
    terminal.say(f"wrote {written.file}")
