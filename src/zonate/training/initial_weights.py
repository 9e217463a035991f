"""Begin a training from the weights of a model, and answer for what that model learnt from."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from zonate.config import Settings
from zonate.differing_settings import differing_settings, in_words
from zonate.errors import ConfigError
from zonate.model import Model, model_file
from zonate.shipped import model_path
from zonate.zones import LabelCode

_OF_RECIPE = (
    "network.architecture",
    "network.base_channels",
    "network.neighbours",
    "network.normalisation",
    "network.leaky_relu_slope",
    "network.batch_norm_epsilon",
    "network.head",
    "normalisation",
)
_OF_DATASET = ("slicing.size_px", "slicing.spacing_mm")
_COUNTS = ("training_cases", "training_slices", "validation_cases")
_TUNED = "-tuned"


class Beginning(NamedTuple):
    """Where a training begins.

    Attributes:
        weights: Of the generator, by name.
        provenance: Of the model, for `joined_provenance`, with its name and the hash of its weights as `model`.
        codes: What the model tells apart, and goes on telling apart where the own labels are coarser.
        file: That it was read from.
    """

    weights: dict[str, Tensor]
    provenance: dict[str, Any]
    codes: tuple[LabelCode, ...]
    file: Path


def initial_weights(path: Path | str, settings: Settings) -> Beginning:
    """Read where a training begins.

    Args:
        path: A model file or a run folder; `shipped`: the weights that ship with the package.
        settings: Of the training, with those that its dataset was prepared with.

    Raises:
        ModelError: The model cannot be read.
        ConfigError: It has another network, or sees a case in another way; or its network's library is not installed.
    """
    file = model_file(model_path(path))
    model = Model.load(file)
    _refuse_others(model.settings, settings)
    named = {"name": model.settings.name, "sha256": _identity(model)}
    return Beginning(dict(model.generator.state_dict()), {**model.provenance, "model": named}, model.codes, file)


def _identity(model: Model) -> str:
    """SHA-256 of the weights and of what they learnt from; not of the file, which a calibration changes."""
    about = {"provenance": model.provenance, "codes": [code.name for code in model.codes]}
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(model.generator.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def initial_settings(path: Path | str) -> Settings:
    """The recipe of a model, for a training that begins from its weights; the name says that it is another model.

    The fold that was left out of its own training is no part of it.

    Raises:
        ModelError: The model cannot be read.
        ConfigError: Its network is MONAI's, and MONAI is not installed.
    """
    settings = Model.load(model_file(model_path(path))).settings
    return settings.model_copy(
        update={
            "name": settings.name.removesuffix(_TUNED) + _TUNED,
            "split": settings.split.model_copy(update={"fold": None}),
        }
    )


def joined_provenance(own: Mapping[str, Any], of_init: Mapping[str, Any]) -> dict[str, Any]:
    """What a model learnt from that began from another: from its own data, and from all that the other learnt from.

    Terms of use and the refusal of patients that a model knows go by what is given here. Data sets, licences, sources,
    training patients and counts that the first model does not record are not recorded of the second either: they are
    left out, so that nothing is taken for free or for unseen. The own images and validation patients stay, since a
    model is refused on each of them that is known.

    Args:
        own: As `zonate.verbs.train` writes it of its dataset. Its `not_validated` stands where it has one; else the
            first model's does.
        of_init: As `initial_weights` gives it.

    Returns:
        The same, with `began_from` (name of the first model and hash of its weights) and `earlier_images_sha256`, the
        images that the first model knew (left out where it does not record them). Its sources follow those of the own
        data as `inherited`.
    """
    joined = dict(own)
    for key in ("datasets", "licences", "training_patients", "validation_patients", "images_sha256"):
        joined[key] = _union(own.get(key, ()), of_init.get(key, ()))
    for key in _COUNTS:
        joined[key] = own.get(key, 0) + of_init.get(key, 0)
    inherited = [{**source, "inherited": True} for source in of_init.get("sources", ())]
    joined["sources"] = [*own.get("sources", ()), *inherited]
    if "images_sha256" in of_init:
        joined["earlier_images_sha256"] = _union(of_init["images_sha256"])
    joined["began_from"] = of_init.get("model")
    if "not_validated" not in own and "not_validated" in of_init:
        joined["not_validated"] = of_init["not_validated"]
    for key in ("sources", "licences", "datasets", "training_patients"):
        if not of_init.get(key):
            del joined[key]
    for key in _COUNTS:
        if key not in of_init:
            del joined[key]
    return joined


def _refuse_others(there: Settings, here: Settings) -> None:
    """Say in one sentence what of the network, or of how it sees a case, is not as the model has it."""
    differing = differing_settings(there, here)
    of_recipe, of_dataset = ({n: differing[n] for n in names if n in differing} for names in (_OF_RECIPE, _OF_DATASET))
    if not of_recipe and not of_dataset:
        return
    remedies = ["leave --recipe and the settings out, to have the model's own"] if of_recipe else []
    if of_dataset:
        wanted = " ".join(f"--set {name}={first}" for name, (first, _) in of_dataset.items())
        remedies.append(f"prepare the dataset with {wanted}")
    raise ConfigError(
        f"the training cannot begin from the weights of {there.name}, since {in_words(of_recipe | of_dataset)}: "
        + ", and ".join(remedies)
    )


def _union(*lists: Iterable[str]) -> list[str]:
    return sorted({item for items in lists for item in items})
