import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.alignment.phantom import acquisition
from tests.verbs.standins import key_but_of
from tests.verbs.synthetic import all_files
from tests.verbs.test_align import markups
from zonate.alignment import Alignment, align_to_t2w
from zonate.config import Settings
from zonate.errors import OutputError
from zonate.io.nifti import write_volume
from zonate.pictures.alignment import draw_alignment
from zonate.settings.data import AlignmentSettings
from zonate.study import Sequence
from zonate.verbs import align as of_one
from zonate.verbs.align import align, is_aligned
from zonate.verbs.align_studies import align_studies, align_study

SETTINGS = Settings(alignment=AlignmentSettings(method="header", region_mm=60))
POINT, NEAR = (5.0, -7.0, 20.0), (8.0, -7.0, 20.0)
"""In LPS mm, 3 mm apart in the phantom."""


@pytest.fixture
def studies(tmp_path: Path) -> list[Path]:
    """Two of NIfTI volumes without DWI, and between them one without anything."""
    pair = acquisition()
    assert pair.adc is not None
    folders = [tmp_path / "in" / name for name in ("one", "broken", "two")]
    for folder in folders:
        folder.mkdir(parents=True)
        if folder.name != "broken":
            write_volume(folder / "t2w.nii.gz", pair.t2w)
            write_volume(folder / "adc.nii.gz", pair.adc)
    return folders


def test_each_study_has_a_folder_and_a_broken_one_none(studies: list[Path], tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    out = tmp_path / "out"
    result = align_studies(studies, out, SETTINGS, progress=lambda *step: told.append(step))
    assert list(result.done) == [out / "one", out / "two"]
    assert result.done[out / "one"].record.chosen == "header"
    assert any("DWI" in text for text in result.done[out / "one"].warnings)
    assert list(result.failed) == ["broken"]
    assert "T2W is missing" in result.failed["broken"]
    assert sorted(path.name for path in out.iterdir()) == ["one", "two"]
    assert json.loads((out / "two" / "alignment.json").read_text())["case_id"] == "two"
    assert told == [
        (0, 3, ""),
        *((0, 3, f"one: {stage}") for stage in ("reading", "aligning", "writing")),
        (1, 3, "one"),
        (1, 3, "broken: reading"),
        (2, 3, "broken"),
        *((2, 3, f"two: {stage}") for stage in ("reading", "aligning", "writing")),
        (3, 3, "two"),
    ]


def test_one_study_has_a_folder_of_its_own_beside_the_cases_of_other_days(studies: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    align_studies([studies[0], studies[2]], out, SETTINGS)
    before = all_files(out / "two")
    result = align_studies(studies[:1], out, SETTINGS, overwrite=True)
    assert list(result.done) == [out / "one"]
    assert all_files(out / "two") == before
    (out / "one" / "notes.txt").write_text("mine")
    refused = align_studies([studies[0], studies[2]], out, SETTINGS, overwrite=True)
    assert list(refused.done) == [out / "two"]
    assert refused.failed == {
        "one": f"{out / 'one'} holds other things than one alignment (notes.txt), which are not overwritten: move "
        "them, or give another output"
    }


def test_what_belongs_to_one_study_is_refused_for_several(studies: list[Path], tmp_path: Path) -> None:
    for named in ({"case_id": "x"}, {"overrides": {Sequence.DWI: 7}}, {"landmarks": [tmp_path / "points.fcsv"]}):
        with pytest.raises(ValueError, match="belong to one study"):
            align_studies(studies, tmp_path / "out", SETTINGS, **named)
    assert not (tmp_path / "out").exists()


def test_what_is_said_of_one_study_is_kept_in_mind_when_it_is_resumed(studies: list[Path], tmp_path: Path) -> None:
    marked = [markups(tmp_path / f"{name}.mrk.json", {"cyst": at}) for name, at in (("a", POINT), ("b", NEAR))]
    out = tmp_path / "out"
    done = align_studies(studies[:1], out, SETTINGS, case_id="x", landmarks=marked).done
    found = done[out / "x"].landmarks
    assert found is not None
    assert found.n == 1
    assert found.mean_mm == pytest.approx(3.0)
    assert align_studies(studies[:1], out, SETTINGS, case_id="x", landmarks=marked, resume=True).skipped == (out / "x",)
    assert list(align_studies(studies[:1], out, SETTINGS, case_id="x", resume=True).failed) == ["x"]


def test_what_is_complete_is_skipped_and_what_was_made_otherwise_is_kept(studies: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    align_studies(studies[:1], out, SETTINGS)
    before = all_files(out)
    result = align_studies(studies, out, SETTINGS, resume=True)
    assert (result.skipped, list(result.done), list(result.failed)) == ((out / "one",), [out / "two"], ["broken"])
    other = SETTINGS.override(["alignment.region_mm=50"])
    refused = align_studies(studies[:1], out, other, resume=True)
    assert (refused.skipped, dict(refused.done)) == ((), {})
    assert "--overwrite" in refused.failed["one"]
    assert before.items() <= all_files(out).items()
    assert list(align_studies(studies[:1], out, other, resume=True, overwrite=True).done) == [out / "one"]


def test_what_the_machine_had_a_part_in_is_not_taken_for_complete(
    studies: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hung(*arguments: Any) -> Alignment:
        found = align_to_t2w(*arguments)
        return replace(found, record=replace(found.record, repeatable=False))

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(of_one, "align_to_t2w", hung)
        assert not align_studies(studies[:1], out, SETTINGS).done[out / "one"].record.repeatable
    assert json.loads((out / "one" / "alignment.json").read_text())["source_key"] is None
    assert "--overwrite" in align_studies(studies[:1], out, SETTINGS, resume=True).failed["one"]
    again = align_studies(studies[:1], out, SETTINGS, resume=True, overwrite=True)
    assert again.done[out / "one"].record.repeatable
    assert align_studies(studies[:1], out, SETTINGS, resume=True).skipped == (out / "one",)


@pytest.mark.parametrize(("other", "fails"), [(SETTINGS, False), (SETTINGS.override(["alignment.region_mm=50"]), True)])
def test_what_a_worker_that_was_thought_lost_writes_meanwhile_is_the_result_where_it_is_the_same(
    other: Settings, fails: bool, studies: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out" / "one"

    def draw_after_another(*arguments: Any) -> None:
        monkeypatch.setattr(of_one, "draw_alignment", draw_alignment)
        align(studies[0], folder, other, case_id="one")
        draw_alignment(*arguments)

    monkeypatch.setattr(of_one, "draw_alignment", draw_after_another)
    if fails:
        with pytest.raises(OutputError, match=r"another process has written .*one meanwhile"):
            align_study(studies[0], folder, SETTINGS, case_id="one", overwrite=False)
    else:
        assert align_study(studies[0], folder, SETTINGS, case_id="one", overwrite=False).record.chosen == "header"
    assert is_aligned(studies[0], folder, other, case_id="one")


@pytest.mark.slow
def test_workers_change_no_bit(studies: list[Path], tmp_path: Path) -> None:
    for folder, workers in (("one", 1), ("many", 2)):
        align_studies(studies, tmp_path / folder, SETTINGS, workers=workers)
    one, many = all_files(tmp_path / "one"), all_files(tmp_path / "many")
    seconds = [name for name in one if name.endswith("alignment.json")]
    assert len(seconds) == 2
    assert {name: data for name, data in one.items() if name not in seconds} == {
        name: data for name, data in many.items() if name not in seconds
    }


def test_a_study_that_cannot_be_read_does_not_end_what_is_resumed(
    studies: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_one, "study_key", key_but_of("broken"))
    result = align_studies(studies, tmp_path / "out", SETTINGS, resume=True)
    assert list(result.done) == [tmp_path / "out" / "one", tmp_path / "out" / "two"]
    assert result.failed == {
        "broken": "case broken: a file could not be read or written (Permission denied): check rights and space"
    }


def test_an_output_inside_a_study_is_refused(studies: list[Path]) -> None:
    for run in (
        lambda: align_studies(studies, studies[2] / "out", SETTINGS),
        lambda: align(studies[2], studies[2] / "out", SETTINGS),
    ):
        with pytest.raises(OutputError, match=r"lies inside the study two"):
            run()
    assert not (studies[2] / "out").exists()


def test_two_studies_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="both called one"):
        align_studies([Path("a/one"), Path("b/one.zip")], tmp_path / "out", SETTINGS)
    assert not (tmp_path / "out").exists()
