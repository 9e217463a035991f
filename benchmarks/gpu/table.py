"""The page of what a GPU takes, from the figures that were kept."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.gpu.runs import AS_DESCRIBED, FAST
from benchmarks.gpu.steps import COMPILED, EAGER
from benchmarks.speed.training import PLAIN
from zonate.counted import counted

Figures = Mapping[str, Any]

_RATE_OF = {PLAIN: "tf32", EAGER: "tf32", COMPILED: "tf32"}
"""What convolutions of float32 are computed in, by PyTorch's default; all else is in bfloat16."""


def page(kept: Mapping[str, Figures]) -> str:
    """The whole page: of each part, what it found, or that it was not measured yet."""
    lines = [
        "# How fast on a GPU?",
        "",
        "`python -m benchmarks.gpu`: the described training, `pix2pix` on slices of 256 × 256, beside the plain loop "
        "of the public tutorials (`benchmarks/speed/plain_pix2pix.py`, eager, float32). What is compared ran in turn, "
        "in one process. Convolutions of float32 are in TF32 for all, which is PyTorch's default. Patients are "
        "simulated, so that Dice says whether two trainings agree, and nothing about patients.",
    ]
    for name, (title, section) in _SECTIONS.items():
        lines += ["", f"## {title}", ""]
        if name in kept:
            lines += [_where(kept[name]), "", *section(kept[name])]
        else:
            lines.append("Not measured yet.")
    return "\n".join(lines) + "\n"


def _where(found: Figures) -> str:
    return (
        f"{found['gpu']}, {found['machine']}, PyTorch {found['torch']}, {found['date']}, commit {found['commit']}. "
        f"`--parts {found['part']}`."
    )


def _steps(found: Figures) -> Iterator[str]:
    plain_s = found["steps"][PLAIN]["median_s"]
    rates = found["rates"]
    yield "| | slices a step | ms a slice | quartiles | floor, ms | times as fast as the plain loop |"
    yield "|---|---|---|---|---|---|"
    for name, it in found["steps"].items():
        slices = found["slices"][name]
        median, low, high = (1e3 * it[key] / slices for key in ("median_s", "low_s", "high_s"))
        gflop = found["gflop"].get(name, found["gflop"].get(EAGER))
        rate = None if rates is None else rates["gflop_s"].get(_RATE_OF.get(name, "bfloat16"))
        floor = "–" if rate is None else f"{1e3 * gflop / slices / rate:.3g}"
        ratio = plain_s * slices / it["median_s"]
        yield f"| {name} | {slices} | {median:.3g} | {low:.3g} to {high:.3g} | {floor} | {ratio:.2f} |"
    yield ""
    if rates is not None:
        said = ", ".join(f"{name} {rate / 1e3:.0f} Tflop/s" for name, rate in rates["gflop_s"].items())
        yield f"The floor is that of a step's operations at the rate of a large product here: {said}."
    if found["compiler"] is None:
        yield "Nothing was compiled: PyTorch's compiler is not there for this device."
    else:
        breaks, skipped = found["compiler"]["graph_breaks"], found["compiler"]["graphs_not_captured"]
        yield f"What was compiled broke into pieces {breaks} times; {skipped} graphs were not captured."


def _run(found: Figures) -> Iterator[str]:
    epoch = found["epoch_s"]
    yield (
        f"`zonate train --fast` on {found['train_slices']} slices, validated after each epoch on "
        f"{counted(found['validation_cases'], 'patient')}: {found['first_s']:.1f} s to the end of the first "
        f"epoch's steps, in which kernels are made; then {epoch['mean']:.2f} s an epoch (quartiles {epoch['low']:.2f} "
        f"to {epoch['high']:.2f}) over {counted(found['timed_epochs'], 'epoch')}, with reading, validation, pictures "
        f"and both files of weights; {found['last_s']:.1f} s after the last step."
    )
    yield ""
    yield (
        f"Extrapolated from these, not run to the end: {found['epochs']} epochs take "
        f"**{found['extrapolated_s'] / 60:.1f} minutes**."
    )


def _dice(found: Figures) -> Iterator[str]:
    yield (
        f"{counted(found['epochs'], 'epoch')} of {found['train_slices']} slices, the best validation on "
        f"{counted(found['validation_cases'], 'patient')}; both ways from the same seed."
    )
    yield ""
    yield f"| seed | Dice {AS_DESCRIBED} | `{FAST}` | difference | the gland alone | {AS_DESCRIBED}, s | `{FAST}`, s |"
    yield "|---|---|---|---|---|---|---|"
    for each in found["by_seed"]:
        slow, quick = (each["runs"][name] for name in (AS_DESCRIBED, FAST))
        gland = " and ".join("–" if (it := run["dice"].get("GLAND")) is None else f"{it:.3f}" for run in (slow, quick))
        difference = quick["mean_dice"] - slow["mean_dice"]
        yield (
            f"| {each['seed']} | {slow['mean_dice']:.4f} | {quick['mean_dice']:.4f} | {difference:+.4f} | {gland} | "
            f"{slow['seconds']:.0f} | {quick['seconds']:.0f} |"
        )
    yield ""
    yield (
        "The learning rate of `--fast` is √k times that of the recipe for a batch k times as large, reached after a "
        "warm-up: see `zonate.fast`. Its seconds hold those in which kernels are made."
    )


def _idle(found: Figures) -> Iterator[str]:
    yield "| | slices a step | steps | s a step, untraced | traced | the device works | it waits |"
    yield "|---|---|---|---|---|---|---|"
    for name in (AS_DESCRIBED, FAST):
        it = found["trainings"][name]
        of_trace = "– | – | –" if it["idle"] is None else f"{it['step_s']:.3g} | {it['busy_s']:.3g} | {it['idle']:.1%}"
        yield f"| {name} | {it['slices']} | {it['steps']} | {it['untraced_s']:.3g} | {of_trace} |"
    yield ""
    yield (
        "From PyTorch's trace of the device: it waits whenever no kernel and no copy is under way. Tracing itself "
        "slows the processor, so that the share of waiting is an upper bound."
    )


_SECTIONS = {
    "step": ("A training step at batch 1", _steps),
    "fast": ("`--fast`, a slice", _steps),
    "run": ("The described run by `--fast`", _run),
    "dice": ("What `--fast` costs in Dice", _dice),
    "idle": ("Does the device wait?", _idle),
}
