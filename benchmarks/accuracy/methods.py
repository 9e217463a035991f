"""What is compared: each method is a recipe; data, folds, budget and evaluation are the same for all."""

from dataclasses import dataclass
from pathlib import Path

from zonate.config import Settings, load_recipe

OWN = "zonate"
"""The method that the others are compared with."""
OVERLAP_LOSS = (
    "loss.adversarial=0",
    "loss.feature_matching=0",
    "loss.gradient_penalty=0",
    "loss.l1=0",
    "loss.dice=1",
    "loss.cross_entropy=1",
)


@dataclass(frozen=True)
class Method:
    """One line of the table.

    Attributes:
        name: In the table and in the names of folders.
        about: What it is, in a sentence.
        settings: All but epochs, which the budget gives.
        most_epochs: Where its description ends it; None: the budget alone does.
        volumetric: Whether it looks at whole stacks in 3D, see `benchmarks.accuracy.volumetric`.
        folds: Those that it is trained on where nothing else is asked for; None: all.
    """

    name: str
    about: str
    settings: Settings
    most_epochs: int | None = None
    volumetric: bool = False
    folds: tuple[int, ...] | None = None


def methods(recipe: str | Path = OWN) -> dict[str, Method]:
    """The methods by name.

    Args:
        recipe: The recipe that stands for `zonate`; MONAI's networks take data, augmentation, optimiser and use of the
            model from it, and are trained by Dice and cross-entropy.

    Raises:
        ConfigError: There is no such recipe.
    """
    own, pix2pix = load_recipe(recipe), load_recipe("pix2pix")
    found = [
        Method("pix2pix", "the described method", pix2pix, most_epochs=pix2pix.training.epochs),
        Method("unet", "the generator of pix2pix alone, Dice and cross-entropy", load_recipe("unet")),
        _of_monai("monai", "DynUNet", "instance", own),
        _of_monai("segresnet", "SegResNet", "group", own),
        Method(
            "monai-3d",
            "MONAI's DynUNet in 3D on whole stacks with zonate's augmentation, Dice and cross-entropy",
            own.override(["name=monai-3d", "network.neighbours=0", "training.batch_size=2", *OVERLAP_LOSS]),
            volumetric=True,
            folds=(0,),
        ),
        Method(OWN, "the recipe that ships", own),
    ]
    return {method.name: method for method in found}


def _of_monai(name: str, network: str, normalisation: str, own: Settings) -> Method:
    """A network of MONAI's in the place of the recipe's."""
    changes = [f"name={name}", f"network.architecture={network.lower()}", f"network.normalisation={normalisation}"]
    about = f"MONAI's {network} in the place of zonate's network, Dice and cross-entropy"
    return Method(name, about, own.override([*changes, *OVERLAP_LOSS]), folds=(0,))
