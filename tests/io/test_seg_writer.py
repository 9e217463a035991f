"""What is written as a DICOM SEG is read back with pydicom alone: the very labels, on the very voxels."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.io.segs import MODEL, drawn, write
from tests.io.sources import SOURCES, classic, enhanced
from tests.plain_seg import on_grid, read_plain, slices_drawn_on
from zonate.errors import GeometryError, LabelError, StudyError
from zonate.geometry import Grid, Volume
from zonate.io.seg import read_segments
from zonate.io.seg_writer import EmptyZones, write_sectors_seg
from zonate.io.source import SourceImages
from zonate.sectors import SECTORS
from zonate.zones import LabelCode


@pytest.mark.parametrize("empty_zones", ["described", "kept"])
@pytest.mark.parametrize("kind", SOURCES)
def test_the_very_labels_come_back_on_the_very_voxels(tmp_path: Path, kind: str, empty_zones: EmptyZones) -> None:
    source = SOURCES[kind](tmp_path)
    labels = drawn(source.grid)
    write(tmp_path / "seg.dcm", labels, source, empty_zones=empty_zones)
    frames = read_plain(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(on_grid(frames, source.grid.shape, source.grid.affine), labels.values)
    drawn_on = slices_drawn_on(frames, source.grid.affine)
    expected = range(len(source.frames)) if empty_zones == "kept" else range(1, len(source.frames))
    assert drawn_on == {s: {source.frames[s]} for s in expected}


@pytest.mark.parametrize("kind", ["axial", "twice oblique", "descending", "enhanced, every other frame"])
def test_our_own_reader_finds_the_same(tmp_path: Path, kind: str) -> None:
    source = SOURCES[kind](tmp_path)
    labels = drawn(source.grid)
    write(tmp_path / "seg.dcm", labels, source)
    found = read_segments(tmp_path / "seg.dcm")
    first = (source.grid.to_mm((0, 0, 0)) - found[1].grid.to_mm((0, 0, 0))) / source.grid.affine[:3, 0].max()
    assert found[1].grid.frame_of_reference == source.grid.frame_of_reference
    assert np.abs(first).max() > 0.5, "the first slice is empty and its frames are left out"
    for number, volume in found.items():
        corner = np.rint(source.grid.to_index(volume.grid.to_mm((0, 0, 0)))).astype(int)
        step = np.rint(np.linalg.solve(source.grid.affine[:3, :3], volume.grid.affine[:3, 0])).astype(int)
        slices = corner[0] + step[0] * np.arange(volume.grid.shape[0])
        np.testing.assert_array_equal(volume.values, labels.values[slices] == number)


@pytest.mark.parametrize("slices", [[2], [1, 4], [0]])
def test_our_own_reader_finds_lone_slices(tmp_path: Path, slices: list[int]) -> None:
    source = classic(tmp_path)
    values = np.zeros(source.grid.shape, np.uint8)
    values[slices, 2, 3] = LabelCode.PZ
    write(tmp_path / "seg.dcm", Volume(values, source.grid), source)
    found = read_segments(tmp_path / "seg.dcm")[1]
    index = source.grid.to_index(found.grid.to_mm(np.argwhere(found.values)))
    np.testing.assert_allclose(sorted(index.tolist()), [[s, 2, 3] for s in slices], atol=1e-4)


_SHAPE = (4, 6, 5)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> SourceImages:
    return classic(tmp_path_factory.mktemp("straight"), slices=4, shape=(6, 5))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=arrays.arrays(np.uint8, _SHAPE, elements=st.integers(0, 4)).filter(lambda values: bool(values.any())),
    angles=st.tuples(*(st.floats(-0.7, 0.7) for _ in range(3))),
    flips=st.tuples(st.booleans(), st.booleans()),
    origin=st.tuples(*(st.integers(-300, 300) for _ in range(3))),
)
def test_any_labels_in_any_place(
    straight: SourceImages,
    tmp_path: Path,
    values: npt.NDArray[np.uint8],
    angles: tuple[float, ...],
    flips: tuple[bool, bool],
    origin: tuple[int, ...],
) -> None:
    source = tilted(straight, angles, flips, origin)
    write(tmp_path / "seg.dcm", Volume(values, source.grid), source)
    np.testing.assert_array_equal(on_grid(read_plain(tmp_path / "seg.dcm"), _SHAPE, source.grid.affine), values)


def tilted(
    source: SourceImages, angles: tuple[float, ...], flips: tuple[bool, bool], origin: tuple[int, ...]
) -> SourceImages:
    """The same series lying elsewhere, with its headers and its grid."""
    across, down = rotation(angles)[:, 0] * (-1 if flips[0] else 1), rotation(angles)[:, 1] * (-1 if flips[1] else 1)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = 3.0 * np.cross(across, down), 0.5 * down, 0.5 * across
    affine[:3, 3] = origin
    headers = []
    for s, header in enumerate(source.headers):
        moved: Any = pydicom.Dataset(header)
        moved.ImageOrientationPatient = [f"{cosine:.10f}" for cosine in (*across, *down)]
        moved.ImagePositionPatient = [f"{mm:.8f}" for mm in affine[:3, 3] + s * affine[:3, 0]]
        headers.append(moved)
    return replace(source, headers=tuple(headers), grid=Grid(source.grid.shape, affine, source.grid.frame_of_reference))


def rotation(angles: tuple[float, ...]) -> Any:
    turned = np.eye(3)
    for axis, angle in enumerate(angles):
        about = np.eye(3)
        i, j = [k for k in range(3) if k != axis]
        about[i, i] = about[j, j] = np.cos(angle)
        about[i, j], about[j, i] = -np.sin(angle), np.sin(angle)
        turned = turned @ about
    return turned


class TestEmptyZones:
    def test_an_empty_zone_is_described_and_has_no_frame(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        labels = drawn(source.grid)
        labels.values[labels.values == LabelCode.DPU] = 0
        write(tmp_path / "seg.dcm", labels, source)
        seg: Any = pydicom.dcmread(tmp_path / "seg.dcm")
        assert [s.SegmentNumber for s in seg.SegmentSequence] == [1, 2, 3, 4]
        assert {frame.segment for frame in read_plain(tmp_path / "seg.dcm")} == {1, 2, 4}
        assert not read_segments(tmp_path / "seg.dcm")[3].values.any()

    def test_kept_every_slice_of_every_zone_has_a_frame(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        write(tmp_path / "seg.dcm", drawn(source.grid), source, empty_zones="kept")
        assert len(read_plain(tmp_path / "seg.dcm")) == 4 * 5

    def test_nothing_at_all_is_refused_unless_empty_frames_are_kept(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        nothing = Volume(np.zeros(source.grid.shape, np.uint8), source.grid)
        with pytest.raises(LabelError, match=r'^nothing is labelled.*empty_zones="kept"'):
            write(tmp_path / "seg.dcm", nothing, source)
        assert not (tmp_path / "seg.dcm").exists()
        write(tmp_path / "seg.dcm", nothing, source, empty_zones="kept")
        assert not any(frame.mask.any() for frame in read_plain(tmp_path / "seg.dcm"))


class TestRefused:
    def test_labels_on_another_grid(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        moved = source.grid.affine.copy()
        moved[0, 3] += 0.5
        grid = Grid(source.grid.shape, moved, source.grid.frame_of_reference)
        with pytest.raises(GeometryError, match=r"do not lie on the grid.*a corner is 0\.500 mm off$"):
            write(tmp_path / "seg.dcm", drawn(grid), source)
        smaller = Grid((4, 8, 6), source.grid.affine, source.grid.frame_of_reference)
        with pytest.raises(GeometryError, match=r"shape \(4, 8, 6\) against \(5, 8, 6\)$"):
            write(tmp_path / "seg.dcm", drawn(smaller), source)

    def test_labels_in_another_frame_of_reference(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        elsewhere = drawn(Grid(source.grid.shape, source.grid.affine, "1.2.3"))
        with pytest.raises(GeometryError, match="another frame of reference"):
            write(tmp_path / "seg.dcm", elsewhere, source)

    def test_a_series_without_a_frame_of_reference(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        nowhere = replace(source, grid=Grid(source.grid.shape, source.grid.affine))
        with pytest.raises(GeometryError, match="names no frame of reference"):
            write(tmp_path / "seg.dcm", drawn(nowhere.grid), nowhere)

    def test_headers_out_of_order(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        mirrored = replace(source, frames=source.frames[::-1])
        with pytest.raises(GeometryError, match=r"slice 0 of the T2W series lies 12\.0 mm from where its grid says"):
            write(tmp_path / "seg.dcm", drawn(source.grid), mirrored)

    def test_a_value_without_a_segment(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        labels = drawn(source.grid)
        labels.values[2, 0, 0] = LabelCode.NOT_ANNOTATED
        with pytest.raises(LabelError, match=r"^the labels hold 255, and the segments are for 1, 2, 3, 4:"):
            write(tmp_path / "seg.dcm", labels, source)

    def test_no_segment(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        with pytest.raises(LabelError, match="needs a segment"):
            write(tmp_path / "seg.dcm", drawn(source.grid), source, codes=[LabelCode.BACKGROUND])

    def test_a_series_of_several_enhanced_files(self, tmp_path: Path) -> None:
        one, other = enhanced(tmp_path / "a"), enhanced(tmp_path / "b", origin_mm=(-1.5, -2.0, 25.0))
        both = replace(
            one,
            headers=(*one.headers, changed_uid(other.header)),
            frames=(*one.frames, *(("1.2.3", number) for _, number in other.frames)),
            grid=Grid((10, 8, 6), one.grid.affine, one.grid.frame_of_reference),
        )
        with pytest.raises(StudyError, match="2 enhanced files"):
            write(tmp_path / "seg.dcm", drawn(both.grid), both)


def changed_uid(header: pydicom.Dataset) -> pydicom.Dataset:
    other: Any = pydicom.Dataset(header)
    other.SOPInstanceUID = "1.2.3"
    return other


def test_a_segment_that_is_not_validated_says_so(tmp_path: Path) -> None:
    source = classic(tmp_path)
    seg = write(tmp_path / "seg.dcm", drawn(source.grid), source, not_validated=("DPU", "AFS"))
    assert [(str(item.SegmentLabel), str(item.get("SegmentDescription", ""))) for item in seg.SegmentSequence] == [
        ("Peripheral zone of prostate", ""),
        ("Transition zone of prostate", ""),
        (
            "Distal prostatic urethra, not validated",
            "Not validated: too few patients showed how well it is found. "
            "Distal part, from the verumontanum to the apex; SNOMED CT has no code for it",
        ),
        (
            "Anterior fibromuscular stroma of prostate, not validated",
            "Not validated: too few patients showed how well it is found",
        ),
    ]
    assert {str(item.TrackingID) for item in seg.SegmentSequence} == {"PZ", "TZ", "DPU", "AFS"}
    assert read_segments(tmp_path / "seg.dcm").keys() == {1, 2, 3, 4}  # known by their codes


def test_the_sectors_of_a_zone_that_is_not_validated_say_so(tmp_path: Path) -> None:
    """Within the 64 characters of a label."""
    source = classic(tmp_path)
    sectors = Volume((drawn(source.grid).values > 0).astype(np.uint8), source.grid)
    seg = write_sectors_seg(tmp_path / "s.dcm", sectors, source, algorithm=MODEL, not_validated=("AFS", "PZ"))
    for sector, item in zip(SECTORS, seg.SegmentSequence, strict=True):
        label = str(item.SegmentLabel)
        assert label.endswith(", not validated") == (sector.zone.name != "TZ")
        assert ("SegmentDescription" in item) == (sector.zone.name != "TZ")
        assert label.startswith(sector.meaning.removesuffix(" of prostate"))
        assert len(label) <= 64
