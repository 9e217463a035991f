"""DICOM SR of the measurements: TID 1500, one group of measurements a structure, tied to the segments of the SEG."""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import highdicom.sr as sr
from pydicom import Dataset
from pydicom.sr.coding import Code

from zonate.io.dicom_codes import (
    ANATOMICAL_STRUCTURE,
    OWN_SCHEME,
    PROSTATE,
    CodedStructure,
    coded_sector,
    coded_zone,
    own_scheme,
)
from zonate.io.dicom_output import (
    IMPLEMENTATION_CLASS_UID,
    MANUFACTURER,
    MODEL_NAME,
    DicomAlgorithm,
    SeriesNumber,
    equipment,
    long_string,
    making,
    new_uid,
    save_dicom,
)
from zonate.io.source import UTF_8, SourceImages
from zonate.io.sr_measurements import adc_measurements, gland_measurements, psa_measurements, volume_measurement
from zonate.measurements import Measurements, Uncertainty
from zonate.sectors import SECTORS
from zonate.zonemap import NOT_VALIDATED, why_not_validated
from zonate.zones import CODE_OF_STRUCTURE, LabelCode

PROCEDURE = Code("719178004", "SCT", "Multiparametric MRI of prostate")
"""CID 100."""
_ENGLISH = Code("en", "RFC5646", "English")
_DEVICE = Code("121007", "DCM", "Device")
_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
_COMMENT = Code("121106", "DCM", "Comment")
_INTENDED_USE = "Made by a program, for research use only"
_UNPROVEN = f"Not validated: {why_not_validated(1)}"

_Group: TypeAlias = sr.VolumetricROIMeasurementsAndQualitativeEvaluations | sr.MeasurementsAndQualitativeEvaluations


@dataclass(frozen=True)
class _Segment:
    """A segment that has frames, by the series of images that it was drawn on."""

    sop_class_uid: str
    sop_instance_uid: str
    number: int
    tracking_uid: str


def write_measurements_sr(
    path: Path,
    measurements: Measurements,
    uncertainty: Uncertainty | None,
    source: SourceImages,
    *,
    algorithm: DicomAlgorithm,
    seg: Dataset | None = None,
    sector_volumes_ml: Mapping[str, float] | None = None,
    sectors_seg: Dataset | None = None,
    comments: Items[str] = (),
    not_validated: Items[str] = (),
    series_number: int = SeriesNumber.MEASUREMENTS,
    description: str = "Zonate prostate measurements",
) -> Dataset:
    """Write a Comprehensive 3D SR after TID 1500, complete, preliminary and not verified.

    Args:
        path: Of the file; one of that name is replaced.
        measurements: A structure of unknown volume is left out.
        uncertainty: Gives every volume its range below and above; None where none was estimated.
        source: The T2W series; without a patient, so is the file.
        algorithm: Who drew what was measured.
        seg: The zones' SEG as `write_zones_seg` returns it: a structure that is a segment with frames refers to it,
            and is tracked by its UID.
        sector_volumes_ml: By abbreviation, such as `PZpl-mid-L`.
        sectors_seg: The same of the sectors, as `write_sectors_seg` returns it.
        comments: What a reader should know, a sentence each: warnings first.
        not_validated: Names in `zonate.zones.STRUCTURES` of those whose groups say so in a comment of their own, as do
            those of their sectors and of what is worked out from their volume.
        series_number: Of the new series.
        description: Of the new series, 64 characters at most.

    Returns:
        What was written.

    Raises:
        ValueError: Nothing was measured at all, or a sector is not in `zonate.sectors.SECTORS`.
    """
    with making():
        groups = [
            *_structure_groups(measurements, uncertainty, source, algorithm, seg, not_validated),
            *_psa_groups(measurements, algorithm, not_validated),
            *_sector_groups(sector_volumes_ml or {}, source, algorithm, sectors_seg, not_validated),
        ]
        if not groups:
            raise ValueError("no structure has a known volume: there is nothing to report")
        report = sr.MeasurementReport(
            observation_context=_observed_by_device(),
            procedure_reported=PROCEDURE,
            imaging_measurements=groups,
            referenced_images=_library(source),
            language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(_ENGLISH),
        )
        remarks = [*comments, *_doubt(uncertainty), *_remarks(measurements), _INTENDED_USE]
        report[0].ContentSequence.append(_evaluations(remarks))
        root, tree = report[0], report[0].ContentSequence
        # highdicom would copy it all, read the copy and search it twice; its `content` is the root alone for that.
        root.ContentSequence = []
        document = sr.Comprehensive3DSR(
            evidence=[*source.headers, *(given for given in (seg, sectors_seg) if given is not None)],
            content=root,
            series_instance_uid=new_uid(),
            series_number=series_number,
            sop_instance_uid=new_uid(),
            instance_number=1,
            is_complete=True,
            is_final=False,
            series_description=long_string(description),
            specific_character_set=UTF_8,
            coding_schemes=[own_scheme()] if measurements.volume_ml.get("CENTRAL_GLAND") is not None else None,
            **equipment(),
        )
        document.ContentSequence = tree
    save_dicom(document, path)
    return document


def _library(source: SourceImages) -> list[Dataset] | None:
    """The images of the report's library; it describes each by attributes that enhanced files have frame by frame."""
    return list(source.headers) if all("PixelSpacing" in header for header in source.headers) else None


def _structure_groups(
    measurements: Measurements,
    uncertainty: Uncertainty | None,
    source: SourceImages,
    algorithm: DicomAlgorithm,
    seg: Dataset | None,
    not_validated: Items[str],
) -> Iterator[_Group]:
    """The gland first, then what it is made of."""
    segments = _segments_with_frames(seg)
    for name in sorted(measurements.volume_ml, key=lambda name: name != "GLAND"):
        volume_ml = measurements.volume_ml[name]
        if volume_ml is None:
            continue
        interval_ml = None if uncertainty is None else uncertainty.shown_ml.get(name)
        figures = [volume_measurement(volume_ml, interval_ml)]
        if name == "GLAND":
            figures += gland_measurements(measurements)
        if name in measurements.adc:
            figures += adc_measurements(measurements.adc[name])
        structure = coded_zone(CODE_OF_STRUCTURE[name])
        group = _group(structure, figures, algorithm, source, segments.get(structure.tracking_id))
        if name in not_validated:
            _comment(group, _UNPROVEN)
        if name == "GLAND" and measurements.pz_tz_ratio is not None and {"PZ", "TZ"} & set(not_validated):
            _comment(group, f"PZ to TZ volume ratio, {NOT_VALIDATED}")
        yield group


def _psa_groups(measurements: Measurements, algorithm: DicomAlgorithm, not_validated: Items[str]) -> Iterator[_Group]:
    """Apart from the gland's own: PSA was measured in blood, and given by the user."""
    if measurements.psa is not None:
        prostate = coded_zone(LabelCode.WHOLE_GLAND)
        group = sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(new_uid(), "PSA"),
            finding_sites=[sr.FindingSite(prostate.code)],
            algorithm_id=_identified(algorithm),
            measurements=psa_measurements(measurements.psa),
        )
        if "GLAND" in not_validated:
            _comment(group, f"PSA density, {NOT_VALIDATED}")
        yield group


def _sector_groups(
    sector_volumes_ml: Mapping[str, float],
    source: SourceImages,
    algorithm: DicomAlgorithm,
    seg: Dataset | None,
    not_validated: Items[str],
) -> Iterator[_Group]:
    sectors = {sector.abbreviation: sector for sector in SECTORS}
    unknown = sorted(set(sector_volumes_ml) - set(sectors))
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is no sector: sectors are called such as {SECTORS[0].abbreviation}")
    segments = _segments_with_frames(seg)
    for abbreviation, sector in sectors.items():
        if abbreviation in sector_volumes_ml:
            figures = [volume_measurement(sector_volumes_ml[abbreviation], None)]
            group = _group(coded_sector(sector), figures, algorithm, source, segments.get(abbreviation))
            if sector.zone.name in not_validated:
                _comment(group, _UNPROVEN)
            yield group


def _group(
    structure: CodedStructure,
    figures: Items[sr.Measurement],
    algorithm: DicomAlgorithm,
    source: SourceImages,
    segment: _Segment | None,
) -> _Group:
    """TID 1411 where there is a segment to refer to, else TID 1501."""
    site = PROSTATE if structure.code.scheme_designator == OWN_SCHEME else structure.code
    tracking_uid = new_uid() if segment is None else segment.tracking_uid
    shared = {
        "tracking_identifier": sr.TrackingIdentifier(tracking_uid, structure.tracking_id),
        "finding_category": ANATOMICAL_STRUCTURE,
        "finding_type": structure.code,
        "finding_sites": [sr.FindingSite(site)],
        "algorithm_id": _identified(algorithm),
        "measurements": figures,
    }
    if segment is None:
        return sr.MeasurementsAndQualitativeEvaluations(**shared)
    reference = sr.ReferencedSegment(
        segment.sop_class_uid,
        segment.sop_instance_uid,
        segment.number,
        source_series=sr.SourceSeriesForSegmentation(str(source.header.SeriesInstanceUID)),
    )
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=reference, **shared)


def _comment(group: _Group, text: str) -> None:
    """Add a comment to a group, whose template may be extended: whoever takes out the group has it with it."""
    group[0].ContentSequence.append(sr.TextContentItem(_COMMENT, text, sr.RelationshipTypeValues.CONTAINS))


def _segments_with_frames(seg: Dataset | None) -> dict[str, _Segment]:
    """By tracking identifier; a segment of which nothing is drawn has no frame to refer to."""
    if seg is None:
        return {}
    shared = seg.SharedFunctionalGroupsSequence[0]  # a lone segment is named there, since all frames are its own
    drawn = {
        int(
            (own if "SegmentIdentificationSequence" in own else shared)
            .SegmentIdentificationSequence[0]
            .ReferencedSegmentNumber
        )
        for own in seg.PerFrameFunctionalGroupsSequence
    }
    return {
        str(item.TrackingID): _Segment(
            str(seg.SOPClassUID), str(seg.SOPInstanceUID), int(item.SegmentNumber), str(item.TrackingUID)
        )
        for item in seg.SegmentSequence
        if int(item.SegmentNumber) in drawn
    }


def _observed_by_device() -> sr.ObservationContext:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=IMPLEMENTATION_CLASS_UID,  # the observer is the program, whichever machine it ran on
        name=MANUFACTURER,
        manufacturer_name=MANUFACTURER,
        model_name=MODEL_NAME,
        serial_number=equipment()["device_serial_number"],
    )
    return sr.ObservationContext(observer_device_context=sr.ObserverContext(_DEVICE, device))


def _identified(algorithm: DicomAlgorithm) -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(long_string(algorithm.name), long_string(algorithm.version))


def _doubt(uncertainty: Uncertainty | None) -> list[str]:
    """Why the result is to be looked at, and what the ranges of its volumes are, where it has any."""
    if uncertainty is None:
        return []
    said = [f"To be looked at before use: {uncertainty.reason}"] if uncertainty.doubtful else []
    if uncertainty.shown_ml:
        meaning = (
            "widened to hold the reader's volume in 95 % of the patients of the model's calibration"
            if uncertainty.calibrated
            else "which is its own doubt: readers differ far more"
        )
        said.append(
            f"Ranges of volumes, {uncertainty.shown_as}: the middle 95 % of {uncertainty.samples} segmentations drawn "
            f"by the network, {meaning}"
        )
    return said


def _remarks(measurements: Measurements) -> list[str]:
    """What the coded figures leave open."""
    said = [
        f"ADC of {name}: {stats.coverage:.0%} of its voxels were measured"
        for name, stats in measurements.adc.items()
        if stats.coverage < 1
    ]
    if measurements.psa is not None and measurements.psa.cut_offs_reached_ng_ml2:
        reached = ", ".join(f"{cut_off:.2f}" for cut_off in measurements.psa.cut_offs_reached_ng_ml2)
        said.append(f"PSA density reaches the usual cut-offs {reached} ng/ml²")
    return said


def _evaluations(remarks: Items[str]) -> sr.ContainerContentItem:
    """Row 12 of TID 1500: what no measurement says."""
    container = sr.ContainerContentItem(_EVALUATIONS, relationship_type=sr.RelationshipTypeValues.CONTAINS)
    container.ContentSequence = sr.ContentSequence(
        [sr.TextContentItem(_COMMENT, text, sr.RelationshipTypeValues.CONTAINS) for text in remarks]
    )
    return container
