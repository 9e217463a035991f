import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zonate
from zonate.errors import AmbiguousSeriesError, GeometryError, StudyError
from zonate.geometry import Grid, Volume
from zonate.io.itk import to_itk
from zonate.io.nifti import (
    is_volume_file,
    read_volume,
    role_files,
    volume_files,
    volume_shape,
    write_image,
    write_volume,
)
from zonate.study import Sequence


def volume(
    dtype: type = np.float32, angle: float = 0.3, origin_mm: tuple[float, float, float] = (-57.6, 33.2, 912.7)
) -> Volume:
    c, s = np.cos(angle), np.sin(angle)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, -s, c], [0, c, s], [1, 0, 0]]) * [3.0, 0.5, 0.4]
    affine[:3, 3] = origin_mm
    return Volume(np.arange(60).reshape(3, 4, 5).astype(dtype), Grid((3, 4, 5), affine))


@pytest.mark.parametrize(("name", "data"), [("a.mhd", "a.zraw"), ("a.nhdr", "a.raw.gz")])
def test_a_header_names_the_file_of_its_voxels(tmp_path: Path, name: str, data: str) -> None:
    sitk.WriteImage(to_itk(volume()), str(tmp_path / name), useCompression=True)
    assert volume_files(tmp_path / name) == [tmp_path / name, tmp_path / data]
    assert (tmp_path / data).is_file()
    (tmp_path / data).unlink()
    assert volume_files(tmp_path / name) == [tmp_path / name, tmp_path / data]
    assert volume_files(tmp_path / "none.mhd") == [tmp_path / "none.mhd"]


def test_a_header_may_name_several_files_or_itself(tmp_path: Path) -> None:
    (tmp_path / "a.mhd").write_text("NDims = 3\nElementDataFile = LIST\n1.raw\n2.raw\n", encoding="utf-8")
    assert [file.name for file in volume_files(tmp_path / "a.mhd")] == ["a.mhd", "1.raw", "2.raw"]
    (tmp_path / "a.mhd").write_text("NDims = 3\nElementDataFile = LOCAL\n", encoding="utf-8")
    assert volume_files(tmp_path / "a.mhd") == [tmp_path / "a.mhd"]
    with pytest.raises(ValueError, match=r"a\.mhd would be two files"):
        write_volume(tmp_path / "a.mhd", volume())
    write_volume(tmp_path / "a.mha", volume())
    assert volume_files(tmp_path / "a.mha") == [tmp_path / "a.mha"]


@pytest.mark.parametrize(("name", "data"), [("a.mhd", "a.raw"), ("a.nhdr", "a.raw")])
@pytest.mark.parametrize("place", ["raw/a.raw", "../voxels/a.raw", "{here}/raw/a.raw"])
def test_voxels_may_lie_in_another_folder(tmp_path: Path, name: str, data: str, place: str) -> None:
    here = tmp_path / "volumes"
    place = place.format(here=here)
    (here / place).parent.mkdir(parents=True)
    sitk.WriteImage(to_itk(volume()), str(here / name))
    (here / data).rename(here / place)
    header = (here / name).read_text(encoding="utf-8")
    (here / name).write_text(header.replace(data, place), encoding="utf-8")
    assert volume_files(here / name) == [here / name, here / place]
    np.testing.assert_array_equal(read_volume(here / name).values, volume().values)
    (here / place).unlink()
    for read in (volume_shape, read_volume):
        with pytest.raises(
            StudyError, match=rf"^{name} is a header whose voxels .* another file, {data}, which is not"
        ):
            read(here / name)


def test_voxels_may_lie_in_the_compressed_file_instead(tmp_path: Path) -> None:
    sitk.WriteImage(to_itk(volume(np.uint8)), str(tmp_path / "a.mhd"))
    packed = (tmp_path / "a.raw").rename(tmp_path / "a.raw.gz")
    assert volume_files(tmp_path / "a.mhd") == [tmp_path / "a.mhd", packed]


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr"])
def test_voxels_may_lie_in_numbered_files(tmp_path: Path, name: str) -> None:
    sitk.WriteImage(to_itk(volume(np.uint8)), str(tmp_path / name))
    for s, plane in enumerate(volume(np.uint8).values):
        (tmp_path / f"s{2 * s + 8:02d}.raw").write_bytes(plane.tobytes())
    header = (tmp_path / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(header.replace("a.raw", "s%02d.raw 8 12 2"), encoding="utf-8")
    assert [file.name for file in volume_files(tmp_path / name)] == [name, "s08.raw", "s10.raw", "s12.raw"]
    np.testing.assert_array_equal(read_volume(tmp_path / name).values, volume(np.uint8).values)
    (tmp_path / name).write_text(header.replace("a.raw", "s%002d.raw 12 8 -2"), encoding="utf-8")
    assert [file.name for file in volume_files(tmp_path / name)] == [name, "s12.raw", "s10.raw", "s08.raw"]
    for odd in ("s%02d.raw 1 3", "s%02d.raw 1 3 0", "s%n.raw 1 3 1", "s%d.raw 1 999999999 1", "s%d.raw 3 1 1"):
        (tmp_path / name).write_text(header.replace("a.raw", odd), encoding="utf-8")
        assert [file.name for file in volume_files(tmp_path / name)] == [name, odd]
        with pytest.raises(StudyError, match=r"is a header whose voxels lie in another file, s%"):
            read_volume(tmp_path / name)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.mha", "a.nrrd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_round_trip(tmp_path: Path, name: str, dtype: type) -> None:
    written = volume(dtype)
    write_volume(tmp_path / name, written)
    read = read_volume(tmp_path / name)
    assert read.values.dtype == dtype
    np.testing.assert_array_equal(read.values, written.values)
    np.testing.assert_allclose(read.grid.affine, written.grid.affine, atol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert volume_shape(tmp_path / name) == (3, 4, 5)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.mha", "a.nrrd"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_finite_stays_so(tmp_path: Path, name: str, dtype: type) -> None:
    """The NIfTI library beneath ITK reads NaN as 0."""
    written = volume(dtype)
    written.values[0, 1, 2], written.values[2, 3, 4] = np.nan, np.inf
    write_volume(tmp_path / name, written)
    np.testing.assert_array_equal(read_volume(tmp_path / name).values, written.values)


@given(angle=st.floats(-0.7, 0.7), origin=st.tuples(*[st.floats(-300, 300)] * 3))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_affine_holds_on_rereading(tmp_path: Path, angle: float, origin: tuple[float, float, float]) -> None:
    written = volume(angle=angle, origin_mm=origin)
    write_volume(tmp_path / "v.nii.gz", written)
    np.testing.assert_allclose(read_volume(tmp_path / "v.nii.gz").grid.affine, written.grid.affine, atol=2e-5)


@contextmanager
def room_for(most_bytes: int) -> Iterator[None]:
    """Files may grow no further, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.mha", "a.nrrd"])
@pytest.mark.parametrize("parts", [False, True])
def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path: Path, name: str, *, parts: bool) -> None:
    """The libraries beneath ITK end a NIfTI or NRRD where the disk does, without a word."""
    noise = np.random.default_rng(0).normal(size=(6, 20, 20, 3) if parts else (6, 40, 40)).astype(np.float32)
    image = sitk.GetImageFromArray(noise, isVector=parts)
    write_image(tmp_path / name, image)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(b"old")
    for room in (0, 300, 4096, len(whole) - 9, len(whole) - 4, len(whole) - 1):
        with room_for(room), pytest.raises(OSError, match=r"make room.*, and do this again") as raised:
            write_image(tmp_path / name, image)
        assert raised.value.filename == str(tmp_path / name)
        assert name in str(raised.value.strerror)
        assert [file.name for file in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_bytes() == b"old"
    with room_for(len(whole)):
        write_image(tmp_path / name, image)
    assert (tmp_path / name).read_bytes() == whole


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.mha", "a.nrrd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.float64])
def test_any_type_is_found_whole(tmp_path: Path, name: str, dtype: type) -> None:
    write_volume(tmp_path / name, volume(dtype), note="Research use only.")
    np.testing.assert_array_equal(read_volume(tmp_path / name).values, volume(dtype).values)


def test_volumes_are_written_in_one_place() -> None:
    """Elastix is given MHA in a temporary folder, of which ITK says itself where it did not get on the disk."""
    package = Path(zonate.__file__).parent
    found = [file.relative_to(package).as_posix() for file in package.rglob("*.py") if _writes(file)]
    assert sorted(found) == ["alignment/elastix.py", "io/nifti.py"]


def _writes(file: Path) -> bool:
    return re.search(r"WriteImage\(|ImageFileWriter\(", file.read_text(encoding="utf-8")) is not None


def sheared(mm: float) -> Volume:
    """Ten slices, each so far aside of the one before."""
    affine = np.array([[mm, 0, 0.5, -1.5], [0, 0.5, 0, -2.0], [3.0, 0, 0, 10.0], [0, 0, 0, 1]])
    return Volume(np.arange(160, dtype=np.uint8).reshape(10, 4, 4), Grid((10, 4, 4), affine))


def test_what_nifti_cannot_hold_is_not_written_as_nifti(tmp_path: Path) -> None:
    for name in ("a.mha", "a.nrrd"):
        write_volume(tmp_path / name, sheared(0.3))
        assert read_volume(tmp_path / name).grid.same_as(sheared(0.3).grid)
    for name in ("a.nii", "a.nii.gz"):
        with pytest.raises(GeometryError, match=rf"^{name} cannot be written: .* a corner .* would be 2\.7\d mm off"):
            write_volume(tmp_path / name, sheared(0.3))
        assert not (tmp_path / name).exists()


def test_rounding_is_written_at_right_angles(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_volume(tmp_path / "a.nii", sheared(0.004))
    assert 0.01 < read_volume(tmp_path / "a.nii").grid.apart_mm(sheared(0.004).grid) < 0.05
    assert capfd.readouterr().err == ""  # ITK warns where it coerces


def test_four_dimensions_are_refused(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.JoinSeries([sitk.Image(4, 4, 4, sitk.sitkFloat32)] * 2), str(tmp_path / "four.nii.gz"))
    with pytest.raises(StudyError, match=r"four\.nii\.gz has 4 dimensions"):
        read_volume(tmp_path / "four.nii.gz")


def test_broken_and_absent_files(tmp_path: Path) -> None:
    (tmp_path / "text.nii.gz").write_text("no")
    write_volume(tmp_path / "cut.nii", volume())
    whole = (tmp_path / "cut.nii").read_bytes()
    (tmp_path / "cut.nii").write_bytes(whole[:-100])
    for name in ("cut.nii.gz", "cut.mha", "cut.nrrd"):
        write_volume(tmp_path / name, volume())
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) - 20])
    for name in ("text.nii.gz", "cut.nii", "cut.nii.gz", "cut.mha", "cut.nrrd", "absent.mha"):
        with pytest.raises(StudyError, match=name):
            read_volume(tmp_path / name)


def test_other_names_are_no_volumes(tmp_path: Path) -> None:
    assert is_volume_file(Path("A.NII.GZ"))
    assert not is_volume_file(Path("a.dcm"))
    with pytest.raises(ValueError, match=r"a\.dcm"):
        write_volume(tmp_path / "a.dcm", volume())


def test_roles_by_stem(tmp_path: Path) -> None:
    for name in (
        "10000_1000000_t2w.mha",
        "10000_1000000_HBV.mha",
        "deep/ADC.nrrd",
        "label.nii.gz",
        "10000_1000000_cor.mha",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = {role: path.name for role, path in role_files(tmp_path).items()}
    assert found == {
        Sequence.T2W: "10000_1000000_t2w.mha",
        Sequence.DWI: "10000_1000000_HBV.mha",
        Sequence.ADC: "ADC.nrrd",
    }
    (tmp_path / "dwi.nii.gz").touch()
    with pytest.raises(AmbiguousSeriesError, match=r"HBV\.mha and dwi\.nii\.gz both claim DWI"):
        role_files(tmp_path)


def test_links_give_volumes_their_roles(tmp_path: Path) -> None:
    (tmp_path / "store" / "deep").mkdir(parents=True)
    (tmp_path / "store" / "deep" / "adc.nrrd").touch()
    (tmp_path / "store" / "image-17.nii.gz").touch()
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "t2w.nii.gz").symlink_to(tmp_path / "store" / "image-17.nii.gz")
    (tmp_path / "study" / "maps").symlink_to(tmp_path / "store")
    (tmp_path / "study" / "maps-again").symlink_to(tmp_path / "store")
    found = {role: path.relative_to(tmp_path).as_posix() for role, path in role_files(tmp_path / "study").items()}
    assert found == {Sequence.T2W: "study/t2w.nii.gz", Sequence.ADC: "study/maps/deep/adc.nrrd"}
