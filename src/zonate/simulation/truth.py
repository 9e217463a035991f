"""What is true of a simulated study: its labels, its displacement field, its figures."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from zonate.geometry import Grid, Volume
from zonate.io.files import write_json
from zonate.io.itk import set_itk_grid, to_itk
from zonate.io.nifti import write_image
from zonate.simulation.coarse import interpolated
from zonate.simulation.scan import slice_points
from zonate.simulation.study import SimulatedStudy
from zonate.simulation.vendors import VENDORS
from zonate.zones import GLAND, ZONE_INFO, Zone


def write_truth(folder: Path, study: SimulatedStudy) -> None:
    """Write labels.nii.gz, labels.json, displacement.nii.gz and truth.json into a folder."""
    labels = study.examination.labels()
    write_image(folder / "labels.nii.gz", to_itk(labels))
    _write_displacement(folder / "displacement.nii.gz", study)
    write_json(folder / "labels.json", label_table())
    write_json(folder / "truth.json", _figures(study, labels))


def label_table() -> dict[str, object]:
    """The label codes with names and SNOMED CT codes, as a DICOM SEG wants them for its segments."""
    category = {"scheme": "SCT", "code": "123037004", "meaning": "Anatomical Structure"}
    return {
        "category": category,
        "codes": {
            str(zone.value): {
                "name": ZONE_INFO[zone].name,
                "scheme": "SCT" if ZONE_INFO[zone].snomed_code else None,
                "code": ZONE_INFO[zone].snomed_code,
                "rgb": list(ZONE_INFO[zone].colour_rgb),
            }
            for zone in Zone
        },
    }


def _write_displacement(path: Path, study: SimulatedStudy) -> None:
    grid = study.examination.t2w_grid
    displacement = study.examination.displacement
    # It bends so little that bilinear interpolation over 2 mm is exact to a few micrometres.
    slices = [slice_points(grid, s).astype(np.float32) for s in range(grid.shape[0])]
    field = np.stack([interpolated(displacement.at, points) for points in slices])  # (S, H, W, 3)
    # To 1/256 mm: the zeros that this leaves halve the file.
    image = sitk.GetImageFromArray((np.rint(field * 256) / 256).astype(np.float32), isVector=True)
    set_itk_grid(image, grid)
    write_image(path, image)


def _figures(study: SimulatedStudy, labels: Volume) -> dict[str, object]:
    examination = study.examination
    volume_ml = {zone.name: _volume_ml(labels, zone) for zone in Zone if zone in GLAND}
    moved = examination.displacement
    return {
        "simulated": True,
        "case_id": study.case_id,
        "seed": study.seed,
        "vendor": study.vendor,
        "b_values_s_mm2": list(VENDORS[study.vendor].protocol.b_values_s_mm2),
        "features": {**asdict(study.features), "repeated_t2w": study.repeated_t2w},
        "gland_volume_ml": round(sum(volume_ml.values()), 3),
        "zone_volume_ml": volume_ml,
        "gland_centre_mm": [round(float(x), 3) for x in examination.centre_mm],
        "rectum": examination.pelvis.rectum_content.name,
        "lesions": len(examination.pelvis.gland.lesions),
        "noise": examination.noise,
        "rigid": {
            "centre_mm": list(moved.centre_mm),
            "rotation_vector_deg": list(moved.rotation_deg),
            "translation_mm": list(moved.translation_mm),
        },
        "smooth_displacement_mm": [float(x) for x in np.abs(moved.amplitudes_mm).max(axis=0)],
        "epi_distortion": {
            "phase_axis": examination.phase_axis,
            "centre_mm": list(moved.distortion_centre_mm),
            "direction": list(moved.distortion_direction),
            "shift_mm": moved.distortion_mm,
            "width_mm": moved.distortion_width_mm,
        },
        "displacement_in_gland_mm": _gland_displacement(study, labels),
    }


def _volume_ml(labels: Volume, zone: Zone) -> float:
    return round(float((labels.values == zone).sum()) * labels.grid.voxel_volume_ml, 3)


def _gland_displacement(study: SimulatedStudy, labels: Volume) -> dict[str, float]:
    """Mean and largest length of the displacement inside the gland."""
    grid: Grid = labels.grid
    points = grid.to_mm(np.argwhere(labels.values > 0))
    lengths = np.linalg.norm(study.examination.displacement.at(points), axis=-1)
    return {"mean": round(float(lengths.mean()), 3), "max": round(float(lengths.max()), 3)}
