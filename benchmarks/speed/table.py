"""The page of speed, from the figures that were kept."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.speed.training import PLAIN, TUTORIALS_GFLOP

Figures = Mapping[str, Any]

OURS, IN_BFLOAT16 = "zonate", "zonate, bfloat16"
_PARTS = {
    "identify": "headers read, roles settled",
    "read": "pixels read, ADC checked",
    "align": "DWI and ADC onto T2W, by elastix in its own process",
    "network": "two passes, mirror image, samples",
    "measure": "back onto the T2W grid, clean-up, doubt, volumes, sectors",
    "write": "volumes, pictures, report, surfaces, DICOM objects",
}


def page(found: Figures) -> str:
    """The whole page."""
    return "\n".join([*_head(found), *_prediction(found), *_network(found), *_training(found)]) + "\n"


def _head(found: Figures) -> Iterator[str]:
    slices, rows, columns = found["shape_shw"]
    rates = found["rates"]
    per_precision = ", ".join(f"{name} {rate:.0f} Gflop/s" for name, rate in rates["gflop_s"].items())
    yield "# How fast?"
    yield ""
    yield (
        f"`make bench` ({found['date']}, {found['machine']}, {found['threads']} threads, PyTorch {found['torch']}, "
        f"commit {found['commit']}): a study of {slices} slices of {rows} × {columns}, median of {found['repeats']} "
        "repeats and their quartiles; what is compared ran in turn."
    )
    yield ""
    yield (
        f"The machine, measured in the same run: {per_precision} in a product of large matrices, "
        f"{rates['gb_s']:.0f} GB/s in a copy. A *floor* is the longer of operations at that rate and bytes at that "
        "rate, pass by pass. It can be undercut: by convolutions that need fewer multiplications (Winograd), and by "
        "what stays in the caches."
    )


def _prediction(found: Figures) -> Iterator[str]:
    yield from ("", "## From a study to its files", "")
    yield from ("| command | s | quartiles | memory at most, MiB |", "|---|---|---|---|")
    for name, it in found["commands"].items():
        yield f"| `{name.partition(',')[0]}`{''.join(name.partition(',')[1:])} | {_row(it)} | {it['peak_mib']:.0f} |"
    total = sum(it["median_s"] for it in found["stages"].values())
    yield from ("", "Part by part, in a process that has loaded everything:", "")
    yield from ("| part | s | quartiles | share | |", "|---|---|---|---|---|")
    for name, it in found["stages"].items():
        yield f"| {name} | {_row(it)} | {it['median_s'] / total:.0%} | {_PARTS[name]} |"


def _network(found: Figures) -> Iterator[str]:
    floor, ours = found["floors"]["float32"], found["network"][OURS]["median_s"]
    took = found["stages"]["network"]["median_s"]
    yield from ("", "## The network", "")
    yield (
        f"With two passes, the mirror image and its samples it computes {floor['gflop']:.0f} Gflop, whose floor is "
        f"{floor['seconds']:.2f} s here: it takes {took:.2f} s, {took / floor['seconds']:.1f} times as long."
    )
    yield from ("", "One segmentation of the study with its mirror image, without samples:", "")
    yield from ("| | s | quartiles | times as long as zonate |", "|---|---|---|---|")
    for name, it in found["network"].items():
        yield f"| {name} | {_row(it)} | {it['median_s'] / ours:.2f} |"
    if "nnunet" in found:
        it = found["nnunet"]
        patch = " × ".join(str(px) for px in it["patch"])
        for name, said in (("mirrored", "its 8 mirror images, the default"), ("plain", "no mirror image")):
            seconds = min(it["seconds"][name])
            yield f"| nnU-Net v2, one fold, {said} | {seconds:.1f} | – | {seconds / ours:.0f} |"
        yield ""
        yield (
            "nnU-Net's network is as it plans it itself for such volumes: 3D at full resolution, "
            f"{it['parameters_m']:.0f} M parameters, patches of {patch}, untrained; timed once, resampling included. "
            "Its default of five folds takes five times as long."
        )
    if found["rounding"]:
        dices = ", ".join(f"{name} {dice:.4f}" for name, dice in found["rounding"].items())
        yield from ("", f"Dice of the result in bfloat16 with the one in float32: {dices}.")
    else:
        yield from ("", "This processor has no bfloat16.")


def _training(found: Figures) -> Iterator[str]:
    plain, gflop = found["step"][PLAIN]["median_s"], found["step_gflop"]
    tutorials = ", ".join(f"{name}'s {value:.1f}" for name, value in TUTORIALS_GFLOP.items())
    yield from ("", "## A training step of `pix2pix`", "")
    yield (
        "One slice, forward, backward, both optimisers. The plain loop is `benchmarks/speed/plain_pix2pix.py`, with "
        f"{gflop[PLAIN]:.1f} Gflop a step (by hand, {tutorials}); ours computes {gflop['zonate']:.1f}, since one "
        "judgement of the generated label serves both networks."
    )
    yield from ("", "| | s | quartiles | times as fast as the plain loop |", "|---|---|---|---|")
    for name, it in found["step"].items():
        yield f"| {name} | {_row(it)} | {plain / it['median_s']:.2f} |"
    yield from ("", "Ours in float32, by part:", "", "| part | s | quartiles |", "|---|---|---|")
    for name, it in found["step_parts"].items():
        yield f"| {name} | {_row(it)} |"


def _row(it: Figures) -> str:
    return f"{it['median_s']:.3g} | {it['low_s']:.3g} to {it['high_s']:.3g}"
