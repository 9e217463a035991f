"""Settings of the network and of how it learns."""

from typing import Literal, Self

from pydantic import Field, model_validator

from zonate.settings.section import Section, Seed


class NetworkSettings(Section):
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


class LossSettings(Section):
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


class OptimiserSettings(Section):
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


class AugmentationSettings(Section):
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


class TrainingSettings(Section):
    """The loop."""

    epochs: int = Field(default=300, gt=0)
    batch_size: int = Field(default=1, gt=0)
    """Slices of a step; several processes share them."""
    sampling: Literal["every", "gland", "balanced"] = "every"
    """`every` visits each slice once an epoch. `balanced` draws as many slices, each by first drawing a label code
    and then a slice that holds it, so that small zones and rare kinds of annotation are seen as often as large ones.
    `gland` draws three of four among the slices that hold any of the gland."""
    seed: Seed = 0
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """As Lightning Fabric names it; bf16-mixed is faster where the hardware knows bfloat16, on a CPU too. Elsewhere it
    is 32-true."""
    compiled: bool = False
    """Whether kernels are made for the networks at the first step, which then takes minutes, and what the generator
    does is captured as one graph: by one process on a GPU that PyTorch compiles for. Elsewhere they are not."""
    patch_px: int | None = Field(default=None, gt=0)
    """Side of the square about a slice's middle that is learnt from, before shifts; unset: whole slices. Networks of
    any size only."""
    averaging: float = Field(default=0.0, ge=0, lt=1)
    """Decay per step of an exponential moving average of the weights, which is then the model; 0: the weights are."""
    validate_every_epochs: int = Field(default=1, gt=0)
    pictures_every_epochs: int = Field(default=10, gt=0)
