"""Which segmenting network the settings ask for, and which slices it takes."""

from torch import nn

from zonate.errors import ConfigError
from zonate.networks import generator, monai, residual
from zonate.settings.learning import NetworkSettings


def make_generator(settings: NetworkSettings) -> nn.Module:
    """The segmenting network, with fresh weights.

    All of them take normalised slices (B, 3 · (2 · neighbours + 1), H, W): the slice beside its neighbours from
    inferior to superior, T2W, DWI and ADC of each; and give logits (B, K, H, W).

    Raises:
        ConfigError: The network is MONAI's, and MONAI is not installed.
    """
    if settings.architecture == "pix2pix":
        return generator.Generator(settings)
    if settings.architecture == "residual":
        return residual.ResidualUNet(settings)
    if settings.architecture == "dynunet":
        return monai.DynUNet(settings)
    return monai.make_segresnet(settings)


def check_size(settings: NetworkSettings, size_px: int) -> None:
    """Refuse slices that the network cannot take, without making it.

    Args:
        settings: Of the network.
        size_px: Side of the slices, or of the patches that are learnt from.

    Raises:
        ConfigError: The size does not fit.
    """
    if settings.architecture == "pix2pix":
        if size_px != generator.SIZE_PX:
            raise ConfigError(
                f"pix2pix takes slices of {generator.SIZE_PX} px, found {size_px} (slicing.size_px or "
                "training.patch_px): prepare the dataset so and unset training.patch_px (--set "
                "training.patch_px=none), or choose network.architecture = residual"
            )
        return
    multiple = {
        "residual": residual.SIZE_MULTIPLE_PX,
        "dynunet": monai.DYNUNET_MULTIPLE_PX,
        "segresnet": monai.SEGRESNET_MULTIPLE_PX,
    }[settings.architecture]
    if size_px % multiple or size_px < 2 * multiple:  # a single pixel at the bottom cannot be normalised
        fitting = max(round(size_px / multiple), 2) * multiple
        raise ConfigError(
            f"{settings.architecture} takes slices whose size is a multiple of {multiple} px from {2 * multiple} px "
            f"on, found {size_px} (slicing.size_px or training.patch_px): {fitting} px would do"
        )
