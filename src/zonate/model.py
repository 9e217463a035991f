"""A trained network that rebuilds itself from its file, and segments."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from torch import nn

from zonate.config import Settings
from zonate.dataset.loader import normalise_known
from zonate.dataset.slices import Slices, beside_neighbours, restore_slices
from zonate.dataset.statistics import Statistics, statistics_of
from zonate.errors import ModelError
from zonate.geometry import Volume
from zonate.io.weights import read_weights, write_weights
from zonate.measures.calibration import Calibration
from zonate.measures.clean_up import clean_up
from zonate.networks.dropout import dropping_out, has_dropout
from zonate.networks.factory import make_generator
from zonate.networks.generator import probabilities
from zonate.window import Window, window_about
from zonate.zonemap import ZoneMap
from zonate.zones import LabelCode, membership

FORMAT = "zonate-model"
FORMAT_VERSION = 1
BEST_NAME = "best.safetensors"
"""The model of a run folder."""


@dataclass(frozen=True, eq=False)
class Model:
    """The generator and everything needed to use it.

    Attributes:
        generator: From normalised slices beside their neighbours (B, (2n + 1) · 3, H, W) to logits (B, K, H, W).
        settings: Of the run that trained it.
        statistics: Of its training patients.
        codes: What it can tell apart: the finest that its training labels told apart.
        provenance: What it learnt from and was chosen by (JSON values): `sources`, `licences`, `datasets`,
            `training_patients`, `validation_patients`, `images_sha256` (of both), counts, the dataset's fingerprint.
        channels: For T2W, DWI and ADC, whether any training case had it; others are not looked at.
        calibration: From what its samples say to the Dice with a reader; None where it was not calibrated.
    """

    generator: nn.Module
    settings: Settings
    statistics: Statistics
    codes: tuple[LabelCode, ...]
    provenance: Mapping[str, Any]
    channels: tuple[bool, bool, bool] = (True, True, True)
    calibration: Calibration | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a model file, or the best model of a run folder.

        Raises:
            ModelError: There is none, or it is damaged, of another kind or of another format version.
        """
        file = path / BEST_NAME if path.is_dir() else path
        tensors, about = read_weights(file, kind=FORMAT, version=FORMAT_VERSION)
        try:
            settings = Settings.model_validate(about["settings"])
            generator = make_generator(settings.network)
            generator.load_state_dict(tensors)
            codes = tuple(LabelCode[name] for name in about["codes"])
            t2w, dwi, adc = (bool(known) for known in about["channels"])
            statistics = Statistics.from_json(about["statistics"])
            channels = (t2w, dwi, adc)
            kept = about.get("calibration")
            calibration = None if kept is None else Calibration.from_json(kept)
            return cls(generator.eval(), settings, statistics, codes, about["provenance"], channels, calibration)
        except (AttributeError, KeyError, TypeError, ValueError, ValidationError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ModelError(
                f"{file} does not hold together: {reason}. It is damaged, train or fetch it again"
            ) from None

    def save(self, path: Path) -> None:
        """Write the model as one safetensors file, whole or not at all, with everything else in its metadata."""
        about: dict[str, Any] = {
            "zonate_version": version("zonate"),
            "settings": self.settings.model_dump(mode="json"),
            "statistics": self.statistics.to_json(),
            "codes": [code.name for code in self.codes],
            "channels": list(self.channels),
            "provenance": dict(self.provenance),
        }
        if self.calibration is not None:
            about["calibration"] = self.calibration.to_json()
        write_weights(path, self.generator.state_dict(), about, kind=FORMAT, version=FORMAT_VERSION)

    @property
    def calibrated_under(self) -> tuple[str, ...]:
        """The licences of what it was calibrated on; none where it was not."""
        return () if self.calibration is None else tuple(self.calibration.about.get("licences", ()))

    @property
    def can_sample(self) -> bool:
        """Whether the network has dropout, without which all samples would be alike."""
        return has_dropout(self.generator)

    def segment(self, slices: Slices, *, device: str | None = None) -> ZoneMap:
        """Segment a case, onto its original T2W grid.

        Args:
            slices: Cut as the settings say.
            device: As PyTorch names it; None: a GPU where there is one.

        Returns:
            Labels and probabilities over `codes`; background outside the slices.

        Raises:
            ModelError: The slices have another size or spacing than those that it learnt from.
        """
        self._refuse_other_slices(slices)
        return self._on_original_grid(self.slice_probabilities(slices.images, device=device), slices)

    def segment_and_clean_up(self, slices: Slices, *, device: str | None = None) -> ZoneMap:
        """As `segment`, with the labels repaired as `prediction.clean_up` asks: what a user is given."""
        zones = self.segment(slices, device=device)
        labels, _ = clean_up(zones.labels, zones.codes, self.settings.prediction.clean_up)
        return replace(zones, labels=labels)

    def sample(self, slices: Slices, samples: int, *, device: str | None = None) -> Iterator[ZoneMap]:
        """Segment a case again and again, each time by the network thinned by its own dropout.

        A sample is one thinned network: all slices are segmented by the same one, so that volumes vary as they would
        between networks and not as the mean over independent slices. What drops out in the k-th sample follows from
        `settings.prediction.seed` and k alone, whatever the batch size, the number of samples and the device, and
        neither the network nor PyTorch's global generators are left changed. Mirror images are left out: they would
        draw the samples together.

        Args:
            slices: Cut as the settings say.
            samples: How many to draw.
            device: As PyTorch names it; None: a GPU where there is one.

        Returns:
            One after another as they are asked for, so that one at a time need be held.

        Raises:
            ValueError: Less than one sample.
            ModelError: The network has no dropout, or the slices are not those that it learnt from.
        """
        if samples < 1:
            raise ValueError(f"at least one sample has to be drawn, found {samples}")
        self._refuse_other_slices(slices)
        if not self.can_sample:
            raise ModelError(
                "the model has no dropout (network.dropout is 0), so that all its samples would be alike: segment "
                "without samples, or train one with dropout"
            )
        window = self._window(slices.images, device)
        return (
            self._on_original_grid(self._probabilities(slices.images, device, window, thinned_by=seed), slices)
            for seed in _seeds(self.settings.prediction.seed, samples)
        )

    def _refuse_other_slices(self, slices: Slices) -> None:
        slicing = self.settings.slicing
        if (slices.crop.size_px, slices.crop.spacing_mm) != (slicing.size_px, slicing.spacing_mm):
            raise ModelError(
                f"case {slices.case_id}: slices of {slices.crop.size_px} px at {slices.crop.spacing_mm} mm, but the "
                f"model learnt from {slicing.size_px} px at {slicing.spacing_mm} mm: slice it with the model's settings"
            )

    def _on_original_grid(self, maps: npt.NDArray[np.float32], slices: Slices) -> ZoneMap:
        """The likeliest code of each voxel, from maps (S, len(codes), H, W) on the slices' grid."""
        outside = [float(code == LabelCode.BACKGROUND) for code in self.codes]
        restored = restore_slices(maps, slices.crop, slices.original, outside)  # (len(codes), S, H, W)
        labels = np.array(self.codes, dtype=np.uint8)[restored.argmax(axis=0)]
        return ZoneMap(Volume(labels, slices.original), self.codes, restored)

    def slice_probabilities(
        self, images: npt.NDArray[np.float32], *, device: str | None = None
    ) -> npt.NDArray[np.float32]:
        """The probability of each code on each slice, on the slices' own grid.

        Args:
            images: (S, 3, H, W) in the units of the case, NaN where nothing was measured.
            device: As PyTorch names it; None: a GPU where there is one.

        Returns:
            (S, len(codes), H, W); they sum to 1 over the codes. Mass that the network gives to zones nobody annotated
            is divided among them. With two passes BACKGROUND is 1 outside the patch about the gland.
        """
        return self._probabilities(images, device, self._window(images, device), flips=self.settings.prediction.flips)

    def _window(self, images: npt.NDArray[np.float32], device: str | None) -> Window | None:
        """Where the second pass looks, about the gland that a first one finds; None where there is no second one."""
        patch_px = self.settings.training.patch_px
        if self.settings.prediction.passes == 1 or patch_px is None or min(images.shape[2:]) <= patch_px:
            return None
        found = self._probabilities(images, device)
        gland = np.array([code != LabelCode.BACKGROUND for code in self.codes])
        return window_about(gland[found.argmax(axis=1)], patch_px, self.settings.slicing.spacing_mm)

    def _probabilities(
        self,
        images: npt.NDArray[np.float32],
        device: str | None,
        window: Window | None = None,
        *,
        flips: bool = False,
        thinned_by: int | None = None,
    ) -> npt.NDArray[np.float32]:
        """In one pass, of what lies in a window, with mirror images, or by the one thinned network of a seed."""
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        generator, how = self.generator.to(place), self.settings.prediction
        normalised, size = self._normalised(images, window), how.batch_size
        with ExitStack() as mode:
            mode.enter_context(torch.inference_mode())
            mode.enter_context(_evaluating(generator))
            if thinned_by is not None:
                mode.enter_context(dropping_out(generator, thinned_by, alike=True))
            elif how.sampling:
                mode.enter_context(dropping_out(generator, how.seed, alike=False))
                mode.enter_context(_by_batch_statistics(generator))
            parts = [
                self._by_code(generator, torch.from_numpy(normalised[first : first + size]).to(place), flips=flips)
                for first in range(0, len(normalised), size)
            ]
        found = np.concatenate(parts)
        if window is None:
            return found
        return window.restore(found, [float(code == LabelCode.BACKGROUND) for code in self.codes], images.shape)

    def _normalised(self, images: npt.NDArray[np.float32], window: Window | None) -> npt.NDArray[np.float32]:
        """What the network is shown: by volume as whole slices are, as in training; by region as what is seen is."""
        seen = images if window is None else window.cut(images)
        statistics = statistics_of(
            seen if self.settings.normalisation == "region" else images,
            self.settings.normalisation,
            spacing_mm=self.settings.slicing.spacing_mm,
            of_dataset=self.statistics,
        )
        normalised = normalise_known(seen, statistics, self.channels)
        return np.asarray(beside_neighbours(normalised, self.settings.network.neighbours), dtype=np.float32)

    def _by_code(self, generator: nn.Module, batch: torch.Tensor, *, flips: bool) -> npt.NDArray[np.float32]:
        """From normalised slices (B, (2n + 1) · 3, H, W) to the probability of each code (B, len(codes), H, W)."""
        sums = torch.from_numpy(membership()[list(self.codes)]).float().to(batch.device)  # (len(codes), K)
        head = self.settings.network.head
        p = probabilities(generator(batch), head)  # (B, K, H, W)
        if flips:
            p = (p + probabilities(generator(batch.flip(-1)), head).flip(-1)) / 2
        by_code = torch.einsum("ck,bkhw->bchw", sums, p)
        shares = by_code / by_code.sum(dim=1, keepdim=True).clamp(min=1e-12)
        return np.asarray(shares.cpu().numpy(), dtype=np.float32)


def _seeds(seed: int, samples: int) -> Iterator[int]:
    """One for each sample, unlike those of its neighbours and of neighbouring seeds."""
    for number in range(samples):
        yield int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0])


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Every module in evaluation, and on leaving in the mode that it was in."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _by_batch_statistics(network: nn.Module) -> Iterator[None]:
    """BatchNorm by the batch's own statistics, without moving the stored ones, in a network in evaluation."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.training, norm.track_running_stats = True, False
    try:
        yield
    finally:
        for norm in norms:
            norm.training, norm.track_running_stats = False, True
