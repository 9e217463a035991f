"""The one settings tree: frozen, typed, refused where a name is unknown, units in the names.

A recipe is a settings file in TOML. The resolved tree goes into every run folder and model file.
There are no environment variables and no globals.
"""

import tomllib
from collections.abc import Sequence as Items
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from zonate.errors import ConfigError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReadingSettings(_Section):
    """How a study is read."""

    lowest_diffusion_b_value_s_mm2: float = 400.0
    """A calculated DWI is used only where no b-value from here on was acquired."""
    max_archive_bytes: int = 8 * 2**30
    """A zip that would grow beyond this is refused."""
    max_archive_files: int = 200_000
    """A zip with more entries than this is refused."""
    max_archive_ratio: float = 250.0
    """A zip that inflates to more than this many times its own size (and beyond 64 MiB) is refused."""


class AlignmentSettings(_Section):
    """How DWI and ADC are brought onto the T2W grid."""

    method: Literal["bspline", "rigid", "header"] = "bspline"
    """The most that is tried; what it falls back to is the ones after it."""
    region_mm: float = Field(default=80.0, gt=0)
    """In-plane side of the box about the T2W centre in which the gland is expected and similarity is measured."""
    minimum_gain: float = Field(default=0.0, ge=0)
    """A candidate is accepted where its similarity exceeds that of the header alignment by more than this."""
    max_displacement_mm: float = Field(default=15.0, gt=0)
    """A candidate that moves any point of the region further than this is not believed."""
    minimum_overlap: float = Field(default=0.25, ge=0, le=1)
    """With less than this share of the region inside the diffusion field of view nothing is registered."""
    max_error_mm: float | None = Field(default=None, gt=0)
    """An alignment whose estimated error in the gland is larger is not used; unset: the calibrated limit that ships."""
    time_limit_s: float = Field(default=120.0, gt=0)
    """A stage of the registration that takes longer is stopped, and the plainer alignment is used."""


class CheckingSettings(_Section):
    """What is asked of labels before they are learnt from."""

    anatomy: Literal["refuse", "warn", "off"] = "refuse"
    """`refuse` sets a case aside whose zones cannot lie as they do, such as swapped label numbers; `warn` says so."""


class SlicingSettings(_Section):
    """The network's view of a case."""

    size_px: int = Field(default=256, gt=0)
    spacing_mm: float = Field(default=0.5, gt=0)


class SplitSettings(_Section):
    """How patients are divided."""

    validation_fraction: float = Field(default=0.15, ge=0, lt=1)
    test_fraction: float = Field(default=0.2, ge=0, lt=1)
    seed: int = 0
    test_sets: tuple[str, ...] = ()
    """Public names of data sets whose patients all test; given one, the other patients train and validate."""
    folds: int = Field(default=5, ge=2)
    """How many folds cross-validation has."""
    fold: int | None = Field(default=None, ge=0)
    """The fold, from 0, whose patients test in place of a `test_fraction` of all, and alone: those who would test in
    every fold, such as those of `test_sets`, are for evaluation then; unset: no cross-validation."""

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.fold is not None and self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} is not one of 0 to {self.folds - 1}")
        return self

    @model_validator(mode="after")
    def _someone_trains(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction must sum to less than 1: someone has to train")
        return self


class NetworkSettings(_Section):
    """The segmenting network (pix2pix calls it the generator) and the discriminator."""

    architecture: Literal["pix2pix", "residual", "dynunet", "segresnet"] = "pix2pix"
    """`pix2pix` is the described U-Net 256; `residual` a U-Net of residual blocks for slices of any size; `dynunet` and
    `segresnet` are MONAI's and need `pip install zonate[monai]`."""
    neighbours: int = Field(default=0, ge=0, le=3)
    """How many slices above and below the one to segment are shown beside it (2.5D)."""
    normalisation: Literal["batch", "group", "instance"] = "batch"
    """What normalises the features of the generator."""
    discriminators: int = Field(default=1, ge=1, le=3)
    """Discriminators, each at half the resolution of the one before."""
    spectral_norm: bool = False
    """Whether the discriminators' convolutions are kept 1-Lipschitz by spectral normalisation."""
    base_channels: int = Field(default=64, gt=0)
    """Channels of the first layer; 64 is the described network of 54.4 M parameters."""
    head: Literal["softmax", "sigmoid"] = "softmax"
    """`sigmoid` is the original: five independent channels that may overlap."""
    leaky_relu_slope: float = 0.2
    dropout: float = Field(default=0.5, ge=0, lt=1)
    batch_norm_epsilon: float = 1e-3
    batch_norm_momentum: float = Field(default=0.01, gt=0, le=1)
    """In PyTorch's sense: the weight of the new batch; Keras's 0.99 is 0.01 here."""
    init_std: float = Field(default=0.02, gt=0)


class LossSettings(_Section):
    """The weights of the generator's loss terms; a weight of 0 leaves the term out."""

    adversarial: float = Field(default=1.0, ge=0)
    """0 trains without a discriminator."""
    l1: float = Field(default=100.0, ge=0)
    dice: float = Field(default=0.0, ge=0)
    cross_entropy: float = Field(default=0.0, ge=0)
    feature_matching: float = Field(default=0.0, ge=0)
    """Mean absolute difference of the discriminators' features of the drawn and of the generated label."""
    gradient_penalty: float = Field(default=0.0, ge=0)
    """Of the discriminators' loss: the squared gradient at real pairs (R1)."""

    @model_validator(mode="after")
    def _something_is_asked_for(self) -> Self:
        if not (self.adversarial or self.l1 or self.dice or self.cross_entropy):
            raise ValueError("every weight of the loss is 0, so that nothing would be learnt: give one a weight")
        return self

    @model_validator(mode="after")
    def _someone_judges(self) -> Self:
        if not self.adversarial and (self.feature_matching or self.gradient_penalty):
            raise ValueError("feature_matching and gradient_penalty need a discriminator: give adversarial a weight")
        return self


class OptimiserSettings(_Section):
    """Adam, for both networks; AdamW where `weight_decay` is not 0."""

    learning_rate: float = Field(default=2e-4, gt=0)
    warm_up: float = Field(default=0.0, ge=0, lt=1)
    """The share of the steps over which the learning rate rises linearly from 0."""
    decay_from: float = Field(default=1.0, ge=0, le=1)
    """The share of the steps after which the learning rate falls towards 0; 1: never."""
    decay: Literal["linear", "cosine"] = "linear"
    """How it falls."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled from the gradient (AdamW)."""
    beta_1: float = Field(default=0.5, ge=0, lt=1)
    beta_2: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-7, gt=0)


class AugmentationSettings(_Section):
    """What happens to a training slice; each is drawn anew at every visit. 0 leaves one out."""

    rotate_90: bool = True
    """By a random multiple of 90°."""
    flip_horizontal: bool = True
    flip_vertical: bool = True
    chance: float = Field(default=0.5, gt=0, le=1)
    """How likely each of the following happens to a slice, but those that are chances themselves."""
    rotation_deg: float = Field(default=0.0, ge=0, le=180)
    """The largest turn, to either side."""
    scaling: float = Field(default=0.0, ge=0, lt=1)
    """0.2: enlarged or reduced by up to 1.2."""
    stretching: float = Field(default=0.0, ge=0, lt=1)
    """The same along one axis alone."""
    shift_mm: float = Field(default=0.0, ge=0)
    """The largest shift along each axis."""
    elastic_mm: float = Field(default=0.0, ge=0)
    """The largest standard deviation of a smooth random displacement."""
    bias_field: float = Field(default=0.0, ge=0)
    """Largest standard deviation of the logarithm of a smooth gain over the slice, as coils give it."""
    gamma: float = Field(default=0.0, ge=0, lt=1)
    """0.5: intensities raised to a power between 1/1.5 and 1.5."""
    contrast: float = Field(default=0.0, ge=0, lt=1)
    """0.3: multiplied by between 1/1.3 and 1.3."""
    brightness: float = Field(default=0.0, ge=0)
    """The largest offset, in standard deviations of the image."""
    noise: float = Field(default=0.0, ge=0)
    """The largest standard deviation of added noise, in standard deviations of the image."""
    blur_mm: float = Field(default=0.0, ge=0)
    """The largest standard deviation of a Gaussian blur."""
    coarse_mm: float = Field(default=0.0, ge=0)
    """The coarsest pixels that are imitated, along one axis or both."""
    gibbs: float = Field(default=0.0, ge=0, lt=1)
    """The largest share of spatial frequencies, from the highest on, that is cut off, which makes edges ring."""
    inversion_chance: float = Field(default=0.0, ge=0, le=1)
    """How likely dark and bright are exchanged."""
    narrow_field_mm: float | None = Field(default=None, gt=0)
    """The smallest field of view that is imitated: beyond it nothing is measured; unset: none is."""
    channel_dropout_chance: float = Field(default=0.0, ge=0, le=1)
    """How likely DWI, ADC or both are taken away, so that one model serves with and without them."""
    far_neighbours_chance: float = Field(default=0.0, ge=0, le=1)
    """How likely the neighbouring slices are taken from twice as far, as thicker slices would lie."""


class TrainingSettings(_Section):
    """The loop."""

    epochs: int = Field(default=300, gt=0)
    batch_size: int = Field(default=1, gt=0)
    sampling: Literal["every", "gland", "balanced"] = "every"
    """`every` visits each slice once an epoch. `balanced` draws as many slices, each by first drawing a label code
    and then a slice that holds it, so that small zones and rare kinds of annotation are seen as often as large ones.
    `gland` draws three of four among the slices that hold any of the gland."""
    seed: int = 0
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """As Lightning Fabric names it; bf16-mixed is faster where the hardware knows bfloat16, on a CPU too."""
    patch_px: int | None = Field(default=None, gt=0)
    """Side of the square about a slice's middle that is learnt from, before shifts; unset: whole slices. Networks of
    any size only."""
    averaging: float = Field(default=0.0, ge=0, lt=1)
    """Decay per step of an exponential moving average of the weights, which is then the model; 0: the weights are."""
    validate_every_epochs: int = Field(default=1, gt=0)
    pictures_every_epochs: int = Field(default=10, gt=0)


class PredictionSettings(_Section):
    """How a trained model is used."""

    batch_size: int = Field(default=8, gt=0)
    sampling: bool = False
    """True turns the original's noise back on: dropout, and statistics of the batch itself (the original: batch 1)."""
    seed: int = 0
    """Of the noise."""
    samples: int = Field(default=10, ge=0)
    """How many segmentations `predict` draws with the network's dropout on, for intervals and warnings; 0: none."""
    flips: bool = False
    """Whether the mean over a slice and its left-right mirror image is taken."""
    passes: Literal[1, 2] = 1
    """2: the gland is found on whole slices, then a patch of `training.patch_px` about it is segmented."""
    clean_up: Literal["none", "largest_component", "largest_component_and_holes"] = "none"
    """What is repaired about a result, and said: pieces apart from the gland's largest are removed, and the holes that
    it encloses within a slice are filled."""


class OutputSettings(_Section):
    """What `predict` writes besides the zones, their figures and their picture."""

    images: bool = True
    """T2W, DWI and ADC on the T2W grid, which `view` shows."""
    dicom: bool = True
    """Zones and sectors as DICOM SEG, and the measurements as DICOM SR."""
    rtstruct: bool = True
    """The zones as DICOM RTSTRUCT, for radiotherapy."""
    surfaces: bool = True
    """The gland's and the zones' surfaces as STL, for fusion biopsy."""
    report: bool = True
    """report.html, report.pdf, and the latter encapsulated in DICOM."""
    deidentify: bool = False
    """Whether DICOM objects leave the patient out."""
    empty_zones: Literal["described", "kept"] = "described"
    """A zone without a voxel is `described` in a SEG and has no frames there, or its empty frames are `kept`."""


class EvaluationSettings(_Section):
    """How a prediction is compared with a reference."""

    surface_tolerance_mm: float = Field(default=2.0, gt=0)
    """Of the normalised surface Dice, whose name carries it."""
    bootstrap_samples: int = Field(default=2000, gt=0)
    """How often the patients are drawn anew for an interval."""
    seed: int = 0
    """Of those draws."""
    worst_cases: int = Field(default=3, ge=0)
    """How many of the worst cases are drawn."""


class Settings(_Section):
    """The tree."""

    name: str = "pix2pix"
    normalisation: Literal["dataset", "volume", "region"] = "dataset"
    """By the training set's mean and standard deviation, or each volume's own, or by those of the volume within 50 mm
    of the middle of its slices, so that the field of view does not matter."""
    reading: ReadingSettings = ReadingSettings()
    alignment: AlignmentSettings = AlignmentSettings()
    checking: CheckingSettings = CheckingSettings()
    slicing: SlicingSettings = SlicingSettings()
    split: SplitSettings = SplitSettings()
    network: NetworkSettings = NetworkSettings()
    loss: LossSettings = LossSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    training: TrainingSettings = TrainingSettings()
    prediction: PredictionSettings = PredictionSettings()
    output: OutputSettings = OutputSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @model_validator(mode="after")
    def _the_second_pass_has_a_size(self) -> Self:
        if self.prediction.passes == 2 and self.training.patch_px is None:
            raise ValueError("prediction.passes = 2 needs training.patch_px, the side of what the second pass looks at")
        return self

    def override(self, assignments: Items[str]) -> Self:
        """Return the tree with values replaced, each given as `section.name=value` in TOML's notation.

        Raises:
            ConfigError: An assignment has another form, an unknown name or a value that does not fit.
        """
        tree = self.model_dump()
        for assignment in assignments:
            name, separator, value = assignment.partition("=")
            *sections, leaf = name.strip().split(".")
            node = tree
            for section in sections:
                node = node.get(section, {}) if isinstance(node, dict) else {}
            if not separator or not isinstance(node, dict) or leaf not in node:
                raise ConfigError(
                    f"{assignment!r} is not NAME=VALUE with a known NAME such as training.epochs; "
                    "docs/reference/settings.md lists them all"
                )
            node[leaf] = _toml_value(value.strip())
        return self._validated(tree, "the given settings")

    @classmethod
    def from_toml(cls, text: str, source: str) -> Self:
        """Read a tree; what the text leaves out keeps its default.

        Raises:
            ConfigError: The text is not TOML, or does not fit the tree.
        """
        try:
            tree = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{source} is not valid TOML: {error}") from None
        return cls._validated(tree, source)

    @classmethod
    def _validated(cls, tree: dict[str, Any], source: str) -> Self:
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ConfigError(f"{source} does not fit the settings: {found}") from None


def recipe_names() -> list[str]:
    """The recipes that the package carries."""
    folder = resources.files("zonate") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_recipe(recipe: str | Path) -> Settings:
    """Read a recipe by the name of one that the package carries, or from a TOML file.

    Raises:
        ConfigError: There is no such recipe, or it does not fit the settings.
    """
    if str(recipe) in recipe_names():
        text = (resources.files("zonate") / "recipes" / f"{recipe}.toml").read_text(encoding="utf-8")
        return Settings.from_toml(text, f"recipe {recipe}")
    path = Path(recipe)
    if not path.is_file():
        raise ConfigError(f"there is no recipe {recipe}: give a TOML file or one of {', '.join(recipe_names())}")
    return Settings.from_toml(path.read_text(encoding="utf-8"), str(path))


def _toml_value(text: str) -> object:
    """A value in TOML's notation; a bare word counts as a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
