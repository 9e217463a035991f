"""How much volume contours (RTSTRUCT) and surfaces (STL) of real labels keep, written to files and read back.

    python -m benchmarks.surfaces [--labels FOLDER CODES]... [-o benchmarks/surfaces.md]

CODES says what the numbers in the folder's label volumes stand for, such as "0=BACKGROUND;1=PZ;2=CENTRAL_GLAND"; every
`zones.nii.gz` and `*.nrrd` below the folder is read. Beside what Zonate writes stand two plain ways to draw a surface
of the same labels: half-way between voxel centres, and the same after smoothing the labels.
"""

import argparse
import struct
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.uid import MRImageStorage, generate_uid
from scipy import ndimage
from skimage.measure import marching_cubes

from benchmarks.machine import machine
from zonate.dataset.labels import map_labels
from zonate.geometry import Grid, Volume
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.nifti import read_volume
from zonate.io.rtstruct import write_rtstruct
from zonate.io.source import SourceImages
from zonate.io.stl import write_surface
from zonate.zones import STRUCTURES, LabelCode, parse_label_codes, structure_codes

SMOOTHING_MM = 1.0
WAYS = {
    "contours, by area": "RTSTRUCT: area of the polygons times the distance of slices",
    "contours, by voxels": "RTSTRUCT: voxels whose centre lies inside, even-odd",
    "surface": "STL: enclosed volume",
    "half-way": "marching cubes at 0.5 of the mask",
    "smoothed": f"the same after a Gaussian of {SMOOTHING_MM:g} mm",
}
ROI_NAMES = {
    "PZ": "Prostate_PZ",
    "TZ": "Prostate_TZ",
    "DPU": "Prostate_DPU",
    "AFS": "Prostate_AFS",
    "CENTRAL_GLAND": "Prostate_CG",
    "GLAND": "Prostate",
}

Errors = dict[str, float]
"""By way, volume against counted voxels, in percent."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", nargs=2, action="append", required=True, metavar=("FOLDER", "CODES"))
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    begun = time.monotonic()
    slices_mm: list[float] = []
    found: dict[str, list[Errors]] = defaultdict(list)
    for folder, codes in arguments.labels:
        for labels, drawn in label_volumes(Path(folder), codes):
            slices_mm.append(labels.grid.spacing_mm[0])
            for structure, errors in examine(labels, drawn).items():
                found[structure].append(errors)
    arguments.output.write_text(
        table(found, [Path(folder).name for folder, _ in arguments.labels], slices_mm, time.monotonic() - begun),
        encoding="utf-8",
    )


def label_volumes(folder: Path, codes: str) -> Iterator[tuple[Volume, tuple[LabelCode, ...]]]:
    meaning = parse_label_codes(codes)
    for file in sorted([*folder.rglob("zones.nii.gz"), *folder.rglob("*.nrrd")]):
        drawn = read_volume(file)
        yield drawn.with_values(map_labels(drawn.values, meaning, file.name)), tuple(sorted(meaning.values()))


def examine(labels: Volume, codes: tuple[LabelCode, ...]) -> dict[str, Errors]:
    """Each structure that is there, by every way."""
    with tempfile.TemporaryDirectory() as folder:
        source = made_up_source(labels.grid)
        file = Path(folder) / "z.dcm"
        write_rtstruct(file, labels, codes, source, algorithm=DicomAlgorithm("benchmark", "1", "MANUAL"))
        rtstruct = pydicom.dcmread(file)
        found = {}
        for structure in STRUCTURES:
            members = structure_codes(structure, codes)
            mask = np.isin(labels.values, members or ())
            # The central gland is a region of its own only where its zones are not told apart.
            if members is None or not mask.any() or (structure == "CENTRAL_GLAND" and len(members) > 1):
                continue
            area, voxels = of_contours(rtstruct, ROI_NAMES[structure], labels.grid)
            write_surface(Path(folder) / "s.stl", labels, members)
            volumes_mm3 = {
                "contours, by area": area,
                "contours, by voxels": voxels,
                "surface": of_stl(Path(folder) / "s.stl"),
                "half-way": of_marching_cubes(mask.astype(float), labels.grid),
                "smoothed": of_marching_cubes(smoothed(mask, labels.grid), labels.grid),
            }
            counted_mm3 = int(mask.sum()) * labels.grid.voxel_volume_ml * 1000
            found[structure] = {way: 100 * (mm3 / counted_mm3 - 1) for way, mm3 in volumes_mm3.items()}
        return found


def made_up_source(grid: Grid) -> SourceImages:
    """Headers of a T2W series on a grid that came without any."""
    study, series, frame = (generate_uid() for _ in range(3))
    headers = []
    for s in range(grid.shape[0]):
        header = pydicom.Dataset()
        header.SOPClassUID, header.SOPInstanceUID = MRImageStorage, generate_uid()
        header.StudyInstanceUID, header.SeriesInstanceUID, header.FrameOfReferenceUID = study, series, frame
        header.ImagePositionPatient = [f"{mm:.6f}" for mm in grid.to_mm((s, 0, 0))]
        headers.append(header)
    return SourceImages(
        tuple(headers),
        tuple((str(header.SOPInstanceUID), None) for header in headers),
        replace(grid, frame_of_reference=str(frame)),
    )


def of_contours(rtstruct: pydicom.Dataset, name: str, grid: Grid) -> tuple[float, float]:
    """Volume in mm³ by area, and by voxels."""
    from matplotlib.path import Path as Outline

    number = next(item.ROINumber for item in rtstruct.StructureSetROISequence if item.ROIName == name)
    region = next(item for item in rtstruct.ROIContourSequence if item.ReferencedROINumber == number)
    centres = np.indices(grid.shape[1:]).reshape(2, -1).T
    area, voxels = 0.0, np.zeros(grid.shape, dtype=np.bool_).reshape(grid.shape[0], -1)
    for contour in region.ContourSequence:
        index = grid.to_index(np.array(contour.ContourData, dtype=np.float64).reshape(-1, 3))
        rows, columns = index[:, 1], index[:, 2]
        area += abs(float(np.dot(rows, np.roll(columns, -1)) - np.dot(columns, np.roll(rows, -1)))) / 2
        inside = Outline(index[:, 1:]).contains_points(centres)
        voxels[round(float(index[:, 0].mean()))] ^= inside
    voxel_mm3 = grid.voxel_volume_ml * 1000
    return area * voxel_mm3, int(voxels.sum()) * voxel_mm3


def of_stl(file: Path) -> float:
    data = file.read_bytes()
    (count,) = struct.unpack_from("<I", data, 80)
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attributes", "<u2")])
    corners = np.frombuffer(data, record, count, 84)["corners"].astype(np.float64)
    return enclosed(corners)


def enclosed(corners: npt.NDArray[np.float64]) -> float:
    """Volume within triangles (M, corner, xyz), by the divergence theorem."""
    a, b, c = (corners[:, i] - corners.mean(axis=(0, 1)) for i in range(3))
    return abs(float(np.einsum("ij,ij->", a, np.cross(b, c)))) / 6


def smoothed(mask: npt.NDArray[np.bool_], grid: Grid) -> npt.NDArray[np.float64]:
    blurred: npt.NDArray[np.float64] = ndimage.gaussian_filter(
        mask.astype(np.float64), [SMOOTHING_MM / spacing for spacing in grid.spacing_mm]
    )
    return blurred


def of_marching_cubes(field: npt.NDArray[np.float64], grid: Grid) -> float:
    vertices, faces, _, _ = marching_cubes(np.pad(field, 1), 0.5, spacing=grid.spacing_mm)
    return enclosed(vertices[faces].astype(np.float64))


def table(found: dict[str, list[Errors]], folders: list[str], slices_mm: list[float], seconds: float) -> str:
    lines = [
        "# What contours and surfaces keep of a volume",
        "",
        f"`python -m benchmarks.surfaces` ({date.today()}, {machine()}): {len(slices_mm)} label volumes",
        f"of {', '.join(folders)}; slices {min(slices_mm):.1f} to {max(slices_mm):.1f} mm apart; {seconds:.0f} s.",
        "",
        "Volume after writing and reading back, against the counted voxels, in percent: mean (worst).",
        "",
        f"| structure | volumes | {' | '.join(WAYS)} |",
        f"|---|---|{'---|' * len(WAYS)}",
    ]
    for structure in (name for name in STRUCTURES if name in found):
        errors = found[structure]
        cells = []
        for way in WAYS:
            percent = [of[way] for of in errors]
            cells.append(f"{np.mean(percent):+.2f} ({max(percent, key=abs):+.2f})")
        lines.append(f"| {structure.replace('_', ' ').lower()} | {len(errors)} | {' | '.join(cells)} |")
    lines += ["", *(f"- {way}: {what}." for way, what in WAYS.items())]
    lines += [
        "",
        "The last two are what Zonate does not do: a thin zone loses its corners, and its horns to smoothing.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
