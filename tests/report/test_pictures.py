import io
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.image import imread

from tests.report.cases import case, nothing_found, zones
from tests.verbs.standins import gland
from zonate.case import Case
from zonate.geometry import Volume
from zonate.pictures.zones import code_colour
from zonate.report.content import Picture
from zonate.report.pictures import Level, key_levels, key_pictures
from zonate.zones import LabelCode

LEVELS = (Level("Base", 6), Level("Mid", 4), Level("Apex", 2))


def pixels(picture: Picture) -> npt.NDArray[Any]:
    """(H, W, RGB) from 0 to 1."""
    return np.asarray(imread(io.BytesIO(picture.png)))[..., :3]


def coloured(picture: Picture, colour: tuple[float, float, float]) -> int:
    return int((np.abs(pixels(picture) - np.array(colour)).max(axis=-1) < 0.08).sum())


@pytest.mark.parametrize(
    ("holding", "expected"),
    [
        (range(2, 14), [("Base", 12), ("Mid", 8), ("Apex", 4)]),  # thirds 2-5, 6-9, 10-13
        (range(5, 8), [("Base", 7), ("Mid", 6), ("Apex", 5)]),
        (range(5, 7), [("Base", 6), ("Apex", 5)]),
        ([9], [("Mid", 9)]),
        ([], [("", 13), ("", 8), ("", 2)]),
    ],
)
def test_the_levels_lie_in_the_middle_of_the_glands_thirds(holding: list[int], expected: list[tuple[str, int]]) -> None:
    labels = np.zeros((16, 4, 4), dtype=np.uint8)
    labels[list(holding)] = LabelCode.TZ
    assert [(level.name, level.slice_index) for level in key_levels(labels)] == expected


def test_stray_voxels_move_no_level() -> None:
    labels = np.zeros((16, 8, 8), dtype=np.uint8)
    labels[2:8, 2:6, 2:6] = LabelCode.TZ
    alone = key_levels(labels)
    labels[14, 0, 0] = LabelCode.PZ
    assert key_levels(labels) == alone


def test_each_zone_is_outlined_in_its_colour_on_every_image() -> None:
    t2w, adc, dwi, *_ = key_pictures(case(), zones(), LEVELS)
    for figure in (t2w, adc, dwi):
        assert len(figure.pictures) == 3
        for code in (LabelCode.PZ, LabelCode.TZ, LabelCode.DPU, LabelCode.AFS):
            assert coloured(figure.pictures[1], code_colour(code)) > 20, (figure.title, code.name)


def test_the_first_row_is_larger_and_all_are_square() -> None:
    sizes = [pixels(figure.pictures[0]).shape[:2] for figure in key_pictures(case(), zones(), LEVELS)]
    assert sizes == [(368, 368), (248, 248), (248, 248), (260, 260), (248, 248)]


def test_pictures_are_told_in_words() -> None:
    (t2w, *_) = key_pictures(case(), zones(), LEVELS)
    assert t2w.pictures[0].alt == (
        "T2W with the zones' outlines, base, slice 7: peripheral zone, transition zone, distal prostatic urethra, "
        "anterior fibromuscular stroma"
    )


def test_the_patients_left_lies_on_the_right_and_posterior_below() -> None:
    """Whatever way the volume is stored."""
    values = np.zeros(gland().values.shape, dtype=np.uint8)
    values[1:7, 40:56, 50:60] = LabelCode.PZ  # W to the left of the patient, H to posterior
    values[1:7, 16:26, 20:30] = LabelCode.TZ
    for labels in (Volume(values, gland().grid), _turned(Volume(values, gland().grid))):
        of = Case("turned", labels.with_values(np.full(labels.values.shape, 100.0, dtype=np.float32)))
        figure, *_ = key_pictures(of, replace(nothing_found(), labels=labels), LEVELS)
        rgb = pixels(figure.pictures[1])
        middles = []
        for code in (LabelCode.PZ, LabelCode.TZ):
            near = np.abs(rgb - np.array(code_colour(code))).max(axis=-1) < 0.08
            middles.append(np.argwhere(near).mean(axis=0) / len(rgb))
        (pz_row, pz_column), (tz_row, tz_column) = middles
        assert pz_column > 0.5 > tz_column
        assert pz_row > 0.5 > tz_row


def _turned(volume: Volume) -> Volume:
    """The same volume, stored with W and H reversed and S last."""
    flipped = volume.values[:, ::-1, ::-1]
    affine = volume.grid.affine.copy()
    affine[:3, 3] = volume.grid.to_mm((0, flipped.shape[1] - 1, flipped.shape[2] - 1))
    affine[:3, 1:3] *= -1
    affine[:, :3] = affine[:, [1, 2, 0]]
    values = np.ascontiguousarray(flipped.transpose(1, 2, 0))
    return Volume(values, replace(volume.grid, shape=values.shape, affine=affine))


def test_uncertainty_is_yellow_and_certainty_is_not() -> None:
    certain = zones(sample_entropy=np.zeros(gland().values.shape, dtype=np.float32))
    doubted = zones(sample_entropy=np.full(gland().values.shape, 0.7, dtype=np.float32))

    def yellow(result: Any) -> float:
        rgb = pixels(key_pictures(case(), result, LEVELS)[-1].pictures[1])
        return float((rgb[..., 0] - rgb[..., 2]).mean())  # red less blue

    (note,) = key_pictures(case(), doubted, LEVELS)[-1].notes
    assert note.startswith("Where the network is uncertain")
    assert yellow(certain) < 0.01
    assert yellow(doubted) > 0.4


def test_absent_images_have_no_row() -> None:
    bare = Case("bare", case().t2w)
    rows = key_pictures(bare, nothing_found(), (Level("", 6), Level("", 4), Level("", 2)))
    assert [row.title for row in rows] == ["T2W"]
    assert rows[0].pictures[0].alt == "T2W with the zones' outlines, slice 7: nothing outlined"


def test_a_volume_without_a_measured_pixel_can_be_drawn() -> None:
    unmeasured = replace(case(), adc=case().t2w.with_values(np.full(gland().values.shape, np.nan, dtype=np.float32)))
    adc = key_pictures(unmeasured, zones(), LEVELS)[1]
    assert pixels(adc.pictures[0])[5, 5].tolist() == [0.0, 0.0, 0.0]
