"""The public surface: complete, sorted, lazy."""

import subprocess
import sys

import zonate


def test_all_is_sorted_and_every_name_can_be_imported() -> None:
    assert zonate.__all__ == sorted(zonate.__all__)
    for name in zonate.__all__:
        assert getattr(zonate, name) is not None


def test_a_verb_stays_a_function_after_its_module_was_imported() -> None:
    import zonate.verbs.inspect

    assert callable(zonate.inspect)
    assert zonate.inspect is zonate.verbs.inspect.inspect


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
