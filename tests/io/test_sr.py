"""The measurement report as others read it: highdicom's reader, and the content tree walked by hand."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.sr.coding import Code

from tests.io.t2w_source import on_source, t2w_source, zones_in
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.seg_writer import write_zones_seg
from zonate.io.source import SourceImages
from zonate.io.sr import write_measurements_sr
from zonate.measurements import AdcStatistics, Ellipsoid, Measurements, PsaDensity, Uncertainty
from zonate.zones import ALL_ZONE_CODES, LabelCode

ALGORITHM = DicomAlgorithm("fold 3", "1.2")
VOLUMES_ML: dict[str, float | None] = {
    "PZ": 12.5, "TZ": 25.0, "DPU": 1.25, "AFS": 0.0, "CENTRAL_GLAND": 26.25, "GLAND": 38.75,
}  # fmt: skip
MEASUREMENTS = Measurements(
    volume_ml=VOLUMES_ML,
    ellipsoid=Ellipsoid(31.5, 48.0, 42.25, 33.45, -13.7),
    pz_tz_ratio=0.5,
    adc={"PZ": AdcStatistics(1512.25, 987.5, 0.875), "TZ": AdcStatistics(1200.0, 800.0, 1.0)},
    psa=PsaDensity(6.2, 0.16, (0.10, 0.15), (0.15, 0.18)),
)
UNCERTAINTY = Uncertainty(
    samples=8,
    interval_ml={"PZ": (11.0, 13.25), "TZ": (25.0, 25.0)},
    agreement={},
    expected_dice={},
    calibrated=True,
    doubtful=False,
)


@pytest.fixture
def source(tmp_path: Path) -> SourceImages:
    return t2w_source(tmp_path / "study")


def written(folder: Path, source: SourceImages, **options: Any) -> Dataset:
    given = {"measurements": MEASUREMENTS, "uncertainty": None, "algorithm": ALGORITHM, **options}
    write_measurements_sr(folder / "m.sr.dcm", source=source, **given)
    return pydicom.dcmread(folder / "m.sr.dcm")


def concept(item: Dataset) -> str:
    name = item.ConceptNameCodeSequence[0]
    return f"{name.CodeValue} {name.CodingSchemeDesignator}"


def children(item: Dataset, name: str) -> Iterator[Dataset]:
    return (child for child in item.get("ContentSequence", []) if concept(child) == name)


def groups(report: Dataset) -> dict[str, Dataset]:
    """By tracking identifier."""
    (measurements,) = children(report, "126010 DCM")
    found = list(children(measurements, "125007 DCM"))
    return {next(children(group, "112039 DCM")).TextValue: group for group in found}


def coded(item: Dataset) -> str:
    value = item.ConceptCodeSequence[0]
    return f"{value.CodeValue} {value.CodingSchemeDesignator}"


def figure(item: Dataset) -> tuple[float, str]:
    (value,) = item.MeasuredValueSequence
    return float(value.NumericValue), str(value.MeasurementUnitsCodeSequence[0].CodeValue)


VOLUME, ADC = "118565006 SCT", "113041 DCM"


def test_every_structure_has_its_volume_in_ml_and_its_code_as_the_site(tmp_path: Path, source: SourceImages) -> None:
    found = {
        name: (figure(next(children(group, VOLUME))), coded(next(children(group, "363698007 SCT"))))
        for name, group in groups(written(tmp_path, source)).items()
        if name != "PSA"
    }
    assert found == {
        "WHOLE_GLAND": ((38.75, "mL"), "41216001 SCT"),
        "PZ": ((12.5, "mL"), "279706003 SCT"),
        "TZ": ((25.0, "mL"), "399384005 SCT"),
        "DPU": ((1.25, "mL"), "71553001 SCT"),
        "AFS": ((0.0, "mL"), "717025007 SCT"),
        "CENTRAL_GLAND": ((26.25, "mL"), "41216001 SCT"),
    }


def test_volumes_are_sums_of_voxels(tmp_path: Path, source: SourceImages) -> None:
    volume = next(children(groups(written(tmp_path, source))["PZ"], VOLUME))
    assert coded(next(children(volume, "370129005 SCT"))) == "126030 DCM"


def test_the_gland_has_its_diameters_its_ellipsoid_and_the_ratio(tmp_path: Path, source: SourceImages) -> None:
    gland = groups(written(tmp_path, source))["WHOLE_GLAND"]
    diameters = {}
    for name in ("410668003 SCT", "103355008 SCT", "121207 DCM"):
        (item,) = children(gland, name)
        diameters[next(children(item, "112039 DCM")).TextValue] = figure(item)
    assert diameters == {
        "Craniocaudal diameter": (42.25, "mm"),
        "Transverse diameter": (48.0, "mm"),
        "Anteroposterior diameter": (31.5, "mm"),
    }
    (ellipsoid,) = children(gland, "121221 DCM")
    assert figure(ellipsoid) == (33.45, "mL")
    assert coded(next(children(ellipsoid, "370129005 SCT"))) == "126029 DCM"
    (ratio,) = children(gland, "113288 DCM")
    assert figure(ratio) == (0.5, "{ratio}")


def test_adc_is_mean_and_10th_percentile_in_square_micrometres_a_second(tmp_path: Path, source: SourceImages) -> None:
    report = written(tmp_path, source)
    found = {coded(next(children(item, "121401 DCM"))): figure(item) for item in children(groups(report)["PZ"], ADC)}
    assert found == {"373098007 SCT": (1512.25, "um2/s"), "371890005 SCT": (987.5, "um2/s")}
    assert list(children(groups(report)["DPU"], ADC)) == []
    assert "ADC of PZ: 88% of its voxels were measured" in comments(report)


def test_psa_and_its_density_with_its_range(tmp_path: Path, source: SourceImages) -> None:
    report = written(tmp_path, source)
    group = groups(report)["PSA"]
    (psa,), (density,) = children(group, "2857-1 LN"), children(group, "15325-4 LN")
    assert figure(psa) == (6.2, "ng/mL")
    assert figure(density) == (0.16, "ng/mL2")
    assert figure(next(children(density, "371886008 SCT"))) == (0.02, "ng/mL2")
    assert figure(next(children(density, "371885007 SCT"))) == (0.01, "ng/mL2")
    assert "PSA density reaches the usual cut-offs 0.10, 0.15 ng/ml²" in comments(report)


def test_volumes_have_their_ranges_above_and_below(tmp_path: Path, source: SourceImages) -> None:
    found = groups(written(tmp_path, source, uncertainty=UNCERTAINTY))
    pz = next(children(found["PZ"], VOLUME))
    assert figure(next(children(pz, "371886008 SCT"))) == (0.75, "mL")
    assert figure(next(children(pz, "371885007 SCT"))) == (1.5, "mL")
    tz = next(children(found["TZ"], VOLUME))
    assert figure(next(children(tz, "371886008 SCT"))) == (0.0, "mL")
    assert list(children(next(children(found["DPU"], VOLUME)), "371886008 SCT")) == []  # none was estimated


def comments(report: Dataset) -> list[str]:
    return [
        item.TextValue
        for evaluations in children(report, "C0034375 UMLS")
        for item in children(evaluations, "121106 DCM")
    ]


def test_doubt_and_comments_are_said(tmp_path: Path, source: SourceImages) -> None:
    bare = Measurements(volume_ml={"GLAND": 40.0})
    assert comments(written(tmp_path, source, measurements=bare)) == ["Made by a program, for research use only"]
    doubtful = replace(UNCERTAINTY, interval_ml={}, doubtful=True, reason="the samples differ at the apex")
    said = comments(
        written(tmp_path, source, measurements=bare, uncertainty=doubtful, comments=["The gland is cut off"])
    )
    assert said == [
        "The gland is cut off",
        "To be looked at before use: the samples differ at the apex",
        "Made by a program, for research use only",
    ]


@pytest.mark.parametrize(
    ("calibrated", "meaning"),
    [
        (
            True,
            "95 % interval: the middle 95 % of 8 segmentations drawn by the network, widened to hold the reader's "
            "volume in 95 % of the patients of the model's calibration",
        ),
        (
            False,
            "range of samples: the middle 95 % of 8 segmentations drawn by the network, which is its own doubt: "
            "readers differ far more",
        ),
    ],
)
def test_what_the_ranges_are_is_said(tmp_path: Path, source: SourceImages, *, calibrated: bool, meaning: str) -> None:
    of = replace(UNCERTAINTY, calibrated=calibrated, range_ml={"PZ": (11.5, 12.75)})
    assert comments(written(tmp_path, source, uncertainty=of))[0] == f"Ranges of volumes, {meaning}"


def test_a_lone_segment_is_referred_to(tmp_path: Path, source: SourceImages) -> None:
    """A model of the gland alone: its SEG names the segment once, for all frames."""
    labels = np.where(zones_in(source) > 0, LabelCode.WHOLE_GLAND, 0).astype(np.uint8)
    codes = (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)
    seg = write_zones_seg(tmp_path / "z.seg.dcm", on_source(source, labels), codes, source, algorithm=ALGORITHM)
    (segment,) = children(groups(written(tmp_path, source, seg=seg))["WHOLE_GLAND"], "121191 DCM")
    assert segment.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == seg.SOPInstanceUID


def test_groups_refer_to_the_segments_and_share_their_tracking(tmp_path: Path, source: SourceImages) -> None:
    labels = zones_in(source)
    labels[labels == 4] = 0  # an empty segment has no frame to refer to
    seg = write_zones_seg(
        tmp_path / "z.seg.dcm", on_source(source, labels), ALL_ZONE_CODES, source, algorithm=ALGORITHM
    )
    report = written(tmp_path, source, seg=seg)
    found = groups(report)
    tracked = {item.TrackingID: item.TrackingUID for item in seg.SegmentSequence}
    for number, name in enumerate(("PZ", "TZ", "DPU"), start=1):
        (segment,) = children(found[name], "121191 DCM")
        (reference,) = segment.ReferencedSOPSequence
        assert reference.ReferencedSOPInstanceUID == seg.SOPInstanceUID
        assert reference.ReferencedSegmentNumber == number
        assert tracked[name] == next(children(found[name], "112040 DCM")).UID
        assert source.header.SeriesInstanceUID == next(children(found[name], "121232 DCM")).UID
    for name in ("AFS", "WHOLE_GLAND", "CENTRAL_GLAND"):
        assert list(children(found[name], "121191 DCM")) == []
    evidence = [
        item.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]
    assert sorted(evidence) == sorted([seg.SOPInstanceUID, *(header.SOPInstanceUID for header in source.headers)])


def test_sectors_are_groups_of_their_own(tmp_path: Path, source: SourceImages) -> None:
    found = groups(written(tmp_path, source, sector_volumes_ml={"PZpl-mid-L": 1.5, "AFS-apex-R": 0.25}))
    sector = found["PZpl-mid-L"]
    assert figure(next(children(sector, VOLUME))) == (1.5, "mL")
    assert coded(next(children(sector, "363698007 SCT"))) == "716922000 SCT"
    assert coded(next(children(found["AFS-apex-R"], "363698007 SCT"))) == "716926002 SCT"
    with pytest.raises(ValueError, match="PZ-left is no sector: sectors are called such as PZa-base-R"):
        written(tmp_path, source, sector_volumes_ml={"PZ-left": 1.0})


def own_comments(report: Dataset) -> dict[str, list[str]]:
    """Of each group that has any, by tracking identifier."""
    found = {name: [str(c.TextValue) for c in children(group, "121106 DCM")] for name, group in groups(report).items()}
    return {name: said for name, said in found.items() if said}


def test_the_group_of_what_is_not_validated_says_so(tmp_path: Path, source: SourceImages) -> None:
    sectors = {"PZpl-mid-L": 1.5, "AFS-apex-R": 0.25}
    assert own_comments(written(tmp_path, source, sector_volumes_ml=sectors)) == {}
    unproven = ["Not validated: too few patients showed how well it is found"]
    said = own_comments(written(tmp_path, source, sector_volumes_ml=sectors, not_validated=("DPU", "AFS")))
    assert said == {"DPU": unproven, "AFS": unproven, "AFS-apex-R": unproven}
    said = own_comments(written(tmp_path, source, sector_volumes_ml=sectors, not_validated=("PZ", "GLAND")))
    assert said == {
        "WHOLE_GLAND": [*unproven, "PZ to TZ volume ratio, not validated"],
        "PZ": unproven,
        "PSA": ["PSA density, not validated"],
        "PZpl-mid-L": unproven,
    }


def test_who_observed_and_what(tmp_path: Path, source: SourceImages) -> None:
    report = written(tmp_path, source)
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.34"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert coded(next(children(report, "121005 DCM"))) == "121007 DCM"  # a device
    assert next(children(report, "121013 DCM")).TextValue == "Zonate"
    assert coded(next(children(report, "121049 DCM"))) == "en RFC5646"
    assert coded(next(children(report, "121058 DCM"))) == "719178004 SCT"
    assert (report.CompletionFlag, report.PreliminaryFlag) == ("COMPLETE", "PRELIMINARY")
    assert report.VerificationFlag == "UNVERIFIED"
    group = groups(report)["PZ"]
    assert next(children(group, "111001 DCM")).TextValue == "fold 3"
    assert next(children(group, "111003 DCM")).TextValue == "1.2"
    assert str(report.PatientName) == "Secret^Person"
    assert report.StudyInstanceUID == source.header.StudyInstanceUID


def test_highdicom_finds_the_measurements(tmp_path: Path, source: SourceImages) -> None:
    seg = write_zones_seg(
        tmp_path / "z.seg.dcm", on_source(source, zones_in(source)), ALL_ZONE_CODES, source, algorithm=ALGORITHM
    )
    written(tmp_path, source, seg=seg, not_validated=("TZ",))
    content = highdicom.sr.srread(tmp_path / "m.sr.dcm").content
    site = Code("399384005", "SCT", "Transition zone of prostate")
    (group,) = content.get_volumetric_roi_measurement_groups(finding_site=site)
    (volume,) = group.get_measurements(name=Code("118565006", "SCT", "Volume"))
    assert (volume.value, volume.unit.value) == (25.0, "mL")
    assert group.finding_sites[0].topographical_modifier is None


def test_every_object_that_is_referred_to_is_among_the_evidence(tmp_path: Path, source: SourceImages) -> None:
    seg = write_zones_seg(
        tmp_path / "z.seg.dcm", on_source(source, zones_in(source)), ALL_ZONE_CODES, source, algorithm=ALGORITHM
    )
    report = written(tmp_path, source, seg=seg)
    evidence = {
        item.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    images = {header.SOPInstanceUID for header in source.headers}
    referred_to = {
        element.value
        for content in report.ContentSequence
        for element in content.iterall()
        if element.keyword == "ReferencedSOPInstanceUID"
    }
    assert evidence == referred_to == images | {seg.SOPInstanceUID}


def test_an_enhanced_source_has_a_report_too(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study", enhanced=True)
    report = written(tmp_path, source)
    assert figure(next(children(groups(report)["TZ"], VOLUME))) == (25.0, "mL")


def test_nothing_known_is_nothing_to_report(tmp_path: Path, source: SourceImages) -> None:
    with pytest.raises(ValueError, match="no structure has a known volume"):
        written(tmp_path, source, measurements=Measurements(volume_ml={"GLAND": None}))


def test_without_the_patient_no_name_is_written(tmp_path: Path, source: SourceImages) -> None:
    report = written(tmp_path, source.without_patient())
    assert (str(report.PatientName), report.PatientID) == ("", "")
    assert b"Secret" not in (tmp_path / "m.sr.dcm").read_bytes()
