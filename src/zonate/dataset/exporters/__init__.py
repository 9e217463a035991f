"""A dataset in the forms of other tools: one file a form."""

from collections.abc import Callable
from pathlib import Path

from zonate.dataset.exporters.bids import write_bids
from zonate.dataset.exporters.nnunet import write_nnunet
from zonate.dataset.exporters.npy import write_npy
from zonate.dataset.store import Dataset
from zonate.progress import Progress

EXPORTERS: dict[str, Callable[[Dataset, Path, Progress], tuple[str, ...]]] = {
    "bids": write_bids,
    "nnunet": write_nnunet,
    "npy": write_npy,
}
"""By the name that `--to` takes; each fills an empty folder, and says what a person should know of it."""

__all__ = ["EXPORTERS"]
