"""What others make of our DICOM SEGs: the validators, and dcmqi, which shares no code with highdicom."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest

from tests.foreign import run
from tests.foreign.dicom_checks import assert_valid, dciodvfy, dciodvfys, is_known
from tests.io.segs import MODEL, drawn, write
from tests.io.sources import SOURCES, classic, source_of
from tests.plain_seg import on_grid, read_plain, slices_drawn_on
from zonate.geometry import Volume
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.nifti import read_volume
from zonate.io.seg_writer import write_sectors_seg
from zonate.io.source import SourceImages
from zonate.sectors import SECTORS
from zonate.simulation.study import draw_study
from zonate.zones import LabelCode

pytestmark = pytest.mark.slow


def ball(source: SourceImages) -> Volume:
    """Four zones in the middle of the volume, as wide as it is, of no use to a physician."""
    centre = (np.array(source.grid.shape) - 1) / 2
    s, h, w = np.indices(source.grid.shape, dtype=np.float64)
    radius = np.sqrt(
        sum(((i - c) / (0.4 * n)) ** 2 for i, c, n in zip((s, h, w), centre, source.grid.shape, strict=True))
    )
    values = np.where(radius < 1, LabelCode.PZ, 0)
    values[(radius < 0.8) & (h < centre[1])] = LabelCode.TZ
    values[(radius < 0.8) & (h < 0.7 * centre[1])] = LabelCode.AFS
    values[radius < 0.15] = LabelCode.DPU
    return Volume(values.astype(np.uint8), source.grid)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> SourceImages:
    folder = tmp_path_factory.mktemp("simulated")
    draw_study(seed=3, k=0, vendor="siemens").write(folder / "study")
    return source_of(folder / "study")


class TestValid:
    def test_a_real_shaped_study(self, simulated: SourceImages, tmp_path: Path) -> None:
        write(tmp_path / "zones.dcm", ball(simulated), simulated, not_validated=("DPU", "AFS"))
        assert_valid(tmp_path / "zones.dcm")

    def test_without_the_patient(self, simulated: SourceImages, tmp_path: Path) -> None:
        write(tmp_path / "bare.dcm", ball(simulated), simulated.without_patient())
        assert_valid(tmp_path / "bare.dcm")

    def test_sectors(self, simulated: SourceImages, tmp_path: Path) -> None:
        labels = ball(simulated)
        values = np.where(
            labels.values > 0, np.arange(labels.values.size).reshape(labels.grid.shape) % len(SECTORS) + 1, 0
        )
        sectors = labels.with_values(values.astype(np.uint8))
        write_sectors_seg(tmp_path / "s.dcm", sectors, simulated, algorithm=MODEL, not_validated=("AFS",))
        assert_valid(tmp_path / "s.dcm")

    @pytest.mark.parametrize("kind", ["axial", "oblique", "enhanced", "enhanced, every other frame"])
    def test_small_studies(self, tmp_path: Path, kind: str) -> None:
        source = SOURCES[kind](tmp_path)
        write(tmp_path / "seg.dcm", drawn(source.grid), source)
        assert_valid(tmp_path / "seg.dcm")

    def test_coarse_and_manual_and_empty(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        labels = drawn(source.grid)
        central = labels.with_values(np.array([0, 1, 5, 5, 5], np.uint8)[labels.values])
        gland = labels.with_values(np.array([0, 6, 6, 6, 6], np.uint8)[labels.values])
        by_hand = DicomAlgorithm("", "", "MANUAL")
        write(tmp_path / "a.dcm", central, source, codes=(LabelCode.PZ, LabelCode.CENTRAL_GLAND))
        write(tmp_path / "b.dcm", gland, source, codes=(LabelCode.WHOLE_GLAND,), algorithm=by_hand)
        write(tmp_path / "c.dcm", labels.with_values(labels.values * np.uint8(0)), source, empty_zones="kept")
        for name in "abc":
            assert_valid(tmp_path / f"{name}.dcm")

    def test_the_validators_do_find_faults(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        write(tmp_path / "seg.dcm", drawn(source.grid), source)
        seg: Any = pydicom.dcmread(tmp_path / "seg.dcm")
        del seg.SegmentSequence[0].SegmentAlgorithmName
        seg.save_as(tmp_path / "bad.dcm")
        with pytest.raises(AssertionError):
            assert_valid(tmp_path / "bad.dcm")
        for program in dciodvfys():
            found = [line for line in dciodvfy(program, tmp_path / "bad.dcm") if line.startswith("Error")]
            assert any("SegmentAlgorithmName" in line for line in found)
            assert not any(is_known(line) for line in found)


@pytest.mark.parametrize(
    "kind", ["axial", "oblique", "twice oblique", "flipped both", "descending", "gaps", "enhanced oblique"]
)
def test_dcmqi_reads_the_very_labels_on_the_very_voxels(tmp_path: Path, kind: str) -> None:
    source = SOURCES[kind](tmp_path)
    labels = drawn(source.grid)
    write(tmp_path / "seg.dcm", labels, source)
    np.testing.assert_array_equal(by_dcmqi(tmp_path, source), labels.values)


def test_dcmqi_reads_a_real_shaped_study(simulated: SourceImages, tmp_path: Path) -> None:
    labels = ball(simulated)
    write(tmp_path / "seg.dcm", labels, simulated)
    np.testing.assert_array_equal(by_dcmqi(tmp_path, simulated), labels.values)


def by_dcmqi(folder: Path, source: SourceImages) -> npt.NDArray[np.uint8]:
    """Label codes (S, H, W) from the volumes that dcmqi makes of `seg.dcm`, one a segment."""
    out = folder / "dcmqi"
    out.mkdir()
    run("segimage2itkimage", "--inputDICOM", folder / "seg.dcm", "--outputDirectory", out, "--outputType", "nrrd")
    values = np.zeros(source.grid.shape, np.uint8)
    for file in sorted(out.glob("*.nrrd")):
        found = read_volume(file)
        where = np.argwhere(found.values)
        index = source.grid.to_index(found.grid.to_mm(where))
        np.testing.assert_allclose(index, np.rint(index), atol=0.01)
        values[tuple(np.rint(index).astype(int).T)] = found.values[tuple(where.T)]
    return values


@pytest.mark.parametrize("case", ["ProstateX-0000", "ProstateX-0001"])
def test_real_studies(shared_data: Path, tmp_path: Path, case: str) -> None:
    source = source_of(shared_data / "prostatex-dicom" / case)
    labels = ball(source)
    write(tmp_path / "seg.dcm", labels, source)
    assert_valid(tmp_path / "seg.dcm")
    frames = read_plain(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(on_grid(frames, source.grid.shape, source.grid.affine), labels.values)
    assert all(images == {source.frames[s]} for s, images in slices_drawn_on(frames, source.grid.affine).items())
    np.testing.assert_array_equal(by_dcmqi(tmp_path, source), labels.values)
