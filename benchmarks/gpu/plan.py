"""How much is measured."""

from dataclasses import dataclass

from zonate.config import Settings, load_recipe

DESCRIBED_SLICES, DESCRIBED_EPOCHS = 669, 300
"""Of the described training."""


@dataclass(frozen=True)
class Plan:
    """Sizes of the parts.

    Attributes:
        train_slices: Of the simulated dataset.
        validation_cases: Beside them.
        case_slices: Of a case; the last one that trains may have fewer.
        coarser: Pixels of a simulated scan that are taken as one, along a side.
        base_channels: Of our networks and of the plain loop's.
        repeats: Of the steps that are timed side by side.
        calls: Steps in a repeat.
        timed_epochs: Of the described run, after the first one; pictures are drawn in every tenth.
        dice_epochs: Of each training whose Dice is compared.
        seeds: Of those trainings.
        traced_steps: Of the trace.
        simulating: Processes that simulate; None: one a core.
    """

    train_slices: int = DESCRIBED_SLICES
    validation_cases: int = 8
    case_slices: int = 19
    coarser: int = 1
    base_channels: int = 64
    repeats: int = 15
    calls: int = 20
    timed_epochs: int = 20
    dice_epochs: int = 30
    seeds: tuple[int, ...] = (0,)
    traced_steps: int = 30
    simulating: int | None = None

    def settings(self) -> Settings:
        """The described recipe."""
        return load_recipe("pix2pix").override([f"network.base_channels={self.base_channels}"])


SMALL = Plan(
    train_slices=3,
    validation_cases=1,
    case_slices=2,
    coarser=4,
    base_channels=4,
    repeats=1,
    calls=1,
    timed_epochs=1,
    dice_epochs=1,
    traced_steps=2,
    simulating=1,
)
"""Of no meaning: to see that every part runs."""
