from pathlib import Path

import numpy as np
import pytest
from pydicom.sr.coding import Code

from tests.dataset.importers import trees
from zonate.errors import StudyError
from zonate.geometry import to_canonical
from zonate.io.seg import Segment, read_segment_header, read_segments


@pytest.fixture
def seg(tmp_path: Path) -> Path:
    """PZ with nothing drawn in its fifth slice, and an empty segment."""
    t2w = trees.write_series(tmp_path / "t2w", "P")
    pz = (trees.zones() == trees.PZ).astype(np.uint8)
    pz[4] = 0
    drawn = {"PZ": (trees.SNOMED_RT["PeripheralZone"], pz), "AFS": (None, np.zeros_like(pz))}
    return trees.write_seg(tmp_path / "seg.dcm", t2w, drawn, dcmqi=True)


def test_the_header_says_what_was_drawn_on_what(seg: Path) -> None:
    header = read_segment_header(seg)
    first, second = header.segments
    assert (first.number, first.code, first.scheme) == (1, "T-D05E4", "SRT")
    assert (first.label, first.description) == ("Peripheral zone of the prostate", "PZ")
    assert first.texts == ("peripheral zone of prostate", "pz", "peripheral zone of prostate")
    assert (second.number, second.description) == (2, "AFS")
    assert len(header.referenced_series_uids) == 1


def test_frames_that_were_left_out_are_empty_slices(seg: Path) -> None:
    volumes = read_segments(seg)
    assert sorted(volumes) == [1, 2]
    drawn = to_canonical(volumes[1]).values.any(axis=(1, 2))  # of the slices 2 to 7, from inferior to superior
    assert drawn.tolist() == [True, True, False, True, True, True]
    assert not volumes[2].values.any()
    assert volumes[1].grid.spacing_mm == pytest.approx(trees.SPACING_MM)


@pytest.mark.parametrize(
    ("code", "scheme", "is_pz", "is_prostate"),
    [
        ("279706003", "SCT", True, False),
        ("T-D05E4", "SRT", True, False),
        ("T-D05E4", "SNM3", True, False),
        ("41216001", "SCT", False, True),
        ("T-9200B", "SRT", False, True),
        ("T-92000", "SRT", False, True),
        ("279706003", "99MINE", False, False),  # somebody's own number
        ("", "", False, False),
    ],
)
def test_a_code_is_known_in_the_old_scheme_and_the_new(code: str, scheme: str, is_pz: bool, is_prostate: bool) -> None:
    segment = Segment(1, "", code, scheme)
    assert segment.is_coded("279706003") is is_pz
    assert segment.is_coded("41216001") is is_prostate


def test_what_is_no_seg_is_refused_by_its_name_alone(seg: Path, tmp_path: Path) -> None:
    image = next((tmp_path / "t2w").iterdir())
    for read in (read_segment_header, read_segments):
        with pytest.raises(StudyError, match=rf"^{image.name} is no DICOM SEG$"):
            read(image)
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(seg.read_bytes()[:600])
    with pytest.raises(StudyError, match=r"^cut\.dcm cannot be read as a DICOM SEG .*fetch it again$"):
        read_segment_header(cut)
    cut.write_bytes(seg.read_bytes()[:-200])
    with pytest.raises(StudyError, match=r"^cut\.dcm cannot be read as a DICOM SEG"):
        read_segments(cut)


def test_of_a_fractional_seg_a_half_or_more_is_drawn(tmp_path: Path) -> None:
    t2w = trees.write_series(tmp_path / "t2w", "P")
    sure = trees.gland() * np.float32(0.7)
    sure[3] *= np.float32(0.5)  # 0.35 in one of six slices
    file = trees.write_seg(tmp_path / "seg.dcm", t2w, {"PZ": (None, sure)}, kind="FRACTIONAL")
    assert int(read_segments(file)[1].values.sum()) == 5 * 480


def test_a_label_map_gives_the_segments_without_the_background(tmp_path: Path) -> None:
    t2w = trees.write_series(tmp_path / "t2w", "P")
    drawn = {
        name: (trees.SNOMED[name], (trees.zones() == zone).astype(np.uint8))
        for name, zone in (("Peripheral zone of prostate", trees.PZ), ("Transition zone of prostate", trees.TZ))
    }
    volumes = {}
    for kind in ("BINARY", "LABELMAP"):
        file = trees.write_seg(tmp_path / f"{kind}.dcm", t2w, drawn, kind=kind)
        volumes[kind] = read_segments(file)
        assert [(of.number, of.code) for of in read_segment_header(file).segments] == [
            (1, "279706003"),
            (2, "399384005"),
        ]
    assert sorted(volumes["LABELMAP"]) == [1, 2]
    for number, expected in volumes["BINARY"].items():
        assert volumes["LABELMAP"][number].grid.same_as(expected.grid)
        assert np.array_equal(volumes["LABELMAP"][number].values, expected.values)
        assert expected.values.any()


def test_a_seg_in_which_nothing_is_drawn_gives_empty_segments(tmp_path: Path) -> None:
    t2w = trees.write_series(tmp_path / "t2w", "P")
    nothing = {"PZ": (Code("279706003", "SCT", "Peripheral zone of prostate"), np.zeros(trees.SHAPE, np.uint8))}
    volumes = read_segments(trees.write_seg(tmp_path / "seg.dcm", t2w, nothing))
    assert not any(volume.values.any() for volume in volumes.values())
