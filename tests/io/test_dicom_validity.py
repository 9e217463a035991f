"""Others on what we write: dciodvfy and dicom-validator on every object, plastimatch on the contours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.foreign import run
from tests.foreign.dicom_checks import assert_valid
from tests.io.t2w_source import OBLIQUE, on_source, t2w_source, zones_in
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.encapsulated_pdf import write_encapsulated_pdf
from zonate.io.nifti import read_volume
from zonate.io.rtstruct import write_rtstruct
from zonate.io.seg_writer import write_zones_seg
from zonate.io.source import SourceImages
from zonate.io.sr import write_measurements_sr
from zonate.measurements import AdcStatistics, Ellipsoid, Measurements, PsaDensity, Uncertainty
from zonate.zones import ALL_ZONE_CODES, LabelCode

ALGORITHM = DicomAlgorithm("fold 3", "1.2")
SOURCES: dict[str, dict[str, Any]] = {
    "classic": {},
    "oblique": {"orientation": OBLIQUE},
    "enhanced": {"enhanced": True},
}

Write = Callable[[Path, SourceImages], object]


def contours(path: Path, source: SourceImages) -> object:
    labels = on_source(source, zones_in(source))
    return write_rtstruct(path, labels, ALL_ZONE_CODES, source, algorithm=ALGORITHM, not_validated=("DPU", "AFS"))


def coarse_contours(path: Path, source: SourceImages) -> object:
    labels = np.where(zones_in(source) > 0, LabelCode.CENTRAL_GLAND, 0).astype(np.uint8)
    codes = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
    return write_rtstruct(path, on_source(source, labels), codes, source, algorithm=ALGORITHM)


def report(path: Path, source: SourceImages) -> object:
    """With everything that a report can hold."""
    seg = write_zones_seg(
        path.with_name("z.seg.dcm"),
        on_source(source, zones_in(source)),
        ALL_ZONE_CODES,
        source,
        algorithm=ALGORITHM,
        not_validated=("DPU", "AFS"),
    )
    measurements = Measurements(
        volume_ml={"PZ": 12.5, "TZ": 25.0, "DPU": 1.25, "AFS": 0.0, "CENTRAL_GLAND": 26.25, "GLAND": 38.75},
        ellipsoid=Ellipsoid(31.5, 48.0, 42.25, 33.45, -13.7),
        pz_tz_ratio=0.5,
        adc={"PZ": AdcStatistics(1512.25, 987.5, 0.875)},
        psa=PsaDensity(6.2, 0.16, (0.10, 0.15), (0.15, 0.18)),
    )
    uncertainty = Uncertainty(
        8, {"PZ": (11.0, 13.25)}, {}, {}, calibrated=True, doubtful=True, reason="the samples differ"
    )
    return write_measurements_sr(
        path,
        measurements,
        uncertainty,
        source,
        algorithm=ALGORITHM,
        seg=seg,
        sector_volumes_ml={"PZpl-mid-L": 1.5, "AFS-apex-R": 0.25},
        comments=["The gland is cut off"],
        not_validated=("DPU", "AFS", "PZ", "GLAND"),
    )


def document(path: Path, source: SourceImages) -> object:
    return write_encapsulated_pdf(path, b"%PDF-1.4\n%%EOF\n", source)


@pytest.mark.slow
@pytest.mark.parametrize("acquired", SOURCES)
@pytest.mark.parametrize("write", [contours, coarse_contours, report, document], ids=lambda write: write.__name__)
def test_validators_find_no_error(tmp_path: Path, write: Write, acquired: str) -> None:
    source = t2w_source(tmp_path / "study", **SOURCES[acquired])
    write(tmp_path / "object.dcm", source)
    assert_valid(tmp_path / "object.dcm")


@pytest.mark.slow
@pytest.mark.parametrize("write", [contours, report, document], ids=lambda write: write.__name__)
def test_nor_where_the_patient_is_left_out(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "object.dcm", t2w_source(tmp_path / "study").without_patient())
    assert_valid(tmp_path / "object.dcm")


@pytest.mark.slow
@pytest.mark.parametrize("acquired", ["classic", "oblique"])
def test_plastimatch_reads_the_very_label_map_from_the_contours(tmp_path: Path, acquired: str) -> None:
    source = t2w_source(tmp_path / "study", **SOURCES[acquired])
    contours(tmp_path / "z.dcm", source)
    files: list[str | Path] = ["--input", tmp_path / "z.dcm", "--referenced-ct", tmp_path / "study" / "x4"]
    run("plastimatch", "convert", *files, "--output-prefix", tmp_path / "masks", "--prefix-format", "nrrd")
    labels = zones_in(source)
    expected = {
        "Prostate": labels > 0,
        "Prostate_PZ": labels == 1,
        "Prostate_TZ": labels == 2,
        "Prostate_DPU": labels == 3,
        "Prostate_AFS": labels == 4,
    }
    assert {file.stem for file in (tmp_path / "masks").iterdir()} == set(expected)
    for name, mask in expected.items():
        read = read_volume(tmp_path / "masks" / f"{name}.nrrd")
        assert read.grid.same_as(source.grid, tolerance_mm=0.01), name
        assert (read.values.astype(bool) == mask).all(), name
