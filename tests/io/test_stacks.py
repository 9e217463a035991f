"""Order along the normal, and each fault with its file."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import dicom_factory as factory
from zonate.io.dicom import scan
from zonate.io.frame import Frame
from zonate.io.stacks import extent_mm, faults, planes_lacking, slice_positions, stack

OBLIQUE = (1.0, 0.0, 0.0, 0.0, 0.8, -0.6)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    folder = factory.write(tmp_path_factory.mktemp("t2w"), factory.t2w(orientation=OBLIQUE))
    return list(scan(folder).frames)


@pytest.fixture(scope="module")
def diffusion(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    return list(scan(factory.write(tmp_path_factory.mktemp("dwi"), factory.trace())).frames)


@given(order=st.permutations(range(5)))
def test_slices_are_ordered_by_position(frames: list[Frame], order: list[int]) -> None:
    ordered = stack([frames[i] for i in order])
    assert [frame.name for frame in ordered.frames] == [frame.name for frame in frames]
    assert ordered.grid.shape == (5, 8, 6)
    np.testing.assert_allclose(ordered.grid.spacing_mm, (3.0, 0.5, 0.5))
    expected = np.array([[0.0, 0.0, 1.0], [0.6, 0.8, 0.0], [0.8, -0.6, 0.0]])
    np.testing.assert_allclose(ordered.grid.direction, expected, atol=1e-12)
    np.testing.assert_allclose(ordered.grid.to_mm((0, 0, 0)), (-1.5, -2.0, 10.0))
    assert ordered.grid.frame_of_reference == factory.FRAME_UID


def test_rounded_headers_give_axes_at_right_angles(frames: list[Frame]) -> None:
    """Cosines with three decimals, and each slice 0.1 mm aside of the one before: 0.4 mm in all."""
    turned = (0.976, 0.0, 0.217, -0.046, 0.977, 0.208)
    rounded = [replace(frame, orientation=turned) for frame in frames]
    normal, across = rounded[0].normal, np.array(turned[:3])
    rounded = [
        replace(frame, position_mm=tuple(np.array([-40.0, 30.0, 10.0]) + 3.0 * s * normal + 0.1 * s * across))
        for s, frame in enumerate(rounded)
    ]
    assert list(faults(rounded, diffusion=False)) == []
    grid = stack(rounded).grid
    np.testing.assert_allclose(grid.spacing_mm, (3.0, 0.5, 0.5), atol=1e-6)
    np.testing.assert_allclose(grid.direction.T @ grid.direction, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(grid.to_mm((0, 0, 0)), (-40.0, 30.0, 10.0), atol=1e-12)
    far = [np.linalg.norm(np.array(rounded[s].position_mm) - grid.to_mm((s, 0, 0))) for s in range(5)]
    np.testing.assert_allclose(far, np.linalg.norm(across) * 0.1 * np.arange(5), atol=1e-3)


def test_sheared_slices_are_a_fault(frames: list[Frame]) -> None:
    sheared = [_moved(frame, 0.25 * s, 0.0) for s, frame in enumerate(frames)]
    assert [str(fault) for fault in faults(sheared, diffusion=False)] == [
        "the slices are sheared: each lies 0.25 mm aside of the normal through the one before, which makes 1.0 mm from "
        "file x4/i001 to file x4/i005, and the files of results cannot hold that: resample the series onto slices "
        "above one another, or export it with more digits where its orientation is rounded"
    ]
    assert list(faults(sheared[:2], diffusion=False)) == []


def test_figures_and_no_fault(frames: list[Frame], diffusion: list[Frame]) -> None:
    assert (slice_positions(frames), extent_mm(frames)) == (5, 15.0)
    assert (slice_positions(diffusion), extent_mm(diffusion)) == (5, 15.0)
    assert list(faults(frames, diffusion=False)) == []
    assert list(faults(diffusion, diffusion=True)) == []


Change = Callable[[list[Frame]], list[Frame]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f[:2] + f[3:], "1 slice is missing between files x4/i002 and x4/i004: 6.00 mm apart"),
        (lambda f: f[:1] + f[3:], "2 slices are missing between files x4/i001 and x4/i004: 9.00 mm"),
        (lambda f: f[1:], "file x4/i002 is the first of the series and has instance number 2"),
        (lambda f: [*f, replace(f[2], name="copy")], "files x4/i003 and copy are the same instance"),
        (lambda f: [*f, replace(f[2], sop_uid="other", name="again")], "lie at the same position"),
        (lambda f: [*f[:4], replace(f[4], orientation=factory.AXIAL)], "file x4/i005 has another orientation"),
        (lambda f: [*f[:4], replace(f[4], spacing_mm=(0.6, 0.5))], "file x4/i005 has another pixel spacing"),
        (lambda f: [*f[:4], replace(f[4], shape=(9, 6))], "file x4/i005 has another image size"),
        (lambda f: [*f[:4], replace(f[4], frame_of_reference="9")], "file x4/i005 has another frame of reference"),
        (lambda f: [*f[:4], replace(f[4], patient="other")], "file x4/i005 has another patient"),
        (lambda f: [*f[:4], replace(f[4], position_mm=None)], "file x4/i005 does not say where"),
        (lambda f: [*f[:4], replace(f[4], broken="it is cut")], "file x4/i005: it is cut"),
        (lambda f: [*f[:2], _moved(f[2], 1.0, 0.0), *f[3:]], "file x4/i003 is shifted in plane by 1.0 mm"),
        (lambda f: [*f[:4], _moved(f[4], 0.8, 0.0)], "file x4/i005 is shifted in plane by 0.8 mm"),
        (lambda f: [*f[:2], _moved(f[2], 0.0, 1.0), *f[3:]], "the slices are unevenly spaced between files"),
    ],
)  # fmt: skip
def test_faults_name_the_file(frames: list[Frame], change: Change, message: str) -> None:
    found = [str(fault) for fault in faults(change(frames), diffusion=False)]
    assert any(message in fault for fault in found), found
    assert not any("Secret" in fault or "other," in fault for fault in found)


def test_for_what_outlives_the_terminal_files_are_named_by_number(frames: list[Frame]) -> None:
    hidden = [replace(frame, name=f"MUSTERMANN_MAX/{i}.dcm") for i, frame in enumerate(frames)]
    (missing,) = faults(hidden[:2] + hidden[3:], diffusion=False)
    assert missing.by_number == (
        "1 slice is missing between files of instance 2 and of instance 4: 6.00 mm apart where the others are 3.00 mm"
    )
    (broken,) = faults([*hidden[:4], replace(hidden[4], broken="it is cut")], diffusion=False)
    assert (broken.by_number, str(broken)) == ("file of instance 5: it is cut", "file MUSTERMANN_MAX/4.dcm: it is cut")
    (of_enhanced,) = faults(
        [*hidden[:4], replace(hidden[4], instance_number=None, index=6, broken="it is cut")], diffusion=False
    )
    assert of_enhanced.by_number == "file of frame 7: it is cut"


def _moved(frame: Frame, across: float, along: float) -> Frame:
    moved = np.array(frame.position_mm) + across * np.array(OBLIQUE[:3]) + along * frame.normal
    return replace(frame, position_mm=tuple(moved))


def test_a_b_value_that_lacks_a_slice(diffusion: list[Frame]) -> None:
    first_of_400 = next(i for i, frame in enumerate(diffusion) if frame.b_value_s_mm2 == 400)
    found = list(faults(diffusion[:first_of_400] + diffusion[first_of_400 + 1 :], diffusion=True))
    (fault,) = found
    assert str(fault) == "b-value 400 lacks a slice (4 of 5): the one at the place of file x6/i011"


def test_a_position_twice_for_one_b_value(diffusion: list[Frame]) -> None:
    doubled = [*diffusion, replace(diffusion[0], sop_uid="other", name="again")]
    (fault,) = faults(doubled, diffusion=True)
    assert str(fault) == "files x6/i001 and again lie at the same position of b-value 50"


def test_planes_lacking(frames: list[Frame], diffusion: list[Frame]) -> None:
    assert planes_lacking(diffusion[:4], diffusion) == 1
    assert planes_lacking(diffusion, diffusion[:4]) == 0
    assert planes_lacking(frames, diffusion) == 0


def test_positions_with_rounding_noise_are_one_place(diffusion: list[Frame]) -> None:
    noisy = [
        replace(frame, position_mm=tuple(np.array(frame.position_mm) + np.array([0, 0, 0.05 + (-1) ** i * 1e-7])))
        for i, frame in enumerate(diffusion)
    ]
    assert slice_positions(noisy) == 5
    assert list(faults(noisy, diffusion=True)) == []
