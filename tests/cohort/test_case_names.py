from pathlib import Path

import pytest

from zonate.cohort.case_names import case_names
from zonate.errors import OutputError


def test_a_study_is_called_by_its_folder_or_archive() -> None:
    assert case_names([Path("a/one"), Path("b/two.zip")]) == ["one", "two"]
    assert case_names([Path("a/one")], "other") == ["other"]


def test_no_study_is_refused() -> None:
    with pytest.raises(ValueError, match="no study"):
        case_names([])


@pytest.mark.parametrize("case_id", ["../x", "a/b", "", ".", "..", ".hidden", "a\\b"])
def test_a_name_that_is_no_folders_is_refused(case_id: str) -> None:
    with pytest.raises(ValueError, match="folder name"):
        case_names([Path("one")], case_id)


def test_two_studies_of_one_name_are_refused() -> None:
    with pytest.raises(OutputError, match=r"a/one and b/one\.zip are both called one"):
        case_names([Path("a/one"), Path("b/one.zip")])
