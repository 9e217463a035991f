"""Simulated studies: DICOM of a digital pelvis phantom, with the truth beside it."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from zonate.io.files import claim_output_folder, write_text
from zonate.progress import Progress, silent
from zonate.simulation.study import SimulatedStudy, draw_study
from zonate.simulation.truth import write_truth
from zonate.simulation.vendors import VENDORS
from zonate.zones import ALL_ZONE_CODES

_COLUMNS = ("case_id", "patient_id", "t2w", "dwi", "adc", "labels", "label_codes", "dataset", "licence", "use")


def simulate(
    n: int,
    output: Path | str,
    *,
    seed: int = 0,
    vendors: Sequence[str] | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> list[Path]:
    """Write n simulated studies, `output/simulated-0001` and so on, and what is true of them.

    Study k depends on `seed`, on k and on `vendors`, not on n, and is the same to the bit every time.

    Args:
        n: How many studies.
        output: A folder; `cases.csv` in it is a manifest for `prepare`, `truth/<case_id>` holds the labels,
            their codes, the displacement field and the figures.
        seed: Of all that is drawn.
        vendors: Names of `zonate.simulation.vendors.VENDORS` to go round; all of them by default.
        overwrite: Whether a folder that holds something may be emptied.
        progress: Told of each study.

    Returns:
        The study folders.

    Raises:
        ValueError: n or seed is out of range, or a vendor is unknown.
        OutputError: The folder holds something and may not be emptied.
    """
    output = Path(output)
    names = tuple(vendors) if vendors is not None else tuple(VENDORS)
    unknown = [name for name in names if name not in VENDORS]
    if unknown or not names:
        raise ValueError(f"vendors {list(names)}: give some of {', '.join(VENDORS)}")
    if n < 1 or seed < 0:
        raise ValueError(f"n={n}, seed={seed}: n must be 1 or more and the seed 0 or more")
    claim_output_folder(output, overwrite=overwrite)
    studies = []
    for k in range(n):
        study = draw_study(seed, k, names[k % len(names)])
        progress(k, n, study.case_id)
        study.write(output / study.case_id)
        write_truth(output / "truth" / study.case_id, study)
        studies.append(study)
    write_text(output / "cases.csv", _manifest(studies))
    progress(n, n, "simulated")
    return [output / study.case_id for study in studies]


def _manifest(studies: Sequence[SimulatedStudy]) -> str:
    codes = ";".join(f"{code.value}={code.name}" for code in ALL_ZONE_CODES)
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for study in studies:
        writer.writerow(
            {
                "case_id": study.case_id,
                "patient_id": study.patient_id,
                "t2w": study.case_id,
                "labels": f"truth/{study.case_id}/labels.nii.gz",
                "label_codes": codes,
                "dataset": "simulated",
                "licence": "Apache-2.0",
                "use": "any",
            }
        )
    return text.getvalue()
