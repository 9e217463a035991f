"""What a planning system takes of a case: a surface of each structure."""

from collections.abc import Collection
from pathlib import Path

from zonate.geometry import Volume
from zonate.io.stl import write_surface
from zonate.settings.results import OutputSettings, left_out
from zonate.zonemap import ZoneMap, structure_volumes_ml
from zonate.zones import LabelCode, structure_codes


def write_surfaces(folder: Path, zones: ZoneMap, settings: OutputSettings) -> dict[str, str]:
    """Write one a structure that the model tells apart and found, where the settings ask for them.

    A planning system shows a surface's name and nothing that lies beside it: doubtful, and not validated, stand there.

    Returns:
        By file name, why one was not written.
    """
    if not settings.surfaces:
        return left_out("surfaces", "surfaces")
    said = "doubtful-" if zones.doubt else ""
    empty = write_structures(folder, zones.labels, zones.codes, said=said, not_validated=zones.not_validated)
    return dict.fromkeys((f"surfaces/{file}" for file in empty), "no voxel of it was found")


def write_structures(
    folder: Path, labels: Volume, codes: tuple[LabelCode, ...], *, said: str, not_validated: Collection[str]
) -> tuple[str, ...]:
    """Write a surface of each structure that the codes tell apart and a voxel has.

    Args:
        folder: Made where it does not exist and something is written.
        labels: Label codes (S, H, W) uint8.
        codes: The codes that could have been drawn, disjoint.
        said: Of all of them, before the structure's name.
        not_validated: Names in `zonate.zones.STRUCTURES` of those of which that is said, too.

    Returns:
        The names of those that no voxel has.
    """
    empty = []
    for structure, volume_ml in structure_volumes_ml(labels, codes).items():
        unproven = "not-validated-" if structure in not_validated else ""
        file = folder / f"{said}{unproven}{structure.lower()}.stl"
        if volume_ml:
            write_surface(file, labels, structure_codes(structure, codes) or ())
        elif volume_ml is not None:
            empty.append(file.name)
    return tuple(empty)
