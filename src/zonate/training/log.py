"""What a run tells while it goes: a line of JSON an epoch, and the same as TensorBoard scalars."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch.utils.tensorboard.writer import SummaryWriter

from zonate.io.files import write_text

METRICS_NAME = "metrics.jsonl"


class RunLog:
    """The log of a run folder. On resuming, epochs after the checkpoint are forgotten, so none stands twice."""

    def __init__(self, run: Path, epochs_done: int) -> None:
        self._path = run / METRICS_NAME
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.is_file() else []
        write_text(self._path, "".join(f"{line}\n" for line in lines[:epochs_done]))
        self._writer = SummaryWriter(str(run / "tensorboard"), purge_step=epochs_done + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Note an epoch: `epoch` counted from 1, and figures, possibly grouped."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, allow_nan=False) + "\n")
        for name, value in _flat(record).items():
            self._writer.add_scalar(name, value, record["epoch"])
        self._writer.flush()


def mean_terms(steps: list[dict[str, float]]) -> dict[str, float | None]:
    """The mean of each loss term over an epoch's steps; None where it is not finite (JSON has no NaN)."""
    means = {name: sum(step[name] for step in steps) / len(steps) for name in steps[0]}
    return {name: mean if math.isfinite(mean) else None for name, mean in means.items()}


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and name != "epoch":
            found[f"{prefix}{name}"] = float(value)
    return found
