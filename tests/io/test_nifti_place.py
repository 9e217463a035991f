"""Headers that ITK and other programs read differently, written byte by byte."""

import gzip
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from zonate.errors import StudyError
from zonate.geometry import Grid, Volume
from zonate.io.nifti import read_volume, volume_shape, write_volume

SHAPE = (6, 40, 50)
TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def oblique() -> Grid:
    """Turned about two axes, with 0.5 mm pixels and 3 mm slices."""
    a, b = 0.3, 0.2
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = (about_x @ about_y)[:, ::-1] * [3.0, 0.5, 0.5]
    affine[:3, 3] = (-50.0, 20.0, 300.0)
    return Grid(SHAPE, affine)


def rows_of(grid: Grid) -> npt.NDArray[np.float64]:
    """The sform of a grid: (3, 4), from (w, h, s) to RAS."""
    rows: npt.NDArray[np.float64] = (TO_LPS @ grid.affine)[:3, [2, 1, 0, 3]]
    return rows


def nifti(
    path: Path, *, qform_code: int, sform_code: int, rows: npt.NDArray[np.float64] | None = None, packed: bool = False
) -> Path:
    """A volume on `oblique`, with other codes and another sform than ITK would write."""
    write_volume(path.with_name("plain.nii"), Volume(np.arange(12000, dtype=np.int16).reshape(SHAPE), oblique()))
    raw = bytearray(path.with_name("plain.nii").read_bytes())
    struct.pack_into("<2h", raw, 252, qform_code, sform_code)
    if rows is not None:
        struct.pack_into("<12f", raw, 280, *rows.ravel())
    path.write_bytes(gzip.compress(bytes(raw)) if packed else bytes(raw))
    return path


def big_endian(path: Path, rows: npt.NDArray[np.float64]) -> Path:
    """The same volume in the other byte order, with an sform alone."""
    values = np.arange(12000, dtype=np.int16).reshape(SHAPE)
    raw = bytearray(352)
    struct.pack_into(">i", raw, 0, 348)
    struct.pack_into(">8h", raw, 40, 3, *SHAPE[::-1], 1, 1, 1, 1)
    struct.pack_into(">2h", raw, 70, 4, 16)
    struct.pack_into(">10f", raw, 76, 1, 0.5, 0.5, 3.0, 0, 0, 0, 0, 352, 1)
    struct.pack_into(">2h", raw, 252, 0, 1)
    struct.pack_into(">12f4s", raw, 280, *rows.ravel(), b"")
    raw[344:348] = b"n+1\0"
    path.write_bytes(bytes(raw) + values.astype(">i2").tobytes())
    return path


@pytest.mark.parametrize(("qform_code", "sform_code"), [(1, 1), (1, 0), (0, 1), (2, 1)])
def test_one_place_is_read_whichever_form_gives_it(tmp_path: Path, qform_code: int, sform_code: int) -> None:
    read = read_volume(nifti(tmp_path / "a.nii", qform_code=qform_code, sform_code=sform_code))
    np.testing.assert_allclose(read.grid.affine, oblique().affine, atol=1e-4)


def test_no_form_leaves_left_and_right_unknown(tmp_path: Path) -> None:
    for packed, name in ((False, "a.nii"), (True, "a.nii.gz")):
        file = nifti(tmp_path / name, qform_code=0, sform_code=0, packed=packed)
        for read in (read_volume, volume_shape):
            with pytest.raises(StudyError, match=rf"^{name} does not say how it lies in the patient .* set its sform"):
                read(file)


def test_two_forms_that_disagree_are_named(tmp_path: Path) -> None:
    moved = rows_of(oblique())
    moved[:, 3] += (3.0, 4.0, 0.0)
    file = nifti(tmp_path / "a.nii", qform_code=1, sform_code=4, rows=moved)
    with pytest.raises(
        StudyError, match=r"^a\.nii: its qform \(code 1\) and its sform \(code 4\) put .* 5\.00 mm apart"
    ):
        read_volume(file)


def test_a_sheared_sform_beside_a_qform_is_named(tmp_path: Path) -> None:
    sheared = rows_of(oblique())
    sheared[0, 2] += 0.2  # ITK takes the qform, and 0.2 mm a slice are lost
    file = nifti(tmp_path / "a.nii", qform_code=1, sform_code=1, rows=sheared)
    with pytest.raises(StudyError, match=r"^a\.nii: its qform \(code 1\) and its sform \(code 1\) put a corner"):
        read_volume(file)


@pytest.mark.parametrize("packed", [False, True])
def test_a_rounded_sform_is_brought_to_right_angles(tmp_path: Path, *, packed: bool) -> None:
    rounded = np.round(rows_of(oblique()), 3)
    name = "a.nii.gz" if packed else "a.nii"
    file = nifti(tmp_path / name, qform_code=0, sform_code=1, rows=rounded, packed=packed)
    read = read_volume(file)
    assert volume_shape(file) == SHAPE
    assert read.values[5, 39, 49] == 11999
    assert 1e-3 < read.grid.apart_mm(oblique()) < 0.05
    np.testing.assert_allclose(read.grid.direction.T @ read.grid.direction, np.eye(3), atol=1e-6)


def test_a_rounded_sform_in_the_other_byte_order(tmp_path: Path) -> None:
    read = read_volume(big_endian(tmp_path / "a.nii", np.round(rows_of(oblique()), 3)))
    assert read.values[5, 39, 49] == 11999
    assert 1e-3 < read.grid.apart_mm(oblique()) < 0.05


def test_a_sheared_sform_alone_is_refused_with_figures(tmp_path: Path) -> None:
    sheared = rows_of(oblique())
    sheared[0, 2] += 0.2
    file = nifti(tmp_path / "a.nii", qform_code=0, sform_code=1, rows=sheared)
    for read in (read_volume, volume_shape):
        with pytest.raises(StudyError, match=r"^a\.nii: its axes are not at right angles: a corner is 0\.98 mm off"):
            read(file)


def test_a_quaternion_that_is_rounded_to_32_bits_is_no_other_place(tmp_path: Path) -> None:
    """A wide axial field, tilted by 0.4 mrad about the patient's front and back: its forms part by more than 0.1 mm."""
    affine = np.diag([0.75, -0.75, 3.0, 1.0])[:, [2, 1, 0, 3]]
    cos, sin = np.cos(4e-4), np.sin(4e-4)
    tilt = np.array([[cos, 0, sin, 0], [0, 1, 0, 0], [-sin, 0, cos, 0], [0, 0, 0, 1]])
    grid = Grid((20, 512, 512), tilt @ affine)
    write_volume(tmp_path / "a.nii", Volume(np.zeros(grid.shape, dtype=np.uint8), grid))
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into("<2h", raw, 252, 1, 2)
    (tmp_path / "a.nii").write_bytes(bytes(raw))
    assert volume_shape(tmp_path / "a.nii") == (20, 512, 512)


@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_2_is_named(tmp_path: Path, order: str) -> None:
    (tmp_path / "a.nii").write_bytes(struct.pack(f"{order}i8s", 540, b"n+2\0\r\n\032\n").ljust(600, b"\0"))
    with pytest.raises(StudyError, match=r"^a\.nii is NIfTI-2, which cannot be read: save it as NIfTI-1$"):
        volume_shape(tmp_path / "a.nii")
