"""What is installed, and what a model is: for a bug report, and for a user who wonders what there is."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from zonate.cohort.case_names import MADE
from zonate.config import recipe_names
from zonate.dataset.importers import LAYOUTS
from zonate.errors import ModelError
from zonate.model import FORMAT, FORMAT_VERSION, Model, model_file
from zonate.model_json import model_to_json
from zonate.shipped import model_path, shipped_model_path
from zonate.study import Sequence
from zonate.training.card import card
from zonate.verbs.download import collections
from zonate.zones import ZONE_INFO, LabelCode

_LIBRARIES = ("torch", "SimpleITK-SimpleElastix", "pydicom", "zarr", "numpy")


def info(model: Path | str | None = None) -> dict[str, Any]:
    """Collect the versions, the machine, the recipes, the layouts, the collections, the zones and what ships.

    Args:
        model: A model file, a run folder or `shipped`: of that model alone it is told what it is.

    Returns:
        JSON values; a library that is not installed has the version None. `shipped_model` is as that function gives it,
        and so is what is told of another model.

    Raises:
        ModelError: There is no model at that path, or it cannot be read.
    """
    if model is not None:
        return _about(model_path(model))
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
        "shipped_model": shipped_model(),
    }


def shipped_model() -> dict[str, Any]:
    """What the weights that ship with the package are, whose data they learnt from, and what is known of them.

    Returns:
        What every result says of its model (`model_to_json`), and the file's size and format, the network's
        parameters, the channels it looks at, how many patients it learnt from and was chosen by (None: not recorded;
        of cases that `synthesise` made, those count whom they were made from), whom to cite, and its card in Markdown.
        Where there are none that could be used: the reason alone, as `problem`.
    """
    try:
        return _about(shipped_model_path())
    except ModelError as error:
        return {"problem": str(error)}


def _about(path: Path) -> dict[str, Any]:
    """What is known of the model in a file or run folder (JSON values)."""
    model = Model.load(path)
    file = model_file(path)
    sources = model.provenance.get("sources", [])
    return {
        **model_to_json(model, path),
        "size_bytes": file.stat().st_size,
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "parameters": sum(weights.numel() for weights in model.generator.parameters()),
        "channels": {sequence.name: known for sequence, known in zip(Sequence, model.channels, strict=True)},
        "training_patients": _count(model.provenance.get("training_patients")),
        "validation_patients": _count(model.provenance.get("validation_patients")),
        "citations": list(dict.fromkeys(source["citation"] for source in sources if source.get("citation"))),
        "card": card(model),
    }


def _count(patients: Iterable[str] | None) -> int | None:
    """How many there are, and not who; made cases, which stand beside those they were made from, are nobody."""
    return None if patients is None else sum(not name.startswith(MADE) for name in patients)


def _version_of(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _accelerator() -> str | None:
    """The name of the GPU that training and prediction would use."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
