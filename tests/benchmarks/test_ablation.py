from pathlib import Path

import pytest

from benchmarks.accuracy.ablation import Conditions, ablate
from benchmarks.accuracy.ablation_table import ablation_page
from benchmarks.accuracy.job import Job
from benchmarks.accuracy.results import Results, collect
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
from tests.benchmarks.test_accuracy import TOY, a_run
from tests.dataset_factory import a_dataset
from zonate.config import Settings, load_recipe

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


def test_what_the_recipe_does_already_is_not_done_twice() -> None:
    recipe = RECIPE.override(["network.neighbours=2", "prediction.clean_up=largest_component"])
    assert changes_nothing(VARIANTS["2 neighbours"], recipe)
    assert not changes_nothing(VARIANTS["1 neighbour"], recipe)
    assert changes_nothing(Variant("as it is", clean_up="largest_component", retrained=False), recipe)
    assert not changes_nothing(VARIANTS["no clean-up"], recipe)
    assert not changes_nothing(VARIANTS[BASE], recipe)


def test_the_page_tells_the_change_from_the_recipe() -> None:
    """Dice 0.8 and 0.9 by the recipe; without noise 0.1 less in both patients."""
    runs, rows = [], []
    for name, less in ((BASE, 0.0), ("no noise", 0.1)):
        for fold in range(2):
            runs.append(a_run(name, fold))
            for structure in ("GLAND", "CENTRAL_GLAND", "PZ"):
                row = {"name": name, "fold": str(fold), "patient_id": f"p{fold}", "case_id": f"c{fold}"}
                rows.append({**row, "structure": structure, "dice": f"{0.8 + 0.1 * fold - less:g}", "hd95_mm": "4"})
    page = ablation_page(Results(runs, rows))
    assert "| the recipe | 0.850 (0.800 to 0.900) |" in page
    assert "| no noise | 0.750<br>-0.100 (-0.100 to -0.100) |" in page
    assert "2 patients who were not trained on" in page
    assert "## Network" not in page
    assert "Nothing has been measured yet" in ablation_page(Results([], []))


@pytest.mark.slow
def test_variants_of_a_toy(tmp_path: Path) -> None:
    recipe = Settings.from_toml(TOY, "toy").override(["prediction.flips=true", "training.sampling=every"])
    dataset = a_dataset(tmp_path / "data", ("train",) * 6, slices=3, settings=recipe)
    how = Conditions(dataset, None, tmp_path / "work", recipe, steps=6)
    names = ["no averaged weights", "no mirror image", "begun from other weights", "no channel dropout"]
    assert ablate(names, how) == []
    results = collect(sorted((tmp_path / "work" / "ablation").iterdir()))
    assert sorted(results.names) == ["no averaged weights", "no mirror image", BASE]
    by_name = {run["name"]: run for run in results.runs}
    assert by_name[BASE]["steps"] == by_name["no averaged weights"]["steps"] == 6
    assert by_name["no mirror image"]["curve"] == by_name[BASE]["curve"]
    unmirrored = Job.read(tmp_path / "work" / "ablation" / "no-mirror-image-fold0-seed0")
    assert unmirrored.weights_of == (tmp_path / "work" / "ablation" / "the-recipe-fold0-seed0").resolve()
    assert "| no mirror image |" in ablation_page(results)
