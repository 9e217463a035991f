"""From a case to its zones with everything that is worked out from them: what predicting is, with and without files."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zonate.case import NO_ALIGNMENT, Case
from zonate.config import Settings
from zonate.counted import counted
from zonate.doubt import cleaned, with_uncertainty
from zonate.errors import ConfigError
from zonate.io.roles import is_of_absence
from zonate.measures.axes import Gland
from zonate.measures.measure import measure
from zonate.measures.sector_map import sector_map
from zonate.model import Model, Segmentation
from zonate.model_json import model_to_json
from zonate.plausibility import Implausibility, absent_channels, disqualifying
from zonate.preprocessing.image_digest import image_digest
from zonate.preprocessing.slices import Slices, slice_case
from zonate.progress import stage
from zonate.provenance import not_validated
from zonate.study import Sequence
from zonate.suitability import refuse_unsuitable
from zonate.zonemap import ZoneMap

_CHANGEABLE = ("reading", "alignment", "prediction", "output")
"""The sections of the settings that are not part of what was trained."""


@dataclass(frozen=True)
class Segmenter:
    """A model, and how it is used.

    Attributes:
        model: With its settings as they are used.
        about_model: What every result says of it, see `model_to_json`.
        settings: For reading, aligning and writing.
    """

    model: Model
    about_model: Mapping[str, Any]
    settings: Settings

    @classmethod
    def load(cls, path: Path, changes: Items[str] = ()) -> "Segmenter":
        """Read a model file or run folder.

        Args:
            path: A model file or a run folder.
            changes: Settings that are not the model's own, such as `alignment.method=rigid`; of the sections reading,
                alignment, prediction and output.

        Raises:
            ModelError: The model cannot be read.
            ConfigError: A setting is unknown, does not fit, or is part of what was trained; or MONAI, whose network it
                is, is not installed.
        """
        trained = Model.load(path)
        about = model_to_json(trained, path)
        for change in changes:
            if change.split(".")[0].strip() not in _CHANGEABLE:
                raise ConfigError(
                    f"{change!r} is part of the trained model: only settings of {', '.join(_CHANGEABLE)} can be "
                    "changed when it is used"
                )
        used = trained.settings.override(list(changes))
        model = replace(trained, settings=used)
        return cls(model, about, used)

    def segment(self, case: Case, *, psa_ng_ml: float | None = None) -> ZoneMap:
        """Segment a case and measure what was found.

        Args:
            case: As `zonate.load` gives it.
            psa_ng_ml: Prostate-specific antigen, for its density.

        Raises:
            StudyError: The case is no axial volume, or its zones do not lie on the T2W grid.
            ValueError: The PSA cannot be one.
        """
        refuse_unsuitable(case)
        stage("segmenting")
        slices = slice_case(case, self.settings.slicing)
        segmentation = self.model.begin(slices, sampled=self.settings.prediction.samples > 0)
        result = cleaned(segmentation)
        impossible = disqualifying(result.odd)
        zones = self._sampled(result.zones, segmentation, impossible)
        uncertainty = zones.uncertainty
        stage("measuring")
        gland = Gland.find(zones.labels, zones.codes)
        measured = measure(
            case,
            zones.labels,
            zones.codes,
            gland=gland,
            psa_ng_ml=psa_ng_ml,
            intervals_ml=None if uncertainty is None else uncertainty.interval_ml,
        )
        return replace(
            zones,
            case_id=case.case_id,
            measurements=measured,
            sectors=sector_map(zones.labels, zones.codes, gland),
            not_validated=not_validated(self.model.provenance, zones.codes),
            doubt="; ".join(impossible) if uncertainty is None else uncertainty.reason,
            warnings=(
                *self._seen(case),
                *_warnings(case, result.odd, slices, self.model.channels),
                *result.changes,
                *measured.remarks,
                *zones.warnings,
            ),
        )

    def _seen(self, case: Case) -> tuple[str, ...]:
        """What a result on a patient of its own training flatters a model with."""
        if image_digest(case.t2w) not in self.model.provenance.get("images_sha256", ()):
            return ()
        return ("the model learnt from this very image, or was chosen by it: it is better here than on anybody else",)

    def _sampled(self, zones: ZoneMap, segmentation: Segmentation, impossible: Items[str]) -> ZoneMap:
        samples = self.settings.prediction.samples
        if samples == 0 or not self.model.can_sample:
            why = "no samples were drawn" if samples == 0 else "the model has no dropout"
            return replace(zones, warnings=(f"{why}: nothing but its shape was asked whether the result is doubtful",))
        stage(f"drawing {counted(samples, 'sample')}")
        return with_uncertainty(segmentation, zones, samples, impossible)


def _warnings(
    case: Case, found: Items[Implausibility], slices: Slices, known: tuple[bool, bool, bool]
) -> tuple[str, ...]:
    """What may make the result worthless comes first.

    That DWI or ADC is absent is said of what the model looks at, and then with what came of it.
    """
    others = [text for text in case.warnings if not is_of_absence(text)]
    odd = [one.text for one in found]
    missed = [sequence.name for sequence in (Sequence.DWI, Sequence.ADC) if known[sequence]]
    unusable = case.alignment.chosen == "none" and case.alignment != NO_ALIGNMENT
    if not (missed and unusable):
        return (*odd, *absent_channels(slices, known), *others)
    t2w_alone = (
        f"the zones come from T2W alone: {case.alignment.reason}. The model learnt with {' and '.join(missed)} and saw "
        "the mean everywhere in place of them"
    )
    unsaid = (text for text in others if text != case.alignment.reason)
    return (t2w_alone, *odd, *absent_channels(slices, (True, False, False)), *unsaid)
