"""What is made of a person's correction: its figures, and the objects and surfaces that others take of a result."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from zonate.dataset.labels import tolerance_mm
from zonate.errors import LabelError, ZonateError
from zonate.geometry import Volume
from zonate.io.dicom_output import DicomAlgorithm, SeriesNumber
from zonate.io.files import atomic_folder
from zonate.io.rtstruct import write_rtstruct
from zonate.io.seg_writer import write_zones_seg
from zonate.io.source import SourceImages
from zonate.io.source_file import read_source
from zonate.outputs.corrected_measurements import write_corrected_measurements
from zonate.outputs.dicom import CONTOURS, SOURCE, ZONES, algorithm_of
from zonate.outputs.surfaces import write_structures
from zonate.settings.results import left_out
from zonate.zones import LabelCode

CORRECTED = "Drawn by a program, corrected by a person; research use only"
_WAS_DOUBTFUL = "Was DOUBTFUL: "
"""Before the description of a series: a correction does not make a doubtful result a sound one by itself."""
_NOTHING_DRAWN = "nothing is drawn"


class CorrectedPaths(NamedTuple):
    """What is written beside a correction's volume, under its own number."""

    measurements: Path
    seg: Path
    contours: Path
    surfaces: Path


def corrected_paths(volume: Path) -> CorrectedPaths:
    """Of `zones.edited-2.nii.gz`: `zones.edited-2.json` and so on; a folder `surfaces.edited-2`."""
    stem = volume.name.removesuffix(".nii.gz")
    names = f"{stem}.json", f"{stem}.seg.dcm", f"{stem}.rtstruct.dcm", f"surfaces{stem.removeprefix('zones')}"
    return CorrectedPaths(*(volume.with_name(name) for name in names))


def write_corrected(volume: Path, labels: Volume) -> tuple[tuple[Path, ...], dict[str, str]]:
    """Write the figures of a correction, and of it the same kinds of objects as the prediction's settings asked for.

    DICOM objects are made where the result came from DICOM. They are new series, semiautomatic by their own account,
    and say in their descriptions where the result was doubtful, as surfaces do in their names.

    Args:
        volume: The correction's, in the folder of the result that was corrected.
        labels: What it holds, label codes (S, H, W) uint8 on the grid of the folder's `zones.nii.gz`.

    Returns:
        The files and the folder that were written, and by name why one was not: that costs no other.
    """
    try:
        writers = _writers(volume, labels)
    except Exception as error:  # noqa: BLE001  (the labels are there)
        return (), {
            path.name: f"zones.json cannot be read ({type(error).__name__})" for path in corrected_paths(volume)
        }
    missing = {}
    for path, write in writers.items():
        try:
            write(path)
        except Exception as error:  # noqa: BLE001  (the others are written, and the labels are there)
            missing[path.name] = str(error) if isinstance(error, ZonateError) else type(error).__name__
    return tuple(path for path in writers if path.name not in missing), missing


def _writers(volume: Path, labels: Volume) -> dict[Path, Callable[[Path], None]]:
    """By path, what writes there."""
    about = json.loads(volume.with_name("zones.json").read_text(encoding="utf-8"))
    correction = _Correction(labels, about)
    paths = corrected_paths(volume)
    writers: dict[Path, Callable[[Path], None]] = {
        paths.measurements: partial(write_corrected_measurements, labels=labels, about=about)
    }
    if volume.with_name(SOURCE).exists():
        if not _is_left_out(about, "dicom", ZONES):
            writers[paths.seg] = correction.write_seg
        if not _is_left_out(about, "rtstruct", CONTOURS):
            writers[paths.contours] = correction.write_contours
    if not _is_left_out(about, "surfaces", "surfaces"):
        writers[paths.surfaces] = correction.write_surfaces
    return writers


def _is_left_out(about: Mapping[str, Any], setting: str, name: str) -> bool:
    """Whether the settings did not ask for it, and not whether it is there: where nothing was found, nothing is."""
    return (about.get("not_given") or {}).get(name) == left_out(setting, name)[name]


@dataclass(frozen=True)
class _Correction:
    """Corrected labels, and the `zones.json` of what was corrected."""

    labels: Volume
    about: Mapping[str, Any]

    @property
    def codes(self) -> tuple[LabelCode, ...]:
        return tuple(LabelCode(int(code)) for code in self.about["codes"])

    @property
    def not_validated(self) -> tuple[str, ...]:
        return tuple(self.about.get("not_validated", ()))

    @property
    def drawn(self) -> bool:
        return bool((self.labels.values > 0).any())

    @property
    def algorithm(self) -> DicomAlgorithm:
        by_model = algorithm_of(self.about["model"])
        return DicomAlgorithm(f"{by_model.name}, corrected", by_model.version, "SEMIAUTOMATIC")

    def described(self, what: str) -> str:
        return f"{_WAS_DOUBTFUL}{what}" if self.about.get("doubt") else what

    def on(self, source: SourceImages) -> Volume:
        """NIfTI keeps positions in float32, axes at right angles alone, and no frame of reference."""
        same = self.labels.grid.same_as(source.grid, tolerance_mm=tolerance_mm(source.grid))
        return Volume(self.labels.values, source.grid if same else self.labels.grid)

    def write_seg(self, path: Path) -> None:
        """A correction in which nothing is drawn keeps its empty frames: that nothing is there is what it says."""
        source = read_source(path.with_name(SOURCE))
        write_zones_seg(
            path,
            self.on(source),
            self.codes,
            source,
            algorithm=self.algorithm,
            empty_zones="described" if self.drawn else "kept",
            series_number=SeriesNumber.EDITED_ZONES,
            description=self.described("Zonate prostate zones, corrected"),
            content_description=CORRECTED,
            not_validated=self.not_validated,
        )

    def write_contours(self, path: Path) -> None:
        if not self.drawn:
            raise LabelError(_NOTHING_DRAWN)
        source = read_source(path.with_name(SOURCE))
        write_rtstruct(
            path,
            self.on(source),
            self.codes,
            source,
            algorithm=self.algorithm,
            label="EDITED_DOUBTFUL" if self.about.get("doubt") else "EDITED_ZONES",
            series_number=SeriesNumber.EDITED_CONTOURS,
            description=self.described("Zonate prostate zones, corrected (contours)"),
            content_description=CORRECTED,
            not_validated=self.not_validated,
        )

    def write_surfaces(self, folder: Path) -> None:
        if not self.drawn:
            raise LabelError(_NOTHING_DRAWN)
        said = "corrected-was-doubtful-" if self.about.get("doubt") else "corrected-"
        with atomic_folder(folder, overwrite=False) as half_written:
            write_structures(half_written, self.labels, self.codes, said=said, not_validated=self.not_validated)
