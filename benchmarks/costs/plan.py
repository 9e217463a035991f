"""Which sizes are measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Sizes along each curve.

    Attributes:
        slices: At `usual_matrix_px`.
        matrix_px: Pixels along a side, at `usual_slices`.
        cohort: Studies of `small` in one call with one worker.
        processes: Workers of one thread, and training processes; those beyond the machine's cores are left out.
        shared: Studies of `small` that the workers share.
        small: Slices, and pixels along a side, of a study of a cohort.
        samples: Segmentations drawn of each study of a cohort.
        repeats: Of the curves over slices and matrix; the others are measured once.
        training: Cases, slices of each, and epochs, of which the first does not count.
    """

    slices: tuple[int, ...] = (12, 19, 40, 120)
    matrix_px: tuple[int, ...] = (256, 384, 512, 640)
    usual_slices: int = 19
    usual_matrix_px: int = 384
    cohort: tuple[int, ...] = (1, 2, 5, 10, 30)
    processes: tuple[int, ...] = (1, 2, 4, 8)
    shared: int = 10
    small: tuple[int, int] = (12, 256)
    samples: int = 0
    repeats: int = 2
    training: tuple[int, int, int] = (8, 8, 4)


QUICK = Plan(
    slices=(6, 12),
    matrix_px=(192, 256),
    usual_slices=12,
    usual_matrix_px=256,
    cohort=(1, 2),
    processes=(1, 2),
    shared=2,
    repeats=1,
    training=(2, 8, 2),
)
