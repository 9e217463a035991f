import pytest

from benchmarks.accuracy.methods import methods
from zonate.errors import ConfigError


def test_the_methods_in_the_order_in_which_they_are_run() -> None:
    found = methods()
    assert list(found) == ["pix2pix", "unet", "monai", "segresnet", "monai-3d", "zonate"]
    assert {name: method.folds for name, method in found.items() if method.folds} == {
        "monai": (0,),
        "segresnet": (0,),
        "monai-3d": (0,),
    }
    assert [name for name, method in found.items() if method.volumetric] == ["monai-3d"]


def test_only_the_described_method_ends_before_its_time() -> None:
    assert {name: method.most_epochs for name, method in methods().items() if method.most_epochs} == {"pix2pix": 300}


def test_monai_s_networks_differ_from_the_recipe_in_network_and_loss_alone() -> None:
    found = methods()
    own = found["zonate"].settings
    for name, architecture in (("monai", "dynunet"), ("segresnet", "segresnet")):
        settings = found[name].settings
        assert settings.network.architecture == architecture
        assert (settings.loss.dice, settings.loss.cross_entropy, settings.loss.adversarial) == (1, 1, 0)
        for section in ("slicing", "augmentation", "optimiser", "training", "prediction"):
            assert getattr(settings, section) == getattr(own, section), section


def test_a_recipe_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError):
        methods("no such recipe")
