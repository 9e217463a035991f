"""From the headers of an instance to its frames: classic objects and enhanced multi-frame ones alike."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from zonate.io.bvalue import b_value_s_mm2, private_value
from zonate.io.frame import Frame

_ADC_UNITS = {"um2/s": 1.0, "10-6.mm2/s": 1.0, "10*-6.mm2/s": 1.0, "10-3.mm2/s": 1e3, "10*-3.mm2/s": 1e3, "mm2/s": 1e6}
"""UCUM codes of diffusion coefficients, in 1e-6 mm²/s."""
_PHILIPS = "Philips Imaging DD 001"


def frames_of(header: Any, file: Path, name: str, broken: str) -> Iterator[Frame]:
    """The frames of one instance.

    Args:
        header: The data set without its pixels.
        file: Where it lies.
        name: The file as messages name it.
        broken: Why its pixels cannot be read; empty where they can.
    """
    per_frame = header.get("PerFrameFunctionalGroupsSequence")
    shared = _first(header.get("SharedFunctionalGroupsSequence"))
    if not per_frame:
        yield _frame(header, _Groups(header, None, None), file, name, 0, broken)
        return
    declared = int(header.get("NumberOfFrames") or 0)
    if declared != len(per_frame):
        broken = broken or f"it declares {declared} frames and describes {len(per_frame)}"
    for index, groups in enumerate(per_frame):
        yield _frame(header, _Groups(header, shared, groups), file, name, index, broken)


class _Groups:
    """Where an attribute of a frame is looked up: its own functional groups, the shared ones, the data set."""

    def __init__(self, header: Any, shared: Any, own: Any) -> None:
        self._header = header
        self._groups = [groups for groups in (own, shared) if groups is not None]
        self.enhanced = bool(self._groups)

    def value(self, sequence: str, keyword: str) -> Any:
        for groups in self._groups:
            item = _first(groups.get(sequence))
            if item is not None and item.get(keyword) is not None:
                return item.get(keyword)
        return self._header.get(keyword)

    def item(self, sequence: str) -> Any:
        for groups in [*self._groups, self._header]:
            item = _first(groups.get(sequence))
            if item is not None:
                return item
        return None

    def b_value(self) -> float | None:
        return b_value_s_mm2(self._header, *self._groups)

    def private(self, group: int, creator: str, element: int) -> Any:
        for groups in [*self._groups, self._header]:
            value = private_value(groups, group, creator, element)
            if value is not None:
                return value
        return None


def _frame(header: Any, groups: _Groups, file: Path, name: str, index: int, broken: str) -> Frame:
    spacing = _floats(groups.value("PixelMeasuresSequence", "PixelSpacing"), 2)
    image_type = [*(header.get("ImageType") or []), *(groups.value("MRImageFrameTypeSequence", "FrameType") or [])]
    slope, intercept, adc_unit = _scaling(groups)
    echo_time = _float(groups.value("MREchoSequence", "EffectiveEchoTime")) or _float(header.get("EchoTime"))
    words = [_text(word).upper() for word in image_type]
    return Frame(
        file=file,
        name=name,
        index=index,
        sop_uid=_text(header.get("SOPInstanceUID")),
        series_uid=_text(header.get("SeriesInstanceUID")),
        study_uid=_text(header.get("StudyInstanceUID")),
        patient=_text(header.get("PatientID")) or _text(header.get("PatientName")),
        series_number=_int(header.get("SeriesNumber")),
        description=_text(header.get("SeriesDescription")),
        instance_number=_int(header.get("InstanceNumber")) if not groups.enhanced else None,
        frame_of_reference=_text(header.get("FrameOfReferenceUID")) or None,
        time_s=_time_s(header, groups),
        image_type=tuple(words),
        shape=(int(header.get("Rows") or 0), int(header.get("Columns") or 0)),
        position_mm=_floats(groups.value("PlanePositionSequence", "ImagePositionPatient"), 3),
        orientation=_floats(groups.value("PlaneOrientationSequence", "ImageOrientationPatient"), 6),
        spacing_mm=None if spacing is None or min(spacing) <= 0 else (spacing[0], spacing[1]),
        thickness_mm=_float(groups.value("PixelMeasuresSequence", "SpacingBetweenSlices"))
        or _float(groups.value("PixelMeasuresSequence", "SliceThickness")),
        b_value_s_mm2=groups.b_value(),
        direction=_direction(groups, words),
        echo_time_ms=echo_time,
        repetition_time_ms=_float(groups.value("MRTimingAndRelatedParametersSequence", "RepetitionTime")),
        spin_echo=_is_spin_echo(header),
        echo_planar=_is_echo_planar(header, groups),
        sequence_name=_text(header.get("SequenceName") or header.get("PulseSequenceName")),
        diffusion_sequence=_is_diffusion_sequence(header, groups),
        fat_suppressed=_is_fat_suppressed(header, groups),
        dimensions=_text(header.get("MRAcquisitionType")).upper(),
        slope=slope,
        intercept=intercept,
        diffusion_scale=_float(groups.private(0x2005, "Philips MR Imaging DD 001", 0x0E)) or 1.0,
        adc_unit=adc_unit,
        broken=broken,
    )


def _direction(groups: _Groups, image_type: list[str]) -> str:
    """Whether a diffusion image is a trace or shows one direction, as each vendor says it."""
    if "TRACEW" in image_type or "ISOTROPIC" in image_type:
        return "isotropic"
    said = _text(groups.value("MRDiffusionSequence", "DiffusionDirectionality"))
    said = (said or _text(groups.private(0x0019, "SIEMENS MR HEADER", 0x0D))).lower()
    if said in ("isotropic", "none", "directional"):
        return said
    philips = _text(groups.private(0x2001, _PHILIPS, 0x04)).upper()
    if philips:
        return "isotropic" if philips.startswith("I") else "directional"
    ge = _int(_first(groups.private(0x0043, "GEMS_PARM_01", 0x30)))
    return {14: "none", 15: "isotropic", 3: "directional", 4: "directional", 5: "directional"}.get(ge or 0, "")


def _scaling(groups: _Groups) -> tuple[float, float, float | None]:
    """Slope and intercept, and the declared unit in 1e-6 mm²/s; a real-world mapping comes before a rescale."""
    mapping = groups.item("RealWorldValueMappingSequence")
    if mapping is not None and mapping.get("RealWorldValueSlope") is not None:
        unit = _first(mapping.get("MeasurementUnitsCodeSequence"))
        code = _text(unit.get("CodeValue")) if unit is not None else ""
        if code in _ADC_UNITS:
            offset = _float(mapping.get("RealWorldValueIntercept")) or 0.0
            return float(mapping.get("RealWorldValueSlope")), offset, _ADC_UNITS[code]
    slope = _float(groups.value("PixelValueTransformationSequence", "RescaleSlope"))
    intercept = _float(groups.value("PixelValueTransformationSequence", "RescaleIntercept"))
    return slope or 1.0, intercept or 0.0, None


def _is_spin_echo(header: Any) -> bool:
    classic = _words(header.get("ScanningSequence"))
    return "SE" in classic or "SPIN" in _words(header.get("EchoPulseSequence"))


def _is_echo_planar(header: Any, groups: _Groups) -> bool:
    """Philips may say SE, and tell an echo-planar sequence by an EPI factor above 1 alone."""
    if "EP" in _words(header.get("ScanningSequence")) or _text(header.get("EchoPlanarPulseSequence")) == "YES":
        return True
    factor = groups.private(0x2001, _PHILIPS, 0x13)
    if isinstance(factor, bytes) and len(factor) == 4:
        factor = int.from_bytes(factor, "little", signed=True)
    return (_int(factor) or 0) > 1


def _is_diffusion_sequence(header: Any, groups: _Groups) -> bool:
    """Such as `DwiSE`, in Philips's scanning technique or in PulseSequenceName."""
    names = (header.get("SequenceName"), header.get("PulseSequenceName"), groups.private(0x2001, _PHILIPS, 0x20))
    return any(_text(name).lower().startswith("dwi") for name in names)


def _is_fat_suppressed(header: Any, groups: _Groups) -> bool:
    return bool(
        "FS" in _words(header.get("ScanOptions"))
        or "IR" in _words(header.get("ScanningSequence"))
        or _text(groups.value("MRModifierSequence", "InversionRecovery")) == "YES"
        or _text(groups.value("MRModifierSequence", "SpectrallySelectedExcitation")) == "WATER"
        or _text(header.get("SpectrallySelectedSuppression")).startswith("FAT")
    )


def _time_s(header: Any, groups: _Groups) -> float | None:
    whole = _text(groups.value("FrameContentSequence", "FrameAcquisitionDateTime") or header.get("AcquisitionDateTime"))
    date = _text(header.get("AcquisitionDate") or header.get("SeriesDate") or header.get("StudyDate"))
    clock = _text(header.get("AcquisitionTime") or header.get("SeriesTime"))
    text = whole or (f"{date or '19700101'}{clock}" if clock else "")
    text = text.split("+")[0].split("-")[0].replace(":", "")
    seconds, _, fraction = text.partition(".")
    try:
        day = datetime.strptime(seconds[:14].ljust(14, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return (day - datetime(1970, 1, 1)).total_seconds() + (float(f"0.{fraction}") if fraction.isdecimal() else 0.0)


def _words(value: Any) -> set[str]:
    if value is None:
        return set()
    return {value.upper()} if isinstance(value, str) else {str(word).upper() for word in value}


def _first(sequence: Any) -> Any:
    if sequence is None or isinstance(sequence, str | bytes | int | float):
        return sequence
    return sequence[0] if len(sequence) else None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace")
    return "" if value is None else str(value).strip(" \0")


def _float(value: Any) -> float | None:
    try:
        return float(_first(value))
    except (TypeError, ValueError):
        return None


def _int(value: Any) -> int | None:
    number = _float(value)
    return None if number is None else int(number)


def _floats(value: Any, n: int) -> tuple[float, ...] | None:
    try:
        numbers = tuple(float(x) for x in value)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == n and all(abs(x) < 1e6 for x in numbers) else None
