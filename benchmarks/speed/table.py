"""The page of speed, from the figures that were kept."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.speed.training import PARTS, PLAIN, READING, TUTORIALS_GFLOP

Figures = Mapping[str, Any]

OURS, IN_BFLOAT16 = "zonate", "zonate, bfloat16"
_COPY = 2
"""What comes from a file or goes to one is read once and written once."""
_STAGES = {
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
    yield from ("| part | s | quartiles | share | floor, s | |", "|---|---|---|---|---|---|")
    floors = {name: _COPY * gb / found["rates"]["gb_s"] for name, gb in found.get("stage_gb", {}).items()}
    floors["network"] = found["floors"]["float32"]["seconds"]
    for name, it in found["stages"].items():
        share = f"{it['median_s'] / total:.0%}"
        yield f"| {name} | {_row(it)} | {share} | {_seconds(floors.get(name))} | {_STAGES[name]} |"
    yield ""
    yield (
        "The floor of identify, read and write is the copy of what they read from files and write to them; a dash "
        "where that was not measured. Align and measure have none: what elastix computes depends on when it converges, "
        "and measuring is many small works, of which none is a product of matrices or a copy."
    )


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
        "judgement of the generated label serves both networks. The floor is that of these operations."
    )
    yield from ("", "| | s | quartiles | floor, s | times as fast as the plain loop |", "|---|---|---|---|---|")
    for name, it in found["step"].items():
        rate = found["rates"]["gflop_s"][name.rpartition(", ")[2]]
        floor = gflop[PLAIN if name == PLAIN else OURS] / rate
        yield f"| {name} | {_row(it)} | {_seconds(floor)} | {plain / it['median_s']:.2f} |"
    yield from _parts(found)


def _parts(found: Figures) -> Iterator[str]:
    """Parts that were not measured have dashes, and then there is no whole and no share."""
    measured, work, rates = found["step_parts"], found.get("step_part_work", {}), found["rates"]
    whole = sum(measured[part]["median_s"] for part in PARTS) if measured.keys() >= set(PARTS) else None
    yield from ("", "Ours in float32, by part, none of which is part of another:", "")
    yield from ("| part | s | quartiles | share | floor, s |", "|---|---|---|---|---|")
    for part in PARTS:
        it, to_do = measured.get(part), work.get(part)
        row = "– | –" if it is None else _row(it)
        share = "–" if it is None or whole is None else f"{it['median_s'] / whole:.0%}"
        floor = None
        if to_do is not None:
            floor = max(to_do["gflop"] / rates["gflop_s"]["float32"], to_do["gb"] / rates["gb_s"])
        yield f"| {part} | {row} | {share} | {_seconds(floor)} |"
    yield f"| together | {_seconds(whole)} | – | {'–' if whole is None else '100%'} | – |"
    yield ""
    yield f"`zonate train` does the {READING} beside the rest. A dash stands where nothing was measured."


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.3g}"


def _row(it: Figures) -> str:
    return f"{it['median_s']:.3g} | {it['low_s']:.3g} to {it['high_s']:.3g}"
