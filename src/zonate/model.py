"""A trained network that rebuilds itself from its file, and segments."""

import re
from collections.abc import Iterator, Mapping, Sequence
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
from zonate.errors import ModelError
from zonate.geometry import Volume
from zonate.inference import Inference
from zonate.io.weights import read_weights, why_unfit, write_weights
from zonate.measures.calibration import Calibration
from zonate.measures.clean_up import clean_up
from zonate.networks.dropout import has_dropout
from zonate.networks.factory import make_generator
from zonate.preprocessing.slices import Slices, restore_slices
from zonate.preprocessing.statistics import Statistics
from zonate.zonemap import ZoneMap
from zonate.zones import LabelCode

FORMAT = "zonate-model"
FORMAT_VERSION = 1
BEST_NAME = "best.safetensors"
"""The model of a run folder."""
CARD_NAME = "card.md"
"""What it learnt from, beside it."""


@dataclass(frozen=True, eq=False)
class Model:
    """The generator and everything needed to use it.

    Attributes:
        generator: From normalised slices beside their neighbours (B, (2n + 1) · 3, H, W) to logits (B, K, H, W).
        settings: Of the run that trained it.
        statistics: Of its training patients.
        codes: What it can tell apart: the finest that its training labels draw apart.
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
            ModelError: There is none, or it is damaged, of another kind or format version, or of a newer Zonate.
            ConfigError: Its network is MONAI's, and MONAI is not installed.
        """
        file = model_file(path)
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
            raise ModelError(f"{file} does not hold together: {why_unfit(error)}. {_remedy(about)}") from None

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

    def begin(self, slices: Slices, *, sampled: bool = True, device: str | None = None) -> "Segmentation":
        """Begin to segment a case: for its result and its samples together.

        Args:
            slices: Cut as the settings say.
            sampled: Whether samples are to follow the result: they are quicker then, and take memory.
            device: As PyTorch names it; None: a GPU where there is one.

        Raises:
            ModelError: The slices have another size or spacing than those that it learnt from.
        """
        slicing = self.settings.slicing
        if (slices.crop.size_px, slices.crop.spacing_mm) != (slicing.size_px, slicing.spacing_mm):
            raise ModelError(
                f"case {slices.case_id}: slices of {slices.crop.size_px} px at {slices.crop.spacing_mm} mm, but the "
                f"model learnt from {slicing.size_px} px at {slicing.spacing_mm} mm: slice it with the model's settings"
            )
        return Segmentation(self, slices, Inference(self, slices.images, sampled=sampled, device=device))

    def segment(self, slices: Slices, *, device: str | None = None) -> ZoneMap:
        """Segment a case: `begin(...).result()`."""
        return self.begin(slices, sampled=False, device=device).result()

    def segment_and_clean_up(self, slices: Slices, *, device: str | None = None) -> ZoneMap:
        """As `segment`, with the labels repaired as `prediction.clean_up` asks: what a user is given."""
        zones = self.segment(slices, device=device)
        labels, _ = clean_up(zones.labels, zones.codes, self.settings.prediction.clean_up)
        return replace(zones, labels=labels)

    def slice_probabilities(
        self, images: npt.NDArray[np.float32], *, device: str | None = None
    ) -> npt.NDArray[np.float32]:
        """The probability of each code on each slice (S, 3, H, W): see `Inference.probabilities`."""
        return Inference(self, images, device=device).probabilities()


def _remedy(about: Mapping[str, Any]) -> str:
    """What to do about a model file that does not hold together."""
    theirs, ours = str(about.get("zonate_version", "")), version("zonate")
    if _release(theirs) > _release(ours):
        return f"It was written by Zonate {theirs}, newer than this {ours}: update Zonate"
    return "It is damaged, train or fetch it again"


def _release(number: str) -> tuple[int, ...]:
    """The numbers that a version begins with: (0, 10, 1) of 0.10.1.dev3."""
    return tuple(int(part) for part in re.split(r"[^\d.]", number)[0].split(".") if part)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A case that a model is segmenting.

    Attributes:
        model: That segments it.
        slices: The case.
        inference: What its result and its samples share.
    """

    model: Model
    slices: Slices
    inference: Inference

    def result(self) -> ZoneMap:
        """The zones on the original T2W grid, over the model's `codes`; background outside the slices."""
        return self._zones(self.inference.probabilities())

    def samples(self, number: int) -> Iterator[ZoneMap]:
        """Segment it again and again, each time by the network thinned by its own dropout.

        A sample is one thinned network: all slices are segmented by the same one, so that volumes vary as they would
        between networks and not as the mean over independent slices. What drops out in the k-th sample follows from
        `settings.prediction.seed` and k alone, whatever the batch size, the number of samples and the device, and
        neither the network nor PyTorch's global generators are left changed. Mirror images are left out: they would
        draw the samples together.

        Args:
            number: How many to draw.

        Returns:
            One after another as they are asked for, so that one at a time need be held.

        Raises:
            ValueError: Less than one sample.
            ModelError: The network has no dropout.
        """
        if number < 1:
            raise ValueError(f"at least one sample has to be drawn, found {number}")
        if not self.model.can_sample:
            raise ModelError(
                "the model has no dropout (network.dropout is 0), so that all its samples would be alike: segment "
                "without samples, or train one with dropout"
            )
        seeds = _seeds(self.model.settings.prediction.seed, number)
        return (self._zones(self.inference.sample(seed)) for seed in seeds)

    def _zones(self, maps: npt.NDArray[np.float32]) -> ZoneMap:
        below = self.model.settings.prediction.background_below
        return on_original_grid(maps, self.slices, self.model.codes, below)


def model_file(path: Path) -> Path:
    """The model file that is meant: of a run folder its best model, else the path itself."""
    return path / BEST_NAME if path.is_dir() else path


def on_original_grid(
    maps: npt.NDArray[np.float32], slices: Slices, codes: tuple[LabelCode, ...], background_below: float | None = None
) -> ZoneMap:
    """The code of each voxel, from maps (S, len(codes), H, W) on the slices' grid; background beyond them."""
    outside = [float(code == LabelCode.BACKGROUND) for code in codes]
    threads = torch.get_num_threads()
    restored = restore_slices(maps, slices.crop, slices.original, outside, threads=threads)  # (len(codes), S, H, W)
    return ZoneMap(Volume(decided(restored, codes, background_below), slices.original), codes, restored)


def decided(
    maps: npt.NDArray[np.float32], codes: Sequence[LabelCode], background_below: float | None
) -> npt.NDArray[np.uint8]:
    """The code of each voxel.

    Args:
        maps: The probability of each code (len(codes), S, H, W).
        codes: Theirs.
        background_below: As `prediction.background_below`; it changes nothing where there is no other code.

    Returns:
        (S, H, W); of codes that are equally likely the first one.
    """
    gland = [number for number, code in enumerate(codes) if code != LabelCode.BACKGROUND]
    if background_below is None or not gland or len(gland) == len(codes):
        return _likeliest(maps, codes)
    labels = _likeliest(maps[gland], [codes[number] for number in gland])
    labels[maps[list(codes).index(LabelCode.BACKGROUND)] >= background_below] = LabelCode.BACKGROUND
    return labels


def _likeliest(maps: npt.NDArray[np.float32], codes: Sequence[LabelCode]) -> npt.NDArray[np.uint8]:
    """Of maps (len(codes), S, H, W), the code (S, H, W) of the largest; the first one of several."""
    best, labels = maps[0].copy(), np.full(maps.shape[1:], codes[0], dtype=np.uint8)
    for code, found in zip(codes[1:], maps[1:], strict=True):  # many times as fast as argmax along the first axis
        larger = found > best
        best[larger], labels[larger] = found[larger], code
    return labels


def _seeds(seed: int, samples: int) -> Iterator[int]:
    """One for each sample, unlike those of its neighbours and of neighbouring seeds."""
    for number in range(samples):
        yield int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0])
