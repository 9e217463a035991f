"""Results lie outside the studies that they are made from."""

from collections.abc import Iterable
from pathlib import Path

from zonate.errors import OutputError


def refuse_inside_study(output: Path, studies: Iterable[Path]) -> None:
    """Refuse an output in the folder of a study, which would be read with it the next time.

    Args:
        output: It need not exist.
        studies: Folders or zips.

    Raises:
        OutputError: It is the folder of a study, or lies in it.
    """
    place = output.resolve()
    for study in studies:
        if study.is_dir() and place.is_relative_to(study.resolve()):
            raise OutputError(
                f"the output {output} lies inside the study {study.name}, which would be read with it the next time: "
                "give a folder outside the study"
            )
