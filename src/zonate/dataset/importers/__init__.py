"""How public data sets lie on disk: one file a layout, and the manifest for everything else."""

from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.listing import Listing
from zonate.dataset.importers.manifest import read_manifest
from zonate.dataset.importers.msd import MSD
from zonate.dataset.importers.nci_isbi import NCI_ISBI
from zonate.dataset.importers.nnunet import NNUNET
from zonate.dataset.importers.picai import PICAI
from zonate.dataset.importers.promise12 import PROMISE12
from zonate.dataset.importers.prostate158 import PROSTATE158
from zonate.dataset.importers.prostatex import PROSTATEX
from zonate.dataset.importers.prostatex_masks import MASKS
from zonate.dataset.importers.prostatezones import ZONES
from zonate.dataset.importers.qin import QIN
from zonate.dataset.importers.seed import SEED
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError

_ALL = (MASKS, MSD, NCI_ISBI, NNUNET, PICAI, PROMISE12, PROSTATE158, PROSTATEX, QIN, SEED, ZONES)
LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in _ALL}
"""By the name that `--layout` takes."""


def recognise(listing: Listing) -> Layout:
    """The one layout that a folder has.

    Raises:
        DatasetError: It has none of them, or several, or is not there.
    """
    folder = listing.folder
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {folder}")
    found = [layout for layout in LAYOUTS.values() if layout.recognise(listing)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(layout.name for layout in found or LAYOUTS.values()))
    if found:
        raise DatasetError(f"{folder} looks like several layouts ({names}): say which with --layout")
    tables = sorted(folder.glob("*.csv"))
    hint = f"give its manifest: --manifest {tables[0]}" if tables else "say which with --layout, or write a manifest"
    raise DatasetError(f"{folder} has no layout that is known ({names}): {hint}")


__all__ = ["LAYOUTS", "Found", "LabelLayer", "Layout", "LeftOut", "Listing", "Source", "read_manifest", "recognise"]
