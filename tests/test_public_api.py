"""The public surface: complete, sorted, lazy."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import zonate
from zonate.errors import StudyError
from zonate.io.paths import paths_of


def test_all_is_sorted_and_every_name_can_be_imported() -> None:
    assert zonate.__all__ == sorted(zonate.__all__)
    for name in zonate.__all__:
        assert getattr(zonate, name) is not None


def test_a_verb_stays_a_function_after_its_module_was_imported() -> None:
    import zonate.verbs.inspect

    assert callable(zonate.inspect)
    assert zonate.inspect is zonate.verbs.inspect.inspect


def test_wherever_a_path_is_taken_its_text_is_taken_too() -> None:
    verbs = [one for name in zonate.__all__ if inspect.isfunction(one := getattr(zonate, name))]
    paths = {
        f"{verb.__name__}({name})": str(of.annotation)
        for verb in verbs
        for name, of in inspect.signature(verb).parameters.items()
        if "Path" in str(of.annotation)
    }
    assert len(paths) > 20
    assert [name for name, kind in paths.items() if not re.search(r"\bstr\b", kind)] == []


def test_a_study_and_several_are_given_by_their_text(tmp_path: Path) -> None:
    with pytest.raises(StudyError):
        zonate.inspect(str(tmp_path / "none"))
    assert paths_of("study") == [Path("study")]
    assert paths_of(["a", Path("b")]) == [Path("a"), Path("b")]


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(zonate, "no_such_name")


def test_importing_the_command_line_loads_no_heavy_library() -> None:
    heavy = "{'torch', 'SimpleITK', 'pydicom', 'zarr', 'matplotlib', 'numpy', 'scipy', 'distributed', 'dask'}"
    code = f"import sys, zonate.cli; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_predicting_loads_nothing_that_reads_datasets_or_runs_clusters_or_that_its_helper_loads() -> None:
    unneeded = "{'zarr', 'fsspec', 'numcodecs', 'distributed', 'dask', 'pandas', 'highdicom', 'skimage'}"
    code = f"import sys, zonate.verbs.predict_studies; print(sorted({unneeded} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
