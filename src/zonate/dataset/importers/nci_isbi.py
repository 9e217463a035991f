"""NCI-ISBI 2013 (Prostate-3T and Prostate-Diagnosis): T2W in DICOM, and NRRD labels, 1 = PZ, 2 = central gland.

    Prostate-3T/Prostate3T-01-0001/<study>/<series>/*.dcm       images, a folder a patient
    Training/Prostate3T-01-0001.nrrd                            labels, named by the patient
    Training/ProstateDx-01-0006_correctedLabels.nrrd            a label that was corrected later: it is preferred

The challenge's own lists of series give one series a patient. Whoever has more of Prostate-Diagnosis has several: the
T2W one is known by its description, and among several of those by having as many files as the label has slices.
Label headers of some cases are off their images' (direction cosines by 0.06): their voxels are taken one for one, and
a note says so.
"""

import re
from pathlib import Path

from zonate.dataset.importers.dicom_tree import SeriesFolder, read_tree
from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.listing import Listing
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError, StudyError
from zonate.io.nifti import volume_shape
from zonate.study import Sequence
from zonate.zones import LabelCode

_PATIENT = re.compile(r"(?:Prostate3T|ProstateDx)-\d{2}-\d{4}")
_LABEL = re.compile(rf"({_PATIENT.pattern})(?:_[^/]*)?\.nrrd")
CODES = {0: LabelCode.BACKGROUND, 1: LabelCode.PZ, 2: LabelCode.CENTRAL_GLAND}


def recognise_nci(listing: Listing) -> bool:
    """Whether there is a label file named like a patient."""
    return bool(listing.named(_LABEL.pattern))


def read_nci(listing: Listing) -> Found:
    """Bring labels and T2W series together by the patient's name.

    Raises:
        DatasetError: There is no label file named like `Prostate3T-01-0001.nrrd`.
    """
    labels: dict[str, list[Path]] = {}
    for file in listing.named(_LABEL.pattern):
        if match := _LABEL.fullmatch(file.name):
            labels.setdefault(match.group(1), []).append(file)
    if not labels:
        raise DatasetError(f"{listing} has not the layout nci-isbi-2013: it holds no Prostate3T-01-0001.nrrd")
    tree = read_tree(listing, _PATIENT)
    left = list(tree.left_out)
    sources = []
    for patient, files in sorted(labels.items()):
        corrected = sorted(files, key=lambda file: ("corrected" not in file.name, file.name))
        images = _t2w(tree.images(patient), corrected[0])
        if len(images) != 1:
            left.append(LeftOut(patient, f"{len(images)} series of its images are there: it needs exactly the T2W one"))
            continue
        left += [LeftOut(file.name, f"{corrected[0].name} is there in its place") for file in corrected[1:]]
        sources.append(
            Source(
                case_id=patient,
                patient_id=patient,
                inputs={Sequence.T2W: images[0].path},
                labels=(LabelLayer(corrected[0], CODES),),
                dataset=NCI_ISBI.title,
                licence=NCI_ISBI.licence,
                citation=NCI_ISBI.citation,
                root=listing.folder,
                where=str(corrected[0]),
                lenient_grid=True,
            )
        )
    others = sorted({one.patient_id for one in tree.images()} - set(labels))
    left += [LeftOut(patient, "there are no labels of the patient") for patient in others]
    return Found(tuple(sources), tuple(left))


def _t2w(images: list[SeriesFolder], label: Path) -> list[SeriesFolder]:
    """The series that may be the T2W which the label was drawn on."""
    if len(images) < 2:
        return images
    named = [one for one in images if "t2" in f"{one.description} {one.path.name}".lower()] or images
    if len(named) < 2:
        return named
    try:
        slices = volume_shape(label)[0]
    except StudyError:
        return named
    return [one for one in named if len(list(one.path.glob("*.dcm"))) == slices] or named


NCI_ISBI = Layout(
    name="nci-isbi-2013",
    title="NCI-ISBI 2013",
    licence="CC BY 3.0",
    citation=(
        "Bloch N, Madabhushi A, Huisman H, et al. NCI-ISBI 2013 Challenge: Automated Segmentation of Prostate "
        "Structures. The Cancer Imaging Archive 2015, doi:10.7937/K9/TCIA.2015.zF0vlOPv"
    ),
    home="https://www.cancerimagingarchive.net/analysis-result/isbi-mr-prostate-2013/",
    recognise=recognise_nci,
    read=read_nci,
)
