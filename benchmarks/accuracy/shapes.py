"""Images made for the expert shapes of DATA, by the patients who have image and zones."""

from pathlib import Path

from benchmarks.accuracy.folds import ALWAYS_TRAINS, COMPARED
from zonate.dataset.importers.nci_isbi import NCI_ISBI
from zonate.dataset.importers.prostatex import PROSTATEX
from zonate.verbs.synthesise import NCI_ISBI_CODES, About, synthesise
from zonate.zones import LabelCode, Zone

ZONE_CODES = {int(zone): LabelCode(zone) for zone in Zone}
PZ_AND_CENTRAL_GLAND, FOUR_ZONES = "pz-and-central-gland", "four-zones"
"""The two kinds of shapes, and their folders."""


def make_images(
    data: Path, output: Path, *, leave_out: tuple[str, ...] = (), n: int = 2, only: str | None = None
) -> list[Path]:
    """Make images for all shapes of DATA, from all hosts but those left out, unless they are there.

    Args:
        data: The folder of data sets.
        output: Where they are written.
        leave_out: Patients who lend neither image nor shape.
        n: Images a shape.
        only: FOUR_ZONES or PZ_AND_CENTRAL_GLAND; None: both.

    Returns:
        The manifests.
    """
    hosts = [data / COMPARED / "manifest.csv", data / ALWAYS_TRAINS / "manifest.csv"]
    sets = (
        (PZ_AND_CENTRAL_GLAND, f"{COMPARED}-labels-only", NCI_ISBI, NCI_ISBI_CODES),
        (FOUR_ZONES, f"{ALWAYS_TRAINS}/labels-only", PROSTATEX, ZONE_CODES),
    )
    manifests = []
    for name, shapes, layout, codes in sets:
        if only not in (None, name):
            continue
        manifest = output / name / "manifest.csv"
        if not manifest.is_file():  # it is written last
            synthesise(
                output / name,
                shapes=[data / shapes],
                hosts=hosts,
                about=About(layout.title, layout.licence, layout.citation),
                label_codes=codes,
                n=n,
                leave_out=leave_out,
                overwrite=True,
            )
        manifests.append(manifest)
    return manifests
