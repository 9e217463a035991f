import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.dataset_factory import COARSE, a_case, a_dataset
from zonate.config import Settings, load_recipe
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import write_index
from zonate.dataset.loader import Batch
from zonate.dataset.store import Dataset
from zonate.errors import ConfigError, DatasetError, LeakageError, ModelError, OutputError
from zonate.io import weights
from zonate.learner import Learner
from zonate.model import Model
from zonate.preprocessing.slices import slice_case
from zonate.progress import hearing_stages
from zonate.run_folder import log_epoch
from zonate.training.epochs import quickest_convolutions
from zonate.verbs.evaluate import evaluate
from zonate.verbs.train import train
from zonate.zones import LabelCode

TINY = load_recipe("pix2pix").override(
    ["network.base_channels=4", "training.epochs=3", "training.pictures_every_epochs=2"]
)


class Killed(BaseException):
    """Stands for the end of the process: nothing in the package catches it."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_dataset(tmp_path_factory.mktemp("data") / "set", slices=1)


@pytest.fixture(scope="module")
def unbroken(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "unbroken"
    train(dataset, run, TINY)
    return run


@pytest.fixture(scope="module")
def one_epoch(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "one"
    train(dataset, run, TINY.override(["training.epochs=1"]))
    return run


@pytest.fixture
def copied(unbroken: Path, tmp_path: Path) -> Path:
    """A finished run that may be harmed."""
    return Path(shutil.copytree(unbroken, tmp_path / "run"))


def _metrics(run: Path) -> list[dict[str, Any]]:
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]


def _assert_same_result(run: Path, unbroken: Path) -> None:
    for name in ("best.safetensors", "last.safetensors", "settings.json"):
        assert (run / name).read_bytes() == (unbroken / name).read_bytes(), name
    assert _metrics(run) == _metrics(unbroken)
    names = {path.name for path in run.iterdir()}
    assert names == {
        "best.safetensors",
        "card.md",
        "last.safetensors",
        "settings.json",
        "metrics.jsonl",
        "pictures",
        "tensorboard",
    }
    assert {p.name for p in (run / "pictures").iterdir()} == {p.name for p in (unbroken / "pictures").iterdir()}


def test_what_lies_in_a_run_folder(unbroken: Path) -> None:
    metrics = _metrics(unbroken)
    assert [line["epoch"] for line in metrics] == [1, 2, 3]
    assert set(metrics[0]["losses"]) == {"adversarial", "l1", "generator", "discriminator"}
    assert set(metrics[0]["validation_dice"]) <= {"PZ", "CENTRAL_GLAND", "GLAND"}
    assert metrics[0]["learning_rate"] == 2e-4
    assert {p.name for p in (unbroken / "pictures").iterdir()} == {"epoch-0002-case2.png", "epoch-0003-case2.png"}
    assert any((unbroken / "tensorboard").iterdir())
    settings = Settings.model_validate_json((unbroken / "settings.json").read_text(encoding="utf-8"))
    assert settings.training == TINY.training


def test_the_model_says_what_it_learnt_from(unbroken: Path) -> None:
    model = Model.load(unbroken)
    assert model.codes == COARSE
    assert model.channels == (True, False, False)
    assert model.provenance["licences"] == ["CC0-1.0"]
    assert model.provenance["training_cases"] == 2
    assert model.provenance["training_patients"] == ["patient0", "patient1"]
    assert model.provenance["validation_patients"] == ["patient2"]
    zones = model.segment(slice_case(a_case("new", seed=5), model.settings.slicing))
    assert np.isin(zones.labels.values, COARSE).all()


def test_codes_finer_than_the_model_s_are_learnt_from(tmp_path: Path) -> None:
    """As in ProstateZones: TZ and AFS have codes, but what is left of the central gland may hold either."""
    codes = tuple(LabelCode(code) for code in (0, 1, 2, 4, 5))
    labelled = a_dataset(tmp_path / "set", ("train", "validation"), codes=codes, slices=1)
    model = Model.load(train(labelled, tmp_path / "run", TINY.override(["training.epochs=1"])))
    assert model.codes == COARSE
    (line,) = _metrics(tmp_path / "run")
    assert set(line["validation_dice"]) == {"PZ", "CENTRAL_GLAND", "GLAND"}
    assert all(np.isfinite(value) for value in line["losses"].values())


def test_the_caller_s_random_state_is_left_alone(dataset: Path, tmp_path: Path) -> None:
    state = torch.get_rng_state()
    train(dataset, tmp_path / "run", TINY.override(["training.epochs=1"]))
    assert torch.equal(state, torch.get_rng_state())


def _kill_at(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Make the run end at a moment of its second epoch (or its first)."""
    seen = {"step": 0, "save": 0, "note": 0}

    def ending(name: str, wanted: int, original: Any, *, after: bool = False) -> Any:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            seen[name] += 1
            if seen[name] == wanted and not after:
                raise Killed
            value = original(*arguments, **options)
            if seen[name] == wanted:
                raise Killed
            return value

        return wrapped

    steps = 2  # of an epoch: two cases of a slice
    if moment == "in the first epoch":
        monkeypatch.setattr(Learner, "step", ending("step", 2, Learner.step))
    elif moment == "in the second epoch":
        monkeypatch.setattr(Learner, "step", ending("step", steps + 2, Learner.step))
    elif moment == "while it notes the epoch":
        monkeypatch.setattr("zonate.training.epochs.log_epoch", ending("note", 2, log_epoch))
    elif moment == "after it noted the epoch":
        monkeypatch.setattr("zonate.training.epochs.log_epoch", ending("note", 2, log_epoch, after=True))
    elif moment == "while it writes a file":  # best and last of the first epoch come before
        monkeypatch.setattr(weights, "save_file", ending("save", 3, save_file, after=True))


@pytest.mark.parametrize(
    "moment",
    [
        "in the second epoch",
        "while it writes a file",
        *(
            pytest.param(moment, marks=pytest.mark.slow)
            for moment in ("in the first epoch", "while it notes the epoch", "after it noted the epoch")
        ),
    ],
)
def test_a_resumed_run_ends_as_an_unbroken_one(
    dataset: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    with monkeypatch.context() as patch:
        _kill_at(patch, moment)
        with pytest.raises(Killed):
            train(dataset, tmp_path / "run", TINY)
    if moment == "while it notes the epoch":
        with (tmp_path / "run" / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write('{"epoch": 2, "los')  # torn
    torch.manual_seed(99)  # what the resuming process has drawn so far does not matter
    train(dataset, tmp_path / "run", TINY, resume=True)
    _assert_same_result(tmp_path / "run", unbroken)


def _saved_by(
    monkeypatch: pytest.MonkeyPatch, save: Callable[[dict[str, torch.Tensor], Path, dict[str, str]], None]
) -> None:
    """Let checkpoints, but not models, be written by another function."""

    def either(tensors: dict[str, torch.Tensor], file: Path, about: dict[str, str]) -> None:
        (save if "zonate-checkpoint" in about else save_file)(tensors, file, about)

    monkeypatch.setattr(weights, "save_file", either)


def test_a_checkpoint_is_written_while_the_next_epoch_goes_on(
    dataset: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learns = threading.Event()

    def save(tensors: dict[str, torch.Tensor], file: Path, about: dict[str, str]) -> None:
        assert learns.wait(60), "the next epoch waited for the file"
        save_file(tensors, file, about)

    def hear(done: int, total: int, text: str) -> None:  # noqa: ARG001
        if done == 3:  # the first step of the second epoch has changed every weight
            learns.set()

    _saved_by(monkeypatch, save)
    train(dataset, tmp_path / "run", TINY, progress=hear)
    _assert_same_result(tmp_path / "run", unbroken)


def test_an_interrupt_waits_for_the_checkpoint_that_is_being_written(
    dataset: Path, one_epoch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, interrupted = tmp_path / "run", threading.Event()

    def save(tensors: dict[str, torch.Tensor], file: Path, about: dict[str, str]) -> None:
        assert interrupted.wait(60)
        time.sleep(0.2)
        save_file(tensors, file, about)

    def hear(done: int, total: int, text: str) -> None:  # noqa: ARG001
        if done == 3:
            interrupted.set()
            raise KeyboardInterrupt

    _saved_by(monkeypatch, save)
    with pytest.raises(KeyboardInterrupt):
        train(dataset, run, TINY, progress=hear)
    assert {path.name for path in run.iterdir() if path.name.startswith((".", "last"))} == {"last.safetensors"}
    found, _ = weights.read_weights(run / "last.safetensors", kind="zonate-checkpoint", version=1)
    expected, _ = weights.read_weights(one_epoch / "last.safetensors", kind="zonate-checkpoint", version=1)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_full_disk_ends_the_run_and_nothing_later_is_kept(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    def save(_: dict[str, torch.Tensor], file: Path, __: dict[str, str]) -> None:
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    _saved_by(monkeypatch, save)
    with pytest.raises(OSError, match="cannot be written") as refused:
        train(dataset, tmp_path / "run", TINY.override([f"training.epochs={epochs}"]))
    assert str(refused.value) == (
        f"{tmp_path / 'run' / 'last.safetensors'} cannot be written ([Errno 28] No space left on device). No epoch had "
        "been finished: train again, with --resume where the run folder is there"
    )
    assert [line["epoch"] for line in _metrics(tmp_path / "run")] == [1]
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith((".", "last"))]


def test_only_a_gpu_measures_how_it_convolves_quickest_and_only_while_it_learns() -> None:
    for name in ("cuda", "cpu"):
        with quickest_convolutions(torch.device(name)):
            assert torch.backends.cudnn.benchmark is (name == "cuda")
        assert not torch.backends.cudnn.benchmark


SCRIPT = """
import os, signal, sys
from pathlib import Path
from zonate.config import Settings
from zonate.io import weights
from zonate.verbs.evaluate import evaluate
from zonate.verbs.train import train

dataset, run, moment = sys.argv[1:]
saved, save = [], weights.save_file

def kill(done, total, text):
    if moment == "epoch" and done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

def half(tensors, filename, metadata):
    save(tensors, filename, metadata)
    if "last" in Path(filename).name:
        saved.append(filename)
    if moment == "checkpoint" and len(saved) == 2:
        Path(filename).write_bytes(Path(filename).read_bytes()[:1000])
        os.kill(os.getpid(), signal.SIGKILL)

weights.save_file = half
settings = Settings.model_validate_json(sys.stdin.read())
train(Path(dataset), Path(run), settings, progress=kill)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("moment", ["epoch", "checkpoint"])
def test_a_run_that_was_killed_dead_ends_as_an_unbroken_one(
    dataset: Path, unbroken: Path, tmp_path: Path, moment: str
) -> None:
    run = tmp_path / "run"
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(dataset), str(run), moment],
        input=TINY.model_dump_json(),
        text=True,
        capture_output=True,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len(_metrics(run)) == {"epoch": 1, "checkpoint": 2}[moment]
    train(dataset, run, TINY, resume=True)
    _assert_same_result(run, unbroken)


def test_resuming_a_finished_run_changes_nothing_and_more_epochs_go_on(
    dataset: Path, unbroken: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train(dataset, run, TINY.override(["training.epochs=2"]))
    before = (run / "last.safetensors").read_bytes()
    train(dataset, run, TINY.override(["training.epochs=2"]), resume=True)
    assert (run / "last.safetensors").read_bytes() == before
    train(dataset, run, TINY, resume=True)
    assert (run / "last.safetensors").read_bytes() == (unbroken / "last.safetensors").read_bytes()
    assert _metrics(run) == _metrics(unbroken)


def test_resuming_where_nothing_is_begins(dataset: Path, tmp_path: Path) -> None:
    assert train(dataset, tmp_path / "run", TINY.override(["training.epochs=1"]), resume=True).is_file()


def test_a_run_does_not_go_on_with_other_settings_or_data(dataset: Path, unbroken: Path, tmp_path: Path) -> None:
    changed = TINY.override(["optimiser.learning_rate=1e-3", "training.epochs=9", "loss.l1=50"])
    with pytest.raises(ConfigError, match=r"other settings: loss\.l1, optimiser\.learning_rate\. Resume"):
        train(dataset, unbroken, changed, resume=True)
    other = a_dataset(tmp_path / "other", slices=2)
    with pytest.raises(DatasetError, match="another dataset"):
        train(other, unbroken, TINY, resume=True)


def test_a_damaged_checkpoint_is_said(dataset: Path, unbroken: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in ("settings.json", "metrics.jsonl", "last.safetensors"):
        (tmp_path / "run" / name).write_bytes((unbroken / name).read_bytes()[:500])
    with pytest.raises(ModelError, match=r"last\.safetensors cannot be read as a zonate-checkpoint"):
        train(dataset, tmp_path / "run", TINY, resume=True)


def _written(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def _refusal(dataset: Path, run: Path) -> str:
    """What is told where a run does not go on; nothing of it is changed."""
    written = _written(run)
    with pytest.raises(OutputError) as raised:
        train(dataset, run, TINY, resume=True)
    assert _written(run) == written
    return str(raised.value)


def test_a_run_that_has_lost_its_checkpoint_is_not_taken_for_one_that_never_began(dataset: Path, copied: Path) -> None:
    (copied / "last.safetensors").unlink()
    assert _refusal(dataset, copied) == (
        f"the run {copied} cannot go on: its metrics.jsonl tells of 3 epochs, but last.safetensors is missing. Put it "
        "back, give another folder, or begin anew with --overwrite, which empties this one"
    )
    first = (copied / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (copied / "metrics.jsonl").write_text(first + "\n", encoding="utf-8")  # killed before it wrote its first checkpoint
    train(dataset, copied, TINY.override(["training.epochs=1"]), resume=True)
    assert [line["epoch"] for line in _metrics(copied)] == [1]


@pytest.mark.parametrize("lost", ["last.safetensors", "last.safetensors metrics.jsonl card.md tensorboard pictures"])
def test_the_model_of_a_run_of_one_epoch_is_not_taken_for_a_beginning(
    dataset: Path, one_epoch: Path, tmp_path: Path, lost: str
) -> None:
    run = Path(shutil.copytree(one_epoch, tmp_path / "run", ignore=shutil.ignore_patterns(*lost.split())))
    assert _refusal(dataset, run) == (
        f"the run {run} cannot go on: best.safetensors may be that of a run that had ended, but last.safetensors is "
        "missing. Put it back, give another folder, or begin anew with --overwrite, which empties this one"
    )


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("thesis.txt", "{}"),
        ("thesis.txt", TINY.model_dump_json()),
        ("card.md", "{}"),
        ("card.md", '{"colour": "blue"}'),
        ("card.md", "not JSON"),
    ],
)
def test_what_is_no_run_is_not_taken_for_one_that_never_finished_an_epoch(
    dataset: Path, tmp_path: Path, name: str, settings: str
) -> None:
    (tmp_path / "settings.json").write_text(settings, encoding="utf-8")
    (tmp_path / name).write_text("mine", encoding="utf-8")
    assert "holds results already, or other files" in _refusal(dataset, tmp_path)


def test_a_run_that_never_finished_an_epoch_begins_anew_and_what_is_hidden_stays(
    dataset: Path, one_epoch: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    (run / "tensorboard").mkdir(parents=True)
    (run / "tensorboard" / "torn").touch()
    (run / "metrics.jsonl").touch()
    (run / ".notes").touch()
    (run / "settings.json").write_text(TINY.model_dump_json(), encoding="utf-8")
    train(dataset, run, TINY.override(["training.epochs=1"]), resume=True)
    assert (run / "best.safetensors").read_bytes() == (one_epoch / "best.safetensors").read_bytes()
    assert (run / ".notes").exists()
    assert not (run / "tensorboard" / "torn").exists()


def test_a_run_that_has_lost_its_best_model_does_not_go_on_without(dataset: Path, copied: Path) -> None:
    (copied / "best.safetensors").unlink()
    with pytest.raises(OutputError, match=r"cannot go on: its best\.safetensors is missing\. Put it back, or"):
        train(dataset, copied, TINY, resume=True)


def test_a_run_does_not_go_back_to_fewer_epochs(dataset: Path, unbroken: Path) -> None:
    written = _written(unbroken)
    with pytest.raises(ConfigError, match=r"has done 3 epochs, training\.epochs is 2: give 3 or more"):
        train(dataset, unbroken, TINY.override(["training.epochs=2"]), resume=True)
    assert _written(unbroken) == written


def test_what_a_killed_process_left_is_removed_and_nothing_else(dataset: Path, copied: Path) -> None:
    left = [".zonate-0123abcd.last.safetensors", "pictures/.zonate-0123abcd.epoch-0002-case2.png"]
    mine = [".settings.toml", "pictures/.comments.txt"]
    for name in (*left, *mine):
        (copied / name).write_bytes(b"")
    mine.append(".zonate-89abcdef.evaluation")  # of another command, which may be at work
    (copied / mine[-1]).mkdir()
    train(dataset, copied, TINY, resume=True)
    assert [name for name in (*left, *mine) if (copied / name).exists()] == mine


def test_a_folder_that_holds_something_is_refused(dataset: Path, unbroken: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds results already"):
        train(dataset, unbroken, TINY)
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="holds results already"):
        train(dataset, tmp_path, TINY, resume=True)
    assert (tmp_path / "mine.txt").exists()


def test_the_unet_recipe_in_bfloat16_with_rare_validation(dataset: Path, tmp_path: Path) -> None:
    settings = load_recipe("unet").override(
        [
            "network.base_channels=4",
            "training.epochs=3",
            "training.validate_every_epochs=2",
            "training.precision=bf16-mixed",
        ]
    )
    train(dataset, tmp_path / "run", settings)
    metrics = _metrics(tmp_path / "run")
    assert [bool(line["validation_dice"]) for line in metrics] == [False, True, True]
    assert set(metrics[0]["losses"]) == {"dice", "cross_entropy", "generator"}
    assert metrics[0]["validation_mean_dice"] is None


def test_without_validation_patients_the_last_epoch_is_the_best(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path / "set", ("train",), slices=1)
    best = train(dataset, tmp_path / "run", TINY.override(["training.epochs=2"]))
    last, _ = weights.read_weights(best.with_name("last.safetensors"), kind="zonate-checkpoint", version=1)
    model = Model.load(best)
    assert torch.equal(model.generator.state_dict()["last.bias"], last["generator.last.bias"])


def test_a_dataset_that_cannot_be_learnt_from_is_refused(tmp_path: Path) -> None:
    nobody = a_dataset(tmp_path / "nobody", ("test",), slices=1)
    with pytest.raises(DatasetError, match="no training patient"):
        train(nobody, tmp_path / "run", TINY)
    small = a_dataset(tmp_path / "small", ("train",), slices=1, settings=Settings().override(["slicing.size_px=128"]))
    with pytest.raises(ConfigError, match="pix2pix takes slices of 256 px, found 128"):
        train(small, tmp_path / "run", TINY)
    assert not (tmp_path / "run").exists()


def _kill_after_2(done: int, total: int, text: str) -> None:  # noqa: ARG001
    if done == 2:
        raise Killed


def test_the_recipe_that_ships_learns_from_patches_and_resumes_to_the_same_bits(dataset: Path, tmp_path: Path) -> None:
    """Averaged weights, neighbours, patches and augmentation among them."""
    small = load_recipe("zonate").override(
        ["network.base_channels=4", "training.epochs=2", "training.patch_px=64", "training.precision=32-true"]
    )
    train(dataset, tmp_path / "unbroken", small.override(["training.validate_every_epochs=1"]))
    with pytest.raises(Killed):
        train(dataset, tmp_path / "run", small.override(["training.validate_every_epochs=1"]), progress=_kill_after_2)
    train(dataset, tmp_path / "run", small.override(["training.validate_every_epochs=1"]), resume=True)
    for name in ("best.safetensors", "last.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes(), name
    assert Model.load(tmp_path / "run").settings.network.neighbours == 1


def test_slices_that_the_recipe_does_not_ask_for_are_warned_of(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(dataset, tmp_path / "run", TINY.override(["slicing.spacing_mm=0.75", "training.epochs=1"]))
    assert (
        "slices of 256 px at 0.5 mm, the recipe pix2pix asks for 256 px at 0.75 mm: it learns from what the dataset "
        "has; `zonate prepare --set slicing.size_px=256 --set slicing.spacing_mm=0.75` makes one that fits"
    ) in caplog.text


BY_HAND = [
    "alignment.method=rigid",
    "reading.lowest_diffusion_b_value_s_mm2=800",
    "split.seed=0",  # as the dataset's
    "training.epochs=1",
]
RECIPE = ["split.test_fraction=0.3", "alignment.region_mm=70"]


def test_what_was_set_by_hand_and_the_dataset_has_settled_otherwise_is_told_in_one_line(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [assignment.partition("=")[0] for assignment in BY_HAND]
    train(dataset, tmp_path / "run", TINY.override([*RECIPE, *BY_HAND]), by_hand=names)
    (told,) = [record.getMessage() for record in caplog.records if "by hand" in record.getMessage()]
    assert told == (
        "set by hand, but settled when the dataset was prepared: reading.lowest_diffusion_b_value_s_mm2 is 400.0 there "
        "and 800.0 here; alignment.method is bspline there and rigid here. It learns from what the dataset has; "
        "`zonate prepare` takes these settings"
    )


def test_a_recipe_s_own_reading_alignment_and_split_are_passed_over_in_silence(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(dataset, tmp_path / "run", TINY.override([*RECIPE, "training.epochs=1"]), by_hand=["training.epochs"])
    assert "by hand" not in caplog.text


def test_a_fold_among_the_settings_is_refused(dataset: Path, tmp_path: Path) -> None:
    settings = TINY.override(["split.fold=2"])
    message = r"split\.fold = 2 .* use --fold 2, or --set split\.fold=none"
    for fold in (None, 1):
        with pytest.raises(ConfigError, match=message):
            train(dataset, tmp_path / "run", settings, fold=fold)
    assert not (tmp_path / "run").exists()


def test_losses_that_are_no_longer_finite_stop_the_run(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Learner, "step", lambda _self, _batch: {"l1": torch.tensor(torch.nan)})
    with pytest.raises(ModelError, match="the loss l1 is nan in epoch 1"):
        train(dataset, tmp_path / "run", TINY)


def test_a_second_training_is_kept_out_of_a_run(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    kept_out: set[str] = set()

    def begin_again() -> None:
        for again in ("resume", "overwrite"):
            with pytest.raises(OutputError, match="another training is at work in"):
                train(dataset, run, TINY, resume=again == "resume", overwrite=again == "overwrite")
            kept_out.add(again)

    train(dataset, run, TINY, progress=lambda *_: begin_again())
    assert kept_out == {"resume", "overwrite"}
    assert [line["epoch"] for line in _metrics(run)] == [*range(1, TINY.training.epochs + 1)]
    train(dataset, run, TINY, overwrite=True)


def test_weights_that_a_last_step_has_spoilt_are_not_kept(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(learner: Learner, _batch: Batch) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            next(learner.generator.parameters()).fill_(torch.inf)
        return {"l1": torch.tensor(0.5)}

    monkeypatch.setattr(Learner, "step", spoil)
    with pytest.raises(ModelError, match=r"the sum of weights is (inf|nan) in epoch 1: training has diverged"):
        train(dataset, tmp_path / "run", TINY)
    assert not list((tmp_path / "run").glob("*.safetensors"))


def test_progress_tells_losses_and_dice(dataset: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    train(dataset, tmp_path / "run", TINY.override(["training.epochs=2"]), progress=lambda *step: told.append(step))
    assert [done for done, _, _ in told] == [1, 2, 3, 4]
    assert {total for _, total, _ in told} == {4}
    assert told[0][2].startswith("epoch 1/2  losses: ")
    assert "discriminator" in told[0][2]
    assert "; last validation, Dice: PZ " in told[-1][2]


def test_what_is_begun_is_said_once(dataset: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with hearing_stages(said.append):
        train(dataset, tmp_path / "run", TINY.override(["training.epochs=2"]))
        for _ in range(2):
            train(dataset, tmp_path / "run", TINY.override(["training.epochs=3"]), resume=True)
    patients = "pix2pix: 2 patients to learn from (2 slices), 1 patient to choose the best epoch by; "
    assert said == [
        f"{patients}epoch 1 of 2 is next, of 2 steps, on cpu",
        f"{patients}epoch 3 of 3 is next, of 2 steps, on cpu",
        "pix2pix: all 3 epochs are done",
    ]


class Read(torch.Tensor):
    """A tensor that counts how often its value is asked for, which a GPU would have to be waited for."""

    times = 0

    def __float__(self) -> float:
        Read.times += 1
        return 1.0


def test_losses_are_read_where_somebody_watches_and_then_not_at_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = a_dataset(tmp_path / "set", ("train",), slices=6)
    monkeypatch.setattr(Learner, "step", lambda _self, _batch: {"l1": torch.ones(()).as_subclass(Read)})
    clock = iter(range(10_000))
    monkeypatch.setattr("zonate.training.epochs._now_s", lambda: next(clock) / 2)  # half a second from look to look
    once = TINY.override(["training.epochs=1"])
    train(dataset, tmp_path / "unwatched", once)
    assert Read.times == 1  # at the end of the epoch
    told: list[str] = []
    train(dataset, tmp_path / "watched", once, progress=lambda _done, _total, text: told.append(text))
    assert len(told) == 6
    assert Read.times - 1 == 1 + 4  # after steps 1, 3, 5 and the last


def test_the_recipes_are_the_described_method_and_its_plain_comparison() -> None:
    pix2pix, unet = load_recipe("pix2pix"), load_recipe("unet")
    assert pix2pix == Settings()  # the defaults are the method
    assert (pix2pix.loss.adversarial, pix2pix.loss.l1, pix2pix.loss.dice, pix2pix.loss.cross_entropy) == (1, 100, 0, 0)
    assert (unet.loss.adversarial, unet.loss.l1, unet.loss.dice, unet.loss.cross_entropy) == (0, 0, 1, 1)
    assert (pix2pix.training.epochs, pix2pix.training.batch_size) == (300, 1)
    same = {"name": "", "loss": pix2pix.loss, "training": pix2pix.training}
    assert pix2pix.model_copy(update=same) == unet.model_copy(update=same)


def test_a_model_has_learnt_from_those_whom_its_made_cases_show(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path / "data", ["train", "train", "validation", "evaluation"], slices=1)
    opened = Dataset.open(dataset)
    lent = {"case1": ("patient3", "elsewhere"), "case2": ("beyond",)}
    placed = [
        PlacedRecord(opened.record(entry.case_id), entry.split, derived_from=lent.get(entry.case_id))
        for entry in opened.entries
    ]
    write_index(dataset, placed, Settings())
    train(dataset, tmp_path / "run", TINY.override(["training.epochs=1"]))
    provenance = Model.load(tmp_path / "run").provenance
    assert provenance["training_patients"] == ["elsewhere", "patient0", "patient1", "patient3"]
    assert provenance["validation_patients"] == ["beyond", "patient2"]
    with pytest.raises(LeakageError, match="of the cases case3: "):
        evaluate(tmp_path / "run", dataset, tmp_path / "figures", split="evaluation")


def test_a_fold_is_left_out_and_evaluated_on(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path / "data", ["train"] * 6)
    run = tmp_path / "run"
    train(dataset, run, TINY.override(["training.epochs=1"]), fold=2)
    model = Model.load(run)
    assert model.settings.split.fold == 2
    left_out = {entry.patient_id for entry in Dataset.open(dataset).folded(2).split("test")}
    assert left_out
    assert not left_out & set(model.provenance["training_patients"])
    summary = evaluate(run, dataset, tmp_path / "figures")  # the model's own fold, unasked
    assert summary.n_patients == len(left_out)
    with pytest.raises(LeakageError):
        evaluate(run, dataset, tmp_path / "others", fold=1)
