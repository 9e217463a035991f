from dataclasses import replace
from pathlib import Path

import pytest

from tests.dataset.synthetic import SETTINGS, labelled_case, store
from zonate.dataset.cases import CaseRecord, Use
from zonate.dataset.importers import Source
from zonate.dataset.index import write_index
from zonate.dataset.splits import Side
from zonate.errors import LeakageError
from zonate.study import Sequence
from zonate.verbs.place_cases import place_cases, sides_of
from zonate.zones import ALL_ZONE_CODES, LabelCode

COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)


def case(
    root: Path,
    case_id: str,
    patient: str,
    side: Side | None = None,
    *,
    level: float,
    codes: tuple[LabelCode, ...] = COARSE,
    derived_from: tuple[str, ...] = (),
    use: Use = "any",
) -> tuple[Source, CaseRecord]:
    """A case of which no network need know more than its codes; two of one level hold the same image."""
    record = store(root, labelled_case(case_id, level), patient, codes=codes, derived_from=derived_from, use=use)
    source = Source(case_id, patient, {Sequence.T2W: root}, (), "made here", "CC0", root, "here", use=use, side=side)
    return replace(source, derived_from=derived_from), record


def test_zones_that_nobody_who_trains_has_are_said(tmp_path: Path) -> None:
    cases = [
        case(tmp_path, "a", "P1", "train", level=1.0),
        case(tmp_path, "b", "P2", "validation", level=2.0),
        case(tmp_path, "c", "P3", "test", level=3.0, codes=ALL_ZONE_CODES),
    ]
    placed, said = place_cases(cases, SETTINGS.split, {})
    assert [one.split for one in placed] == ["train", "validation", "test"]
    (text,) = said
    assert text.startswith("TZ, DPU, AFS are drawn, but in no case that trains: a model will not tell them apart")
    cases[0] = case(tmp_path, "d", "P4", "train", level=4.0, codes=ALL_ZONE_CODES)
    assert place_cases(cases, SETTINGS.split, {})[1] == []


def test_zones_that_those_who_train_name_but_do_not_draw_are_said(tmp_path: Path) -> None:
    named = tuple(LabelCode(code) for code in (0, 1, 2, 4, 5))
    cases = [case(tmp_path, "a", "P1", "train", level=1.0, codes=named)]
    assert place_cases(cases, SETTINGS.split, {})[1] == []
    cases.append(case(tmp_path, "b", "P2", "test", level=2.0, codes=ALL_ZONE_CODES))
    (text,) = place_cases(cases, SETTINGS.split, {})[1]
    assert text.startswith("TZ, DPU, AFS are drawn, but in no case that trains: a model will not tell them apart")


def test_cases_that_change_sides_are_counted(tmp_path: Path) -> None:
    cases = [case(tmp_path, name, f"P{name}", "train", level=i) for i, name in enumerate("abc", start=1)]
    placed, _ = place_cases(cases, SETTINGS.split, {})
    write_index(tmp_path, placed, SETTINGS)
    before = sides_of(tmp_path)
    assert before == {"a": "train", "b": "train", "c": "train"}
    assert place_cases(cases, SETTINGS.split, before)[1] == []
    moved = [cases[0], *(case(tmp_path, name, f"P{name}", "test", level=i) for i, name in enumerate("bc", start=2))]
    assert place_cases(moved, SETTINGS.split, before)[1] == [
        "2 cases on another side than before: a model trained on the earlier split may have seen those that test now"
    ]
    assert sides_of(tmp_path / "nowhere") == {}


def test_one_image_on_two_sides_is_a_leak_and_says_why(tmp_path: Path) -> None:
    cases = [
        case(tmp_path, "a", "P1", "train", level=1.0),
        case(tmp_path, "b", "P2", "test", level=1.0),
    ]
    with pytest.raises(LeakageError, match=r"P1 \(train: case a, test: case b\).*case b: its T2W image is also one of"):
        place_cases(cases, SETTINGS.split, {})


def test_a_made_case_whose_source_tests_is_refused(tmp_path: Path) -> None:
    cases = [
        case(tmp_path, "a", "P1", "test", level=1.0),
        case(tmp_path, "m", "made", "train", level=2.0, derived_from=("P1",)),
    ]
    with pytest.raises(LeakageError, match=r"P1 \(train: case m made from this patient, test: case a\)"):
        place_cases(cases, SETTINGS.split, {})


def test_the_source_of_a_made_case_is_known_by_its_other_name_too(tmp_path: Path) -> None:
    cases = [
        case(tmp_path, "a", "P1", "train", level=1.0),
        case(tmp_path, "b", "P2", "train", level=1.0),
        case(tmp_path, "m", "made", "train", level=2.0, derived_from=("P2", "P1", "P3")),
    ]
    placed, _ = place_cases(cases, SETTINGS.split, {})
    assert placed[2].derived_from == ("P1", "P3")


def test_made_cases_that_stand_aside_are_counted_and_seen_sources_named(tmp_path: Path) -> None:
    cases = [case(tmp_path, f"c{i}", f"P{i}", level=float(i)) for i in range(1, 4)]
    cases += [
        case(tmp_path, f"m{i}", f"made-{i}", "train", level=10.0 + i, derived_from=(f"P{i}", "P9")) for i in range(1, 4)
    ]
    cases.append(case(tmp_path, "e", "P9", level=20.0, use="evaluation"))
    settings = SETTINGS.override(["split.folds=3", "split.fold=0", "split.validation_fraction=0"]).split
    placed, said = place_cases(cases, settings, {})
    sides = {one.record.case_id: one.split for one in placed}
    (tested,) = (number for number in "123" if sides[f"c{number}"] == "test")
    assert [sides[f"m{number}"] for number in "123" if number != tested] == ["train", "train"]
    assert sides[f"m{tested}"] == "evaluation"
    assert said == [
        "case e: it is for evaluation, but other cases of its patient, made from them, train, so that a score on it is "
        "not one of an unseen patient",
        "made cases that stand aside in this fold, in which a patient that they were made from is on another side: 1",
    ]


def test_patients_whose_names_differ_in_letter_case_alone_are_said(tmp_path: Path) -> None:
    cases = [
        case(tmp_path, name, patient, "train", level=level)
        for name, patient, level in (("a", "P1", 1.0), ("b", "p1", 2.0), ("c", "P2", 3.0))
    ]
    _, said = place_cases(cases, SETTINGS.split, {})
    assert said == ["the patient ids P1, p1 differ in letter case alone and count as different patients"]
