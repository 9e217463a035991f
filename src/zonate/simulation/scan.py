"""One examination: the pelvis in the scanner, and the images that the scanner makes of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.transform import Rotation

from zonate.geometry import Grid, Volume
from zonate.simulation.coarse import interpolated
from zonate.simulation.motion import Displacement, draw_displacement
from zonate.simulation.pelvis import Features, Pelvis, draw_pelvis
from zonate.simulation.physics import add_rician_noise, coil_bias, diffusion_weighted, fit_adc, spin_echo
from zonate.simulation.texture import Texture
from zonate.simulation.tissue import Tissue, column, zone_of_tissue

Array = npt.NDArray[np.float32]

T2W_TR_MS, T2W_TE_MS = 5660.0, 104.0
DWI_TR_MS, DWI_TE_MS = 2700.0, 63.0
T2W_SCALE = 1600.0
"""Scanner units for a signal of 1; urine then comes to about 1000."""
DWI_SCALE = 900.0
FAT_SATURATION = 0.04
"""What is left of fat's signal in the middle of the DWI, which is fat-saturated."""
FAT_SATURATION_LOSS = 0.06
"""How much more is left 75 mm in front of the gland or behind it, where the field is less even."""
T2W_SHADING, DWI_SHADING = 0.45, 0.9
"""How much brighter it is 75 mm in front of the gland or behind it: scanners even the T2W out, not the DWI."""


@dataclass(frozen=True, eq=False)
class Examination:
    """A pelvis in the scanner.

    Attributes:
        pelvis: What is imaged.
        centre_mm: (3,) the gland's middle, LPS.
        pose: (3, 3) columns are the gland's u, v, w in LPS.
        t2w_grid, dwi_grid: Where the images are taken.
        displacement: Where a T2W point lies in the DWI.
        textures: Fine and coarse variation of the tissues.
        coil_tilt: Relative change of sensitivity per 100 mm.
        noise: Standard deviation of the noise relative to a signal of 1.
        phase_axis: `ROW` or `COL`, the DICOM name of the EPI's phase axis.
    """

    pelvis: Pelvis
    features: Features
    centre_mm: npt.NDArray[np.float64]
    pose: npt.NDArray[np.float64]
    t2w_grid: Grid
    dwi_grid: Grid
    displacement: Displacement
    textures: tuple[Texture, Texture]
    coil_tilt: tuple[float, float, float]
    noise: float
    phase_axis: str

    def labels(self) -> Volume:
        """Zones at the centres of the T2W's voxels, uint8 codes."""
        zones = np.zeros(self.t2w_grid.shape, dtype=np.uint8)
        reach = 1.25 * np.array(self.pelvis.gland.half_widths_mm)
        for s in _slices(self.t2w_grid):
            local = self._local(slice_points(self.t2w_grid, s))
            near: npt.NDArray[np.bool_] = np.all(np.abs(local) < reach, axis=-1)
            if near.any():  # beyond the gland's reach there is background only
                rows, columns = _extent(near, 1), _extent(near, 0)
                local = np.ascontiguousarray(local[rows, columns])
                unevenness = self.pelvis.unevenness(local, regular=True)
                zones[s, rows, columns] = zone_of_tissue()[self.pelvis.tissues(local, unevenness)]
        return Volume(zones, self.t2w_grid)

    def t2w(self, grid: Grid, rng: np.random.Generator) -> Volume:
        """A T2-weighted turbo spin echo, float32 in scanner units, on any grid."""
        signal = np.stack([self._t2w_slice(grid, s) for s in _slices(grid)])
        signal = ndimage.gaussian_filter(signal, (0, 0.5, 0.5))
        return Volume(add_rician_noise(signal, self.noise, rng) * T2W_SCALE, grid)

    def diffusion(self, b_values_s_mm2: tuple[float, ...], rng: np.random.Generator) -> Mapping[float, Volume]:
        """Trace-weighted images, float32 in scanner units, one for each b-value."""
        parts = [self._diffusion_slice(s, b_values_s_mm2) for s in _slices(self.dwi_grid)]
        signals = np.stack(parts, axis=1)  # (b, S, H, W)
        images = {}
        for b, signal in zip(b_values_s_mm2, signals, strict=True):
            # Scanners average more at high b; a trace image is the mean of three directions as well.
            sigma = 1.3 * self.noise / np.sqrt(1 + b / 200)
            images[b] = Volume(add_rician_noise(signal, sigma, rng) * DWI_SCALE, self.dwi_grid)
        return images

    def adc(self, diffusion: Mapping[float, Volume]) -> Volume:
        """The ADC map of diffusion images, float32 in 1e-6 mm²/s; 0 where the signal drowns in noise."""
        b_values = sorted(diffusion)
        signals = np.stack([diffusion[b].values for b in b_values])
        floor = 2.5 * self.noise * DWI_SCALE
        adc = np.minimum(fit_adc(signals, b_values, floor), 4000)
        return Volume(adc.astype(np.float32), self.dwi_grid)

    def calculated(self, diffusion: Mapping[float, Volume], adc: Volume, b_value_s_mm2: float) -> Volume:
        """The image at a b-value that nobody acquired, from the lowest acquired one and the ADC."""
        lowest = min(diffusion)
        signal = diffusion_weighted(diffusion[lowest].values, adc.values, b_value_s_mm2 - lowest)
        return Volume(np.where(adc.values > 0, signal, 0).astype(np.float32), self.dwi_grid)

    def _local(self, points_mm: npt.NDArray[np.float64]) -> Array:
        """LPS points (..., 3) in the gland's frame."""
        return ((points_mm - self.centre_mm) @ self.pose).astype(np.float32)

    def _t2w_slice(self, grid: Grid, s: int) -> Array:
        """(H, W): the mean over two layers of the slice's thickness."""
        local = self._local(slice_points(grid, s))
        step = (grid.affine[:3, 0] @ self.pose).astype(np.float32)
        regular = grid.spacing_mm[1] <= 1
        unevenness = self.pelvis.unevenness(local, regular=regular)
        variation = self._variation(local, regular=regular)
        signal = np.zeros(local.shape[:2], dtype=np.float32)
        for layer in (-0.25, 0.25):
            tissue = self.pelvis.tissues(local + np.float32(layer) * step, unevenness)
            signal += _contrast(tissue, variation, T2W_TR_MS, T2W_TE_MS)
        signal *= coil_bias(local, T2W_SHADING, self.coil_tilt) / 2
        return signal

    def _diffusion_slice(self, s: int, b_values_s_mm2: tuple[float, ...]) -> Array:
        """(b, H, W): the mean over two by two points of each pixel and two layers of the slice."""
        grid = self.dwi_grid
        source = self.displacement.source_of(slice_points(grid, s))
        local = self._local(source)
        unevenness = self.pelvis.unevenness(local, regular=False)
        variation = self._variation(local, regular=False)
        fat_left = FAT_SATURATION + FAT_SATURATION_LOSS * (local[..., 1] / 75) ** 2
        total = np.zeros((len(b_values_s_mm2), *local.shape[:2]), dtype=np.float32)
        offsets = [(d, h, w) for d in (-0.25, 0.25) for h in (-0.25, 0.25) for w in (-0.25, 0.25)]
        for offset in offsets:
            # The displacement changes by less than 0.2 mm within a pixel: its points share that of the centre.
            within = (grid.affine[:3, :3] @ np.array(offset) @ self.pose).astype(np.float32)
            tissue = self.pelvis.tissues(local + within, unevenness)
            s0 = _contrast(tissue, variation, DWI_TR_MS, DWI_TE_MS)
            s0 *= np.where((tissue == Tissue.FAT) | (tissue == Tissue.MARROW), fat_left, 1)
            adc = column("adc_um2_s")[tissue] * np.exp(column("adc_variation")[tissue] * variation)
            for i, b in enumerate(b_values_s_mm2):
                total[i] += diffusion_weighted(s0, adc, b)
        density = self.displacement.density_at(source).astype(np.float32)
        total *= density * coil_bias(local, DWI_SHADING, self.coil_tilt) / len(offsets)
        blurred: Array = ndimage.gaussian_filter(total, (0, 0.5, 0.5))
        return blurred

    def _variation(self, local: Array, *, regular: bool) -> Array:
        """Variation of ln T2, and with it ln ADC, about 0, in standard deviations."""
        fine, coarse = self.textures
        slow = interpolated(coarse.at, local, step=2) if regular else coarse.at(local)
        mixed: Array = 0.75 * fine.at(local) + 0.66 * slow
        return mixed


def _contrast(tissue: npt.NDArray[np.uint8], variation: Array, tr_ms: float, te_ms: float) -> Array:
    """Spin-echo signal of tissues whose ln T2 varies about its mean."""
    t2 = column("t2_ms")[tissue] * np.exp(column("t2_variation")[tissue] * variation)
    return spin_echo(column("proton_density")[tissue], column("t1_ms")[tissue], t2, tr_ms, te_ms)


def draw_examination(rng: np.random.Generator, features: Features) -> Examination:
    """Draw a patient, a position in the scanner, and the oblique grids of the protocol."""
    pelvis = draw_pelvis(rng, features)
    centre = rng.uniform((-8, -25, -30), (8, 25, 30))
    tilt = rng.uniform(2, 20)
    pose = Rotation.from_euler("xz", (-tilt + rng.normal(0, 2), rng.normal(0, 2)), degrees=True).as_matrix()
    slicing = Rotation.from_euler("x", -tilt, degrees=True).as_matrix()
    frame = slicing[:, [2, 1, 0]]  # the columns are S, H, W
    height_mm = 2 * pelvis.gland.half_widths_mm[2]
    n_slices = max(int(rng.integers(19, 22)), math.ceil((height_mm + 20) / 3))  # a tall gland gets more
    # Scans are centred a little in front of the gland and above it, where the bladder is.
    middle = centre + slicing @ np.array([rng.normal(0, 2), rng.normal(-4, 3), rng.uniform(1, 6)])
    size = int(rng.choice((232, 240))) if features.small_field_of_view else int(rng.choice((320, 352)))
    t2w_grid = _grid((n_slices, size, size), (3.0, 0.5, 0.5), frame, middle)
    dwi_grid = _grid((n_slices, 96, 100), (3.0, 2.0, 2.0), frame, middle)
    along_rows = bool(rng.random() < 0.35)
    rectum = centre + pose @ np.array(pelvis.rectum_centre_mm)
    displacement = draw_displacement(
        rng, centre, rectum, frame[:, 2 if along_rows else 1], pelvis.rectum_content is Tissue.GAS
    )
    tilts = rng.normal(0, 0.12, 3)
    return Examination(
        pelvis=pelvis,
        features=features,
        centre_mm=centre,
        pose=pose,
        t2w_grid=t2w_grid,
        dwi_grid=dwi_grid,
        displacement=displacement,
        textures=(Texture.draw(rng, 1.1), Texture.draw(rng, 3.5)),
        coil_tilt=(float(tilts[0]), float(tilts[1]), float(tilts[2])),
        noise=float(rng.uniform(0.012, 0.022)),
        phase_axis="ROW" if along_rows else "COL",
    )


def sagittal_grid(examination: Examination) -> Grid:
    """A sagittal T2W's grid: slices to the left, rows to the feet, columns to the back."""
    frame = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
    return _grid((9, 160, 160), (4.0, 1.0, 1.0), frame, examination.centre_mm)


def localizer_grid(examination: Examination) -> Grid:
    """A localizer's grid: three thick axial slices over a wide field of view."""
    frame = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
    return _grid((3, 128, 128), (10.0, 3.0, 3.0), frame, examination.centre_mm)


def _grid(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    frame: npt.NDArray[np.float64],
    middle: npt.NDArray[np.float64],
) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = frame * np.array(spacing)
    # To the micrometre, so that the decimal strings of DICOM hold them exactly.
    affine[:3, 3] = np.round(middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2), 3)
    return Grid(shape, affine)


def _extent(mask: npt.NDArray[np.bool_], across: int) -> slice:
    """From the first to the last row (across 1) or column (across 0) of a mask that is not empty."""
    first, last = np.flatnonzero(mask.any(axis=across))[[0, -1]]
    return slice(int(first), int(last) + 1)


def _slices(grid: Grid) -> range:
    return range(grid.shape[0])


def slice_points(grid: Grid, s: int) -> npt.NDArray[np.float64]:
    """(H, W, 3) LPS positions of a slice's voxels."""
    index = np.stack(np.meshgrid([s], range(grid.shape[1]), range(grid.shape[2]), indexing="ij"), axis=-1)
    return grid.to_mm(index[0])
