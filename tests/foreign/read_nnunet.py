"""Hold a raw data set against nnU-Net's own rules, and read every case by its own reader."""

import json
import sys
from pathlib import Path

import numpy as np
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
from nnunetv2.utilities.label_handling.label_handling import LabelManager


def main(root: Path) -> None:
    verify_dataset_integrity(str(root), num_processes=1)
    about = json.loads((root / "dataset.json").read_text(encoding="utf-8"))
    manager = LabelManager(about["labels"], regions_class_order=None)
    reader = SimpleITKIO()
    cases = {}
    for label in sorted((root / "labelsTr").glob("*.nii.gz")):
        name = label.name.removesuffix(".nii.gz")
        files = [str(root / "imagesTr" / f"{name}_{c:04d}.nii.gz") for c in range(len(about["channel_names"]))]
        images, properties = reader.read_images(files)
        drawn, _ = reader.read_seg(str(label))
        cases[name] = {
            "shape": list(images.shape),
            "spacing_mm": [float(mm) for mm in properties["spacing"]],
            "sum": float(images.astype(np.float64).sum()),
            "voxels": {str(int(value)): int((drawn == value).sum()) for value in np.unique(drawn)},
        }
    learnt = [int(number) for number in manager.foreground_labels]
    print(json.dumps({"cases": cases, "learnt": learnt, "ignore": manager.ignore_label}))  # noqa: T201


if __name__ == "__main__":  # nnU-Net starts processes, which import this file again
    main(Path(sys.argv[1]))
