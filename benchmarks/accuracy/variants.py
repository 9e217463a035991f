"""What is switched on, off or over in the recipe that ships, one at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from zonate.config import Settings
from zonate.measures.clean_up import CleanUp

Cases: TypeAlias = Literal["real", "simulated", "four-zone shapes", "shapes", "unlabelled"]
"""What is learnt from: real patients, simulated studies, or real patients and what FURTHER names."""
FURTHER: tuple[Cases, ...] = ("four-zone shapes", "shapes", "unlabelled")

BASE, ON_SIMULATED = "the recipe", "the recipe, on simulated studies"
"""What the others are compared with."""
_JUDGED = "a discriminator, weight 0.1"
_WITH_SHAPES, _AGAIN = "images made for all shapes besides", "begun from what the recipe learnt"


@dataclass(frozen=True)
class Variant:
    """One line of the table.

    Attributes:
        name: In the table.
        changes: Assignments for `Settings.override`, on top of those of `on`.
        on: The variant that this one changes.
        against: The variant that it is compared with; None: `on`.
        retrained: False: the weights of `on` are measured again, used in another way.
        clean_up: Of the result; None: the recipe's.
        cases: What it learns from. It is measured on simulated studies of T2W, DWI and ADC where it learns from them,
            else on real patients.
        t2w_alone: Whether DWI and ADC are taken away before it is measured.
        init: The variant whose weights it begins from; None: from none.
    """

    name: str
    changes: tuple[str, ...] = ()
    on: str = BASE
    against: str | None = None
    retrained: bool = True
    clean_up: CleanUp | None = None
    cases: Cases = "real"
    t2w_alone: bool = False
    init: str | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The variants that must have been trained before it."""
        used = (
            None if self.retrained else self.on,
            self.init,
            BASE if self.cases == "unlabelled" else None,
        )
        return tuple(name for name in used if name is not None)


def _of(*items: tuple[str, Sequence[str]], on: str = BASE) -> tuple[Variant, ...]:
    return tuple(Variant(name, tuple(changes), on) for name, changes in items)


_AFFINE = ("augmentation.rotation_deg=0", "augmentation.scaling=0", "augmentation.stretching=0")
_INTENSITY = ("augmentation.gamma=0", "augmentation.contrast=0", "augmentation.brightness=0")
_NOISE, _BLUR = ("augmentation.noise=0",), ("augmentation.blur_mm=0",)
_COARSE = ("augmentation.coarse_mm=0", "augmentation.gibbs=0")
_SHIFT, _ELASTIC, _BIAS = ("augmentation.shift_mm=0",), ("augmentation.elastic_mm=0",), ("augmentation.bias_field=0",)
_FIELD, _FAR = ("augmentation.narrow_field_mm=1000",), ("augmentation.far_neighbours_chance=0",)  # beyond any slice
_NOTHING = (*_AFFINE, *_SHIFT, *_ELASTIC, *_BIAS, *_INTENSITY, *_NOISE, *_BLUR, *_COARSE, *_FIELD, *_FAR)

GROUPS: Mapping[str, tuple[Variant, ...]] = {
    "": (Variant(BASE),),
    "Augmentation": _of(
        ("none but left-right flips", (*_NOTHING, "augmentation.inversion_chance=0")),
        ("no turns, scaling, stretching", _AFFINE),
        ("no shifts", _SHIFT),
        ("not elastic", _ELASTIC),
        ("no bias field", _BIAS),
        ("no gamma, contrast, brightness", _INTENSITY),
        ("no noise", _NOISE),
        ("no blur", _BLUR),
        ("no coarse pixels, no Gibbs ringing", _COARSE),
        ("no narrow fields of view", _FIELD),
        ("no far neighbours", _FAR),
        ("contrast inverted now and then", ("augmentation.inversion_chance=0.1",)),
        ("quarter turns and flips, as described", ("augmentation.rotate_90=true", "augmentation.flip_vertical=true")),
    ),
    "What the network sees": _of(
        ("normalised by the dataset", ("normalisation=dataset",)),
        ("normalised by the volume", ("normalisation=volume",)),
        ("normalised by the region", ("normalisation=region",)),
        ("no neighbours", ("network.neighbours=0",)),
        ("1 neighbour", ("network.neighbours=1",)),
        ("2 neighbours", ("network.neighbours=2",)),
        ("whole slices, not patches", ("training.patch_px=256",)),
        ("every slice as often", ("training.sampling=every",)),
    ),
    "Network": _of(
        (
            "the generator of pix2pix, 64 channels",
            ("network.architecture=pix2pix", "network.base_channels=64", "training.patch_px=256"),
        ),
        ("residual, 16 channels", ("network.base_channels=16",)),
        ("residual, 24 channels", ("network.base_channels=24",)),
        ("BatchNorm", ("network.normalisation=batch",)),
        ("group norm", ("network.normalisation=group",)),
        ("instance norm", ("network.normalisation=instance",)),
    ),
    "Loss": (
        *_of(
            ("cross-entropy alone", ("loss.dice=0",)),
            ("Dice alone", ("loss.cross_entropy=0",)),
            ("L1 beside them", ("loss.l1=10",)),
            (_JUDGED, ("loss.adversarial=0.1",)),
            ("a discriminator, weight 1", ("loss.adversarial=1",)),
        ),
        *_of(
            ("two discriminators", ("network.discriminators=2",)),
            ("three discriminators", ("network.discriminators=3",)),
            ("feature matching", ("loss.feature_matching=1",)),
            ("spectral norm", ("network.spectral_norm=true",)),
            ("gradient penalty", ("loss.gradient_penalty=1",)),
            on=_JUDGED,
        ),
    ),
    "Optimisation": (
        *_of(
            ("no averaged weights", ("training.averaging=0",)),
            ("learning rate does not fall", ("optimiser.decay_from=1",)),
            ("no weight decay", ("optimiser.weight_decay=0",)),
            ("32 bit throughout", ("training.precision=32-true",)),
        ),
    ),
    "Further cases, in as many steps": (
        Variant("images made for the two shapes with four zones besides", cases="four-zone shapes"),
        Variant(_WITH_SHAPES, cases="shapes"),
        Variant("unlabelled patients besides, with zones by the recipe", cases="unlabelled"),
    ),
    "Begun from weights that took as many steps before": (
        Variant(_AGAIN, init=BASE),
        Variant("begun from what was learnt with the shapes", init=_WITH_SHAPES, against=_AGAIN),
        Variant("begun from what was learnt on simulated studies", init=ON_SIMULATED, against=_AGAIN),
    ),
    "Use": (
        Variant("no mirror image", ("prediction.flips=false",), retrained=False),
        Variant("one pass", ("prediction.passes=1",), retrained=False),
        Variant("two passes", ("prediction.passes=2",), retrained=False),
        Variant("no clean-up", retrained=False, clean_up="none"),
        Variant("gland where the background is below 0.5", ("prediction.background_below=0.5",), retrained=False),
        Variant("gland where the background is below 0.7", ("prediction.background_below=0.7",), retrained=False),
    ),
    "T2W, DWI and ADC (simulated)": (
        Variant(ON_SIMULATED, on=ON_SIMULATED, cases="simulated"),
        Variant("shown T2W alone", on=ON_SIMULATED, retrained=False, cases="simulated", t2w_alone=True),
        Variant("no channel dropout", ("augmentation.channel_dropout_chance=0",), on=ON_SIMULATED, cases="simulated"),
        Variant(
            "no channel dropout, shown T2W alone",
            on="no channel dropout",
            against="shown T2W alone",
            retrained=False,
            cases="simulated",
            t2w_alone=True,
        ),
    ),
}
VARIANTS: Mapping[str, Variant] = {variant.name: variant for group in GROUPS.values() for variant in group}


def settings_of(variant: Variant, recipe: Settings) -> Settings:
    """The recipe as a variant changes it."""
    return _parent(variant, recipe).override(variant.changes)


def compared_with(variant: Variant) -> str | None:
    """The name of the variant that one is compared with; None of those that nothing precedes."""
    return None if variant.on == variant.name else variant.against or variant.on


def changes_nothing(variant: Variant, recipe: Settings) -> bool:
    """Whether the recipe is so already."""
    if variant.on == variant.name or variant.init or variant.t2w_alone or variant.cases in FURTHER:
        return False
    if variant.clean_up is not None:
        return variant.clean_up == recipe.prediction.clean_up
    return settings_of(variant, recipe) == _parent(variant, recipe)


def lineage(names: Sequence[str]) -> Iterator[Variant]:
    """The variants of these names, each after those that it changes, is compared with or needs."""
    seen: dict[str, Variant] = {}
    for name in names:
        variant = VARIANTS[name]
        parents = [parent for parent in (variant.on, variant.against, *variant.needs) if parent not in (None, name)]
        for found in (*lineage(parents), variant):
            if found.name not in seen:
                seen[found.name] = found
                yield found


def _parent(variant: Variant, recipe: Settings) -> Settings:
    return recipe if variant.on == variant.name else settings_of(VARIANTS[variant.on], recipe)
