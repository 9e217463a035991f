"""What is installed, for a bug report and for a user who wonders what there is."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from zonate.config import recipe_names
from zonate.dataset.importers import LAYOUTS
from zonate.verbs.download import collections
from zonate.zones import ZONE_INFO, LabelCode

_LIBRARIES = ("torch", "SimpleITK-SimpleElastix", "pydicom", "zarr", "numpy")


def info() -> dict[str, Any]:
    """Collect the versions, the machine, the recipes, the layouts, the collections and the zones.

    Returns:
        JSON values; a library that is not installed has the version None.
    """
    return {
        "zonate": version("zonate"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "accelerator": _accelerator(),
        "libraries": {name: _version_of(name) for name in _LIBRARIES},
        "recipes": recipe_names(),
        "layouts": sorted(LAYOUTS),
        "collections": list(collections()),
        "zones": {str(int(zone)): {"abbreviation": zone.name, "name": about.name} for zone, about in ZONE_INFO.items()},
        "label_codes": {code.name: int(code) for code in LabelCode},
    }


def _version_of(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _accelerator() -> str | None:
    """The name of the GPU that training and prediction would use."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
