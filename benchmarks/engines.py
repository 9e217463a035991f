"""The network that ships, by PyTorch as Zonate runs it, by ONNX Runtime and by OpenVINO: is one worth its place?

    pip install onnx onnxscript onnxruntime openvino
    python -m benchmarks.engines [--rounds 7] [--threads 2]

Each engine has a process of its own, since the threads of one wait busily beside those of another; the processes take
turns, so that a busy machine slows all of them down. Written to benchmarks/engines.md.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.machine import circumstances
from benchmarks.speed.rates import median_and_range
from zonate.model import Model
from zonate.networks.blocks import n_image_channels
from zonate.networks.inference import ReadyNetwork
from zonate.shipped import model_path

PAGE = Path(__file__).with_name("engines.md")
BATCH = 8
"""Slices at a time, as `predict` shows them."""
PACKAGES = {"PyTorch": "torch", "ONNX Runtime": "onnxruntime", "OpenVINO": "openvino"}
_RUNS = 5
"""Of the network in a process; the median counts."""
_LARGEST_DIFFERENCE = 1e-3
"""Of logits: beyond it, the engine computes something else."""

Run = Callable[[Tensor], Tensor]


class _Whole(nn.Module):
    """A ready network as a module with one input, which can be exported."""

    def __init__(self, ready: ReadyNetwork) -> None:
        super().__init__()
        self.network = ready.module

    def forward(self, images: Tensor) -> Any:
        return self.network(images)


def main() -> None:
    given = _arguments()
    if given.engine is not None:
        print(json.dumps(measure(given.engine, given.network, given.threads)))
        return
    versions = {engine: version(package) for engine, package in PACKAGES.items()}  # before hours, if one is missing
    with tempfile.TemporaryDirectory() as folder:
        network = Path(folder) / "zonate.onnx"
        export(network)
        rounds = [{name: _in_a_process(name, network, given.threads) for name in PACKAGES} for _ in range(given.rounds)]
    PAGE.write_text(page(rounds, versions, circumstances(given.threads)), encoding="utf-8")
    print(PAGE)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--engine", choices=PACKAGES, help=argparse.SUPPRESS)
    parser.add_argument("--network", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def ready_network() -> tuple[ReadyNetwork, Tensor]:
    """The network that ships, in float32 with BatchNorm folded, and a batch of patches to show it."""
    model = Model.load(model_path(None))
    patch_px = model.settings.training.patch_px or model.settings.slicing.size_px
    ready = ReadyNetwork(model.generator.float(), torch.device("cpu"))
    shape = (BATCH, n_image_channels(model.settings.network), patch_px, patch_px)
    return ready, torch.randn(shape, generator=torch.Generator().manual_seed(0))


def export(file: Path) -> None:
    """Write the network that ships in ONNX's form."""
    ready, images = ready_network()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        torch.onnx.export(_Whole(ready), (images,), str(file), dynamo=True, external_data=False, verbose=False)


def measure(engine: str, network: Path, threads: int) -> dict[str, float]:
    """Seconds until the engine is ready and of a batch, and how far its logits are from PyTorch's.

    Raises:
        ValueError: They are too far to be the same network's.
    """
    torch.set_num_threads(threads)
    ready, images = ready_network()
    with torch.inference_mode():
        wanted = ready.logits(ready.features(images)).clone()
        began = time.perf_counter()
        run = _ENGINES[engine](network, threads)
        ready_s = time.perf_counter() - began
        difference = float((run(images) - wanted).abs().max())
        if not difference <= _LARGEST_DIFFERENCE:  # nor a NaN
            raise ValueError(f"{engine}: a logit differs by {difference:.3g} from PyTorch's")
        seconds = []
        for _ in range(_RUNS):
            began = time.perf_counter()
            run(images)
            seconds.append(time.perf_counter() - began)
    return {"ready_s": ready_s, "batch_s": statistics.median(seconds), "difference": difference}


def _pytorch(_network: Path, _threads: int) -> Run:
    ready, _ = ready_network()
    return lambda images: ready.logits(ready.features(images))


def _onnx_runtime(network: Path, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: torch.from_numpy(session.run(None, {name: images.numpy()})[0])


def _openvino(network: Path, threads: int) -> Run:
    import openvino

    how = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(network), "CPU", how)
    return lambda images: torch.from_numpy(compiled([images.numpy()])[0])


_ENGINES: Mapping[str, Callable[[Path, int], Run]] = {
    "PyTorch": _pytorch,
    "ONNX Runtime": _onnx_runtime,
    "OpenVINO": _openvino,
}


def _in_a_process(engine: str, network: Path, threads: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.engines", "--engine", engine, "--network", str(network)]
    done = subprocess.run([*command, "--threads", str(threads)], stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def page(
    rounds: Sequence[Mapping[str, Mapping[str, float]]], versions: Mapping[str, str], how: Mapping[str, Any]
) -> str:
    """The table: medians over the rounds, and the ratio to PyTorch within each round."""
    lines = [
        "# Another engine for the network?",
        "",
        f"`python -m benchmarks.engines` ({how['date']}, {how['machine']}, {how['threads']} threads, commit "
        f"{how['commit']}): the network that ships on {BATCH} patches, float32, BatchNorm folded; medians of "
        f"{len(rounds)} rounds in turn, each engine in a process of its own, smallest and largest in brackets.",
        "",
        "| engine | version | s a batch | times as long as PyTorch | s until ready | largest difference of a logit |",
        "|---|---|---|---|---|---|",
    ]
    for engine in PACKAGES:
        batch, began, difference = (
            [of[engine][name] for of in rounds] for name in ("batch_s", "ready_s", "difference")
        )
        ratios = [of[engine]["batch_s"] / of["PyTorch"]["batch_s"] for of in rounds]
        lines.append(
            f"| {engine} | {versions[engine]} | {median_and_range(batch)} | {median_and_range(ratios)} | "
            f"{statistics.median(began):.2f} | {max(difference):.1g} |"
        )
    lines += [
        "",
        "Ready: the network read and made quick, for slices of one size. `predict` needs four of them, since it shows "
        "the network two sizes and stops where dropout begins; for 19 slices and 10 samples they compute together what "
        "18 of these batches do. An engine is worth a dependency, and weights in a second form, where it saves more "
        "than that.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
