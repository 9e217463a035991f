from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonate.dataset.splits import (
    Candidate,
    Placed,
    Side,
    check_no_leakage,
    fold_of_patients,
    joined_patients,
    split_cases,
    split_patients,
)
from zonate.errors import DatasetError, LeakageError
from zonate.settings.data import SplitSettings


def patients(n: int) -> dict[str, float | None]:
    return {f"p{i:03}": 20.0 + i for i in range(n)}


@pytest.mark.parametrize(
    ("n", "train", "validation", "test"),
    [
        (0, 0, 0, 0),
        (1, 1, 0, 0),
        (2, 1, 0, 1),
        (3, 1, 1, 1),
        (4, 2, 1, 1),
        (10, 6, 2, 2),
        (17, 11, 3, 3),
        (100, 65, 15, 20),
    ],
)
def test_how_many_stand_on_each_side(n: int, train: int, validation: int, test: int) -> None:
    counts = Counter(split_patients(patients(n), SplitSettings()).values())
    assert (counts["train"], counts["validation"], counts["test"]) == (train, validation, test)


def test_a_side_of_fraction_0_stays_empty() -> None:
    only_train = SplitSettings(validation_fraction=0, test_fraction=0)
    assert set(split_patients(patients(9), only_train).values()) == {"train"}
    assert set(split_patients(patients(2), only_train).values()) == {"train"}
    no_test = SplitSettings(validation_fraction=0.3, test_fraction=0)
    assert Counter(split_patients(patients(2), no_test).values()) == {"train": 1, "validation": 1}
    assert Counter(split_patients(patients(10), no_test).values()) == {"train": 7, "validation": 3}


def test_someone_trains_even_when_the_fractions_are_greedy() -> None:
    greedy = SplitSettings(validation_fraction=0.49, test_fraction=0.5)
    assert Counter(split_patients(patients(3), greedy).values()) == {"train": 1, "validation": 1, "test": 1}
    assert Counter(split_patients(patients(4), greedy).values())["train"] == 1


def test_each_side_spans_the_gland_volumes() -> None:
    settings = SplitSettings(validation_fraction=0.2, test_fraction=0.2)
    sides = split_patients(patients(20), settings)  # volumes 20 to 39 ml
    test = sorted(20 + int(p[1:]) for p, side in sides.items() if side == "test")
    assert len(test) == 4
    assert all(20 + 5 * i <= volume < 25 + 5 * i for i, volume in enumerate(test))  # one of each quarter
    validation = sorted(int(p[1:]) for p, side in sides.items() if side == "validation")
    assert validation[0] < 7
    assert validation[-1] > 13


def test_the_seed_decides_and_the_order_does_not() -> None:
    volumes = patients(30)
    first = split_patients(volumes, SplitSettings(seed=1))
    assert split_patients(dict(reversed(volumes.items())), SplitSettings(seed=1)) == first
    assert split_patients(volumes, SplitSettings(seed=2)) != first


def test_patients_of_unknown_volume_are_divided_too() -> None:
    sides = split_patients(dict.fromkeys("abcdefghij"), SplitSettings())
    assert Counter(sides.values()) == {"train": 6, "validation": 2, "test": 2}


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=6), st.none() | st.floats(10, 400), max_size=60),
    st.floats(0, 0.49),
    st.floats(0, 0.49),
    st.integers(0, 5),
)
def test_every_patient_has_one_side_and_someone_trains(
    volumes: dict[str, float | None], validation: float, test: float, seed: int
) -> None:
    settings = SplitSettings(validation_fraction=validation, test_fraction=test, seed=seed)
    sides = split_patients(volumes, settings)
    assert set(sides) == set(volumes)
    counts = Counter(sides.values())
    assert counts["train"] >= min(1, len(volumes))
    if len(volumes) >= 3:
        assert bool(counts["validation"]) == (validation > 0)
        assert bool(counts["test"]) == (test > 0)


def test_all_cases_of_a_patient_stand_on_one_side() -> None:
    cases = [Candidate(f"p{i % 5}", 30.0 + i) for i in range(20)]
    splits = split_cases(cases, SplitSettings())
    assert len({(case.patient_id, split) for case, split in zip(cases, splits, strict=True)}) == 5


def test_rows_for_evaluation_never_train() -> None:
    ordinary = [Candidate(f"p{i}", 30.0 + i) for i in range(5)]
    evaluated = [Candidate(f"p{i}", 90.0, evaluation=True) for i in range(3, 8)]
    splits = split_cases([*evaluated, *ordinary], SplitSettings())
    assert splits[:5] == ["evaluation"] * 5
    assert splits[5:] == split_cases(ordinary, SplitSettings())  # and they change nothing for the others


def test_a_source_may_ask_for_a_side() -> None:
    cases = [
        Candidate("official", 30.0, side="test"),
        Candidate("official", 30.0),
        *(Candidate(f"p{i}", 30.0) for i in range(3)),
    ]
    splits = split_cases(cases, SplitSettings())
    assert splits[:2] == ["test", "test"]
    assert sorted(splits[2:]) == ["test", "train", "validation"]


def test_a_patient_on_two_sides_is_refused_with_the_pair_named() -> None:
    with pytest.raises(LeakageError, match=r"P7 \(train: case c, test: case b\); P9 \(train: case e, "):
        check_no_leakage(
            [
                Placed("P9", "test", "a"),
                Placed("P7", "test", "b"),
                Placed("P7", "train", "c"),
                Placed("P8", "train", "d"),
                Placed("P9", "train", "e"),
                Placed("P9", "validation", "f"),
            ]
        )
    with pytest.raises(LeakageError, match="P7"):
        split_cases([Candidate("P7", 1.0, side="test"), Candidate("P7", 1.0, side="train")], SplitSettings())


def test_a_made_case_on_another_side_than_its_source_is_refused_with_what_to_do() -> None:
    with pytest.raises(LeakageError) as error:
        check_no_leakage(
            [
                Placed("made-1", "train", "m1", ("P7", "P8")),
                Placed("P7", "test", "b"),
                Placed("P8", "train", "c"),
                Placed("made-2", "evaluation", "m2", ("P7",)),
            ]
        )
    said = str(error.value)
    assert "but P7 (train: case m1 made from this patient, test: case b): give" in said
    assert "`zonate synthesise --leave-out PATIENT`" in said
    assert "`--set split.fold=0`" in said
    with pytest.raises(LeakageError, match=r"absent \(train: case m1 made .*, validation: case m2 made "):
        check_no_leakage([Placed("a", "train", "m1", ("absent",)), Placed("b", "validation", "m2", ("absent",))])
    check_no_leakage([Placed("made-1", "test", "m1", ("P7",)), Placed("P7", "test", "b")])


def test_without_a_fold_a_made_case_whose_source_tests_is_refused() -> None:
    cases = [
        Candidate("P0", 30.0, case_id="a"),
        Candidate("P1", 40.0, case_id="b"),
        Candidate("made", 35.0, side="train", case_id="m", derived_from=("P0", "P1")),
    ]
    with pytest.raises(LeakageError, match=r"P[01] \(train: case m made from this patient, test: case [ab]\)"):
        split_cases(cases, SplitSettings())
    alone = SplitSettings(validation_fraction=0, test_fraction=0)
    assert split_cases(cases, alone) == ["train", "train", "train"]


def test_in_a_fold_a_made_case_stands_aside_where_its_source_tests_or_validates() -> None:
    real = [Candidate(f"p{i}", 20.0 + i, case_id=f"p{i}") for i in range(10)]
    made = [
        Candidate(f"made-{i}", 30.0, side="train", case_id=f"m{i}", derived_from=(f"p{i}", "elsewhere"))
        for i in range(10)
    ]
    trained: Counter[str] = Counter()
    for fold in range(5):
        splits = split_cases([*real, *made], SplitSettings(fold=fold))
        for of_real, of_made in zip(splits[:10], splits[10:], strict=True):
            assert of_made == ("train" if of_real == "train" else "evaluation")
        trained.update(case.case_id for case, split in zip(made, splits[10:], strict=True) if split == "train")
        assert Counter(splits[:10])["test"] == 2
    assert sum(trained.values()) == 5 * 7  # two test and one validates in each
    evaluated = replace(made[0], evaluation=True)
    assert split_cases([*real, evaluated], SplitSettings(fold=0))[-1] == "evaluation"


@st.composite
def cohorts(draw: st.DrawFn) -> list[Candidate]:
    """Real patients of one case or two, some of whom always train, and cases made from them and from others."""
    n = draw(st.integers(1, 12))
    sides: st.SearchStrategy[Side | None] = st.sampled_from([None, None, "train"])
    real = [
        Candidate(f"p{i}", draw(st.none() | st.floats(10, 200)), side=side)
        for i, side in enumerate(draw(st.lists(sides, min_size=n, max_size=n)))
    ]
    again = [replace(case, gland_volume_ml=None) for case in real[: draw(st.integers(0, n))]]
    names = st.sampled_from([*(case.patient_id for case in real), "x", "y"])
    sources = draw(st.lists(st.lists(names, min_size=1, max_size=3, unique=True), max_size=12))
    made = [Candidate(f"made-{i}", 30.0, side="train", derived_from=tuple(s)) for i, s in enumerate(sources)]
    return draw(st.permutations([*real, *again, *made]))


@given(cohorts(), st.integers(2, 6), st.sampled_from([0.0, 0.2, 0.4]), st.integers(0, 5))
def test_in_no_fold_does_a_case_train_that_shares_a_patient_or_a_source_with_one_that_tests(
    cases: list[Candidate], folds: int, validation: float, seed: int
) -> None:
    for fold in range(folds):
        settings = SplitSettings(validation_fraction=validation, folds=folds, seed=seed, fold=fold)
        shown: dict[str, set[str]] = {"train": set(), "validation": set(), "test": set(), "evaluation": set()}
        for case, split in zip(cases, split_cases(cases, settings), strict=True):
            shown[split] |= {case.patient_id, *case.derived_from}
            assert split != "evaluation" or case.derived_from  # only made cases stand aside
        assert not shown["train"] & (shown["test"] | shown["validation"])
        assert not shown["validation"] & shown["test"]


def test_evaluation_is_no_side() -> None:
    check_no_leakage([Placed("P7", "evaluation"), Placed("P7", "train"), Placed("P7", "train")])


def test_a_test_set_tests_with_all_that_its_patients_have_elsewhere() -> None:
    cases = [
        Candidate("P1", 30.0, dataset="A"),
        Candidate("P2", 40.0, dataset="A"),
        Candidate("P3", 50.0, dataset="A"),
        Candidate("P2", 40.0, dataset="B"),
        Candidate("P4", 60.0, dataset="B"),
    ]
    splits = split_cases(cases, SplitSettings(test_sets=("B",)))
    assert splits[1] == splits[3] == splits[4] == "test"
    assert sorted([splits[0], splits[2]]) == ["train", "validation"]
    with pytest.raises(DatasetError, match="no case is of the test set C: there are A, B"):
        split_cases(cases, SplitSettings(test_sets=("C",)))
    trains = Candidate("P4", 60.0, side="train", dataset="A", case_id="official")
    with pytest.raises(LeakageError, match=r"P4 \(train: case official"):
        split_cases([*cases, trains], SplitSettings(test_sets=("B",)))


def test_beside_a_test_set_nobody_else_tests_not_even_whom_their_publisher_keeps_for_testing() -> None:
    cases = [
        *(Candidate(f"p{i}", 20.0 + i, dataset="A") for i in range(8)),
        Candidate("official", 30.0, side="test", dataset="A", case_id="official"),
        Candidate("official", 30.0, dataset="C"),
        Candidate("fixed", 30.0, side="validation", dataset="A"),
        Candidate("ext", 60.0, side="train", dataset="EXT"),
        Candidate("known", 50.0, dataset="EXT"),
        Candidate("known", 50.0, side="test", dataset="A"),
    ]
    splits = split_cases(cases, SplitSettings(test_sets=("EXT",)))
    assert splits[10:] == ["validation", "test", "test", "test"]
    assert splits[8:10] == ["evaluation", "evaluation"]  # it teaches nobody either
    assert Counter(splits[:8]) == {"train": 7, "validation": 1}
    assert split_cases(cases, SplitSettings())[8:10] == ["test", "test"]


def test_every_patient_tests_in_one_fold_and_the_folds_span_the_volumes() -> None:
    volumes = patients(20)
    folds = fold_of_patients(volumes, SplitSettings())
    assert Counter(folds.values()) == {0: 4, 1: 4, 2: 4, 3: 4, 4: 4}
    for first in range(0, 20, 5):  # of five neighbours by volume, each is in another fold
        assert sorted(folds[f"p{i:03}"] for i in range(first, first + 5)) == [0, 1, 2, 3, 4]
    tested: list[str] = []
    for fold in range(5):
        splits = split_cases([Candidate(p, v) for p, v in volumes.items()], SplitSettings(fold=fold))
        assert Counter(splits) == {"train": 14, "validation": 2, "test": 4}
        tested += [p for p, split in zip(volumes, splits, strict=True) if split == "test"]
    assert sorted(tested) == sorted(volumes)


def test_a_fold_tests_its_own_patients_alone() -> None:
    cases = [
        *(Candidate(f"p{i}", 20.0 + i, dataset="A") for i in range(10)),
        *(Candidate(f"q{i}", 30.0 + i, dataset="EXT") for i in range(4)),
        Candidate("q0", 30.0, dataset="A"),
        Candidate("official", 30.0, side="test", dataset="A"),
        Candidate("trains", 30.0, side="train", dataset="A"),
    ]
    tested: list[str] = []
    for fold in range(5):
        splits = split_cases(cases, SplitSettings(test_sets=("EXT",), fold=fold))
        assert splits[10:] == [*["evaluation"] * 6, "train"]
        tested += [case.patient_id for case, split in zip(cases, splits, strict=True) if split == "test"]
    assert sorted(tested) == [f"p{i}" for i in range(10)]
    again = [replace(case, evaluation=split == "evaluation") for case, split in zip(cases, splits, strict=True)]
    assert split_cases(again, SplitSettings(test_sets=("EXT",), fold=4)) == splits  # as of a dataset made for a fold
    with pytest.raises(DatasetError, match="no case is of the test set C: there are A, EXT"):
        split_cases(again, SplitSettings(test_sets=("C",), fold=4))
    with pytest.raises(DatasetError, match="no case is of the test set EXT: there are A"):
        split_cases(again, SplitSettings(test_sets=("EXT",)))


def test_a_patient_known_by_two_names_is_one() -> None:
    cases = [("P3", "x"), ("P1", "y"), ("P2", "x"), ("P1", "z"), ("P3", "z"), ("P4", "w")]
    assert joined_patients(cases) == {"P1": "P1", "P2": "P1", "P3": "P1", "P4": "P4"}
    assert joined_patients([]) == {}
