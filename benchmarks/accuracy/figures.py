"""What is measured of a method and shown: columns of every table."""

from dataclasses import dataclass

from benchmarks.accuracy.results import Results
from zonate.settings.results import EvaluationSettings

EVALUATION = EvaluationSettings()
LEAST_DICE = 0.75
"""A patient whose gland agrees less must be flagged."""


@dataclass(frozen=True)
class Figure:
    """A column: one measure of one structure.

    Attributes:
        title: Of the column.
        structure: A key of STRUCTURES.
        measure: A column of scores.csv.
        digits: Behind the point.
        absolute: Whether its sign does not count.
        wanted: The mean to reach, and whether more is better.
    """

    title: str
    structure: str
    measure: str
    digits: int = 3
    absolute: bool = False
    wanted: tuple[float, bool] | None = None

    def of(self, results: Results, name: str) -> dict[str, float]:
        """By patient."""
        found = results.by_patient(name, self.structure, self.measure)
        return {patient: abs(value) for patient, value in found.items()} if self.absolute else found


FIGURES = (
    Figure("gland Dice", "GLAND", "dice", wanted=(0.91, True)),
    Figure("central gland Dice", "CENTRAL_GLAND", "dice", wanted=(0.87, True)),
    Figure("PZ Dice", "PZ", "dice", wanted=(0.72, True)),
    Figure("gland HD95 mm", "GLAND", "hd95_mm", digits=1, wanted=(6.0, False)),
    Figure("gland volume off by ml", "GLAND", "volume_error_ml", digits=1, absolute=True),
)
BIASES = (
    Figure("gland", "GLAND", "volume_error_ml", digits=1),
    Figure("central gland", "CENTRAL_GLAND", "volume_error_ml", digits=1),
    Figure("PZ", "PZ", "volume_error_ml", digits=1),
)
"""The result's volume less the reference's, in ml."""
COMPARED = FIGURES[:4]
"""Those that are tested."""
AI, GLANDS, SAME_SOURCE = "PI-CAI AI references", "expert glands", "one more of Prostate-3T"
"""The sets of patients whom no fold tested: two of other sources, and one of the source that was learnt from."""
