"""From a study on disk to volumes and to a case; on synthetic studies of every vendor, and on the real ones."""

import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.sequence import Sequence as Items

from tests import dicom_factory as factory
from zonate import load
from zonate.case import AlignmentRecord
from zonate.errors import CorruptSeriesError, MissingSeriesError, StudyError
from zonate.geometry import Grid, Volume
from zonate.io.nifti import read_volume, write_volume
from zonate.load import load_case, open_study, read_acquisition
from zonate.settings.data import ReadingSettings
from zonate.simulation.study import draw_study
from zonate.study import Acquisition, Sequence

T2W, DWI, ADC = Sequence


def acquire(path: Path, **kwargs: Any) -> Acquisition:
    with open_study(path, **kwargs) as study:
        return read_acquisition(study)


def value(volume: Volume | None) -> float:
    """Of the first slice, all of whose pixels are alike in the factory's studies."""
    assert volume is not None
    assert np.ptp(volume.values[0]) == 0
    return float(volume.values[0, 0, 0])


def study(folder: Path, vendor: factory.Vendor = "siemens") -> Path:
    return factory.write(folder, factory.t2w(4), factory.trace(6, vendor=vendor), factory.adc(7, vendor=vendor))


class TestClassic:
    @pytest.mark.parametrize("vendor", ["siemens", "ge", "philips", "standard", "sequence_name"])
    def test_volumes_of_every_vendor(self, tmp_path: Path, vendor: factory.Vendor) -> None:
        found = acquire(study(tmp_path / "case-1", vendor))
        assert found.case_id == "case-1"
        np.testing.assert_array_equal(found.t2w.values[:, 0, 0], [100, 101, 102, 103, 104])
        assert found.t2w.values.dtype == np.float32
        assert (found.dwi_b_value_s_mm2, found.lowest_b_value_s_mm2) == (800, 50)
        assert value(found.dwi) == 899  # 2000 · exp(-0.8)
        assert value(found.lowest_b) == 1902  # 2000 · exp(-0.05)
        assert value(found.adc) == 1200
        assert found.warnings == ()

    def test_grid(self, tmp_path: Path) -> None:
        grid = acquire(study(tmp_path)).t2w.grid
        assert grid.shape == (5, 8, 6)
        np.testing.assert_allclose(grid.to_mm((4, 2, 1)), (-1.0, -1.0, 22.0))
        assert grid.frame_of_reference == factory.FRAME_UID

    def test_series_behind_links_are_read_once(self, tmp_path: Path) -> None:
        stored = study(tmp_path / "store")
        for number in (4, 6, 7):
            (tmp_path / "linked").mkdir(exist_ok=True)
            (tmp_path / "linked" / f"series-{number}").symlink_to(stored / f"x{number}")
        (tmp_path / "linked" / "series-4-again").symlink_to(stored / "x4")
        (tmp_path / "linked" / "loop").symlink_to(tmp_path)
        found = acquire(tmp_path / "linked")
        np.testing.assert_array_equal(found.t2w.values[:, 0, 0], [100, 101, 102, 103, 104])
        assert (value(found.dwi), value(found.adc), found.warnings) == (899, 1200, ())

    def test_a_fitted_map(self, tmp_path: Path) -> None:
        found = acquire(factory.write(tmp_path, factory.t2w(4), factory.trace(6)))
        assert abs(value(found.adc) - 1000) < 2
        assert any("fitted from b-values 50, 400, 800" in warning for warning in found.warnings)

    def test_a_map_fitted_from_high_b_values_is_said_to_be_low(self, tmp_path: Path) -> None:
        found = acquire(factory.write(tmp_path, factory.t2w(4), factory.trace(6, (0.0, 1400.0))))
        assert found.warnings[0].endswith(
            "the ADC map was fitted from b-values 0, 1400: b 1400 is above 1000 s/mm², where the signal falls more "
            "slowly, so that ADC comes out lower (by a tenth to a quarter)"
        )

    def test_t2w_alone(self, tmp_path: Path) -> None:
        found = acquire(factory.write(tmp_path, factory.t2w(4)))
        assert (found.dwi, found.adc, found.lowest_b, found.dwi_b_value_s_mm2) == (None, None, None, None)
        assert found.warnings == ("DWI and ADC are absent",)

    def test_calculated(self, tmp_path: Path) -> None:
        plans = factory.t2w(4), factory.trace(6, (0.0, 200.0)), factory.adc(7), factory.calculated(8, 1600)
        found = acquire(factory.write(tmp_path, *plans))
        assert (found.dwi_b_value_s_mm2, value(found.dwi)) == (1600, 404)
        assert found.lowest_b is None

    def test_rescale_of_philips(self, tmp_path: Path) -> None:
        scaled = factory.adc(7, vendor="philips", extra={"RescaleSlope": 0.5, "RescaleIntercept": 100})
        found = acquire(factory.write(tmp_path, factory.t2w(4), factory.trace(6, vendor="philips"), scaled))
        assert value(found.adc) == 700  # 1200 · 0.5 + 100

    @pytest.mark.parametrize(("slope", "unit"), [(0.001, "1e-3 mm²/s"), (1e-6, "mm²/s")])
    def test_adc_in_another_unit(self, tmp_path: Path, slope: float, unit: str) -> None:
        scaled = factory.adc(7, extra={"RescaleSlope": slope, "RescaleIntercept": 0})
        found = acquire(factory.write(tmp_path, factory.t2w(4), factory.trace(6), scaled))
        np.testing.assert_allclose(value(found.adc), 1200, rtol=1e-5)
        assert f"seems to be in {unit}" in found.warnings[0]

    def test_philips_scale_makes_b_values_comparable(self, tmp_path: Path) -> None:
        """Stored values of both b-values are alike; only the private scale tells that one is half the other."""
        plan = factory.trace(6, (None,), image_type=("ORIGINAL", "PRIMARY"), slices=3, adc=0)
        for b, scale in ((100.0, 1.0), (900.0, 2.0)):
            for s in range(3):
                dataset = factory.classic(plan, s, None, int(b) + s)
                factory.put_b_value(dataset, b, "philips")
                block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
                block.add_new(0x0E, "FL", scale)
                factory.save(dataset, tmp_path / f"{b}{s}")
        found = acquire(factory.write(tmp_path, factory.t2w(4)))
        np.testing.assert_allclose(value(found.adc), np.log(2) / 800 * 1e6, rtol=1e-5)

    def test_two_runs_give_the_same_bits(self, tmp_path: Path) -> None:
        study(tmp_path)
        first, second = acquire(tmp_path), acquire(tmp_path)
        assert first.adc is not None
        assert second.adc is not None
        np.testing.assert_array_equal(first.adc.values, second.adc.values)


class TestEnhanced:
    def write(self, folder: Path) -> Path:
        factory.save(factory.enhanced(factory.t2w(4)), folder / "a")
        factory.save(factory.enhanced(factory.trace(6)), folder / "b")
        scaled = factory.enhanced(factory.adc(7, value=2400.0, b_values=(None,)), rescale=(0.5, 0.0))
        factory.save(scaled, folder / "c")
        return folder

    def test_equals_classic(self, tmp_path: Path) -> None:
        classic, enhanced = acquire(study(tmp_path / "c")), acquire(self.write(tmp_path / "e"))
        assert enhanced.adc is not None
        np.testing.assert_array_equal(enhanced.adc.values[:, 0, 0], [1200, 1200.5, 1201, 1201.5, 1202])
        for name in ("t2w", "dwi", "lowest_b"):
            one, other = getattr(classic, name), getattr(enhanced, name)
            np.testing.assert_array_equal(one.values, other.values)
            assert one.grid.same_as(other.grid)
        assert (enhanced.dwi_b_value_s_mm2, enhanced.lowest_b_value_s_mm2) == (800, 50)

    def test_real_world_mapping_declares_the_unit(self, tmp_path: Path) -> None:
        self.write(tmp_path)
        dataset = factory.enhanced(factory.adc(7, b_values=(None,)))
        unit = factory._item(CodeValue="10-3.mm2/s", CodingSchemeDesignator="UCUM", CodeMeaning="10-3.mm2/s")
        mapping = factory._item(
            RealWorldValueSlope=0.001, RealWorldValueIntercept=0.0, MeasurementUnitsCodeSequence=unit
        )
        dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = Items(mapping)
        factory.save(dataset, tmp_path / "c")
        found = acquire(tmp_path)
        np.testing.assert_allclose(value(found.adc), 1200, rtol=1e-5)
        assert found.warnings == ()

    def test_a_missing_frame(self, tmp_path: Path) -> None:
        dataset = factory.enhanced(factory.t2w(4))
        del dataset.PerFrameFunctionalGroupsSequence[2]
        dataset.NumberOfFrames = 4
        dataset.PixelData = dataset.PixelData[: 4 * 96]
        factory.save(dataset, tmp_path / "a")
        with pytest.raises(CorruptSeriesError, match=r"series 4, which is T2W.*1 slice is missing"):
            acquire(tmp_path)

    def test_truncated(self, tmp_path: Path) -> None:
        self.write(tmp_path)
        (tmp_path / "b").write_bytes((tmp_path / "b").read_bytes()[:-50])
        with pytest.raises(CorruptSeriesError, match=r"series 6.*file b: the pixel data are truncated"):
            acquire(tmp_path)


class TestFaults:
    def test_truncated_pixels(self, tmp_path: Path) -> None:
        study(tmp_path / "case-1")
        file = tmp_path / "case-1" / "x4" / "i002"
        file.write_bytes(file.read_bytes()[:-10])
        with pytest.raises(CorruptSeriesError, match=r"case case-1: series 4, which is T2W.*file x4/i002: .*truncated"):
            acquire(tmp_path / "case-1")

    def test_a_file_whose_header_breaks_off_is_said(self, tmp_path: Path) -> None:
        study(tmp_path)
        (tmp_path / "broken").write_bytes((tmp_path / "x4" / "i001").read_bytes()[:300])
        said = "no series has 1 file whose DICOM header cannot be read: zonate inspect says which"
        assert acquire(tmp_path).warnings[0] == said
        with open_study(tmp_path) as opened:
            assert opened.unreadable == ("broken",)

    @pytest.mark.parametrize("content", [b"", bytes(500)], ids=["empty", "zeros"])
    def test_a_last_slice_that_has_lost_its_content_is_not_left_out(self, tmp_path: Path, content: bytes) -> None:
        factory.write(tmp_path / "c", factory.t2w(4))  # with no partner on its planes that shows how many slices it has
        (tmp_path / "c" / "x4" / "i005").write_bytes(content)
        with pytest.raises(CorruptSeriesError) as raised:
            acquire(tmp_path / "c")
        assert str(raised.value) == (
            "case c: series 4: the DICOM header of x4/i005 cannot be read, and it lies among the files of that series, "
            "so a slice may be lost: fetch the series again, or take the file away if it is foreign"
        )

    def test_an_empty_file_that_is_called_as_no_slice_is_passed_over(self, tmp_path: Path) -> None:
        factory.write(tmp_path, factory.t2w(4))
        (tmp_path / "x4" / "DONE").write_bytes(b"")
        found = acquire(tmp_path)
        assert (found.t2w.grid.shape[0], found.warnings) == (5, ("DWI and ADC are absent",))

    def test_no_such_path(self, tmp_path: Path) -> None:
        with pytest.raises(StudyError, match="there is no folder or zip"):
            acquire(tmp_path / "absent")

    def test_nothing_of_the_patient_in_any_message(self, tmp_path: Path) -> None:
        study(tmp_path / "c")
        (tmp_path / "c" / "x6" / "i002").unlink()
        (tmp_path / "c" / "x4" / "i003").unlink()
        with pytest.raises(CorruptSeriesError) as error:
            acquire(tmp_path / "c")
        assert "Secret" not in str(error.value)
        assert "t2_tse_tra" not in str(error.value)


class TestZip:
    def test_equals_the_folder(self, tmp_path: Path) -> None:
        folder = study(tmp_path / "f")
        with zipfile.ZipFile(tmp_path / "case-7.ZIP", "w") as opened:
            for path in folder.rglob("i*"):
                opened.write(path, f"deep/{path.relative_to(folder)}")
        from_zip, from_folder = acquire(tmp_path / "case-7.ZIP"), acquire(folder)
        assert from_zip.case_id == "case-7"
        np.testing.assert_array_equal(from_zip.t2w.values, from_folder.t2w.values)

    def test_nothing_stays_behind(self, tmp_path: Path) -> None:
        folder = study(tmp_path / "f")
        with zipfile.ZipFile(tmp_path / "z.zip", "w") as opened:
            for path in folder.rglob("i*"):
                opened.write(path, str(path.relative_to(folder)))
        with open_study(tmp_path / "z.zip") as found:
            files = [file for files in found.files.values() for file in files]
            assert all(file.is_file() for file in files)
        assert not any(file.exists() for file in files)


class TestVolumes:
    def write(self, folder: Path, **volumes: Volume) -> Path:
        folder.mkdir(exist_ok=True)
        for name, volume in volumes.items():
            write_volume(folder / f"{name}.nii.gz", volume)
        return folder

    def volume(self, fill: float) -> Volume:
        return Volume(np.full((3, 4, 5), fill, np.float32), Grid((3, 4, 5), np.diag([3.0, 0.5, 0.5, 1.0])))

    def test_a_folder_of_volumes(self, tmp_path: Path) -> None:
        self.write(
            tmp_path / "c", T2W=self.volume(5), case_hbv=self.volume(6), adc=self.volume(0.0012), label=self.volume(1)
        )
        with open_study(tmp_path / "c") as found:
            assert {role.name: chosen.series_uid for role, chosen in found.roles.items()} == {
                "T2W": "T2W.nii.gz",
                "DWI": "case_hbv.nii.gz",
                "ADC": "adc.nii.gz",
            }
            read = read_acquisition(found)
        assert (value(read.t2w), value(read.dwi), value(read.adc)) == (5, 6, 1200)
        assert (read.case_id, read.dwi_b_value_s_mm2, read.lowest_b) == ("c", None, None)
        assert "seems to be in mm²/s" in read.warnings[0]

    def test_dwi_may_lack_voxels_but_t2w_may_not(self, tmp_path: Path) -> None:
        hole = self.volume(7)
        hole.values[0, 0, 0] = np.nan
        assert acquire(self.write(tmp_path / "a", t2w=self.volume(5), dwi=hole)).dwi is not None
        with pytest.raises(CorruptSeriesError, match=r"case b: t2w\.nii\.gz holds 1 of 60 values that are not finite"):
            acquire(self.write(tmp_path / "b", t2w=hole))

    def test_no_t2w(self, tmp_path: Path) -> None:
        with pytest.raises(MissingSeriesError, match="no NIfTI, MHA or NRRD volume named t2w"):
            acquire(self.write(tmp_path, adc=self.volume(1200)))

    def test_numbers_do_not_fit(self, tmp_path: Path) -> None:
        with pytest.raises(MissingSeriesError, match="volume files, which have no series numbers"):
            acquire(self.write(tmp_path, t2w=self.volume(5)), overrides={T2W: 4})

    def test_rounded_axes_are_put_at_right_angles_and_sheared_ones_refused(self, tmp_path: Path) -> None:
        affine = np.array(
            [[0.1, 0, 0.5, -1.5], [0, 0.5, 0, -2.0], [3.0, 0, 0, 10.0], [0, 0, 0, 1]]
        )  # 0.1 aside a slice
        values = np.random.default_rng(0).normal(100, 10, (5, 8, 6)).astype(np.float32)
        write_volume(tmp_path / "t2w.mha", Volume(values, Grid(values.shape, affine)))
        grid = acquire(tmp_path).t2w.grid
        np.testing.assert_allclose(grid.direction[:, 0], (0.0, 0.0, 1.0), atol=1e-12)
        np.testing.assert_allclose(grid.spacing_mm, (3.0, 0.5, 0.5))
        affine[0, 0] = 0.3
        write_volume(tmp_path / "t2w.mha", Volume(values, Grid(values.shape, affine)))
        with pytest.raises(CorruptSeriesError, match=r"the axes of t2w\.mha are not at right angles: .* 1\.2 mm off"):
            acquire(tmp_path)


class TestCase:
    @pytest.fixture(autouse=True)
    def _unaligned(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What alignment does is tested with it; here it gives back what it was given, cut to the T2W grid."""

        class Given:
            def __init__(self, acquisition: Acquisition) -> None:
                def on_t2w(volume: Volume | None) -> Volume | None:
                    grid = acquisition.t2w.grid
                    return volume and Volume(np.full(grid.shape, volume.values[0, 0, 0]), grid)

                self.dwi, self.adc = on_t2w(acquisition.dwi), on_t2w(acquisition.adc)
                self.record = AlignmentRecord("header", "as a test has it", None, {}, {}, 0.0)
                self.warnings = ("from alignment",)

        monkeypatch.setattr(load, "align_to_t2w", lambda acquisition, _settings: Given(acquisition))

    def test_from_a_study(self, tmp_path: Path) -> None:
        case = load_case(factory.write(tmp_path / "c", factory.t2w(4), factory.trace(6)))
        assert (case.case_id, case.dwi_b_value_s_mm2, case.alignment.chosen) == ("c", 800, "header")
        assert case.warnings[-1] == "from alignment"
        assert any("fitted" in warning for warning in case.warnings)

    def test_from_one_path_a_role(self, tmp_path: Path) -> None:
        study(tmp_path / "dicom")
        write_volume(tmp_path / "any.mha", Volume(np.full((3, 4, 5), 9, np.float32), Grid((3, 4, 5), np.eye(4))))
        case = load_case({T2W: tmp_path / "any.mha", DWI: tmp_path / "dicom"})
        assert (case.case_id, value(case.t2w), value(case.dwi), case.adc) == ("any", 9, 899, None)
        assert case.warnings == ("ADC is absent", "from alignment")
        case = load_case({T2W: tmp_path / "dicom" / "x4", ADC: tmp_path / "dicom" / "x7"}, case_id="named")
        assert (case.case_id, value(case.t2w), value(case.adc)) == ("named", 100, 1200)

    def test_a_mapping_without_t2w(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="T2W"):
            load_case({ADC: tmp_path})


class TestRealStudies:
    @pytest.mark.parametrize(
        ("name", "roles"),
        [("ProstateX-0000", {T2W: 4, DWI: 6, ADC: 7}), ("ProstateX-0001", {T2W: 10, DWI: 7, ADC: 8})],
    )
    def test_prostatex(self, shared_data: Path, name: str, roles: dict[Sequence, int]) -> None:
        began = time.perf_counter()
        with open_study(shared_data / "prostatex-dicom" / name) as found:
            assert {role: chosen.series_number for role, chosen in found.roles.items()} == roles
            assert found.roles[DWI].b_value_s_mm2 == 800
            read = read_acquisition(found)
        assert time.perf_counter() - began < 20  # about 1.5 s on two free cores
        assert read.case_id == name
        assert read.warnings == ()
        assert read.adc is not None
        assert 300 < np.median(read.adc.values[:, 32:96, 21:63]) < 4000
        reference = read_volume(shared_data / "picai-ai-reference" / name / "t2w.nii.gz")
        assert read.t2w.grid.same_as(reference.grid, tolerance_mm=0.01)
        np.testing.assert_array_equal(read.t2w.values, reference.values)

    @pytest.mark.slow
    def test_the_fit_agrees_with_the_scanner(self, shared_data: Path) -> None:
        path = shared_data / "prostatex-dicom" / "ProstateX-0000"
        read, fitted = acquire(path), acquire(path, overrides={ADC: 6}).adc
        assert read.adc is not None
        assert read.dwi is not None
        assert fitted is not None
        bright = read.dwi.values > 60  # below, the trace images are rounded too coarsely to fit
        assert bright.sum() > 500
        assert np.isfinite(fitted.values[bright]).mean() > 0.98
        assert np.nanmedian(np.abs(fitted.values - read.adc.values)[bright]) < 20  # of 930

    @pytest.mark.parametrize("name", ["ProstateX-0002", "ProstateX-0004"])
    def test_t2w_alone_is_valid(self, shared_data: Path, name: str) -> None:
        found = acquire(shared_data / "prostatex-dicom-t2w-only" / name)
        assert found.warnings == ("DWI and ADC are absent",)

    @pytest.mark.slow
    @pytest.mark.parametrize("slice_number", [1, 7, 19])
    def test_a_slice_taken_away(self, shared_data: Path, tmp_path: Path, slice_number: int) -> None:
        source = shared_data / "prostatex-dicom" / "ProstateX-0000"
        copy = tmp_path / "ProstateX-0000"
        shutil.copytree(source, copy, copy_function=lambda a, b: Path(b).symlink_to(a))
        next(copy.glob(f"*/4.*/1-{slice_number:02d}.dcm")).unlink()
        with pytest.raises(CorruptSeriesError, match=r"case ProstateX-0000: series 4.*\.dcm"):
            acquire(copy)

    def test_the_faulty_series_alone(self, shared_data: Path) -> None:
        with pytest.raises(
            MissingSeriesError, match="series 8: axial, 18 slices, calculated diffusion, faulty: 1 slice is"
        ):
            acquire(shared_data / "prostatex-dicom-faulty" / "missing-slice" / "ProstateX-0000")

    @pytest.mark.slow
    def test_the_faulty_series_beside_a_whole_study(self, shared_data: Path, tmp_path: Path) -> None:
        copy = tmp_path / "study"
        source = shared_data / "prostatex-dicom" / "ProstateX-0000"
        shutil.copytree(source, copy, copy_function=lambda a, b: Path(b).symlink_to(a))
        next(copy.glob("*/8.*/1-06.dcm")).unlink()
        assert acquire(copy).warnings[0].startswith("series 8 has no role: 1 slice is missing")


def test_settings_decide_what_counts_as_diffusion(tmp_path: Path) -> None:
    plans = factory.t2w(4), factory.trace(6, (50.0, 400.0)), factory.adc(7), factory.calculated(8)
    factory.write(tmp_path, *plans)
    settings = ReadingSettings(lowest_diffusion_b_value_s_mm2=500)
    with open_study(tmp_path, settings) as found:
        assert found.roles[DWI].series_number == 8


def test_where_each_b_value_is_a_series_the_lowest_one_serves_the_alignment(tmp_path: Path) -> None:
    simulated = draw_study(0, 2, "description")  # b 50 and b 1400, a series each
    simulated.write(tmp_path / "study")
    with open_study(tmp_path / "study") as study:
        acquisition = read_acquisition(study)
    assert (acquisition.lowest_b_value_s_mm2, acquisition.dwi_b_value_s_mm2) == (50, 1400)
    assert acquisition.lowest_b is not None
    assert acquisition.dwi is not None
    assert acquisition.lowest_b.grid.same_as(acquisition.dwi.grid)
    assert acquisition.lowest_b.values.mean() > acquisition.dwi.values.mean()
