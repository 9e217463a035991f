import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import zonate.alignment.elastix as elastix_module
from tests.alignment.phantom import acquisition, rigid, shorten
from zonate.alignment.elastix import Stage, parameter_text, register
from zonate.alignment.region import gland_region
from zonate.errors import AlignmentError
from zonate.study import Acquisition

TRUTH = rigid(4.0, (3.0, -2.0, 1.5))


def error_mm(found: sitk.Transform, truth: sitk.Transform) -> float:
    """The largest error at points up to 20 mm from the middle."""
    points = [(5 + x, -7 + y, 20 + z) for x in (-20, 0, 20) for y in (-20, 0, 20) for z in (-12, 0, 12)]
    return max(float(np.linalg.norm(np.subtract(found.TransformPoint(p), truth.TransformPoint(p)))) for p in points)


def test_a_known_movement_is_found_with_its_sign_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shorten(monkeypatch)
    pair = acquisition(TRUTH)
    assert pair.lowest_b is not None
    region = gland_region(pair.t2w.grid, 60.0)
    found = register(pair.t2w, pair.lowest_b, region, "rigid")
    assert error_mm(found, TRUTH) < 0.5
    again = register(pair.t2w, pair.lowest_b, region, "rigid")
    assert found.GetParameters() == again.GetParameters()
    # Starting from the truth there is nothing left to find: the start is applied in the right direction.
    bent = register(pair.t2w, pair.lowest_b, region, "bspline", TRUTH)
    assert error_mm(bent, TRUTH) < 1.0
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().out == ""


def test_elastix_failing_is_an_alignment_error() -> None:
    pair = acquisition()
    assert pair.lowest_b is not None
    nowhere = np.zeros(pair.t2w.grid.shape, dtype=np.bool_)
    with pytest.raises(AlignmentError, match="rigid stage failed"):
        register(pair.t2w, pair.lowest_b, nowhere, "rigid")


@pytest.mark.parametrize("stage", ["rigid", "bspline"])
def test_the_maps_explain_themselves(stage: str) -> None:
    text = parameter_text(stage)  # type: ignore[arg-type]
    assert "(RandomSeed" in text
    assert sum(line.startswith("//") for line in text.splitlines()) >= 5


def test_what_ran_before_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, rigid_too=True)
    one, other = acquisition(TRUTH), acquisition(rigid(-2.0, (0.0, 3.0, 0.0)))
    assert one.lowest_b is not None
    assert other.lowest_b is not None
    region = gland_region(one.t2w.grid, 60.0)
    first = register(one.t2w, one.lowest_b, region, "bspline")
    between = register(other.t2w, other.lowest_b, region, "bspline")
    again = register(one.t2w, one.lowest_b, region, "bspline")
    assert first.GetParameters() == again.GetParameters()
    assert first.GetParameters() != between.GetParameters()


def written(file: Path, script: str) -> Path:
    file.write_text(script)
    return file


def failure(pair: Acquisition, stage: Stage, time_limit_s: float) -> AlignmentError:
    """Of registering the pair's diffusion volume."""
    assert pair.lowest_b is not None
    with pytest.raises(AlignmentError) as caught:
        register(pair.t2w, pair.lowest_b, gland_region(pair.t2w.grid, 60.0), stage, time_limit_s=time_limit_s)
    return caught.value


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "rigid stage crashed (SIGSEGV)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "took more than 1 s of processor time"),
        ("import time; time.sleep(1.2); raise SystemExit(3)", "rigid stage failed"),  # waiting costs nothing
        ("raise SystemExit(3)", "rigid stage failed: it gave no reason"),
        ("raise RuntimeError('paths of a build machine\\nno samples')", "rigid stage failed: no samples"),
    ],
)
def test_the_native_library_cannot_take_the_program_with_it(
    script: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elastix_module, "_WORKER", written(tmp_path / "worker.py", script))
    error = failure(acquisition(), "rigid", time_limit_s=1)
    assert says in str(error)
    assert error.repeatable


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (
            "import time; time.sleep(60)",
            "rigid stage did not end within 0.5 s, 10 times what it may take (alignment.time_limit_s): it hung, or the "
            "machine is too slow or too busy",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "rigid stage was killed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "rigid stage was ended from outside (SIGTERM)"),
        ("import os; os.abort()", "rigid stage gave up, as for want of memory (SIGABRT)"),
        ("raise MemoryError", "rigid stage failed: MemoryError"),
        ("raise RuntimeError('bad allocation: std::bad_alloc')", "rigid stage failed: RuntimeError: bad allocation"),
        (
            "raise RuntimeError('itk::ERROR: Failed to allocate memory for image.\\nin elastix')",
            "rigid stage failed: in elastix",
        ),
    ],
)
def test_what_the_machine_is_to_blame_for_is_told_apart(
    script: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elastix_module, "_WORKER", written(tmp_path / "worker.py", script))
    if "sleep" not in script:
        monkeypatch.setattr(elastix_module, "_WAITING", 1000)
    error = failure(acquisition(), "rigid", time_limit_s=0.05)
    assert says in str(error)
    assert not error.repeatable


def test_processor_time_is_what_is_limited() -> None:
    error = failure(acquisition(TRUTH), "bspline", time_limit_s=1)
    said = "elastix's bspline stage took more than 1 s of processor time and was stopped (alignment.time_limit_s)"
    assert str(error) == said
    assert error.repeatable


def test_nothing_is_imported_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "SimpleITK.py").write_text("raise SystemExit('a file of the study was run')")
    monkeypatch.chdir(tmp_path)
    shorten(monkeypatch, rigid_too=True)
    pair = acquisition()
    assert pair.lowest_b is not None
    assert register(pair.t2w, pair.lowest_b, gland_region(pair.t2w.grid, 60.0), "rigid").GetDimension() == 3


def test_elastix_ends_with_whoever_waits_for_it(tmp_path: Path) -> None:
    pair = acquisition(TRUTH)
    assert pair.lowest_b is not None
    region = gland_region(pair.t2w.grid, 60.0)
    elastix_module._write_request(tmp_path, pair.t2w, pair.lowest_b, region, "bspline", None)
    command = [sys.executable, "-P", str(elastix_module._WORKER), str(tmp_path), "60"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as worker:
        assert worker.stdin is not None
        worker.stdin.close()  # as the system does for a process that was killed
        assert worker.wait(timeout=60) == 1
    assert not (tmp_path / "found.json").exists()
