"""What others' validators say of a DICOM object: dciodvfy (dicom3tools) and dicom-validator."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.foreign import PYTHON, ask

KNOWN_WARNINGS = {
    r"needed to build DICOMDIR - (Study ID|Study Date|Study Time|Patient ID)$": (
        "the source has none, or the patient was left out; the standard lets them be empty"
    ),
    r"Value dubious for this VR - \(0x0010,0x0010\) PN Patient's Name": "carried over from the source as it is",
    r"Unrecognized defined term <99ZONATE> for value 1 of attribute <Coding Scheme Designator>$": (
        "the central gland has no code in SNOMED CT; private schemes begin with 99"
    ),
}
"""Warnings of dciodvfy that stand, with the reason."""


def assert_valid(path: Path) -> None:
    """Fail where one of the validators finds an error, or dciodvfy warns of something that is not known.

    Skips where neither is installed, saying how to get them.
    """
    programs = dciodvfys()
    if not programs and not PYTHON.is_file():
        pytest.skip("no validator of DICOM is installed: make readers (or Debian's dicom3tools)")
    for program in programs:
        said = [line for line in dciodvfy(program, path) if line.startswith(("Error", "Warning"))]
        assert [line for line in said if not is_known(line)] == [], f"{program} says so of {path.name}"
    if PYTHON.is_file():
        assert ask("validate_dicom.py", path) == {"status": "Passed", "errors": []}


def dciodvfys() -> list[str]:
    """The one that `make readers` installs, and Debian's."""
    found = (PYTHON.with_name("dciodvfy"), shutil.which("dciodvfy"))
    return [str(program) for program in found if program is not None and Path(program).is_file()]


def dciodvfy(program: str, path: Path) -> list[str]:
    """What it writes, line by line."""
    done = subprocess.run([program, str(path)], capture_output=True, text=True, check=False, timeout=120)
    return (done.stdout + done.stderr).splitlines()


def is_known(line: str) -> bool:
    return line.startswith("Warning") and any(re.search(pattern, line) for pattern in KNOWN_WARNINGS)
