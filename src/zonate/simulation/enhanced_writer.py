"""Writing a series as one Enhanced MR object, whose per-frame functional groups hold what differs."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage

from zonate.simulation.dicom_writer import (
    Identity,
    add_pixels,
    common_headers,
    echo_times,
    new_file,
    new_uid,
    place,
)
from zonate.simulation.scan import Examination
from zonate.simulation.series import ImageSeries
from zonate.simulation.vendors import Vendor

_DISPLACED = ("trace", "adc", "calculated")


def write_enhanced(
    folder: Path, series: ImageSeries, vendor: Vendor, examination: Examination, identity: Identity
) -> None:
    """Write a series as one multi-frame file; frames run through the slices, b-value by b-value."""
    folder.mkdir(parents=True)
    frames = series.pictures()
    dataset = new_file(EnhancedMRImageStorage, new_uid(identity.rng))
    dataset.update(common_headers(series, vendor, examination, identity))
    dataset.InstanceNumber = 1
    dataset.NumberOfFrames = len(frames)
    dataset.AcquisitionDateTime = dataset.AcquisitionDate + dataset.AcquisitionTime
    dataset.AcquisitionDuration = 120.0
    del dataset.MagneticFieldStrength, dataset.InPlanePhaseEncodingDirection
    _add_description(dataset, series)
    dimension = new_uid(identity.rng)
    _add_dimensions(dataset, dimension, with_b=series.kind == "trace")
    dataset.SharedFunctionalGroupsSequence = [_shared_groups(series, examination, vendor)]
    dataset.PerFrameFunctionalGroupsSequence = [
        _frame_groups(series, vendor, dataset.AcquisitionDateTime, b, s, position)
        for position, (b, s, _) in enumerate(frames)
    ]
    add_pixels(dataset, np.stack([values for _, _, values in frames]), 1.0, vendor)
    dataset.save_as(folder / "I0001", enforce_file_format=True)


def _add_description(dataset: Dataset, series: ImageSeries) -> None:
    """The Enhanced MR Image and MR Pulse Sequence modules' required attributes."""
    dataset.PixelPresentation = "MONOCHROME"
    dataset.VolumetricProperties = "VOLUME"
    dataset.VolumeBasedCalculationTechnique = "NONE"
    dataset.ComplexImageComponent = "MAGNITUDE"
    dataset.AcquisitionContrast = "DIFFUSION" if series.kind in _DISPLACED else "T2"
    dataset.ContentQualification = "RESEARCH"
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.ResonantNucleus = "1H"
    dataset.KSpaceFiltering = "NONE"
    dataset.ApplicableSafetyStandardAgency = "IEC"
    dataset.MagneticFieldStrength = 3.0
    dataset.PulseSequenceName = "ep2d_diff" if series.kind in _DISPLACED else "tse"
    dataset.MRAcquisitionType = "2D"
    dataset.EchoPulseSequence = "SPIN"
    dataset.MultipleSpinEcho = "NO"
    dataset.AcquisitionContextSequence = []


def _add_dimensions(dataset: Dataset, dimension_uid: str, *, with_b: bool) -> None:
    organisation = Dataset()
    organisation.DimensionOrganizationUID = dimension_uid
    dataset.DimensionOrganizationSequence = [organisation]
    pointers = [(0x00200032, 0x00209113)]  # Image Position (Patient) in the Plane Position Sequence
    if with_b:
        pointers.append((0x00189087, 0x00189117))  # Diffusion b-value in the MR Diffusion Sequence
    items = []
    for pointer, group in pointers:
        item = Dataset()
        item.DimensionOrganizationUID = dimension_uid
        item.DimensionIndexPointer = pointer
        item.FunctionalGroupPointer = group
        items.append(item)
    dataset.DimensionIndexSequence = items


def _shared_groups(series: ImageSeries, examination: Examination, vendor: Vendor) -> Dataset:
    thickness, row_spacing, column_spacing = (round(x, 9) for x in series.grid.spacing_mm)
    measures = Dataset()
    measures.SliceThickness = thickness
    measures.SpacingBetweenSlices = thickness
    measures.PixelSpacing = [row_spacing, column_spacing]
    orientation = Dataset()
    orientation.ImageOrientationPatient = place(series, 0)[1]
    timing = Dataset()
    timing.RepetitionTime = echo_times(series)[0]
    timing.FlipAngle = 90
    timing.EchoTrainLength = 48 if series.kind in _DISPLACED else 25
    geometry = Dataset()
    geometry.InPlanePhaseEncodingDirection = (
        {"ROW": "ROW", "COL": "COLUMN"}[examination.phase_axis] if series.kind in _DISPLACED else "ROW"
    )
    transformation = Dataset()
    transformation.RescaleIntercept = 0
    transformation.RescaleSlope = 1
    transformation.RescaleType = "US"
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    shared.MRTimingAndRelatedParametersSequence = [timing]
    shared.MRFOVGeometrySequence = [geometry]
    shared.PixelValueTransformationSequence = [transformation]
    shared.MRImageFrameTypeSequence = [_frame_type(series, vendor)]
    return shared


def _frame_type(series: ImageSeries, vendor: Vendor) -> Dataset:
    kind = Dataset()
    kind.FrameType = list(vendor.image_types[series.kind])
    kind.PixelPresentation = "MONOCHROME"
    kind.VolumetricProperties = "VOLUME"
    kind.VolumeBasedCalculationTechnique = "NONE"
    kind.ComplexImageComponent = "MAGNITUDE"
    kind.AcquisitionContrast = "DIFFUSION" if series.kind in _DISPLACED else "T2"
    return kind


def _frame_groups(
    series: ImageSeries, vendor: Vendor, moment: str, b_value_s_mm2: float | None, s: int, position: int
) -> Dataset:
    content = Dataset()
    content.FrameAcquisitionDateTime = moment
    content.FrameReferenceDateTime = moment
    content.FrameAcquisitionDuration = 3.0
    content.FrameAcquisitionNumber = 1
    content.StackID = "1"
    content.InStackPositionNumber = s + 1
    b_index = position // series.grid.shape[0] + 1
    content.DimensionIndexValues = [s + 1, b_index] if series.kind == "trace" else [s + 1]
    plane = Dataset()
    plane.ImagePositionPatient = place(series, s)[0]
    echo = Dataset()
    echo.EffectiveEchoTime = echo_times(series)[1]
    groups = Dataset()
    groups.FrameContentSequence = [content]
    groups.PlanePositionSequence = [plane]
    groups.MREchoSequence = [echo]
    if b_value_s_mm2 is not None:
        diffusion = Dataset()
        vendor.mark_b_value(diffusion, series, b_value_s_mm2)
        diffusion.DiffusionDirectionality = "ISOTROPIC" if b_value_s_mm2 else "NONE"
        groups.MRDiffusionSequence = [diffusion]
    return groups
