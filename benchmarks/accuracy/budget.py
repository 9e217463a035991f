"""From minutes to epochs: every method gets the same time of one core, whatever its steps cost."""

import math
from dataclasses import dataclass

VALIDATIONS = 10
"""How often a run is validated, about: often enough to see whether its curve still climbs, and cheap."""
RESERVED = 0.03
"""Share of the time that is kept for starting and for writing checkpoints."""


@dataclass(frozen=True)
class Pace:
    """What a method costs under the conditions of its runs."""

    seconds_per_step: float
    seconds_per_validation: float


@dataclass(frozen=True)
class Plan:
    """How long a run is."""

    epochs: int
    validate_every_epochs: int

    def assignments(self) -> list[str]:
        """For `Settings.override`."""
        return [
            f"training.epochs={self.epochs}",
            f"training.validate_every_epochs={self.validate_every_epochs}",
            f"training.pictures_every_epochs={self.epochs}",
        ]


def plan(pace: Pace, *, minutes: float, steps_per_epoch: int, most_epochs: int | None = None) -> Plan:
    """As many epochs as fit into the minutes; one at least.

    Args:
        pace: Of the method.
        minutes: Time of one core that the run has.
        steps_per_epoch: Batches in an epoch.
        most_epochs: Not to be exceeded where there is time for more.
    """
    seconds = 60 * minutes * (1 - RESERVED) - VALIDATIONS * pace.seconds_per_validation
    epochs = max(1, math.floor(seconds / (steps_per_epoch * pace.seconds_per_step) + 1e-9))
    epochs = min(epochs, most_epochs or epochs)
    return Plan(epochs, validation_interval(epochs))


def validation_interval(epochs: int, validations: int = VALIDATIONS) -> int:
    """The interval, in epochs, that gives as nearly so many as can be; the last epoch is validated in any case."""
    return min(range(1, epochs + 1), key=lambda every: (abs(math.ceil(epochs / every) - validations), every))
