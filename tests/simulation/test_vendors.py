from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from zonate.geometry import Grid, Volume
from zonate.simulation.dicom_writer import Identity, write_classic
from zonate.simulation.enhanced_writer import write_enhanced
from zonate.simulation.scan import Examination
from zonate.simulation.series import ImageSeries
from zonate.simulation.study import draw_study
from zonate.simulation.vendors import VENDORS

AFFINE = np.array([[0.0, 0, 2, -10], [0, 2, 0, -20], [3, 0, 0, 30], [0, 0, 0, 1]])
Read = Callable[[str, str], list[Dataset]]


@pytest.fixture(scope="module")
def examination() -> Examination:
    return draw_study(0, 0, "siemens").examination


@pytest.fixture
def read(tmp_path: Path, examination: Examination, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Write a small series of a kind in a vendor's way and read it back, refusing whatever is not valid."""
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)

    def read_series(vendor_name: str, kind: str) -> list[Dataset]:
        vendor = VENDORS[vendor_name]
        identity = Identity("SIM-0-0001", "2.25.1", "2.25.2", np.random.default_rng(0))
        write = write_enhanced if vendor.multiframe else write_classic
        write(tmp_path / "S", _series(vendor_name, kind), vendor, examination, identity)
        return [pydicom.dcmread(path) for path in sorted((tmp_path / "S").iterdir())]

    return read_series


def _series(vendor_name: str, kind: str) -> ImageSeries:
    """Two slices of 4 × 5 pixels; image n of a trace series holds the value 100 n, an ADC map 1400."""
    grid = Grid((2, 4, 5), AFFINE)
    b_values = VENDORS[vendor_name].protocol.b_values_s_mm2
    values: dict[float | None, float] = {1400.0: 50.0} if kind == "calculated" else {None: 1400.0}
    if kind == "trace":
        values = {b: 100.0 * n for n, b in enumerate(b_values, start=1)}
    images = {b: Volume(np.full(grid.shape, value, np.float32), grid) for b, value in values.items()}
    return ImageSeries(4, kind, "tra", images, 900.0)  # type: ignore[arg-type]


def test_siemens_holds_the_b_value_as_bytes_and_on_the_adc_map_too(read: Read) -> None:
    images = read("siemens", "trace")
    assert len(images) == 6
    assert [image[0x0019, 0x100C].value for image in images[::2]] == [b"50", b"400 ", b"800 "]
    assert images[0][0x0019, 0x100C].VR == "OB"
    assert images[0][0x0019, 0x0010].value == "SIEMENS MR HEADER"
    assert images[0].ImageType[3] == "TRACEW"
    assert images[0].SequenceName == "*ep_b50t"
    assert "DiffusionBValue" not in images[0]


def test_siemens_adc_map_is_marked_with_b_800(read: Read) -> None:
    (first, _) = read("siemens", "adc")
    assert first[0x0019, 0x100C].value == b"800 "
    assert first.ImageType[3] == "ADC"
    assert first.SequenceName == "*ep_b50_800"
    assert (first.pixel_array == 1400).all()


def test_siemens_calculated_series_says_so_in_its_description_only(read: Read) -> None:
    (first, _) = read("siemens", "calculated")
    assert first.ImageType[3] == "TRACEW"
    assert "CALC_BVAL" in first.SeriesDescription
    assert first[0x0019, 0x100C].value == b"1400"


def test_ge_adds_a_thousand_million(read: Read) -> None:
    images = read("ge", "trace")
    assert [image[0x0043, 0x1039].value[0] for image in images[::2]] == [1000000000, 1000000500, 1000001400]
    assert "DiffusionBValue" not in images[0]


def test_philips_holds_a_float_and_needs_the_slope(read: Read) -> None:
    images = read("philips", "trace")
    assert [image[0x2001, 0x1003].value for image in images[::2]] == [0.0, 400.0, 800.0]
    assert images[0].ScanningSequence == "SE"
    assert images[0].RescaleSlope == 1.25
    assert (images[0].pixel_array == 80).all()  # 80 · 1.25 = 100


def test_philips_adc_needs_the_slope_for_its_unit(read: Read) -> None:
    (first, _) = read("philips", "adc")
    assert (first.pixel_array == 800).all()
    assert float(first.RescaleSlope) * 800 == 1400


def test_enhanced_holds_the_b_value_of_each_frame(read: Read) -> None:
    (image,) = read("enhanced", "trace")
    groups = image.PerFrameFunctionalGroupsSequence
    assert image.NumberOfFrames == len(groups) == 6
    assert [group.MRDiffusionSequence[0].DiffusionBValue for group in groups] == [50, 50, 400, 400, 1000, 1000]
    assert groups[1].PlanePositionSequence[0].ImagePositionPatient == [-10, -20, 33]
    assert image.pixel_array[:, 0, 0].tolist() == [100, 100, 200, 200, 300, 300]
    assert "DiffusionBValue" not in image


@pytest.mark.parametrize("kind", ["localizer", "t2w", "adc"])
def test_enhanced_images_without_a_b_value_have_no_diffusion_sequence(read: Read, kind: str) -> None:
    (image,) = read("enhanced", kind)
    assert "MRDiffusionSequence" not in image.PerFrameFunctionalGroupsSequence[0]
    assert image.SOPClassUID == "1.2.840.10008.5.1.4.1.1.4.1"


def test_sequence_name_is_all_that_is_left(read: Read) -> None:
    images = read("sequence-name", "trace")
    assert [image.SequenceName for image in images[::2]] == ["*ep_b50t", "*ep_b400t", "*ep_b800t"]
    assert not any(element.tag.is_private for element in images[0])
    assert "800" not in images[-1].SeriesDescription


def test_description_is_all_that_is_left(read: Read) -> None:
    images = read("description", "trace")
    assert images[0].SeriesDescription == "tra DWI b=1400"
    assert "SequenceName" not in images[0]
    assert not any(element.tag.is_private for element in images[0])


def test_standard_holds_it_at_the_top(read: Read) -> None:
    assert [image.DiffusionBValue for image in read("standard", "trace")[::2]] == [0, 1000]


@pytest.mark.parametrize("vendor", [name for name, vendor in VENDORS.items() if not vendor.multiframe])
def test_classic_images_lie_where_the_grid_says(read: Read, vendor: str) -> None:
    first, second = read(vendor, "t2w")
    assert first.ImagePositionPatient == [-10, -20, 30]
    assert second.ImagePositionPatient == [-10, -20, 33]
    assert first.ImageOrientationPatient == [1, 0, 0, 0, 1, 0]
    assert first.PixelSpacing == [2, 2]
    assert (first.Rows, first.Columns) == (4, 5)
    assert first.PatientName == "ZONATE^SIMULATED"
    assert first.PatientIdentityRemoved == "YES"
    assert first.SOPInstanceUID == first.file_meta.MediaStorageSOPInstanceUID != second.SOPInstanceUID
