"""How public data sets lie on disk: one file a layout, and the manifest for everything else."""

from pathlib import Path

from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.manifest import read_manifest
from zonate.dataset.importers.seed import SEED
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (SEED,)}
"""By the name that `--layout` takes."""


def recognise(folder: Path) -> Layout:
    """The one layout that a folder has.

    Raises:
        DatasetError: It has none of them, or several.
    """
    found = [layout for layout in LAYOUTS.values() if folder.is_dir() and layout.recognise(folder)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(layout.name for layout in found or LAYOUTS.values()))
    if found:
        raise DatasetError(f"{folder} looks like several layouts ({names}): say which with --layout")
    raise DatasetError(f"{folder} has no layout that is known ({names}): say which with --layout, or write a manifest")


__all__ = ["LAYOUTS", "Found", "LabelLayer", "Layout", "LeftOut", "Source", "read_manifest", "recognise"]
