"""What pybids finds in a folder of derivatives, with its own rules of names switched on."""

import json
import sys

import bids
import nibabel
import numpy as np


def main(root: str) -> None:
    layout = bids.BIDSLayout(root, validate=True, is_derivative=True)
    found = {}
    for image in layout.get(suffix="dseg", extension=".nii.gz", desc="zones"):
        values = np.asarray(nibabel.load(image.path).dataobj)
        found[image.filename] = {
            "subject": image.entities["subject"],
            "run": image.entities.get("run"),
            "licence": image.get_metadata()["License"],
            "voxels": {str(int(value)): int((values == value).sum()) for value in np.unique(values)},
        }
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
