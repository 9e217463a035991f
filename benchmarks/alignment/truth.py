"""Target registration error of a transform in a study whose displacement is known."""

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

Points = npt.NDArray[np.float64]


def moved(transform: sitk.Transform, points_mm: Points) -> Points:
    """transform(p) for points (N, 3), LPS millimetres."""
    return np.array([transform.TransformPoint(point) for point in points_mm.tolist()])


def target_errors_mm(transform: sitk.Transform, points_mm: Points, true_mm: Points, every: int = 8) -> Points:
    """|T(p) - (p + d(p))| at every so many of the points (N, 3): Fitzpatrick et al., IEEE TMI 17 (1998) 694."""
    points, truth = points_mm[::every], true_mm[::every]
    errors: Points = np.linalg.norm(moved(transform, points) - points - truth, axis=1)
    return errors
