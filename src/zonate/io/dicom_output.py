"""What every DICOM object that Zonate writes has in common: who made it and how, its numbers, and how it is saved."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import pydicom
from highdicom import AlgorithmIdentificationSequence
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from zonate.io.files import atomic_path
from zonate.io.quiet import quiet

MANUFACTURER = "Zonate"
MODEL_NAME = "Zonate prostate zones"
IMPLEMENTATION_CLASS_UID = "2.25.242601068246015889112201366415894144884"
"""Identifies the program as a writer of files; a UUID of its own, as PS3.5 annex B.2 allows."""

AlgorithmType = Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]

_FAMILIES = {
    "AUTOMATIC": Code("123110", "DCM", "Artificial Intelligence"),
    "SEMIAUTOMATIC": Code("123110", "DCM", "Artificial Intelligence"),
    "MANUAL": Code("123109", "DCM", "Manual Processing"),
}
"""Algorithm families of CID 7162."""
_SHORT_STRING, _LONG_STRING = 16, 64
"""Characters that the value representations SH and LO hold."""


class SeriesNumber(IntEnum):
    """Numbers of the series that are added to a study: beyond a scanner's, one for each kind of object."""

    ZONES = 9001
    SECTORS = 9002
    MEASUREMENTS = 9003
    CONTOURS = 9004
    REPORT = 9005
    EDITED_ZONES = 9006
    EDITED_CONTOURS = 9007


@dataclass(frozen=True)
class DicomAlgorithm:
    """Who drew what an object holds.

    Attributes:
        name: Of the model, or of whatever made the labels.
        version: Of the same.
        type: AUTOMATIC; SEMIAUTOMATIC where a person corrected it; MANUAL where a person drew it.
    """

    name: str
    version: str
    type: AlgorithmType = "AUTOMATIC"

    def identification(self) -> AlgorithmIdentificationSequence:
        """Name, version and source as DICOM's Algorithm Identification Macro."""
        return AlgorithmIdentificationSequence(
            name=long_string(self.name),
            family=_FAMILIES[self.type],
            version=long_string(self.version),
            source=MANUFACTURER,
        )


def equipment() -> dict[str, str]:
    """Who made an object, as the arguments that highdicom's objects take."""
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": MODEL_NAME,
        "software_versions": long_string(version("zonate")),
        # The standard wants one, and a program has none: what tells one copy of it from another is its version.
        "device_serial_number": long_string(version("zonate")),
    }


def new_uid() -> str:
    """A UID that nothing else has, under 2.25: a random UUID (PS3.5 annex B.2)."""
    return str(generate_uid(prefix=None))


def now() -> tuple[str, str]:
    """Date and time of this moment as DICOM writes them, in local time: `20260131`, `235959.000000`."""
    moment = datetime.now().astimezone()
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S.%f")


def long_string(text: str) -> str:
    r"""A text as the value representation LO takes it: 64 characters, no backslash, no control characters."""
    return re.sub(r"[\\\x00-\x1f\x7f]", " ", text).strip()[:_LONG_STRING].strip()


def save_dicom(dataset: pydicom.Dataset, path: Path) -> Path:
    """Write an object with its file meta information, whole or not at all.

    Args:
        dataset: With `file_meta` that names at least the transfer syntax.
        path: Its folder is made where it does not exist; a file of that name is replaced.
    """
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    dataset.file_meta.ImplementationVersionName = f"ZONATE {version('zonate')}"[:_SHORT_STRING]
    with atomic_path(path) as temporary, quiet():
        dataset.save_as(temporary, enforce_file_format=True)
    return path


@contextmanager
def making() -> Iterator[None]:
    """Keep highdicom and pydicom from saying what stands in the headers that an object is made of.

    Both warn of values that are not quite as the standard wants them, the patient's name among them, and log them too.
    """
    loggers = [logging.getLogger(name) for name in ("highdicom", "pydicom")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with quiet():
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
