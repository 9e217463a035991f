"""T2W series of the factory as what results refer to: straight, oblique, flipped, reversed, enhanced."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests import dicom_factory as factory
from zonate.io.dicom import scan
from zonate.io.dicom_study import DicomStudy
from zonate.io.frame import Frame
from zonate.io.opening import opened
from zonate.io.source import SourceImages, source_images
from zonate.settings.data import ReadingSettings
from zonate.study import Sequence

TILT = np.deg2rad(20)
OBLIQUE = (1.0, 0.0, 0.0, 0.0, float(np.cos(TILT)), float(-np.sin(TILT)))
TWICE_OBLIQUE = (0.96592583, 0.25881905, 0.0, -0.24321035, 0.90767337, 0.34202014)
FLIPPED_ROWS = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
FLIPPED_BOTH = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)


def source_of(path: Path, **arguments: Any) -> SourceImages:
    with opened(path, ReadingSettings(), only=Sequence.T2W, **arguments) as study:
        found = source_images(study)
    assert found is not None
    return found


def classic(folder: Path, **plan: Any) -> SourceImages:
    return source_of(factory.write(folder, factory.t2w(**plan)))


def descending(folder: Path, **plan: Any) -> SourceImages:
    """The first instance is the topmost slice."""
    made = factory.t2w(**plan)
    for s in range(made.slices):
        factory.save(factory.classic(made, s, None, instance=made.slices - s), folder / f"i{s}")
    return source_of(folder)


def enhanced(folder: Path, **plan: Any) -> SourceImages:
    """One file, whose frames run from the topmost slice down."""
    factory.save(factory.enhanced(factory.t2w(**plan)), folder / "one")
    return source_of(folder)


def hand_made(folder: Path, choose: Callable[[list[Frame]], list[Frame]] = list) -> SourceImages:
    """Of frames that no rule of roles would take for T2W, such as a sagittal series or every other frame of a file."""
    frames = choose(list(scan(folder).frames))
    study = DicomStudy("case", folder, (), {}, {}, frames={Sequence.T2W: tuple(frames)})
    found = source_images(study)
    assert found is not None
    return found


def every_other_frame(folder: Path) -> SourceImages:
    factory.save(factory.enhanced(factory.t2w(slices=6)), folder / "one")
    return hand_made(folder, lambda frames: frames[::2])


def own_orientation(folder: Path) -> SourceImages:
    """Orientation and pixel measures stand with each frame, as Philips writes them."""
    made = factory.enhanced(factory.t2w(orientation=OBLIQUE))
    shared = made.SharedFunctionalGroupsSequence[0]
    for groups in made.PerFrameFunctionalGroupsSequence:
        groups.PlaneOrientationSequence = shared.PlaneOrientationSequence
        groups.PixelMeasuresSequence = shared.PixelMeasuresSequence
    del shared.PlaneOrientationSequence, shared.PixelMeasuresSequence
    factory.save(made, folder / "one")
    return source_of(folder)


SOURCES: dict[str, Callable[[Path], SourceImages]] = {
    "axial": classic,
    "oblique": lambda folder: classic(folder, orientation=OBLIQUE),
    "twice oblique": lambda folder: classic(folder, orientation=TWICE_OBLIQUE),
    "flipped rows": lambda folder: classic(folder, orientation=FLIPPED_ROWS),
    "flipped both": lambda folder: classic(folder, orientation=FLIPPED_BOTH),
    "descending": descending,
    "no eighth of a byte": lambda folder: classic(folder, shape=(7, 5)),
    "gaps": lambda folder: classic(folder, extra={"SliceThickness": 2.5, "SpacingBetweenSlices": 0.5}),
    "sagittal": lambda folder: hand_made(factory.write(folder, factory.t2w(orientation=factory.SAGITTAL))),
    "coronal": lambda folder: hand_made(factory.write(folder, factory.t2w(orientation=factory.CORONAL))),
    "enhanced": enhanced,
    "enhanced, orientation by frame": own_orientation,
    "enhanced, every other frame": every_other_frame,
    "enhanced oblique": lambda folder: enhanced(folder, orientation=OBLIQUE),
}
