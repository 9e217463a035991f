"""Write docs/model-card.md from the weights that ship and from what was measured.

python -m benchmarks.weights.card
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.accuracy.cells import conditions, mean_cell
from benchmarks.accuracy.external_table import of_set
from benchmarks.accuracy.figures import AI, BIASES, FIGURES, GLANDS, LEAST_DICE, Figure
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.results import Results, read_longest, read_results
from benchmarks.weights.failures import N_WORST, worst_patients
from zonate.io.files import write_text
from zonate.shipped import SHIPPED
from zonate.verbs.info import shipped_model

PAGE = Path(__file__).parents[2] / "docs" / "model-card.md"
LEAST_PZ_DICE = 0.5
GLAND_FIGURES = tuple(figure for figure in FIGURES if figure.structure == "GLAND")
GLAND_BIAS = tuple(figure for figure in BIASES if figure.structure == "GLAND")

_USE = """
## Intended use

Research: zones, volumes, PSA density and PI-RADS sectors of adult men's prostates on axial T2W images, as a first
draft that a person looks at and corrects. **It is not a medical device.** It is not for diagnosis, for planning a
treatment, nor for anything that nobody checks. It does not look for lesions.

- **Looks at** T2W alone. DWI and ADC of a study are aligned, shown and measured, and change no zone: no patient with
  labels and these sequences could be learnt from.
- **Draws** the peripheral zone, the transition zone (with the central zone, as PROSTATEx-Seg-Zones counts it), the
  distal prostatic urethra and the anterior fibromuscular stroma. The distal prostatic urethra and the anterior
  fibromuscular stroma were drawn in one patient whose image it learnt from: they are predicted and everywhere marked
  **not validated**.
- **Flags glands that fail**, as far as could be tried: of worse copies of patients every gland below Dice 0.75, and
  none of the good ones ([uncertainty](concepts/uncertainty.md#what-it-reaches)). No real failure was at hand. A
  doubtful result says so in every file.
"""

_LIMITS = """
## Limits

- Few patients, of few scanners, all at 3 T without an endorectal coil; glands from 17 to 313 ml. Nothing is known of
  1.5 T, of hip implants, of patients after treatment, of children.
- No figure can be more certain than its reference; experts disagree, too.
- The peripheral zone comes out too small on patients of other sources, and so does the gland: see the volumes above.
  PSA density is too high by as much as the gland is too small. How readers divide the base between peripheral zone and
  central gland differs, and is learnt from one group of readers ([results](concepts/results.md)).
- More training on the same patients did not help on those of other sources ([results](concepts/results.md)).
- Means over few patients: with four, a bootstrap interval of 95 % holds the true mean about 80 % of the time.
- Targets that were missed are listed in [accuracy.md](../benchmarks/accuracy.md#what-was-to-be-reached).
- The AI references against which PROSTATEx patients are compared are themselves models.
- Recipe and settings were chosen while looking at some of these patients ([the ablation](../benchmarks/ablation.md)):
  the figures are optimistic by an unknown amount.
- Intervals of volumes hold less than 95 % of new patients where few taught them
  ([uncertainty](concepts/uncertainty.md)).
- [What other fields of view, matrices, slices, coils and bladders do](../benchmarks/robustness.md) was imitated, not
  acquired, and measured on models that were trained for a shorter time.
"""


def card(about: Mapping[str, Any], results: Results, external: Results, written: date) -> str:
    """The page.

    Args:
        about: As `shipped_model` gives it.
        results: Of the cross-validation.
        external: Of the weights that ship, on patients of other sources.
        written: The day that it bears.

    Raises:
        ValueError: There are no weights, or nothing was measured.
    """
    if "problem" in about or not results.runs_of(OWN):
        raise ValueError(about.get("problem", "run `make accuracy` first"))
    lines = [
        "# Model card: the weights that ship",
        "",
        f"*Written by `python -m benchmarks.weights.card`, {written.isoformat()}, from the file and from "
        "[what was measured](../benchmarks/accuracy.md).*",
        "",
        *_file(about),
        *_USE.rstrip().splitlines(),
        "",
        *_learnt(about),
        "",
        *_accuracy(results, external),
        "",
        *_failures(results),
        *_LIMITS.rstrip().splitlines(),
    ]
    return "\n".join(lines) + "\n"


def _file(about: Mapping[str, Any]) -> list[str]:
    calibration = about["calibration"]
    return [
        "| | |",
        "|---|---|",
        f"| file | `zonate/weights/{about['file']}`, {about['size_bytes'] / 1e6:.1f} MB, safetensors |",
        f"| SHA-256 | `{about['sha256']}` |",
        f"| recipe | `{about['name']}` ([the method](concepts/method.md#the-recipe-that-ships)), "
        f"{about['parameters'] / 1e6:.1f} M parameters |",
        f"| zones | {', '.join(about['codes'])} |",
        f"| channels | {' and '.join(name for name, known in about['channels'].items() if known)} alone |",
        f"| licences of its data | {', '.join(about['licences'])}: free to use, to be cited |",
        f"| calibrated on | {calibration['n_results']} results of {calibration['n_patients']} patients, by the "
        f"{calibration['fold_models']} models of the cross-validation; doubtful below an expected gland Dice of "
        f"{calibration['doubtful_below']:.2f} |",
    ]


def _learnt(about: Mapping[str, Any]) -> list[str]:
    lines = [
        "## What it learnt from",
        "",
        "| data set | licence | patients | cases | labels |",
        "|---|---|---|---|---|",
    ]
    sources = about["provenance"]["sources"]
    lines += [
        f"| {source['dataset']} | {source['licence']} | {source['patients']} | {source['cases']} | "
        f"{', '.join(code for code in source['codes'] if code != 'BACKGROUND')} |"
        for source in sources
    ]
    return [*lines, "", *(f"- {citation}" for citation in about["citations"])]


def _accuracy(results: Results, external: Results) -> list[str]:
    patients = len(FIGURES[0].of(results, OWN))
    lines = [
        "## How good it is on patients it never saw",
        "",
        f"**Cross-validation**: {patients} patients of NCI-ISBI 2013, each by a model of the same recipe that did "
        "not see them (five folds). The weights that ship learnt from all of them, for about as many epochs, and "
        "from five patients whom those models annotated and two images made for shapes, whose worth was measured early "
        "in training only ([ablation](../benchmarks/ablation.md)). Of each fold the best of about ten validations is "
        "measured; the weights that ship are those of the last epoch. "
        "Mean over patients, "
        f"in 3D on the original grid, with 95 % intervals ({conditions(results.runs_of(OWN))}).",
        "",
        *_means(results, OWN, FIGURES, BIASES),
    ]
    for name, about, figures, biases in (
        (
            AI,
            "**PROSTATEx**: patients of another scanner of the same maker, against the mean of two AI models' zones "
            "(PI-CAI)",
            FIGURES,
            BIASES,
        ),
        (
            GLANDS,
            "**PROMISE12**: patients of a challenge of several hospitals, against an expert's gland",
            GLAND_FIGURES,
            GLAND_BIAS,
        ),
    ):
        part = of_set(external, name)
        if part.rows and SHIPPED in part.names:
            n = len(figures[0].of(part, SHIPPED))
            lines += ["", f"{about}; {n} patients, by the weights that ship themselves.", ""]
            lines += _means(part, SHIPPED, figures, biases)
    return lines


def _means(results: Results, name: str, figures: tuple[Figure, ...], biases: tuple[Figure, ...]) -> list[str]:
    return [
        "| figure | mean (95 % interval) | worst patient |",
        "|---|---|---|",
        *(
            f"| {figure.title} | {mean_cell(values, figure.digits)} | {_worst(figure, values):.{figure.digits}f} |"
            for figure in figures
            if (values := figure.of(results, name))
        ),
        *(
            f"| {bias.title} volume less the reference's, ml | {mean_cell(values, bias.digits, sign='+')} | "
            f"{max(values.values(), key=abs):+.{bias.digits}f} |"
            for bias in biases
            if (values := bias.of(results, name))
        ),
    ]


def _worst(figure: Figure, values: dict[str, float]) -> float:
    return min(values.values()) if figure.measure == "dice" else max(values.values())


def _failures(results: Results) -> list[str]:
    found = _listed(FIGURES[0].of(results, OWN), LEAST_DICE)
    return [
        "## Failures",
        "",
        f"PZ Dice lay below {LEAST_PZ_DICE} in {_listed(FIGURES[2].of(results, OWN), LEAST_PZ_DICE)}"
        f"{_how_large(results)}. Doubt is about the gland alone; where PZ is expected to agree badly, a warning says "
        "so.",
        "",
        f"The gland's Dice lay below {LEAST_DICE} in {found}. The worst, by the mean Dice of gland, central gland and "
        f"PZ: {_worst_cases(results)}; the reference above, the result below.",
        "",
        "![The worst patients of the cross-validation](pictures/model-card-failures.png)",
        "",
        "*Images: Prostate-3T (Litjens et al., The Cancer Imaging Archive 2015), zones: NCI-ISBI 2013 (Bloch et al., "
        "The Cancer Imaging Archive 2015), CC BY 3.0. Rendered by Zonate.*",
    ]


def _worst_cases(results: Results) -> str:
    """Whom the picture shows, by the names that it bears."""
    cases = {row["patient_id"]: row["case_id"] for row in results.rows}
    return ", ".join(f"{cases[patient]} ({patient})" for patient in worst_patients(results)[:N_WORST])


def _how_large(results: Results) -> str:
    """What the reader drew of PZ in those in whom it fails, beside all others."""
    volumes_ml = results.by_patient(OWN, "PZ", "reference_volume_ml")
    bad = {patient for patient, dice in FIGURES[2].of(results, OWN).items() if dice < LEAST_PZ_DICE}
    if not bad or len(bad) == len(volumes_ml):
        return ""
    failed, others = (
        median(ml for patient, ml in volumes_ml.items() if (patient in bad) == of) for of in (True, False)
    )
    return f", whose PZ measures {failed:.1f} ml in the median, against {others:.1f} ml in the others"


def _listed(dice: dict[str, float], least: float) -> str:
    """How many patients lie below a Dice, and who."""
    bad = sorted(patient for patient, value in dice.items() if value < least)
    return f"{len(bad)} of {len(dice)} patients ({', '.join(bad)})" if bad else f"none of the {len(dice)} patients"


if __name__ == "__main__":
    write_text(PAGE, card(shipped_model(), read_longest(), read_results("external"), date.today()))
    print(PAGE.read_text(encoding="utf-8"))
