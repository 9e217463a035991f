from benchmarks.accuracy.variants import (
    BASE,
    GROUPS,
    VARIANTS,
    Variant,
    changes_nothing,
    compared_with,
    lineage,
    settings_of,
)
from zonate.config import load_recipe

RECIPE = load_recipe("zonate")


def test_every_variant_is_named_once_and_fits_the_recipe() -> None:
    assert len(VARIANTS) == sum(len(group) for group in GROUPS.values())
    for variant in VARIANTS.values():
        settings_of(variant, RECIPE)


def test_a_variant_changes_what_its_parent_has_changed() -> None:
    settings = settings_of(VARIANTS["spectral norm"], RECIPE)
    assert settings.loss.adversarial == 0.1
    assert settings.network.spectral_norm
    assert compared_with(VARIANTS["spectral norm"]) == "a discriminator, weight 0.1"
    assert compared_with(VARIANTS["no channel dropout, shown T2W alone"]) == "shown T2W alone"
    assert compared_with(VARIANTS[BASE]) is None


def test_parents_come_first_and_once() -> None:
    names = [variant.name for variant in lineage(["spectral norm", "no mirror image", "gradient penalty"])]
    assert names == [
        BASE,
        "a discriminator, weight 0.1",
        "spectral norm",
        "no mirror image",
        "gradient penalty",
    ]


def test_what_a_variant_needs_comes_before_it() -> None:
    assert VARIANTS["no mirror image"].needs == (BASE,)
    assert VARIANTS["unlabelled patients besides, with zones by the recipe"].needs == (BASE,)
    assert VARIANTS["no noise"].needs == ()
    begun = "begun from what was learnt with the shapes"
    names = [variant.name for variant in lineage([begun])]
    assert names == [BASE, "begun from what the recipe learnt", "images made for all shapes besides", begun]


def test_what_the_recipe_does_already_is_not_done_twice() -> None:
    recipe = RECIPE.override(["network.neighbours=2", "prediction.clean_up=largest_component"])
    assert changes_nothing(VARIANTS["2 neighbours"], recipe)
    assert not changes_nothing(VARIANTS["1 neighbour"], recipe)
    assert changes_nothing(Variant("as it is", clean_up="largest_component", retrained=False), recipe)
    assert not changes_nothing(VARIANTS["no clean-up"], recipe)
    assert not changes_nothing(VARIANTS[BASE], recipe)
