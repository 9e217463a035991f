"""Small DICOM MR studies as Siemens, GE and Philips write them; shares no code with the package."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

Vendor = Literal["siemens", "siemens_standard", "ge", "philips", "standard", "sequence_name", "description"]

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
ROWS, COLUMNS = 8, 6

STUDY_UID, FRAME_UID = generate_uid(entropy_srcs=["study"]), generate_uid(entropy_srcs=["frame"])


@dataclass
class Plan:
    """One series; every default is that of an axial T2 TSE of five slices of 3 mm."""

    number: int = 4
    description: str = "t2_tse_tra"
    image_type: Sequence[str] = ("ORIGINAL", "PRIMARY", "M", "NORM")
    slices: int = 5
    orientation: Sequence[float] = AXIAL
    origin_mm: Sequence[float] = (-1.5, -2.0, 10.0)
    spacing_mm: tuple[float, float, float] = (3.0, 0.5, 0.5)
    shape: tuple[int, int] = (ROWS, COLUMNS)
    time: str = "120000.000000"
    scanning: str = "SE"
    echo_time_ms: float = 100.0
    repetition_time_ms: float = 5000.0
    frame_of_reference: str = FRAME_UID
    study: str = STUDY_UID
    patient: str = "Secret^Person"
    modality: str = "MR"
    b_values: Sequence[float | None] = (None,)
    vendor: Vendor = "siemens"
    value: float = 100.0
    adc: float = 1000.0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        return str(generate_uid(entropy_srcs=[self.study, str(self.number), self.description, self.patient]))

    @property
    def normal(self) -> npt.NDArray[np.float64]:
        return np.cross(self.orientation[:3], self.orientation[3:])

    def pixels(self, s: int, b: float | None) -> npt.NDArray[np.uint16]:
        """value + slice number, decaying with b by `adc` in 1e-6 mm²/s."""
        decay = 1.0 if b is None else float(np.exp(-b * self.adc * 1e-6))
        return np.full(self.shape, round((self.value + s) * decay), dtype=np.uint16)


def t2w(number: int = 4, **changes: Any) -> Plan:
    return Plan(number=number, **changes)


def trace(number: int = 6, b_values: Sequence[float | None] = (50.0, 400.0, 800.0), **changes: Any) -> Plan:
    settings: dict[str, Any] = {
        "description": "ep2d_diff_tra",
        "image_type": ("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"),
        "scanning": "EP",
        "echo_time_ms": 63.0,
        "spacing_mm": (3.0, 2.0, 2.0),
        "time": "120300.000000",
        "value": 2000.0,
    }
    return Plan(number=number, b_values=b_values, **{**settings, **changes})


def adc(number: int = 7, **changes: Any) -> Plan:
    """As Siemens writes it: with b=800 in the private tag."""
    settings: dict[str, Any] = {
        "description": "ep2d_diff_tra_ADC",
        "image_type": ("DERIVED", "PRIMARY", "DIFFUSION", "ADC"),
        "time": "120310.000000",
        "value": 1200.0,
        "adc": 0.0,
    }
    return trace(number, **{"b_values": (800.0,), **settings, **changes})


def calculated(number: int = 8, b_value: float = 1000.0, **changes: Any) -> Plan:
    settings: dict[str, Any] = {"description": "ep2d_diff_traCALC_BVAL", "time": "120311.000000"}
    return trace(number, (b_value,), **{**settings, **changes})


def write(folder: Path, *plans: Plan) -> Path:
    """Write classic instances, one file an image; the file names say nothing."""
    for plan in plans:
        place = folder / f"x{plan.number}"
        if place.exists():  # two series of one number
            place = folder / f"x{plan.number}again"
        place.mkdir(parents=True)
        for i, (b, s) in enumerate((b, s) for b in plan.b_values for s in range(plan.slices)):
            save(classic(plan, s, b, instance=i + 1), place / f"i{i + 1:03d}")
    return folder


def classic(plan: Plan, s: int, b: float | None, instance: int) -> Dataset:
    dataset = _common(plan)
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[plan.uid, str(instance)])
    dataset.InstanceNumber = instance
    dataset.ImagePositionPatient = list(np.array(plan.origin_mm) + s * plan.spacing_mm[0] * plan.normal)
    dataset.ImageOrientationPatient = list(plan.orientation)
    dataset.PixelSpacing = list(plan.spacing_mm[1:])
    dataset.SliceThickness = plan.spacing_mm[0]
    dataset.ScanningSequence = plan.scanning
    dataset.EchoTime = plan.echo_time_ms
    dataset.RepetitionTime = plan.repetition_time_ms
    if b is not None:
        put_b_value(dataset, b, plan.vendor)
    for keyword, value in plan.extra.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = plan.pixels(s, b).tobytes()
    return dataset


def put_b_value(dataset: Dataset, b: float, vendor: Vendor) -> None:
    if vendor in ("standard", "siemens_standard"):
        dataset.DiffusionBValue = b
    if vendor == "siemens":
        dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "UN", f"{b:.0f} ".encode())
    if vendor == "ge":
        block = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
        block.add_new(0x39, "IS", [1_000_000_000 + int(b), 8, 0, 0])
    if vendor == "philips":
        dataset.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x03, "FL", b)
    if vendor == "sequence_name":
        dataset.SequenceName = f"*ep_b{b:.0f}t"
    if vendor == "description":
        dataset.SeriesDescription = f"DWI b={b:.0f}"


def enhanced(plan: Plan, *, rescale: tuple[float, float] | None = None) -> Dataset:
    """All images of a series in one multi-frame object, in an order that is not that of the positions."""
    dataset = _common(plan)
    dataset.SOPClassUID = EnhancedMRImageStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[plan.uid, "enhanced"])
    dataset.AcquisitionDateTime = f"20110707{plan.time}"
    dataset.EchoPulseSequence = "SPIN"
    dataset.EchoPlanarPulseSequence = "YES" if plan.scanning == "EP" else "NO"
    dataset.InstanceNumber = 1
    shared = Dataset()
    shared.PixelMeasuresSequence = _item(PixelSpacing=list(plan.spacing_mm[1:]), SliceThickness=plan.spacing_mm[0])
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=list(plan.orientation))
    shared.MREchoSequence = _item(EffectiveEchoTime=plan.echo_time_ms)
    shared.MRTimingAndRelatedParametersSequence = _item(RepetitionTime=plan.repetition_time_ms)
    if rescale is not None:
        shared.PixelValueTransformationSequence = _item(RescaleSlope=rescale[0], RescaleIntercept=rescale[1])
    dataset.SharedFunctionalGroupsSequence = Items([shared])
    frames, pixels = [], []
    for s in reversed(range(plan.slices)):
        for b in plan.b_values:
            groups = Dataset()
            position = np.array(plan.origin_mm) + s * plan.spacing_mm[0] * plan.normal
            groups.PlanePositionSequence = _item(ImagePositionPatient=list(position))
            if b is not None:
                groups.MRDiffusionSequence = _item(DiffusionBValue=b, DiffusionDirectionality="ISOTROPIC")
            frames.append(groups)
            pixels.append(plan.pixels(s, b))
    dataset.PerFrameFunctionalGroupsSequence = Items(frames)
    dataset.NumberOfFrames = len(frames)
    for keyword, value in plan.extra.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = np.stack(pixels).tobytes()
    return dataset


def save(dataset: Dataset, path: Path, syntax: UID = ExplicitVRLittleEndian) -> Path:
    """With preamble and file meta information."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path


def _common(plan: Plan) -> Dataset:
    dataset = Dataset()
    dataset.Modality = plan.modality
    dataset.ImageType = list(plan.image_type)
    dataset.PatientID = plan.patient
    dataset.PatientName = plan.patient
    dataset.PatientBirthDate = "19500101"
    dataset.StudyInstanceUID = plan.study
    dataset.SeriesInstanceUID = plan.uid
    dataset.SeriesNumber = plan.number
    dataset.SeriesDescription = plan.description
    dataset.FrameOfReferenceUID = plan.frame_of_reference
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20110707", plan.time
    dataset.Rows, dataset.Columns = plan.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    return dataset


def _item(**values: Any) -> Items:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return Items([dataset])
