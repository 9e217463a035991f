"""Compare what `zonate predict` wrote with a manifest's label volumes, at the level that both know.

    python benchmarks/predictions.py OUT manifest.csv

For each row whose patient (or case) has a folder in OUT it prints Dice and HD95 by structure. It serves references
that lie beside DICOM studies, which `evaluate` does not read; a prepared dataset is measured by `zonate evaluate`.
"""

import json
import sys
from pathlib import Path

from zonate.dataset.annotation import read_annotation
from zonate.dataset.importers.manifest import read_manifest
from zonate.dataset.importers.source import Source
from zonate.io.nifti import read_volume
from zonate.metrics.scoring import Score, score_case
from zonate.settings.results import EvaluationSettings
from zonate.zones import LabelCode


def compare(folder: Path, source: Source) -> list[Score]:
    """Score one prediction folder against one labelled case."""
    if not source.labels:
        return []
    prediction = read_volume(folder / "zones.nii.gz")
    about = json.loads((folder / "zones.json").read_text(encoding="utf-8"))
    said = tuple(LabelCode[name] for name in about["model"]["codes"])
    reference, _ = read_annotation(source, prediction.grid)
    tolerance_mm = EvaluationSettings().surface_tolerance_mm
    return score_case(
        source.case_id, source.patient_id, reference, source.codes, prediction, said, tolerance_mm=tolerance_mm
    )


def main() -> None:
    """Print a line a case and structure."""
    output, manifest = Path(sys.argv[1]), Path(sys.argv[2])
    print(f"{'case':28} {'structure':14} {'Dice':>6} {'HD95 mm':>8} {'volume ml':>10} {'reference':>10}")
    for source in read_manifest(manifest):
        folder = next((output / name for name in (source.case_id, source.patient_id) if (output / name).is_dir()), None)
        for score in compare(folder, source) if folder else []:
            m = score.metrics
            print(
                f"{score.case_id:28} {score.structure:14} {m.dice:6.3f} {m.hd95_mm:8.1f} "
                f"{m.prediction_volume_ml:10.1f} {m.reference_volume_ml:10.1f}"
            )


if __name__ == "__main__":
    main()
