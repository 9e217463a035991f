"""What a planning system takes of a case: a surface of each structure."""

from pathlib import Path

from zonate.io.stl import write_surface
from zonate.settings.results import OutputSettings, left_out
from zonate.zonemap import ZoneMap
from zonate.zones import STRUCTURES, structure_codes


def write_surfaces(folder: Path, zones: ZoneMap, settings: OutputSettings) -> dict[str, str]:
    """Write one a structure that the model tells apart and found, where the settings ask for them.

    A planning system shows a surface's name and nothing that lies beside it: doubtful, and not validated, stand there.

    Returns:
        By file name, why one was not written.
    """
    if not settings.surfaces:
        return left_out("surfaces", "surfaces")
    missing = {}
    volumes_ml = zones.volumes_ml()
    for structure in STRUCTURES:
        unproven = "not-validated-" if structure in zones.not_validated else ""
        file = folder / f"{'doubtful-' if zones.doubt else ''}{unproven}{structure.lower()}.stl"
        volume_ml = volumes_ml[structure]
        if volume_ml:
            write_surface(file, zones.labels, structure_codes(structure, zones.codes) or ())
        elif volume_ml is not None:
            missing[f"surfaces/{file.name}"] = "no voxel of it was found"
    return missing
