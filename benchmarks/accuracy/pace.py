"""How much of a core's time a step and a validation of a method take, whatever else the machine is at meanwhile."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.accuracy import volumetric
from benchmarks.accuracy.budget import Pace
from benchmarks.accuracy.job import RUN_NAME, Job
from zonate.config import Settings
from zonate.dataset.store import Dataset
from zonate.model import Model
from zonate.networks.factory import make_generator
from zonate.training.taught import taught_by
from zonate.validation import validate
from zonate.verbs.train import train

_WARM_UP = 2  # steps, which are slower
_LEAST = 3  # steps that are timed, however long they take


class _EnoughError(Exception):
    """Breaks a training off."""


class _Clock:
    """A progress that breaks the training off when enough steps were timed."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: list[float] = []

    def __call__(self, done: int, total: int, text: str) -> None:  # noqa: ARG002 (as Progress has them)
        """Note the time of a step."""
        self._times.append(time.process_time())
        timed = self._times[_WARM_UP:]
        if len(timed) > _LEAST and timed[-1] - timed[0] >= self._seconds:
            raise _EnoughError

    @property
    def seconds_per_step(self) -> float:
        """The mean over the timed steps, of whatever there are where a training was short."""
        timed = self._times[_WARM_UP:] if len(self._times) > _WARM_UP + 1 else self._times
        return (timed[-1] - timed[0]) / max(1, len(timed) - 1) if timed else 0.0


def measure_pace(job: Job, seconds: float) -> Pace:
    """Train for a while, validate once, and leave nothing behind.

    Args:
        job: Of the method; its length does not matter.
        seconds: How long steps are timed, about.
    """
    torch.set_num_threads(job.threads)
    clock = _Clock(seconds)
    settings = job.settings.override(["training.epochs=1000", "training.validate_every_epochs=1000"])
    with TemporaryDirectory() as folder:
        run = Path(folder) / RUN_NAME
        try:
            if job.volumetric:
                volumetric.train(job.opened(), run, settings, progress=clock)
            else:
                train(job.dataset, run, settings, fold=job.fold, init=job.init, progress=clock)
        except _EnoughError:
            pass
    return Pace(clock.seconds_per_step, _seconds_per_validation(job, settings))


def _seconds_per_validation(job: Job, settings: Settings) -> float:
    """By a model with fresh weights."""
    dataset = job.opened()
    if job.volumetric:
        stacks = volumetric.untrained(dataset, settings)
        began = time.process_time()
        volumetric.validate(stacks, dataset)
    else:
        model = _untrained(dataset, settings)
        began = time.process_time()
        list(validate(model, dataset, dataset.split("validation")))
    return time.process_time() - began


def _untrained(dataset: Dataset, settings: Settings) -> Model:
    taught = taught_by(dataset)
    settings = settings.model_copy(update={"slicing": dataset.slicing})
    network = make_generator(settings.network)
    return Model(network.eval(), settings, dataset.statistics, taught.codes, {}, taught.channels)
