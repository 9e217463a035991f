"""What a scanner's console would list: the series of one simulated study, before they are written in a vendor's way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from zonate.geometry import Grid, Volume
from zonate.simulation.scan import Examination, localizer_grid, sagittal_grid

Kind = Literal["localizer", "t2w", "trace", "adc", "calculated"]


@dataclass(frozen=True, eq=False)
class ImageSeries:
    """One series.

    Attributes:
        number: Series number.
        kind: What it shows.
        plane: `tra`, `sag` or `loc`.
        images: Volumes on one grid, by b-value (None where there is none), float32 in scanner units.
        acquired_s: Seconds after the study's start.
    """

    number: int
    kind: Kind
    plane: str
    images: Mapping[float | None, Volume] = field(repr=False)
    acquired_s: float

    @property
    def grid(self) -> Grid:
        """Where its voxels lie."""
        return next(iter(self.images.values())).grid

    def pictures(self) -> list[tuple[float | None, int, npt.NDArray[np.float32]]]:
        """(b-value, slice, (H, W) values within 12 bits) of each image, b by b."""
        return [
            (b, s, np.clip(plane, 0, 4095).astype(np.float32))
            for b, volume in self.images.items()
            for s, plane in enumerate(volume.values)
        ]


@dataclass(frozen=True)
class Protocol:
    """Which diffusion images a vendor's protocol makes.

    Attributes:
        b_values_s_mm2: Acquired, ascending.
        calculated_b_value_s_mm2: Of a calculated series; None for none.
        one_series_per_b: Whether each b-value is a series of its own.
    """

    b_values_s_mm2: tuple[float, ...]
    calculated_b_value_s_mm2: float | None = None
    one_series_per_b: bool = False


def acquire(
    examination: Examination, protocol: Protocol, repeated_t2w: bool, rng: np.random.Generator
) -> list[ImageSeries]:
    """Run the protocol: localizer, sagittal T2W, axial T2W (perhaps twice), diffusion, its ADC map."""
    localizer = examination.t2w(localizer_grid(examination), rng)
    sagittal = examination.t2w(sagittal_grid(examination), rng)
    axial = examination.t2w(examination.t2w_grid, rng)
    diffusion = examination.diffusion(protocol.b_values_s_mm2, rng)
    adc = examination.adc(diffusion)
    parts: list[tuple[Kind, str, Mapping[float | None, Volume]]] = [
        ("localizer", "loc", {None: localizer}),
        ("t2w", "sag", {None: sagittal}),
    ]
    if repeated_t2w:
        # The first try, spoilt by noise, is why the scan was repeated.
        noise = rng.rayleigh(90, axial.values.shape).astype(np.float32)
        parts.append(("t2w", "tra", {None: axial.with_values(np.hypot(axial.values, noise))}))
    parts.append(("t2w", "tra", {None: axial}))
    if protocol.one_series_per_b:
        parts += [("trace", "tra", {b: volume}) for b, volume in diffusion.items()]
    else:
        parts.append(("trace", "tra", {b: volume for b, volume in diffusion.items()}))  # noqa: C416 - the key widens
    parts.append(("adc", "tra", {None: adc}))
    if protocol.calculated_b_value_s_mm2 is not None:
        b = protocol.calculated_b_value_s_mm2
        parts.append(("calculated", "tra", {b: examination.calculated(diffusion, adc, b)}))
    return [
        # What is computed carries the time of the acquisition that it is computed from, and a little.
        ImageSeries(number, kind, plane, images, 60.0 + 240.0 * number)
        for number, (kind, plane, images) in enumerate(parts, start=1)
    ]
