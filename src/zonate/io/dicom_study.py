"""A study of DICOM files, with the headers that its pixels will be read by."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from zonate.io.frame import Frame
from zonate.study import Sequence, Study


@dataclass(frozen=True)
class DicomStudy(Study):
    """A study that keeps the headers of the series to be read, so that no header is parsed twice.

    The frames hold no pixels, and those of series without a role are let go.

    Attributes:
        frames: For each role the images of its series.
        lower_b_frames: The images of the series `lower_b_uid`; none where there is no such series.
    """

    frames: Mapping[Sequence, tuple[Frame, ...]] = field(default_factory=dict, repr=False)
    lower_b_frames: tuple[Frame, ...] = field(default=(), repr=False)
