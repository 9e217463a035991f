"""A model at work on the slices of one case: what its result and its samples share is worked out once."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from itertools import repeat
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from zonate.config import Settings
from zonate.networks.dropout import dropping_out
from zonate.networks.generator import probabilities
from zonate.networks.inference import ReadyNetwork
from zonate.networks.precision import usable_precision
from zonate.preprocessing.slices import beside_neighbours
from zonate.preprocessing.statistics import Statistics, normalise_known, statistics_of
from zonate.window import Window, window_about
from zonate.zones import LabelCode, membership

KEPT_BYTES = 512 * 2**20
"""Of features that are kept for the samples: an eighth of what a study may take (`zonate.cohort.workers`), and seven
times what 24 slices of 160 px have by the `zonate` network."""

_DTYPES = {"32-true": torch.float32, "bf16-true": torch.bfloat16}


class Trained(Protocol):
    """What a model is to segmenting; `zonate.model.Model` says what each part is."""

    @property
    def generator(self) -> nn.Module: ...  # noqa: D102
    @property
    def settings(self) -> Settings: ...  # noqa: D102
    @property
    def statistics(self) -> Statistics: ...  # noqa: D102
    @property
    def codes(self) -> tuple[LabelCode, ...]: ...  # noqa: D102
    @property
    def channels(self) -> tuple[bool, bool, bool]: ...  # noqa: D102


class Inference:
    """A model at work on one case; the model is left as it is.

    Where the second pass looks is found once, for the result and all samples, and so are the features that no dropout
    changes, unless they take more than KEPT_BYTES: then they are worked out again each time.
    """

    def __init__(
        self, model: Trained, images: npt.NDArray[np.float32], *, sampled: bool = False, device: str | None = None
    ) -> None:
        """Begin.

        Args:
            model: With the weights that it has when it is first asked.
            images: (S, 3, H, W) in the units of the case, NaN where nothing was measured.
            sampled: Whether samples are to follow the result, for which features are kept.
            device: As PyTorch names it; None: a GPU where there is one.
        """
        self._sampled = sampled
        self._model, self._images, self._how = model, images, model.settings.prediction
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._dtype = _DTYPES[usable_precision(self._how.precision, self._device)]

    def probabilities(self) -> npt.NDArray[np.float32]:
        """The probability of each code on each slice, on the slices' own grid.

        Returns:
            (S, len(codes), H, W); they sum to 1 over the codes. Mass that the network gives to zones nobody annotated
            is divided among them. With two passes BACKGROUND is 1 outside the patch about the gland.
        """
        kept = None if self._how.sampling else self._kept
        return self._restored(self._pass(self.window, self._dtype, flips=self._how.flips, kept=kept))

    def sample(self, seed: int) -> npt.NDArray[np.float32]:
        """As `probabilities`, by the one network that is left when dropout, drawn from a seed, has thinned it.

        All slices are segmented by the same thinned network, and without mirror images, which would draw the samples
        together.
        """
        network = self._network
        with torch.inference_mode(), dropping_out(network.module, seed, alike=True):
            features = self._kept or (network.features(batch) for batch in self.batches(self.window))
            found = [of_codes(self._zones(network.logits(each)), self._model.codes).cpu() for each in features]
        return self._restored(_joined(found))

    @cached_property
    def window(self) -> Window | None:
        """Where the second pass looks, about the gland that a first one finds; None where there is no second one.

        The first pass is in float32 whatever the precision: a window that lies a pixel further shows the network's
        halvings other pixels together, which moves more than rounding does.
        """
        patch_px = self._model.settings.training.patch_px
        if self._how.passes == 1 or patch_px is None or min(self._images.shape[2:]) <= patch_px:
            return None
        found = self._pass(None, torch.float32, flips=False)
        gland = np.array([code != LabelCode.BACKGROUND for code in self._model.codes])
        return window_about(gland[found.argmax(axis=1)], patch_px, self._model.settings.slicing.spacing_mm)

    @cached_property
    def _network(self) -> ReadyNetwork:
        return self._ready(self._dtype)

    @cached_property
    def _kept(self) -> list[Sequence[Tensor]] | None:
        """The features of each batch of what the samples look at; None where none follow, or they exceed KEPT_BYTES."""
        if not self._sampled:
            return None
        kept: list[Sequence[Tensor]] = []
        with torch.inference_mode():
            for batch in self.batches(self.window):
                kept.append(self._network.features(batch))
                slice_bytes = sum(part.nbytes for part in kept[0]) / len(kept[0][0])
                if slice_bytes * len(self._images) > KEPT_BYTES:
                    return None
        return kept

    def _pass(
        self,
        window: Window | None,
        dtype: torch.dtype,
        *,
        flips: bool,
        kept: Sequence[Sequence[Tensor]] | None = None,
    ) -> npt.NDArray[np.float32]:
        """The probability of each code in a window, or on whole slices: (S, len(codes), h, w).

        Args:
            window: Where to look; None: whole slices.
            dtype: In which the network computes.
            flips: Whether the mirror image is looked at, too.
            kept: The features of each batch that is looked at, where they are known.
        """
        with ExitStack() as mode:
            mode.enter_context(torch.inference_mode())
            if self._how.sampling:
                network = self._ready(dtype, by_batch_statistics=True)
                mode.enter_context(dropping_out(network.module, self._how.seed, alike=False))
            else:
                network = self._network if dtype == self._dtype else self._ready(dtype)
            batches = zip(self.batches(window), kept or repeat(None))  # noqa: B905  (one of them has no end)
            return _joined([self._seen(network, batch, features, flips=flips) for batch, features in batches])

    def _ready(self, dtype: torch.dtype, *, by_batch_statistics: bool = False) -> ReadyNetwork:
        return ReadyNetwork(self._model.generator, self._device, dtype=dtype, by_batch_statistics=by_batch_statistics)

    def batches(self, window: Window | None = None) -> Iterator[Tensor]:
        """What the network is shown, a batch at a time (B, (2n + 1) · 3, h, w).

        Normalised by volume as whole slices are, as in training; by region as what is seen is.
        """
        settings = self._model.settings
        seen = self._images if window is None else window.cut(self._images)
        statistics = statistics_of(
            seen if settings.normalisation == "region" else self._images,
            settings.normalisation,
            spacing_mm=settings.slicing.spacing_mm,
            of_dataset=self._model.statistics,
        )
        normalised = normalise_known(seen, statistics, self._model.channels)
        shown, size = beside_neighbours(normalised, settings.network.neighbours), self._how.batch_size
        yield from (torch.from_numpy(shown[first : first + size]) for first in range(0, len(shown), size))

    def _seen(self, network: ReadyNetwork, batch: Tensor, features: Sequence[Tensor] | None, *, flips: bool) -> Tensor:
        p = self._zones(network.logits(network.features(batch) if features is None else features))
        if flips:
            p = (p + self._zones(network.logits(network.features(batch.flip(-1)))).flip(-1)) / 2
        return of_codes(p, self._model.codes).cpu()

    def _zones(self, logits: Tensor) -> Tensor:
        return probabilities(logits, self._model.settings.network.head)

    def _restored(self, found: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Whole slices again; BACKGROUND outside the window."""
        if self.window is None:
            return found
        outside = [float(code == LabelCode.BACKGROUND) for code in self._model.codes]
        return self.window.restore(found, outside, self._images.shape)


def of_codes(p: Tensor, codes: Sequence[LabelCode]) -> Tensor:
    """From the probability of each zone (B, K, H, W) to that of each code (B, len(codes), H, W); they sum to 1."""
    sums = torch.from_numpy(membership()[list(codes)]).to(p)  # (len(codes), K)
    by_code = torch.einsum("ck,bkhw->bchw", sums, p)
    return by_code / by_code.sum(dim=1, keepdim=True).clamp(min=1e-12)


def _joined(parts: Sequence[Tensor]) -> npt.NDArray[np.float32]:
    """Batches one after another."""
    return np.asarray(torch.cat(list(parts)).numpy(), dtype=np.float32)
