import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from tests.verbs.standins import AFFINE, GRID, SHAPE, SLICING, StandInModel, coarse, gland, key_but_of, t2w
from tests.verbs.synthetic import all_files
from zonate.case import Case
from zonate.config import Settings
from zonate.errors import ConfigError, ModelError, OutputError, StudyError
from zonate.geometry import Grid, Volume
from zonate.io.nifti import read_volume, write_volume
from zonate.load import LoadedStudy, load_study
from zonate.model import Model
from zonate.networks.generator import Generator
from zonate.outputs import write as outputs
from zonate.preprocessing.slices import Slices
from zonate.preprocessing.statistics import Statistics
from zonate.settings.results import OutputSettings, PredictionSettings
from zonate.study import Sequence
from zonate.verbs import predict_study as of_one
from zonate.verbs.predict_studies import PredictResult, predict_studies
from zonate.verbs.predict_study import refuse_corrections
from zonate.zones import ALL_ZONE_CODES, LabelCode

ZONES_ALONE = Settings(
    name="stand-in",
    slicing=SLICING,
    prediction=PredictionSettings(samples=0),
    output=OutputSettings(images=False, dicom=False, rtstruct=False, surfaces=False, report=False),
)


class Scene:
    """A model and studies that `predict_studies` finds in place of files; of its output, the zones alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.model = StandInModel(lambda _slices: gland(), settings=ZONES_ALONE)
        self.cases: dict[str, Case] = {}
        self.settings_used: list[Settings] = []
        self.output = folder / "out"
        self.file = folder / "model.safetensors"
        self.file.write_bytes(b"weights")
        monkeypatch.setattr(Model, "load", lambda _path: self.model)
        monkeypatch.setattr(of_one, "load_study", self.load_study)

    def load_study(
        self, source: Path, settings: Settings, *, case_id: str, overrides: dict[Sequence, int] | None
    ) -> LoadedStudy:
        del overrides
        self.settings_used.append(settings)
        if source.name.startswith("broken"):
            raise StudyError(f"case {case_id}: series 4 lacks a slice")
        return LoadedStudy(self.cases.get(case_id, Case(case_id, t2w())), None)

    def run(self, *studies: str, **arguments: Any) -> PredictResult:
        return predict_studies([Path("studies") / name for name in studies], self.output, self.file, **arguments)

    def report(self, case_id: str = "one") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.output / case_id / "zones.json").read_text(encoding="utf-8"))
        return found


@pytest.fixture
def drawn_scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scene:
    return Scene(monkeypatch, tmp_path)


@pytest.fixture
def scene(drawn_scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Without the picture, which takes most of the time."""

    def touch(file: Path, *_arguments: object, **_named: object) -> None:
        file.touch()

    monkeypatch.setattr(outputs, "draw_qc", touch)
    return drawn_scene


def test_the_files_of_a_case(drawn_scene: Scene) -> None:
    scene = drawn_scene
    result = scene.run("one")
    assert result == PredictResult((scene.output / "one",), {})
    written = ["qc.png", "sectors.nii.gz", "zones.json", "zones.nii.gz"]
    assert sorted(path.name for path in (scene.output / "one").iterdir()) == written
    assert (scene.output / "one" / "qc.png").stat().st_size > 5000
    assert [path.name for path in scene.output.iterdir()] == ["one"]


def test_the_zones_lie_on_the_original_grid(scene: Scene) -> None:
    """Oblique, flipped along two axes, with odd spacing: what comes back from disk is where the T2W was."""
    angle = np.deg2rad(17)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.array([[0, 0, -0.5], [0, 0.5, 0], [-3.3, 0, 0]])
    affine[:3, 3] = (12.345678, -67.891234, 101.112131)
    grid = Grid(SHAPE, affine)
    scene.cases["one"] = Case("one", Volume(t2w().values, grid))
    scene.run("one")
    zones = read_volume(scene.output / "one" / "zones.nii.gz")
    assert zones.values.dtype == np.uint8
    assert zones.grid.shape == grid.shape
    assert np.abs(zones.grid.affine - affine).max() < 1e-5
    assert np.array_equal(zones.values, gland().values)


def test_a_nifti_reader_of_another_make_finds_the_same_affine(scene: Scene) -> None:
    scene.run("one")
    image = sitk.ReadImage(str(scene.output / "one" / "zones.nii.gz"))
    assert image.GetPixelIDTypeAsString() == "8-bit unsigned integer"
    assert image.GetSpacing() == pytest.approx((0.5, 0.5, 3.0), abs=1e-6)
    assert image.GetOrigin() == pytest.approx(AFFINE[:3, 3], abs=1e-5)


def test_the_report(scene: Scene) -> None:
    scene.run("one")
    report = scene.report()
    voxel_ml = 0.75 / 1000
    expected = {"PZ": 6 * 16 * 40, "TZ": 6 * (20 * 40 - 16), "DPU": 6 * 16, "AFS": 6 * 4 * 40, "GLAND": 6 * 1600}
    assert {name: report["volume_ml"][name] for name in expected} == pytest.approx(
        {name: count * voxel_ml for name, count in expected.items()}, abs=1e-4
    )
    assert report["gland_volume_ml"] == report["volume_ml"]["GLAND"] == 7.2
    assert report["case_id"] == "one"
    assert report["codes"] == {
        "0": "background",
        "1": "peripheral zone",
        "2": "transition zone",
        "3": "distal prostatic urethra",
        "4": "anterior fibromuscular stroma",
    }
    assert report["model"]["name"] == "stand-in"
    assert report["model"]["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert report["alignment"]["chosen"] == "none"
    assert report["channels"]["T2W"] == {"present": True, "used": True}
    assert report["channels"]["DWI"] == {"present": False, "used": False}
    assert "Research use only" in report["intended_use"]
    assert "zonate_version" in report


def test_the_report_does_not_name_other_patients(scene: Scene) -> None:
    scene.run("one")
    assert "patient-train" not in (scene.output / "one" / "zones.json").read_text(encoding="utf-8")


def test_a_study_of_volumes_names_what_it_cannot_give(scene: Scene) -> None:
    scene.run("one")
    not_given = scene.report()["not_given"]
    objects = {"zones.seg.dcm", "measurements.sr.dcm", "sectors.seg.dcm", "zones.rtstruct.dcm", "report.pdf.dcm"}
    assert {name for name in not_given if name.endswith(".dcm")} == objects
    assert all("not DICOM" in not_given[name] for name in objects)


def test_a_coarse_model_says_which_volumes_it_cannot_tell(scene: Scene) -> None:
    scene.model.answer = lambda _slices: coarse(gland())
    scene.model.codes = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
    scene.run("one")
    report = scene.report()
    assert (report["volume_ml"]["TZ"], report["volume_ml"]["CENTRAL_GLAND"]) == (None, pytest.approx(4.32))
    assert {"volume_ml.TZ", "volume_ml.DPU", "volume_ml.AFS"} <= set(report["not_given"])
    assert report["codes"]["5"] == "central gland"


def test_absent_channels_are_said(scene: Scene) -> None:
    scene.run("one")
    warnings = scene.report()["warnings"]
    assert any(text.startswith("DWI is absent") for text in warnings)
    assert any(text.startswith("ADC is absent") for text in warnings)
    assert not any(text.startswith("T2W") for text in warnings)


def test_a_channel_that_the_model_does_not_know_is_neither_missed_nor_used(scene: Scene) -> None:
    scene.model.channels = (True, False, False)
    scene.cases["one"] = Case("one", t2w(), dwi=t2w())
    scene.run("one")
    report = scene.report()
    assert report["channels"]["DWI"] == {"present": True, "used": False}
    assert not any("absent" in text for text in report["warnings"])


def write_volumes(folder: Path, seed: int = 0, *, elsewhere_mm: float | None = None) -> Path:
    """A study of volume files with T2W, and DWI and ADC that far to the left where they are wanted."""
    folder.mkdir(parents=True)
    write_volume(folder / "t2w.nii.gz", t2w().with_values(np.roll(t2w().values, seed, axis=2)))
    if elsewhere_mm is not None:
        affine = AFFINE.copy()
        affine[0, 3] += elsewhere_mm
        for name in ("dwi", "adc"):
            write_volume(folder / f"{name}.nii.gz", Volume(1000 + t2w().values, Grid(SHAPE, affine)))
    return folder


def test_a_diffusion_series_that_lies_elsewhere_is_said_first_and_once(
    drawn_scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = drawn_scene
    monkeypatch.setattr(of_one, "load_study", load_study)
    study = write_volumes(tmp_path / "one", elsewhere_mm=500.0)
    assert predict_studies([study], scene.output, scene.file).failed == {}
    report = scene.report()
    reason = report["alignment"]["reason"]
    assert report["alignment"]["chosen"] == "none"
    assert report["warnings"][0] == (
        f"the zones come from T2W alone: {reason}. The model learnt with DWI and ADC and saw the mean everywhere in "
        "place of them"
    )
    assert "does not meet that of T2W" in reason
    assert sum(reason in text for text in report["warnings"]) == 1
    assert not any("absent" in text for text in report["warnings"])
    assert report["channels"]["DWI"] == {"present": False, "used": False}
    assert np.array_equal(read_volume(scene.output / "one" / "zones.nii.gz").values, gland().values)


def test_a_model_of_t2w_alone_misses_no_diffusion_series(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_one, "load_study", load_study)
    scene.model.channels = (True, False, False)
    predict_studies([write_volumes(tmp_path / "one", elsewhere_mm=500.0)], scene.output, scene.file)
    assert not any("the zones come from T2W alone" in text for text in scene.report()["warnings"])


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    """A file, which workers can load, of a network that was never trained."""
    torch.manual_seed(0)
    settings = ZONES_ALONE.override(["network.base_channels=4", "slicing.size_px=256"])
    statistics = Statistics((150.0, 0.0, 0.0), (40.0, 1.0, 1.0))
    file = tmp_path / "tiny.safetensors"
    Model(Generator(settings.network), settings, statistics, ALL_ZONE_CODES, {}).save(file)
    return file


@pytest.mark.slow
def test_neither_workers_nor_the_order_of_the_studies_changes_a_bit(tiny_model: Path, tmp_path: Path) -> None:
    studies = [write_volumes(tmp_path / f"s{n}", n, elsewhere_mm=1.5 if n == 0 else None) for n in range(3)]
    (tmp_path / "broken").mkdir()
    studies.insert(1, tmp_path / "broken")
    one = predict_studies(studies, tmp_path / "one", tiny_model)
    told: list[tuple[int, int, str]] = []
    many = predict_studies(
        studies[::-1], tmp_path / "many", tiny_model, workers=2, progress=lambda *step: told.append(step)
    )
    assert [folder.name for folder in one.done] == ["s0", "s1", "s2"]
    assert [folder.name for folder in many.done] == ["s2", "s1", "s0"]
    assert one.failed == many.failed
    assert list(one.failed) == ["broken"]
    about = json.loads((tmp_path / "one" / "s0" / "zones.json").read_text(encoding="utf-8"))
    assert about["alignment"]["registered_on"] is not None
    assert all_files(tmp_path / "one") == all_files(tmp_path / "many")
    steps = [(done, total) for done, total, text in told if ":" not in text]  # else what a study is at
    assert steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_what_is_complete_is_skipped(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_one, "load_study", load_study)
    studies = [write_volumes(tmp_path / name) for name in ("one", "two")]
    assert predict_studies(studies[:1], scene.output, scene.file, resume=True).skipped == ()
    (scene.output / ".zonate-0123abcd.two").mkdir()  # what a kill leaves
    before = (scene.output / "one" / "zones.json").stat().st_mtime_ns
    told: list[tuple[int, int, str]] = []
    again = predict_studies(studies, scene.output, scene.file, resume=True, progress=lambda *step: told.append(step))
    assert again == PredictResult((scene.output / "two",), {}, (scene.output / "one",))
    assert [step for step in told if ":" not in step[2]] == [(1, 2, ""), (2, 2, "two")]
    assert (scene.output / "one" / "zones.json").stat().st_mtime_ns == before
    assert sorted(path.name for path in scene.output.iterdir()) == ["one", "two"]


def test_a_study_that_cannot_be_read_does_not_end_what_is_resumed(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its results are there, and nobody can tell whether they are of it."""
    monkeypatch.setattr(of_one, "load_study", load_study)
    studies = [write_volumes(tmp_path / name) for name in ("one", "two", "three")]
    predict_studies(studies[:2], scene.output, scene.file)
    monkeypatch.setattr(of_one, "study_key", key_but_of("two"))
    result = predict_studies(studies, scene.output, scene.file, resume=True)
    assert (result.skipped, result.done) == ((scene.output / "one",), (scene.output / "three",))
    assert result.failed == {
        "two": "case two: a file could not be read or written (Permission denied): check rights and space"
    }
    assert (scene.output / "two" / "zones.json").is_file()


def test_what_was_made_of_something_else_is_not_skipped(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_one, "load_study", load_study)
    study = write_volumes(tmp_path / "one")
    predict_studies([study], scene.output, scene.file)
    assert "--overwrite" in predict_studies([study], scene.output, scene.file, psa_ng_ml=4.0, resume=True).failed["one"]
    changed = predict_studies(
        [study], scene.output, scene.file, settings=["prediction.seed=7"], resume=True, overwrite=True
    )
    assert (changed.done, changed.skipped) == ((scene.output / "one",), ())
    write_volume(study / "t2w.nii.gz", t2w().with_values(t2w().values + 1))
    assert predict_studies([study], scene.output, scene.file, resume=True, overwrite=True).skipped == ()
    scene.file.write_bytes(b"other weights")
    assert predict_studies([study], scene.output, scene.file, resume=True, overwrite=True).skipped == ()
    assert predict_studies([study], scene.output, scene.file, resume=True, overwrite=True).done == ()


def test_a_model_is_read_once_and_forgotten_in_the_end(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[Path] = []

    def load(path: Path) -> StandInModel:
        loads.append(path)
        return scene.model

    monkeypatch.setattr(Model, "load", load)
    scene.run("one", "two")
    assert loads == [scene.file]
    scene.run("three")
    assert loads == [scene.file] * 2


def test_threads_that_ask_for_models_load_each_once_in_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[Path] = []

    def load(path: Path) -> StandInModel:
        loads.append(path)
        time.sleep(0.05)
        return scene.model

    monkeypatch.setattr(Model, "load", load)
    sha256 = hashlib.sha256(b"weights").hexdigest()
    one, other = (of_one.ModelUse(scene.file, changes, sha256) for changes in ((), ("prediction.seed=7",)))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: one.segmenter(), range(4)))
        assert len(loads) == len({id(segmenter) for segmenter in found}) == 1
        seeds = threads.map(lambda use: use.segmenter().settings.prediction.seed, [one, other] * 4)
        assert list(seeds) == [0, 7] * 4
    of_one.forget_model()


def test_a_model_that_changes_under_way_is_not_used(scene: Scene, tmp_path: Path) -> None:
    use = of_one.ModelUse.of(scene.file)
    of_one.forget_model()
    scene.file.write_bytes(b"other weights")
    with pytest.raises(ModelError, match=r"model\.safetensors has changed while studies were segmented"):
        of_one.predict_study(tmp_path / "one", scene.output / "one", use, case_id="one")


def test_a_study_that_a_lost_worker_has_written_is_not_written_again(scene: Scene, tmp_path: Path) -> None:
    use = of_one.ModelUse.of(scene.file)
    for _ in range(2):
        of_one.predict_study(tmp_path / "one", scene.output / "one", use, case_id="one")
    assert len(scene.settings_used) == 1
    of_one.forget_model()


@pytest.mark.parametrize(("psa_ng_ml", "fails"), [(None, False), (6.0, True)])
def test_what_a_worker_that_was_thought_lost_writes_meanwhile_is_the_result_where_it_is_the_same(
    psa_ng_ml: float | None, fails: bool, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use, kept = of_one.ModelUse.of(scene.file), []
    study, folder = tmp_path / "one", scene.output / "one"

    def write_after_another(*arguments: Any, **named: Any) -> None:
        monkeypatch.setattr(of_one, "write_outputs", outputs.write_outputs)
        of_one.predict_study(study, folder, use, case_id="one", psa_ng_ml=psa_ng_ml)
        kept.append(all_files(folder))
        outputs.write_outputs(*arguments, **named)

    monkeypatch.setattr(of_one, "write_outputs", write_after_another)
    if fails:
        with pytest.raises(OutputError, match=r"another process has written .*one meanwhile"):
            of_one.predict_study(study, folder, use, case_id="one")
    else:
        of_one.predict_study(study, folder, use, case_id="one")
    assert kept == [all_files(folder)]
    assert [path.name for path in scene.output.iterdir()] == ["one"]
    of_one.forget_model()


def test_a_study_whose_output_is_taken_is_not_read(scene: Scene) -> None:
    scene.run("one")
    scene.settings_used.clear()
    scene.run("one")
    assert scene.settings_used == []


def test_warnings_from_reading_are_kept(scene: Scene) -> None:
    scene.cases["one"] = Case("one", t2w(), warnings=("two axial T2W series: the later was used",))
    scene.run("one")
    assert "two axial T2W series: the later was used" in scene.report()["warnings"]


def test_a_failing_study_is_set_aside(scene: Scene) -> None:
    result = scene.run("one", "broken", "two")
    assert result.done == (scene.output / "one", scene.output / "two")
    assert result.failed == {"broken": "case broken: series 4 lacks a slice"}
    assert sorted(path.name for path in scene.output.iterdir()) == ["one", "two"]


def test_a_case_that_fails_half_way_leaves_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise ModelError("the picture could not be drawn")

    monkeypatch.setattr(outputs, "draw_qc", fail)
    assert scene.run("one").failed == {"one": "the picture could not be drawn"}
    assert list(scene.output.iterdir()) == []


def test_a_full_disk_sets_the_case_aside(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere/secret")

    monkeypatch.setattr(outputs, "write_volume", fail)
    message = scene.run("one").failed["one"]
    assert "No space left on device" in message
    assert "secret" not in message


def test_results_are_not_overwritten_unasked(scene: Scene) -> None:
    scene.run("one")
    before = (scene.output / "one" / "zones.json").read_text(encoding="utf-8")
    result = scene.run("one", "two")
    assert list(result.failed) == ["one"]
    assert "--overwrite" in result.failed["one"]
    assert (scene.output / "one" / "zones.json").read_text(encoding="utf-8") == before
    assert scene.run("one", overwrite=True).failed == {}


def test_corrections_by_hand_are_never_overwritten(scene: Scene) -> None:
    scene.run("one")
    correction = scene.output / "one" / "zones.edited.nii.gz"
    correction.write_bytes(b"hours of work")
    assert "holds corrections by hand (zones.edited.nii.gz)" in scene.run("one", overwrite=True).failed["one"]
    assert correction.read_bytes() == b"hours of work"


def test_a_correction_that_is_saved_meanwhile_is_not_overwritten(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.run("one")
    correction = scene.output / "one" / "zones.edited.nii.gz"

    def save_and_draw(*_arguments: object, **_named: object) -> None:
        correction.write_bytes(b"hours of work")

    monkeypatch.setattr(outputs, "draw_qc", save_and_draw)
    assert "holds corrections by hand" in scene.run("one", overwrite=True).failed["one"]
    assert correction.read_bytes() == b"hours of work"


@pytest.mark.parametrize(("minutes", "counts"), [(9, True), (11, False)])
def test_a_correction_whose_writer_was_killed_does_not_count_for_ever(
    tmp_path: Path, minutes: int, counts: bool
) -> None:
    half_written = tmp_path / ".zonate-0123abcd.zones.edited-2.nii.gz"
    half_written.write_bytes(b"half of hours")
    os.utime(half_written, times=(time.time() - 60 * minutes,) * 2)
    if counts:
        with pytest.raises(
            OutputError, match=r"holds corrections by hand \(\.zonate-0123abcd\.zones\.edited-2\.nii\.gz\)"
        ):
            refuse_corrections(tmp_path)
    else:
        refuse_corrections(tmp_path)
    whole = tmp_path / "zones.edited.nii.gz"
    whole.write_bytes(b"hours of work")
    os.utime(whole, times=(0, 0))
    with pytest.raises(OutputError, match="holds corrections by hand"):
        refuse_corrections(tmp_path)


@pytest.mark.parametrize("name", ["zones.edited.nii.gz", ".zonate-0123abcd.zones.edited.nii.gz"])
def test_a_correction_that_is_saved_at_the_very_end_brings_the_old_result_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever saves it has the folder open, and finds it where it was."""
    scene.run("one")
    before = (scene.output / "one" / "zones.json").read_bytes()
    replace = Path.replace

    def save_and_replace(path: Path, target: Path) -> Path:
        if path == scene.output / "one":
            (path / name).write_bytes(b"hours of work")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", save_and_replace)
    failed = scene.run("one", overwrite=True).failed["one"]
    assert f"{scene.output / 'one'} holds corrections by hand ({name})" in failed
    assert (scene.output / "one" / name).read_bytes() == b"hours of work"
    assert (scene.output / "one" / "zones.json").read_bytes() == before
    assert [path.name for path in scene.output.iterdir()] == ["one"]


def test_a_psa_belongs_to_one_study_and_must_be_one(scene: Scene) -> None:
    scene.run("one", psa_ng_ml=3.6)
    assert scene.report()["psa"]["density_ng_ml2"] == pytest.approx(0.5)  # over 7.2 ml
    with pytest.raises(ValueError, match="belong to one study"):
        scene.run("two", "three", psa_ng_ml=3.6)
    with pytest.raises(ValueError, match="PSA"):
        scene.run("two", psa_ng_ml=-1.0)


def test_two_studies_of_one_name_are_refused(scene: Scene) -> None:
    with pytest.raises(OutputError, match="both called one"):
        predict_studies([Path("a/one"), Path("b/one.zip")], scene.output, scene.file)
    assert not scene.output.exists()


def test_a_case_id_names_the_folder(scene: Scene) -> None:
    assert scene.run("one", case_id="other").done == (scene.output / "other",)
    assert scene.report("other")["case_id"] == "other"


def test_a_case_id_for_several_studies_is_refused(scene: Scene) -> None:
    with pytest.raises(ValueError, match="belong to one study"):
        scene.run("one", "two", case_id="x")
    with pytest.raises(ValueError, match="belong to one study"):
        scene.run("one", "two", overrides={Sequence.T2W: 4})


@pytest.mark.parametrize("case_id", ["../x", "a/b", "", ".", "..", ".hidden"])
def test_a_case_id_that_is_no_folder_name_is_refused(scene: Scene, case_id: str) -> None:
    with pytest.raises(ValueError, match="folder name"):
        scene.run("one", case_id=case_id)


def test_no_study_is_refused(scene: Scene) -> None:
    with pytest.raises(ValueError, match="no study"):
        scene.run()


def test_an_output_that_is_a_file_is_refused(scene: Scene) -> None:
    with pytest.raises(OutputError, match="is a file"):
        predict_studies([Path("one")], scene.file, scene.file)


def test_an_output_inside_a_study_is_refused_before_anything_is_written(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "in" / "one" / "series").mkdir(parents=True)
    (tmp_path / "in" / "two").mkdir()
    studies = [tmp_path / "in" / name for name in ("two", "one")]
    link = tmp_path / "link"
    link.symlink_to(studies[1])
    (tmp_path / "elsewhere").mkdir()
    (studies[1] / "results").symlink_to(tmp_path / "elsewhere")  # what lies there is read with the study
    inside = (studies[1], studies[1] / "out", studies[1] / "series" / "out", link / "out", studies[1] / "results")
    for output in inside:
        with pytest.raises(OutputError, match=r"lies inside the study one, which would be read with it the next time"):
            predict_studies(studies, output, scene.file)
    assert all_files(tmp_path / "in") == {}
    assert sorted(path.name for path in studies[1].iterdir()) == ["results", "series"]
    (studies[1] / "results").unlink()
    assert predict_studies([studies[1]], tmp_path / "in", scene.file, case_id="out").done == (tmp_path / "in" / "out",)


def test_settings_change_how_a_study_is_read_and_not_what_was_trained(scene: Scene) -> None:
    scene.run("one", settings=["alignment.method=rigid"])
    assert scene.settings_used[0].alignment.method == "rigid"
    assert scene.settings_used[0].slicing == SLICING
    with pytest.raises(ConfigError, match=r"'slicing\.size_px=32' is part of the trained model"):
        scene.run("two", settings=["slicing.size_px=32"])
    with pytest.raises(ConfigError, match=r"alignment\.methods"):
        scene.run("two", settings=["alignment.methods=rigid"])


def test_progress_names_each_study_and_what_is_begun_of_it(scene: Scene) -> None:
    told: list[tuple[int, int, str]] = []
    scene.run("one", "broken", progress=lambda *step: told.append(step))
    stages = [(0, 2, f"one: {stage}") for stage in ("segmenting", "measuring", "writing")]
    assert told == [(0, 2, ""), *stages, (1, 2, "one"), (2, 2, "broken")]


def test_an_empty_prediction_is_said(scene: Scene) -> None:
    scene.model.answer = lambda _slices: gland().with_values(np.zeros(SHAPE, dtype=np.uint8))
    scene.run("one")
    assert "no prostate was found: every voxel is background" in scene.report()["warnings"]
    assert scene.report()["gland_volume_ml"] == 0.0


def test_a_grid_that_is_not_the_t2ws_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = StandInModel.segment

    def moved(model: StandInModel, slices: Slices) -> Any:
        answer = segment(model, slices)
        other = Grid(GRID.shape, np.diag([3.0, 0.5, 0.5, 1.0]))
        return type(answer)(Volume(answer.labels.values, other), answer.codes, answer.probabilities)

    monkeypatch.setattr(StandInModel, "segment", moved)
    assert "do not lie on the T2W grid" in scene.run("one").failed["one"]
