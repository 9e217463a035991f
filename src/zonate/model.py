"""A trained network that rebuilds itself from its file, and segments."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
from zonate.dataset.slices import Slices, restore_slices
from zonate.dataset.statistics import Statistics, of_images
from zonate.errors import ModelError
from zonate.geometry import Volume
from zonate.io.weights import read_weights, write_weights
from zonate.measures.calibration import Calibration
from zonate.networks.dropout import dropout_alone, has_dropout
from zonate.networks.generator import Generator, probabilities
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
        generator: From normalised slices (B, 3, H, W) to logits (B, K, H, W).
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
            generator = Generator(settings.network)
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

    def sample(self, slices: Slices, samples: int, *, device: str | None = None) -> Iterator[ZoneMap]:
        """Segment a case again and again, each time by the network thinned by its own dropout.

        A sample is one thinned network: all slices are segmented by the same one, so that volumes vary as they would
        between networks and not as the mean over independent slices. The k-th sample follows from
        `settings.prediction.seed` and k alone, whatever the batch size and the number of samples, and neither the
        network nor PyTorch's global generator is left changed.

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
        return (
            self._on_original_grid(self._thinned_probabilities(slices.images, number, device=device), slices)
            for number in range(samples)
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
            is divided among them.
        """
        place = _place(device)
        generator = self.generator.to(place)
        normalised, size = self._normalised(images), self.settings.prediction.batch_size
        with torch.inference_mode(), self._mode(generator, place):
            parts = [
                self._by_code(generator, torch.from_numpy(normalised[first : first + size]).to(place))
                for first in range(0, len(normalised), size)
            ]
        return np.concatenate(parts)

    def _thinned_probabilities(
        self, images: npt.NDArray[np.float32], number: int, *, device: str | None
    ) -> npt.NDArray[np.float32]:
        """As `slice_probabilities`, of the thinned network of that number."""
        place = _place(device)
        generator = self.generator.to(place)
        seed = int(np.random.SeedSequence([self.settings.prediction.seed, number]).generate_state(1, np.uint64)[0])
        parts = []
        with torch.inference_mode(), dropout_alone(generator, place):
            for image in self._normalised(images):
                torch.manual_seed(seed)  # the same units drop out on every slice
                parts.append(self._by_code(generator, torch.from_numpy(image[None]).to(place)))
        return np.concatenate(parts)

    def _normalised(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        statistics = of_images([images]) if self.settings.normalisation == "volume" else self.statistics
        return normalise_known(images, statistics, self.channels)

    def _by_code(self, generator: nn.Module, batch: torch.Tensor) -> npt.NDArray[np.float32]:
        """From normalised slices (B, 3, H, W) to the probability of each code (B, len(codes), H, W)."""
        sums = torch.from_numpy(membership()[list(self.codes)]).float().to(batch.device)  # (len(codes), K)
        p = probabilities(generator(batch), self.settings.network.head)  # (B, K, H, W)
        by_code = torch.einsum("ck,bkhw->bchw", sums, p)
        shares = by_code / by_code.sum(dim=1, keepdim=True).clamp(min=1e-12)
        return np.asarray(shares.cpu().numpy(), dtype=np.float32)

    @contextmanager
    def _mode(self, generator: nn.Module, place: torch.device) -> Iterator[None]:
        """Fixed statistics and no dropout; or, for sampling, the original's noise, seeded, leaving no trace."""
        was_training = generator.training
        if not self.settings.prediction.sampling:
            generator.eval()
            yield
            generator.train(was_training)
            return
        norms = [module for module in generator.modules() if isinstance(module, nn.BatchNorm2d)]
        with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
            torch.manual_seed(self.settings.prediction.seed)
            generator.train()
            for norm in norms:
                norm.track_running_stats = False  # the batch's own, without moving the stored ones
            try:
                yield
            finally:
                for norm in norms:
                    norm.track_running_stats = True
                generator.train(was_training)


def _place(device: str | None) -> torch.device:
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
