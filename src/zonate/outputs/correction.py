"""What a person corrected, as DICOM SEG: on the series and of the model that the first result names."""

import json
from pathlib import Path

from zonate.dataset.labels import tolerance_mm
from zonate.geometry import Volume
from zonate.io.dicom_output import DicomAlgorithm, SeriesNumber
from zonate.io.seg_writer import write_zones_seg
from zonate.io.source_file import read_source
from zonate.outputs.dicom import SOURCE, algorithm_of
from zonate.zones import LabelCode


def write_corrected_seg(labels: Volume, path: Path) -> None:
    """Write a SEG of corrected labels into the folder of the result that was corrected.

    It is a new series, semiautomatic by its own account. A correction in which nothing is drawn keeps its empty frames:
    that nothing is there is what the person says.

    Args:
        labels: Label codes (S, H, W) uint8 on the grid of the folder's `zones.nii.gz`.
        path: The file to write, in the folder.

    Raises:
        StudyError: The folder lacks the headers of its series.
        GeometryError: The labels do not lie on the grid of the series.
    """
    source = read_source(path.parent / SOURCE)
    about = json.loads((path.parent / "zones.json").read_text(encoding="utf-8"))
    by_model = algorithm_of(about["model"])
    # NIfTI keeps positions in float32, axes at right angles alone, and no frame of reference.
    same = labels.grid.same_as(source.grid, tolerance_mm=tolerance_mm(source.grid))
    on_source = Volume(labels.values, source.grid if same else labels.grid)
    write_zones_seg(
        path,
        on_source,
        [LabelCode(int(code)) for code in about["codes"]],
        source,
        algorithm=DicomAlgorithm(f"{by_model.name}, corrected", by_model.version, "SEMIAUTOMATIC"),
        empty_zones="described" if (labels.values > 0).any() else "kept",
        series_number=SeriesNumber.EDITED_ZONES,
        description="Zonate prostate zones, corrected",
        not_validated=about.get("not_validated", ()),
    )
