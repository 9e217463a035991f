"""The whole way on simulated studies: simulate, prepare, train, evaluate, predict."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zonate.config import load_recipe
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.io.files import claim_output_folder, write_json
from zonate.progress import Progress, silent
from zonate.verbs.evaluate import evaluate
from zonate.verbs.predict_studies import predict_studies
from zonate.verbs.prepare import prepare
from zonate.verbs.simulate import simulate
from zonate.verbs.train import train


@dataclass(frozen=True)
class DemoResult:
    """What the demo made.

    Attributes:
        summary: `summary.json` of the evaluation on held-out simulated patients.
        places: What there is to look at, by what it is.
        stage_seconds: Time taken by stage.
    """

    summary: Mapping[str, Any]
    places: Mapping[str, Path]
    stage_seconds: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """Time taken in all."""
        return sum(self.stage_seconds.values())


def demo(
    output: Path | str, *, studies: int = 12, seed: int = 0, overwrite: bool = False, progress: Progress = silent
) -> DemoResult:
    """Run the main job on simulated studies. Its figures are never evidence of clinical accuracy.

    Args:
        output: Folder for everything: `studies`, `dataset`, `run`, `evaluation`, `prediction`, `demo.json`.
        studies: How many to simulate; five is the least that leaves training enough. Of 12, 6 train, 2 validate and
            4 test.
        seed: Of the simulation.
        overwrite: Whether an output that holds something may be emptied.
        progress: Told of each stage's steps.

    Raises:
        ValueError: Fewer than five studies.
        DatasetError: A simulated study could not be prepared.
    """
    output = Path(output)
    if studies < 5:
        raise ValueError(f"the demo needs at least 5 studies to train, choose and test on, found {studies}")
    output = claim_output_folder(output, overwrite=overwrite)
    settings = load_recipe("demo")
    clock = _Stopwatch()

    folders = simulate(studies, output / "studies", seed=seed, progress=progress)
    clock.stop("simulate")
    prepared = prepare(
        output / "dataset", manifests=[output / "studies" / "cases.csv"], settings=settings, progress=progress
    )
    if prepared.failed:
        raise DatasetError(f"simulated studies could not be prepared: {dict(prepared.failed)}")
    clock.stop("prepare")
    model = train(output / "dataset", output / "run", settings, progress=progress)
    clock.stop("train")
    evaluate(model, output / "dataset", output / "evaluation", progress=progress)
    clock.stop("evaluate")
    unseen = Dataset.open(output / "dataset").split("test")[0].case_id
    study = next(folder for folder in folders if folder.name == unseen)
    predicted = predict_studies([study], output / "prediction", model, progress=progress)
    if predicted.failed:
        raise DatasetError(f"the held-out simulated study could not be predicted: {dict(predicted.failed)}")
    clock.stop("predict")

    summary = json.loads((output / "evaluation" / "summary.json").read_text(encoding="utf-8"))
    write_json(output / "demo.json", {"simulated": True, "seconds": clock.seconds, "summary": summary})
    places = {
        "report of a held-out study": output / "prediction" / unseen / "report.html",
        "its zones, drawn": output / "prediction" / unseen / "qc.png",
        "the same as a volume": output / "prediction" / unseen / "zones.nii.gz",
        "how the held-out patients fared": output / "evaluation" / "boxplots.png",
        "figures per patient": output / "evaluation" / "metrics.csv",
        "the trained model": model,
        "the simulated DICOM studies": output / "studies",
    }
    return DemoResult(summary, places, clock.seconds)


class _Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def stop(self, stage: str) -> None:
        """Note the time since the last stop under a name."""
        now = time.perf_counter()
        self.seconds[stage] = now - self._since
        self._since = now
