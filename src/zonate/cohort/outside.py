"""Results lie outside the studies that they are made from."""

import os
from collections.abc import Iterable
from pathlib import Path

from zonate.errors import OutputError
from zonate.io.opening import case_id_of


def refuse_inside_study(output: Path, studies: Iterable[Path]) -> None:
    """Refuse an output in the folder of a study, which would be read with it the next time.

    Args:
        output: It need not exist.
        studies: Folders or zips.

    Raises:
        OutputError: It is the folder of a study, or lies in it, by its name or by where its links lead.
    """
    for study in studies:
        if study.is_dir() and any(within(output).is_relative_to(within(study)) for within in (_named, Path.resolve)):
            raise OutputError(
                f"the output {output} lies inside the study {case_id_of(study)}, which would be read with it the next "
                "time: give a folder outside the study"
            )


def _named(path: Path) -> Path:
    """Absolute and without `..`, its links as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (absolute() leaves `..`, resolve() follows links)
