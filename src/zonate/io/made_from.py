"""What tells that a result would come out another way: its source has changed, or what makes it has."""

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from importlib.metadata import version
from typing import Any

_TABLES = ("calibration.json", "maps/rigid.txt", "maps/bspline.txt")


def made_from(said: Mapping[str, Any]) -> str:
    """A digest of all that a result depends on.

    Beside what is said that is Zonate and its build of elastix, by their versions, and the tables that alignment works
    by. What is programmed otherwise under the same version is not seen.

    Args:
        said: Of the source and the settings (JSON values).
    """
    makers = {name: version(name) for name in ("zonate", "SimpleITK-SimpleElastix")} | {"alignment": _alignment()}
    return hashlib.sha256(json.dumps({**said, "made_by": makers}, sort_keys=True).encode()).hexdigest()


def _alignment() -> str:
    """A digest of the calibration and the parameter maps."""
    folder = resources.files("zonate") / "alignment"
    return hashlib.sha256(b"\0".join((folder / name).read_bytes() for name in _TABLES)).hexdigest()
