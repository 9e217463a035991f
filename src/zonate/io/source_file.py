"""The headers of a source series kept beside a result, so that what is corrected later can refer to them, too."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from zonate.errors import StudyError
from zonate.geometry import Grid
from zonate.io.files import write_json
from zonate.io.quiet import quiet
from zonate.io.source import SourceImages, is_carried

_BULK = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")


def write_source(path: Path, source: SourceImages) -> None:
    """Write what objects are made of, as DICOM JSON (PS3.18 annex F): patient, study, and where the images lie.

    The patient is named as in the series, so that the file can be read by its owner alone and is to be kept as the
    objects beside it are.

    Args:
        path: Of the file; one of that name is replaced.
        source: Without a patient, so is the file.
    """
    with quiet():
        headers = [_plain(header).to_json_dict(suppress_invalid_tags=True) for header in source.headers]
    write_json(
        path,
        {
            "headers": headers,
            "frames": [list(frame) for frame in source.frames],
            "grid": {
                "shape_shw": list(source.grid.shape),
                "affine": source.grid.affine.tolist(),
                "frame_of_reference": source.grid.frame_of_reference,
            },
        },
    )
    path.chmod(0o600)


def read_source(path: Path) -> SourceImages:
    """Read what `write_source` wrote.

    Raises:
        StudyError: The file is not there, or not such a file.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        grid = Grid(
            tuple(kept["grid"]["shape_shw"]), np.array(kept["grid"]["affine"]), kept["grid"]["frame_of_reference"]
        )
        with quiet():
            headers = tuple(pydicom.Dataset.from_json(header) for header in kept["headers"])
        return SourceImages(headers, tuple((str(uid), number) for uid, number in kept["frames"]), grid)
    except FileNotFoundError:
        raise StudyError(f"{path.name} is not there: predict the study again") from None
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{path.name} is damaged ({type(error).__name__}): predict the study again") from None


def _plain(header: pydicom.Dataset, *, top: bool = True) -> pydicom.Dataset:
    """What objects are made of, without what JSON does not hold well."""
    plain = pydicom.Dataset()
    for element in header:
        if element.tag.is_private or element.VR in _BULK or (top and not is_carried(element)):
            continue
        if element.VR == "SQ":
            copied: Any = pydicom.DataElement(element.tag, "SQ", [_plain(item, top=False) for item in element.value])
            plain.add(copied)
        else:
            plain.add(element)
    return plain
