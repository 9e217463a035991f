"""The application, and what its commands share: arguments, options, exit codes."""

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zonate.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from zonate.cohort.workers import Workers
    from zonate.config import Settings
    from zonate.dataset.storage import Cache
    from zonate.study import Sequence

app = typer.Typer(
    help="From a multi-parametric prostate MRI study to its anatomical zones. For research use only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they would print local variables, header values among them
)

PANELS = START, STUDIES, DATA_SETS, MODELS = "Start", "Studies", "Data sets", "Models"
"""Of `zonate --help`, in this order."""

DONE, SOME_FAILED, WRONG_CALL = 0, 1, 2

Study = Annotated[Path, typer.Argument(help="Folder or zip of DICOM files, or folder of NIfTI/MHA/NRRD volumes.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where to write.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Empty an output that holds results already.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout instead of a table.")]
CaseId = Annotated[str | None, typer.Option("--case-id", help="Instead of the folder's or archive's name.")]
T2w = Annotated[int | None, typer.Option("--t2w", help="Series number to use as T2W.", metavar="NUMBER")]
Dwi = Annotated[int | None, typer.Option("--dwi", help="Series number to use as DWI.", metavar="NUMBER")]
Adc = Annotated[int | None, typer.Option("--adc", help="Series number to use as ADC.", metavar="NUMBER")]
Resume = Annotated[bool, typer.Option("--resume", help="Skip what is complete, of the same inputs and settings.")]
Number = Annotated[
    int,
    typer.Option(
        "-w",
        "--workers",
        min=0,
        help="Studies at a time, a process each; 0: as many as fit the machine, at 4 GiB each.",
    ),
]
Scheduler = Annotated[
    str | None, typer.Option(help="A Dask cluster that exists, such as tcp://10.0.0.1:8786.", metavar="ADDRESS")
]
MemoryGib = Annotated[
    float | None,
    typer.Option(help="What the process of a study may hold, in GiB (4: 120 slices); none: its share.", metavar="GIB"),
]
TimeoutS = Annotated[
    float | None, typer.Option(help="How long a study may take, in seconds; none: an hour.", metavar="SECONDS")
]
Data = Annotated[str, typer.Option(help="What `prepare` wrote: a folder, or a URL such as s3://bucket/dataset.")]
CacheFolder = Annotated[Path | None, typer.Option("--cache", help="Where files of a URL are kept on this machine.")]
CacheGb = Annotated[float, typer.Option("--cache-gb", help="What they may take, in GB.", min=0.001)]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting, such as training.epochs=20; may be given often.", metavar="NAME=VALUE"),
]


@contextmanager
def importing() -> Iterator[None]:
    """Keep the garbage collector from walking through what imports leave, now and ever after: all of it stays.

    Libraries leave half a million objects, through which it walks again and again.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def exit_code(error: Exception) -> int:
    """What a program is told of an error; a ValueError is a bad argument of a verb."""
    return WRONG_CALL if isinstance(error, (ConfigError, OutputError, ValueError)) else SOME_FAILED


def series_overrides(t2w: int | None, dwi: int | None, adc: int | None) -> "dict[Sequence, int]":
    """Which series plays which role, as far as the user says so."""
    from zonate.study import Sequence

    given = {Sequence.T2W: t2w, Sequence.DWI: dwi, Sequence.ADC: adc}
    return {sequence: number for sequence, number in given.items() if number is not None}


def workers_of(number: int, scheduler: str | None, memory_gib: float | None, timeout_s: float | None) -> "Workers":
    """Who works on a batch, as the user says; every machine's own number where a cluster is named."""
    from zonate.cohort.workers import Workers

    return Workers(number, scheduler, memory_gib, timeout_s)


def cache_of(folder: Path | None, gb: float) -> "Cache | None":
    """Where files of a dataset in an object store are kept, where the user says so."""
    from zonate.dataset.storage import Cache

    return None if folder is None else Cache(folder, round(gb * 1e9))


def settings_of(assignments: list[str] | None, recipe: str | None = None) -> "Settings":
    """The default settings, or those of a recipe, changed as the user says."""
    from zonate.config import Settings, load_recipe

    return (Settings() if recipe is None else load_recipe(recipe)).override(assignments or [])


def print_json(value: Any) -> None:
    """What a program reads."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
