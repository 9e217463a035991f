"""PROMISE12: MetaImage volumes and the gland.

    training_data/Case00.mhd, Case00.raw, Case00_segmentation.mhd, …
    test_data/Case00.mhd, …                                         without segmentations, unless they were given out

The two parts use the same names, so the folders tell them apart: `training_data` and `test_data`, or whatever has one
of these words in its name. A case of which they do not tell is left out, since it may be either of two patients.
"""

from zonate.dataset.importers.layout import Found, Layout, LeftOut, part_of
from zonate.dataset.importers.listing import Listing
from zonate.dataset.importers.patients import NCI_ISBI_OF_PROMISE12
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError
from zonate.study import Sequence
from zonate.zones import LabelCode

_IMAGE = r"Case\d{2}\.mh[ad]"
_SEGMENTATION = r"Case\d{2}_segmentation\.mh[ad]"
CODES = {0: LabelCode.BACKGROUND, 1: LabelCode.WHOLE_GLAND}


def recognise_promise12(listing: Listing) -> bool:
    """Whether there is a file `Case00_segmentation.mhd` or its like."""
    return bool(listing.named(_SEGMENTATION))


def read_promise12(listing: Listing) -> Found:
    """Find the cases whose gland was drawn.

    Raises:
        DatasetError: There is no file `Case00.mhd` or its like.
    """
    images = listing.named(_IMAGE)
    if not images:
        raise DatasetError(f"{listing} has not the layout promise12: it holds no Case00.mhd or its like")
    sources, left = [], []
    for image in images:
        part = part_of(image, listing.folder)
        name = f"{part}_{image.stem}"
        if part is None:
            reason = "no folder says whether it is of training_data or of test_data, which use the same names"
            left.append(LeftOut(listing.place(image), reason))
            continue
        label = image.with_name(f"{image.stem}_segmentation{image.suffix}")
        if not label.is_file():
            left.append(LeftOut(name, "there is no segmentation of it"))
            continue
        sources.append(
            Source(
                case_id=f"promise12-{name}",
                patient_id=NCI_ISBI_OF_PROMISE12.get(name, f"PROMISE12-{name}"),
                inputs={Sequence.T2W: image},
                labels=(LabelLayer(label, CODES),),
                dataset=PROMISE12.title,
                licence=PROMISE12.licence,
                citation=PROMISE12.citation,
                root=listing.folder,
                where=str(image),
            )
        )
    return Found(tuple(sources), tuple(left))


PROMISE12 = Layout(
    name="promise12",
    title="PROMISE12",
    licence="research use",
    citation=(
        "Litjens G, Toth R, van de Ven W, et al. Evaluation of prostate segmentation algorithms for MRI: the PROMISE12 "
        "challenge. Medical Image Analysis 2014;18:359-373, doi:10.1016/j.media.2013.12.002"
    ),
    home="https://promise12.grand-challenge.org",
    recognise=recognise_promise12,
    read=read_promise12,
)
