"""What tells one image from another, whatever file or name it comes under."""

import hashlib

import numpy as np

from zonate.geometry import Volume, to_canonical


def image_digest(t2w: Volume) -> str:
    """SHA-256 of the voxels (S, H, W) in one order of axes: an image is the same in DICOM, NIfTI and MHA."""
    values = np.ascontiguousarray(to_canonical(t2w).values, dtype=np.float32)
    return hashlib.sha256(str(values.shape).encode() + values.tobytes()).hexdigest()
