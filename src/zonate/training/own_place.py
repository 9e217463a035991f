"""Where a process stands among those that torchrun started; known before PyTorch is loaded."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

OURS = "zonate-train"
"""Torchrun's id of a run that `training.torchrun.launch` started."""
LOST = 3
"""Exit code of a process of such a run whose fellow is gone: it leaves the telling to `launch`."""


@dataclass(frozen=True)
class Place:
    """Where a process stands.

    Attributes:
        rank: Among all, from 0.
        local_rank: Among those of its machine, from 0.
        devices: Processes of its machine.
        nodes: Machines.
        ours: Whether `launch` started it.
    """

    rank: int
    local_rank: int
    devices: int
    nodes: int
    ours: bool


def own_place(environment: Mapping[str, str] = os.environ) -> Place | None:
    """The place of this process, or None where torchrun did not start it, or started it alone.

    Source: PyTorch, torchrun (Elastic Launch), the environment variables of a process.
    """
    run_id = environment.get("TORCHELASTIC_RUN_ID")
    if run_id is None or int(environment["WORLD_SIZE"]) == 1:
        return None
    devices = int(environment["LOCAL_WORLD_SIZE"])
    return Place(
        rank=int(environment["RANK"]),
        local_rank=int(environment["LOCAL_RANK"]),
        devices=devices,
        nodes=int(environment["WORLD_SIZE"]) // devices,
        ours=run_id == OURS,
    )
