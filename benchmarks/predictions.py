"""Compare what `zonate predict` wrote with a manifest's label volumes, at the level that both know.

    python benchmarks/predictions.py OUT manifest.csv

For each row whose patient (or case) has a folder in OUT it prints Dice and HD95 by structure. It serves references
that lie beside DICOM studies, which `evaluate` does not read; a prepared dataset is measured by `zonate evaluate`.
"""

import json
import sys
from pathlib import Path

from zonate.config import EvaluationSettings
from zonate.dataset.importers.manifest import read_manifest
from zonate.dataset.importers.source import Source
from zonate.dataset.labels import map_labels, place_labels
from zonate.io.nifti import read_volume
from zonate.metrics.scoring import Score, score_case
from zonate.zones import LabelCode, told_apart


def compare(folder: Path, source: Source) -> list[Score]:
    """Score one prediction folder against one labelled case."""
    if source.labels is None:
        return []
    prediction = read_volume(folder / "zones.nii.gz")
    about = json.loads((folder / "zones.json").read_text(encoding="utf-8"))
    said = tuple(LabelCode[name] for name in about["model"]["codes"])
    labels = place_labels(read_volume(source.labels), prediction.grid, source.case_id)
    reference = labels.with_values(map_labels(labels.values, source.label_codes, source.case_id))
    drawn = told_apart(source.label_codes.values())
    tolerance_mm = EvaluationSettings().surface_tolerance_mm
    return score_case(source.case_id, source.patient_id, reference, drawn, prediction, said, tolerance_mm=tolerance_mm)


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
