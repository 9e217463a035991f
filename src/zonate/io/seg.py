"""DICOM SEG: what its segments are called, and where they lie."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from pydicom.sr.coding import Code

from zonate.errors import StudyError
from zonate.geometry import Grid, Volume
from zonate.io.quiet import quiet

SEG_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
"""A SEG of one value a voxel, which the standard has had since 2024."""
_BACKGROUND = 0
"""The number of a segment that a label map may list besides those that are drawn."""

_UNEVEN = 0.2
"""Part of their mean by which the distances of neighbouring frames may differ, or, where frames are missing, of the
smallest one by which a frame may lie off its place counted from the lowest: the reader of series lets gaps differ by a
tenth, which adds up where the gaps of one end are wider than those of the other."""

PROSTATE = "41216001"
"""SNOMED CT."""
_OLDER = {PROSTATE: Code("T-9200B", "SRT", "Prostate")}
"""By SNOMED CT code, one of SNOMED RT that DICOM had and pydicom's table of equivalents lacks."""


@dataclass(frozen=True)
class Segment:
    """What a SEG says of a segment.

    Attributes:
        number: From 1.
        label: Free text.
        code: Of the segmented property's type, such as `279706003` (SNOMED CT); empty where there is none.
        scheme: Whose code it is, such as `SCT`.
        meaning: What the code means, in words.
        description: Free text; older writers put the segment's name here, and the code's meaning into the label.
    """

    number: int
    label: str
    code: str
    scheme: str
    meaning: str = ""
    description: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """What it is called, in small letters, without the ends' spaces and without articles."""
        texts = (self.label, self.description, self.meaning)
        return tuple(text.strip().lower().replace("of the ", "of ") for text in texts if text.strip())

    def is_coded(self, snomed_ct: str) -> bool:
        """Whether its type is that SNOMED CT concept, be it by the older SNOMED RT code (`SRT`, `SNM3`)."""
        own = Code(self.code, "SRT" if self.scheme == "SNM3" else self.scheme, "")
        wanted = Code(snomed_ct, "SCT", "")
        return own in (wanted, _OLDER.get(snomed_ct, wanted))


@dataclass(frozen=True)
class SegHeader:
    """A SEG without its pixels.

    Attributes:
        series_uid: The SEG's own series.
        referenced_series_uids: The series that it was drawn on, as far as it says.
        segments: In the order of their numbers.
    """

    series_uid: str
    referenced_series_uids: tuple[str, ...]
    segments: tuple[Segment, ...]


def read_segment_header(path: Path) -> SegHeader:
    """Read what a SEG says of itself; the pixels are not touched.

    Raises:
        StudyError: The file is not a DICOM SEG.
    """
    with _readable(path):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        _check_class(header, path)
        return SegHeader(
            str(header.SeriesInstanceUID),
            tuple(str(item.SeriesInstanceUID) for item in header.get("ReferencedSeriesSequence", [])),
            tuple(
                _segment(item)
                for item in sorted(header.SegmentSequence, key=lambda item: item.SegmentNumber)
                if item.SegmentNumber != _BACKGROUND
            ),
        )


def read_segments(path: Path) -> dict[int, Volume]:
    """Read where each segment lies.

    Returns:
        By segment number, (S, H, W) bool on one grid, which spans the frames that the file holds: slices in which
        nothing is drawn may be missing at either end. Of a FRACTIONAL SEG, what is half or more. An empty segment is
        False everywhere; a file without any frame gives no volume at all for its segments, an empty dictionary.

    Raises:
        StudyError: The file is not a DICOM SEG, is truncated, or its frames do not form a volume.
    """
    with _readable(path):
        _check_class(pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"]), path)
        seg = highdicom.seg.segread(path)
        if not seg.get("NumberOfFrames"):
            return {}
        volume = _volume(seg)
        least = seg.get("MaximumFractionalValue", 1) / 2  # of a probability or an occupancy: half
        drawn = np.asarray(volume.array) >= least  # (S, H, W, segments)
        slices, rows, columns = (int(n) for n in drawn.shape[:3])
        grid = Grid((slices, rows, columns), np.asarray(volume.affine), volume.frame_of_reference_uid)
        numbers = [int(number) for number in seg.segment_numbers]
        return {number: Volume(drawn[..., i], grid) for i, number in enumerate(numbers) if number != _BACKGROUND}


def _volume(seg: Any) -> Any:
    """Frames one beside the other count as such however far unevenness adds up; else some are missing between them."""
    side_by_side = seg.get_volume_geometry(rtol=_UNEVEN, allow_missing_positions=False) is not None
    return seg.get_volume(rescale_fractional=False, rtol=_UNEVEN, allow_missing_positions=not side_by_side)


def _check_class(header: pydicom.Dataset, path: Path) -> None:
    """A file that says what it is, and is no SEG, is foreign; one that breaks off before it says so is truncated."""
    if header.SOPClassUID not in (SEG_STORAGE, LABEL_MAP_STORAGE):
        raise StudyError(f"{path.name} is no DICOM SEG")


def _segment(item: Any) -> Segment:
    code = next(iter(item.get("SegmentedPropertyTypeCodeSequence") or []), pydicom.Dataset())
    return Segment(
        number=int(item.SegmentNumber),
        label=str(item.get("SegmentLabel", "")),
        code=str(code.get("CodeValue", "")),
        scheme=str(code.get("CodingSchemeDesignator", "")),
        meaning=str(code.get("CodeMeaning", "")),
        description=str(item.get("SegmentDescription", "")),
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever the libraries raise or warn of about a file is said without its header's values."""
    try:
        with quiet():
            yield
    except StudyError:
        raise
    except Exception as error:  # noqa: BLE001  (of three libraries)
        raise StudyError(
            f"{path.name} cannot be read as a DICOM SEG ({type(error).__name__}): it is truncated or corrupt, or its "
            "frames do not form a volume; fetch it again"
        ) from None
