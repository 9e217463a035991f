"""The command line as a user meets it: exit codes, what goes where, and the help."""

import json
import os
import re
from pathlib import Path
from typing import Any, Never

import pytest

from tests.alignment.phantom import acquisition
from zonate import shipped
from zonate.alignment.landmarks import LandmarkErrors
from zonate.case import NO_ALIGNMENT
from zonate.cli import commands
from zonate.cohort.workers import Workers
from zonate.config import Settings, load_recipe
from zonate.dataset.storage import Cache
from zonate.errors import DatasetError
from zonate.fast import fast
from zonate.helper import aside
from zonate.io.nifti import write_volume
from zonate.progress import stage
from zonate.study import Sequence
from zonate.verbs.align_studies import Aligned, AlignStudiesResult
from zonate.verbs.check import CheckedCase, CheckResult
from zonate.verbs.predict_studies import PredictResult
from zonate.verbs.simulate import simulate

VERBS = (
    "demo",
    "simulate",
    "synthesise",
    "inspect",
    "align",
    "prepare",
    "check",
    "download",
    "export",
    "train",
    "evaluate",
    "calibrate",
    "predict",
    "view",
    "export-seg",
    "info",
)


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the command line and give its exit code."""
    monkeypatch.setattr("sys.argv", ["zonate", *words])
    with pytest.raises(SystemExit) as stopped:
        commands.main()
    return int(stopped.value.code or 0)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_help(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, verb, "--help") == 0
    assert re.search(rf"Usage: zonate {verb}", capsys.readouterr().out)


def test_inspect_prints_json_on_stdout_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (study,) = simulate(1, tmp_path / "studies")
    assert call(monkeypatch, "inspect", str(study), "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["case_id"] == "simulated-0001"
    assert set(printed) == {"case_id", "series", "roles", "warnings"}
    assert set(printed["roles"]) == {"T2W", "DWI", "ADC"}
    assert call(monkeypatch, "inspect", str(study), "--t2w", "99") == 1
    assert "99" in capsys.readouterr().err


def test_a_study_that_cannot_be_read_exits_1_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert call(monkeypatch, "inspect", str(tmp_path / "empty")) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert "Traceback" not in printed.err


def test_a_wrong_call_exits_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("train", "--data", str(tmp_path), "-o", str(tmp_path / "run"))
    assert call(monkeypatch, *words, "--recipe", "no-such-recipe") == 2
    assert "demo, pix2pix, unet" in capsys.readouterr().err
    assert call(monkeypatch, *words, "--set", "training.epoch=3") == 2
    assert "training.epochs" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "result").touch()
    assert call(monkeypatch, "simulate", "-n", "1", "-o", str(tmp_path / "full")) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert call(monkeypatch, "export", str(tmp_path), "-o", str(tmp_path / "x"), "--to", "parquet") == 2


def test_paths_are_printed_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "[bold]fold[0]"
    checked = CheckResult(folder, (CheckedCase("a", "A", "train", (), {}),), ("contact-01.png", "contact-02.png"))
    monkeypatch.setattr("zonate.verbs.check.check", lambda *_a, **_n: checked)
    assert call(monkeypatch, "check", str(tmp_path), "-o", str(folder)) == 0
    assert f"look at {folder}/contact-01.png (2 in all)\n" in capsys.readouterr().err
    monkeypatch.setattr("zonate.verbs.train.train", lambda *_a, **_n: folder / "best.safetensors")
    assert call(monkeypatch, "train", "--data", str(tmp_path), "-o", str(folder)) == 0
    printed = f"best model: {folder}/best.safetensors; whose data it learnt from: {folder}/card.md\n"
    assert printed in capsys.readouterr().err
    monkeypatch.setattr("zonate.verbs.predict_studies.predict_studies", lambda *_a, **_n: PredictResult((folder,), {}))
    folder.mkdir()
    about = {"doubt": "", "warnings": [], "not_validated": [], "model": {"terms_of_use": None}}
    (folder / "zones.json").write_text(json.dumps(about), encoding="utf-8")
    assert call(monkeypatch, "predict", str(tmp_path), "-o", str(folder), "--model", str(tmp_path)) == 0
    assert capsys.readouterr().err.splitlines()[-1] == f"look at {folder}/qc.png"
    monkeypatch.setattr("zonate.verbs.simulate.simulate", lambda *_a, **_n: [folder])
    assert call(monkeypatch, "simulate", "-o", str(folder)) == 0
    assert f"1 simulated studies in {folder}; truth" in capsys.readouterr().err


def test_what_a_training_begins_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(*_data: object, **_named: object) -> Path:
        stage("17 patients to learn from")
        return tmp_path / "best.safetensors"

    monkeypatch.setattr("zonate.verbs.train.train", train)
    assert call(monkeypatch, "train", "--data", str(tmp_path), "-o", str(tmp_path)) == 0
    assert capsys.readouterr().err.splitlines()[0] == "17 patients to learn from"


def test_a_training_from_weights_takes_their_recipe_unless_another_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, int, Path | None]] = []

    def train(_data: Path, run: Path, settings: Settings, *, init: Path | None, **_named: object) -> Path:
        called.append((settings.name, settings.training.epochs, init))
        return run

    monkeypatch.setattr("zonate.verbs.train.train", train)
    monkeypatch.setattr(
        "zonate.training.initial_weights.initial_settings",
        lambda init: Settings(name=f"of {init}").override(["training.epochs=7"]),
    )
    words = ("train", "--data", str(tmp_path), "-o", str(tmp_path / "run"))
    assert call(monkeypatch, *words) == 0
    assert call(monkeypatch, *words, "--init", "shipped") == 0
    assert call(monkeypatch, *words, "--init", "shipped", "--set", "training.epochs=5") == 0
    assert call(monkeypatch, *words, "--init", "run", "--recipe", "unet") == 0
    assert called == [
        ("pix2pix", 300, None),
        ("of shipped", 7, Path("shipped")),
        ("of shipped", 5, Path("shipped")),
        ("unet", 300, Path("run")),
    ]


def test_what_is_set_has_the_last_word_over_fast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[Settings, list[str]]] = []

    def train(_data: Path, run: Path, settings: Settings, *, by_hand: list[str], **_named: object) -> Path:
        called.append((settings, by_hand))
        return run

    monkeypatch.setattr("zonate.verbs.train.train", train)
    words = ("train", "--data", str(tmp_path), "-o", str(tmp_path / "run"))
    assert call(monkeypatch, *words, "--fast", "--set", "training.compiled = false") == 0
    assert call(monkeypatch, *words) == 0
    assert called == [
        (fast(load_recipe("pix2pix")).override(["training.compiled=false"]), ["training.compiled"]),
        (load_recipe("pix2pix"), []),
    ]


@pytest.mark.parametrize("words", [("train",), ("evaluate", "shipped")])
def test_a_dataset_may_be_a_url_that_is_read_through_a_bounded_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    called: list[tuple[str, Cache | None]] = []

    def opened(place: str, cache: Cache | None) -> Never:
        called.append((place, cache))
        raise DatasetError("not there")

    monkeypatch.setattr("zonate.dataset.store.Dataset.open", opened)
    monkeypatch.setattr("zonate.verbs.evaluate.model_path", lambda model: model)
    words = (*words, "--data", "s3://bucket/set", "-o", str(tmp_path / "out"))
    assert call(monkeypatch, *words, "--cache", str(tmp_path), "--cache-gb", "2.5") == 1
    assert call(monkeypatch, *words) == 1
    assert called == [("s3://bucket/set", Cache(tmp_path, 2_500_000_000)), ("s3://bucket/set", None)]


def test_predict_without_a_model_leaves_the_choice_to_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shipped, "FILE", tmp_path / "none.safetensors")
    for words in (
        ("predict", str(tmp_path / "study"), "-o", str(tmp_path / "out")),
        ("evaluate", "shipped", "--data", str(tmp_path), "-o", str(tmp_path / "out")),
        ("train", "--init", "shipped", "--data", str(tmp_path), "-o", str(tmp_path / "out")),
    ):
        assert call(monkeypatch, *words) == 1
        assert "this installation carries no weights, give --model" in capsys.readouterr().err.replace("\n", " ")


def test_predict_says_what_the_zones_warn_of_and_the_models_terms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    about = {
        "doubt": "the gland is torn",
        "warnings": ["the gland is in 63 pieces"],
        "not_validated": ["DPU", "AFS"],
        "model": {"terms_of_use": "the model learns from X (CC BY-NC)"},
    }
    (tmp_path / "zones.json").write_text(json.dumps(about), encoding="utf-8")
    done = PredictResult((tmp_path,), {})
    monkeypatch.setattr("zonate.verbs.predict_studies.predict_studies", lambda *_a, **_n: done)
    assert call(monkeypatch, "predict", str(tmp_path), "-o", str(tmp_path), "--model", str(tmp_path)) == 0
    printed = capsys.readouterr().err
    assert f"warning: case {tmp_path.name}: the gland is in 63 pieces\n" in printed
    assert f"doubtful: case {tmp_path.name}: the gland is torn\n" in printed
    assert "terms: the model learns from X (CC BY-NC)\n" in printed
    unproven = (
        "Not validated: distal prostatic urethra, anterior fibromuscular stroma; too few patients showed how well"
    )
    assert printed.count(unproven) == 1


@pytest.mark.parametrize(
    ("words", "cores", "helped"),
    [
        ((), 2, True),
        (("--workers", "1"), 2, True),
        ((), 1, False),
        (("--timeout-s", "60"), 2, False),  # in a worker's process
        (("--scheduler", "tcp://there:8786"), 2, False),
    ],
)
def test_predict_has_a_second_process_where_it_segments_itself_and_there_is_a_core_for_it(
    words: tuple[str, ...], cores: int, helped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def segment(*_a: object, **_n: object) -> PredictResult:
        with aside(os.getpid) as work:
            seen.append(work.result() != os.getpid())
        return PredictResult((), {})

    monkeypatch.setattr("zonate.verbs.predict_studies.predict_studies", segment)
    monkeypatch.setattr("zonate.cli.studies.usable_cores", lambda: cores)
    assert call(monkeypatch, "predict", str(tmp_path), "-o", str(tmp_path), *words) == 0
    assert seen == [helped]


def test_info_tells_recipes_and_zones(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "info", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["recipes"] == ["demo", "pix2pix", "unet", "zonate"]
    assert printed["shipped_model"]
    assert printed["zones"]["4"] == {"abbreviation": "AFS", "name": "anterior fibromuscular stroma"}


def test_info_of_a_model_tells_that_model_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "info", "shipped", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["name"], printed["file"]) == ("zonate", "zonate.safetensors")
    assert "recipes" not in printed
    assert call(monkeypatch, "info", str(tmp_path)) == 1
    error = capsys.readouterr().err.replace("\n", "")
    assert error.startswith("error: there is no zonate-model at")
    assert "give the file, or the run folder of `zonate train`" in error


def test_align_writes_each_study_into_a_folder_of_the_output_one_or_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = acquisition()
    assert pair.adc is not None
    for name in ("one", "two"):
        write_volume(tmp_path / "studies" / name / "t2w.nii.gz", pair.t2w)
        write_volume(tmp_path / "studies" / name / "adc.nii.gz", pair.adc)
    one, two = (str(tmp_path / "studies" / name) for name in ("one", "two"))
    out = tmp_path / "out"
    words = ("-o", str(out), "--workers", "1", "--set", "alignment.method=header")
    assert call(monkeypatch, "align", one, two, str(tmp_path / "nothing"), *words) == 1
    assert sorted(path.name for path in out.iterdir()) == ["one", "two"]
    printed = capsys.readouterr().err
    assert printed.count("alignment not registered: ") == 2
    assert "1 failed (what is not named here is done):\n  nothing: case nothing: there is no folder or zip" in printed
    (out / "two" / "notes.txt").touch()
    assert call(monkeypatch, "align", one, *words, "--overwrite") == 0
    assert f"look at {out / 'one' / 'alignment.png'}\n" in capsys.readouterr().err
    assert (out / "two" / "notes.txt").exists()
    assert call(monkeypatch, "align", one, two, *words, "--resume") == 0
    assert "2 there already: one, two" in capsys.readouterr().err
    assert call(monkeypatch, "align", one, *words) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert call(monkeypatch, "align", one, two, *words, "--case-id", "x") == 2


def test_align_keeps_limits_of_one_study_and_measures_its_landmarks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[dict[str, Any]] = []
    errors = LandmarkErrors(2, 1.5, 1.5, 2.0, 2.0, 3.5, 3.5, 4.0, 4.0, {}, {})

    def align_studies(studies: list[Path], output: Path, _settings: Settings, **named: Any) -> AlignStudiesResult:
        called.append({"studies": studies, **named})
        return AlignStudiesResult({output / "one": Aligned(NO_ALIGNMENT, ("ADC is absent",), errors)}, {}, ())

    monkeypatch.setattr("zonate.verbs.align_studies.align_studies", align_studies)
    limits = ("--timeout-s", "60", "--memory-gib", "2", "-w", "1")
    assert call(monkeypatch, "align", "one", "-o", str(tmp_path), *limits, "--landmarks", "a.fcsv", "--dwi", "7") == 0
    (named,) = called
    assert named["studies"] == [Path("one")]
    assert named["workers"] == Workers(1, None, 2.0, 60.0)
    assert (named["landmarks"], named["overrides"]) == ([Path("a.fcsv")], {Sequence.DWI: 7})
    said = [
        "2 landmarks: 1.50 mm off on average, 2.00 mm at most; by the header 3.50 mm and 4.00 mm",
        f"look at {tmp_path / 'one' / 'alignment.png'}",
        "warning: case one: ADC is absent",
    ]
    assert capsys.readouterr().err.splitlines()[-3:] == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--scheduler", "tcp://127.0.0.1:9", "--workers", "4"), "give one of the two"),
        (("--scheduler", "tcp://127.0.0.1:9", "--memory-gib", "4"), "dask worker --memory-limit"),
        (("--timeout-s", "0"), "timeout_s is 0.0"),
    ],
)
def test_limits_and_clusters_that_cannot_be_are_a_wrong_call(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for verb in ("prepare", "align", "predict"):
        assert call(monkeypatch, verb, str(tmp_path), "-o", str(tmp_path / "out"), *words) == 2
        assert said in capsys.readouterr().err.replace("\n", " ")
