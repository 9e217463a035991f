"""From a study to its files, stage by stage, and the network against other ways to run one: all of it on the CPU."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.speed.rates import Rates, Timing, bytes_of, floor_s, operations, precisions, side_by_side
from zonate.alignment import align_to_t2w
from zonate.inference import Inference
from zonate.load import load_study, open_study, read_acquisition
from zonate.model import Model
from zonate.networks.inference import ReadyNetwork
from zonate.outputs.write import write_outputs
from zonate.preprocessing.slices import Slices, slice_case
from zonate.segmenter import Segmenter
from zonate.shipped import model_path
from zonate.validation import structure_dices
from zonate.zones import STRUCTURES, drawable

STAGES = ("identify", "read", "align", "network", "measure", "write")
_OF_FILES = ("identify", "read", "write")
_DEVICE = "cpu"
_IO = Path("/proc/self/io")


@dataclass(frozen=True)
class Stages:
    """What the parts of `predict` take.

    Attributes:
        timings: By stage.
        gb: Of the stages that read or write files, bytes between those and the process in 1e9; empty where the system
            does not count them.
    """

    timings: dict[str, Timing]
    gb: dict[str, float]


def stages(study: Path, repeats: int) -> Stages:
    """Each part of `predict`, with everything loaded; the parts run one after another as in the command.

    A GPU must be hidden (see `benchmarks.speed`), since a whole case is segmented on it where there is one.
    """
    segmenter = Segmenter.load(model_path(None))
    settings = segmenter.settings
    seconds: dict[str, list[float]] = defaultdict(list)
    gb: dict[str, float] = {}

    @contextmanager
    def of(stage: str) -> Iterator[None]:
        moved, began = file_bytes(), time.perf_counter()
        yield
        seconds[stage].append(time.perf_counter() - began)
        if moved is not None and stage in _OF_FILES:
            gb[stage] = ((file_bytes() or moved) - moved) / 1e9

    for _ in range(repeats + 1):  # the first round is for the caches
        with ExitStack() as opening:
            with of("identify"):
                opened = opening.enter_context(open_study(study, settings.reading))
            with of("read"):
                acquisition = read_acquisition(opened)
        with of("align"):
            align_to_t2w(acquisition, settings.alignment)
        loaded = load_study(study, settings)
        slices = slice_case(loaded.case, settings.slicing)
        with of("network"):
            network_part(segmenter.model, slices)
        with of("measure"):
            zones = segmenter.segment(loaded.case)
        seconds["measure"][-1] -= seconds["network"][-1]
        with tempfile.TemporaryDirectory() as folder, of("write"):
            write_outputs(Path(folder), loaded, zones, segmenter)
    return Stages({stage: Timing.of(seconds[stage][1:]) for stage in STAGES}, gb)


def file_bytes() -> int | None:
    """Bytes that this process has read from files and written to them so far; None where the system does not tell.

    Source: proc(5), `/proc/pid/io`, rchar and wchar.
    """
    try:
        lines = _IO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) for line in lines if line.startswith(("rchar:", "wchar:")))


def network_part(model: Model, slices: Slices) -> None:
    """Everything that the network computes for a result and its samples."""
    inference = Inference(model, slices.images, sampled=model.settings.prediction.samples > 0, device=_DEVICE)
    inference.probabilities()
    for seed in range(model.settings.prediction.samples):
        inference.sample(seed)


def network_floor(model: Model, slices: Slices, rates: Rates, precision: str) -> tuple[float, float]:
    """The floor of `network_part` in seconds, and its operations in 1e9.

    Features that samples share are computed once for the result's first image, its mirror image and the samples.
    """
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    ready = ReadyNetwork(model.generator, torch.device(_DEVICE), dtype=dtype)
    how, patch_px = model.settings.prediction, model.settings.training.patch_px
    shown = _shown(model, slices)
    in_patch = shown if how.passes == 1 or patch_px is None else shown[..., :patch_px, :patch_px]
    works: list[tuple[int, Callable[[], Any]]] = [
        (how.passes - 1, lambda: ready.logits(ready.features(shown))),
        (2 if how.flips else 1, lambda: ready.logits(ready.features(in_patch))),
        (1, lambda: ready.features(in_patch)),
        (how.samples, lambda: ready.logits(ready.features(in_patch))),
    ]
    seconds = gflop = 0.0
    with torch.inference_mode():
        before = operations(works[2][1]), bytes_of(ready.module, works[2][1])
        for number, (times, work) in enumerate(works):
            of_one = operations(work), bytes_of(ready.module, work)
            if number == 3:  # a sample begins where the features end
                of_one = of_one[0] - before[0], of_one[1] - before[1]
            gflop += times * of_one[0]
            seconds += times * floor_s(*of_one, rates, precision)
    return seconds, gflop


def rounding(model: Model, slices: Slices) -> dict[str, float]:
    """By structure that is there, the Dice of the result in bfloat16, where that is known, with the one in float32."""
    if "bfloat16" not in precisions():
        return {}
    exact, near = (each.segment(slices, device=_DEVICE).labels.values for each in (model, in_bfloat16(model)))
    return structure_dices(exact, near, [name for name in STRUCTURES if drawable(name, model.codes)])


def in_bfloat16(model: Model) -> Model:
    return replace(model, settings=model.settings.override(["prediction.precision=bf16-true"]))


def rivals(model: Model, slices: Slices, repeats: int) -> dict[str, Timing]:
    """One segmentation with mirror images, without samples: ours in both precisions, plain PyTorch, MONAI's windows."""
    from monai.inferers.inferer import SlidingWindowInferer

    quick = in_bfloat16(model)
    patch_px = model.settings.training.patch_px or model.settings.slicing.size_px
    windows = SlidingWindowInferer((patch_px, patch_px), sw_batch_size=4, overlap=0.25, mode="gaussian")
    shown, network = _shown(model, slices), model.generator.eval()
    others = {"zonate, bfloat16": lambda: Inference(quick, slices.images, device=_DEVICE).probabilities()}
    return side_by_side(
        {
            "zonate": lambda: Inference(model, slices.images, device=_DEVICE).probabilities(),
            **(others if "bfloat16" in precisions() else {}),
            "plain PyTorch, whole slices at once": lambda: _mirrored(network, shown),
            "MONAI, sliding window": lambda: _mirrored(lambda images: windows(images, network), shown),
        },
        repeats,
    )


def _shown(model: Model, slices: Slices) -> Tensor:
    """What the network is shown of whole slices (S, C, H, W)."""
    return torch.cat(list(Inference(model, slices.images, device=_DEVICE).batches()))


def _mirrored(network: Callable[[Tensor], Any], images: Tensor) -> Tensor:
    with torch.inference_mode():
        mean: Tensor = (network(images).softmax(1) + network(images.flip(-1)).softmax(1).flip(-1)) / 2
    return mean
