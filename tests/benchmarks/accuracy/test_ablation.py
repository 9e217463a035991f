from pathlib import Path

import pytest

from benchmarks.accuracy.ablation import Conditions, ablate
from benchmarks.accuracy.ablation_table import ablation_page
from benchmarks.accuracy.folds import dataset_folder
from benchmarks.accuracy.job import Job
from benchmarks.accuracy.results import collect
from benchmarks.accuracy.variants import BASE
from tests.benchmarks.accuracy.toy import SETTINGS
from tests.dataset_factory import a_dataset


@pytest.mark.slow
def test_variants_of_a_toy(tmp_path: Path) -> None:
    recipe = SETTINGS.override(["prediction.flips=true", "training.sampling=every"])
    a_dataset(dataset_folder(tmp_path / "work", recipe.slicing), ("train",) * 6, slices=3, settings=recipe)
    how = Conditions(tmp_path, None, tmp_path / "work", recipe, steps=6)
    names = [
        "no averaged weights",
        "no mirror image",
        "begun from what was learnt on simulated studies",
        "no channel dropout",
    ]
    assert ablate(names, how) == []
    results = collect(sorted((tmp_path / "work" / "ablation").iterdir()))
    again = "begun from what the recipe learnt"  # what one of them, for which nothing is given, is compared with
    assert sorted(results.names) == [again, "no averaged weights", "no mirror image", BASE]
    by_name = {run["name"]: run for run in results.runs}
    assert by_name[BASE]["steps"] == by_name["no averaged weights"]["steps"] == 6
    assert by_name["no mirror image"]["curve"] == by_name[BASE]["curve"]
    unmirrored = Job.read(tmp_path / "work" / "ablation" / "no-mirror-image-fold0-seed0")
    assert unmirrored.weights_of == (tmp_path / "work" / "ablation" / "the-recipe-fold0-seed0").resolve()
    begun = Job.read(tmp_path / "work" / "ablation" / "begun-from-what-the-recipe-learnt-fold0-seed0")
    assert begun.init == (tmp_path / "work" / "ablation" / "the-recipe-fold0-seed0" / "run").resolve()
    assert "| no mirror image |" in ablation_page(results)
