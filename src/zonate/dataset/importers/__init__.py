"""How public data sets lie on disk: one file a layout, and the manifest for everything else."""

from collections.abc import Callable
from pathlib import Path

from zonate.dataset.importers.manifest import read_manifest
from zonate.dataset.importers.seed import read_seed
from zonate.dataset.importers.source import Source

LAYOUTS: dict[str, Callable[[Path], list[Source]]] = {"seed": read_seed}
"""From the name of a layout to what reads a folder that has it."""

__all__ = ["LAYOUTS", "Source", "read_manifest"]
