"""Writing a study's series as classic DICOM MR images, one file an image."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from zonate.simulation.scan import DWI_TE_MS, DWI_TR_MS, T2W_TE_MS, T2W_TR_MS, Examination
from zonate.simulation.series import ImageSeries
from zonate.simulation.vendors import Vendor, in_plane_phase

IMPLEMENTATION_CLASS_UID = "2.25.302043790172249692526321623266752743501"
"""Identifies this writer; a UUID of its own, as PS3.5 annex B.2 allows."""
START = datetime(2020, 1, 1, 9, 0, 0)


@dataclass(frozen=True)
class Identity:
    """Who the study is of (nobody), and the UIDs that hold it together.

    Attributes:
        patient_id: Obviously invented.
        rng: Where further UIDs come from, so that a study is the same to the bit every time.
    """

    patient_id: str
    study_uid: str
    frame_of_reference_uid: str
    rng: np.random.Generator


def new_uid(rng: np.random.Generator) -> str:
    """A UID under 2.25, which stands for a random number of 128 bits (PS3.5 annex B.2)."""
    return f"2.25.{int.from_bytes(rng.bytes(15), 'big') | 1 << 119}"


def write_classic(
    folder: Path, series: ImageSeries, vendor: Vendor, examination: Examination, identity: Identity
) -> None:
    """Write one file for each slice and b-value of a series; the file names say nothing."""
    folder.mkdir(parents=True)
    common = common_headers(series, vendor, examination, identity)
    for number, (b, s, values) in enumerate(series.pictures(), start=1):
        dataset = new_file(MRImageStorage, new_uid(identity.rng))
        dataset.update(common)
        dataset.InstanceNumber = number
        _add_place(dataset, series, s)
        _add_acquisition(dataset, series, vendor, examination, b)
        add_pixels(dataset, values, slope_of(series, vendor), vendor)
        marked = max(vendor.protocol.b_values_s_mm2) if series.kind == "adc" and vendor.mark_adc else b
        if marked is not None:
            vendor.mark_b_value(dataset, series, marked)
        dataset.save_as(folder / f"I{number:04d}", enforce_file_format=True)


def new_file(sop_class_uid: str, sop_instance_uid: str) -> FileDataset:
    """An empty object with its file meta information."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class_uid
    meta.MediaStorageSOPInstanceUID = sop_instance_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = "ZONATE_SIM"
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = sop_instance_uid
    return dataset


def common_headers(series: ImageSeries, vendor: Vendor, examination: Examination, identity: Identity) -> Dataset:
    """Patient, study, series, frame of reference and equipment: alike in all files of a series."""
    time = START + timedelta(seconds=series.acquired_s)
    common = Dataset()
    common.SpecificCharacterSet = "ISO_IR 100"
    common.ImageType = list(vendor.image_types[series.kind])
    for name, moment in (("Study", START), ("Series", time), ("Acquisition", time), ("Content", time)):
        setattr(common, f"{name}Date", moment.strftime("%Y%m%d"))
        setattr(common, f"{name}Time", moment.strftime("%H%M%S.%f"))
    common.AccessionNumber = ""
    common.Modality = "MR"
    common.Manufacturer = vendor.manufacturer
    common.ManufacturerModelName = vendor.model
    common.SoftwareVersions = vendor.software
    common.DeviceSerialNumber = "0"
    common.InstitutionName = "ZONATE SIMULATED"
    common.ReferringPhysicianName = ""
    common.StudyDescription = "ZONATE SIMULATED PROSTATE"
    common.SeriesDescription = vendor.description(series)
    common.ProtocolName = vendor.description(series)
    common.PatientName = "ZONATE^SIMULATED"
    common.PatientID = identity.patient_id
    common.PatientBirthDate = ""
    common.PatientSex = "M"
    common.PatientIdentityRemoved = "YES"
    common.DeidentificationMethod = "Digital phantom: no patient"
    common.BodyPartExamined = "PROSTATE"
    common.PatientPosition = "HFS"
    common.StudyInstanceUID = identity.study_uid
    common.SeriesInstanceUID = new_uid(identity.rng)
    common.StudyID = "1"
    common.SeriesNumber = series.number
    common.AcquisitionNumber = 1
    common.FrameOfReferenceUID = identity.frame_of_reference_uid
    common.PositionReferenceIndicator = ""
    common.Laterality = ""
    common.MagneticFieldStrength = "3"
    common.InPlanePhaseEncodingDirection = in_plane_phase(examination, series)
    return common


def place(series: ImageSeries, s: int) -> tuple[list[float], list[float]]:
    """ImagePositionPatient and ImageOrientationPatient of a slice, to twelve significant digits."""
    direction = series.grid.direction
    along_row, along_column = direction[:, 2], direction[:, 1]
    position = series.grid.to_mm((s, 0, 0))
    orientation = np.concatenate([along_row, along_column])
    return [_short(x) for x in position], [_short(x) for x in orientation]


def slope_of(series: ImageSeries, vendor: Vendor) -> float:
    """Rescale slope: real value = slope · stored value."""
    if not vendor.rescaled:
        return 1.0
    return 1.75 if series.kind == "adc" else 1.25


def add_pixels(dataset: Dataset, values: npt.NDArray[np.float32], slope: float, vendor: Vendor) -> None:
    """The pixel module for real values (H, W) or (frames, H, W), which are stored divided by the slope."""
    stored = np.rint(values / slope).astype("<u2")
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0
    if vendor.rescaled:
        dataset.RescaleIntercept = 0
        dataset.RescaleSlope = slope
        dataset.RescaleType = "US"
    dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OW"


def echo_times(series: ImageSeries) -> tuple[float, float]:
    """Repetition and echo time in ms."""
    diffusion = series.kind in ("trace", "adc", "calculated")
    return (DWI_TR_MS, DWI_TE_MS) if diffusion else (T2W_TR_MS, T2W_TE_MS)


def _add_place(dataset: Dataset, series: ImageSeries, s: int) -> None:
    position, orientation = place(series, s)
    thickness, row_spacing, column_spacing = (round(x, 9) for x in series.grid.spacing_mm)
    dataset.ImagePositionPatient = position
    dataset.ImageOrientationPatient = orientation
    dataset.PixelSpacing = [row_spacing, column_spacing]
    dataset.SliceThickness = thickness
    dataset.SpacingBetweenSlices = thickness
    dataset.SliceLocation = _short(float(series.grid.direction[:, 0] @ np.array(position)))


def _add_acquisition(
    dataset: Dataset, series: ImageSeries, vendor: Vendor, examination: Examination, b_value_s_mm2: float | None
) -> None:
    diffusion = series.kind in ("trace", "adc", "calculated")
    dataset.ScanningSequence = vendor.diffusion_sequence if diffusion else "SE"
    dataset.SequenceVariant = "SK"
    dataset.ScanOptions = "FS" if diffusion else ""
    dataset.MRAcquisitionType = "2D"
    dataset.RepetitionTime, dataset.EchoTime = echo_times(series)
    dataset.EchoTrainLength = 48 if diffusion else 25
    dataset.FlipAngle = 90 if diffusion else 160
    dataset.ImagingFrequency = "123.2"
    dataset.ImagedNucleus = "1H"
    dataset.NumberOfAverages = 1
    name = vendor.sequence_name(series, b_value_s_mm2)
    if name is not None:
        dataset.SequenceName = name
    del examination


def _short(value: float) -> float:
    """Rounded so that its decimal string has at most 16 characters, as VR DS demands."""
    return round(float(value), 10) + 0.0
