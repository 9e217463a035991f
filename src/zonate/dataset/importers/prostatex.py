"""PROSTATEx with PROSTATEx-Seg-Zones: DICOM studies, and a DICOM SEG of four zones for 98 of the patients.

    PROSTATEx/ProstateX-0004/<study>/4.000000-t2tsetra-98209/1-01.dcm
    PROSTATEx-Seg-Zones/ProstateX-0004/<study>/<series>/1-1.dcm

The two collections may lie in one tree or side by side. A segment is known by its code (SNOMED CT, or the older SNOMED
RT), else by its text; the T2W series is the one that the SEG refers to, since some studies have the axial T2W twice.
The central zone counts as TZ in this set. SEGs that other collections drew on the same patients, such as glands or
lesions alone, are left out, and so are SEGs without all four zones: what they do not draw would count as background.
The folder names are those of TCIA's pages; the SEGs' texts were not verified on the original.
"""

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from zonate.dataset.importers.dicom_tree import SeriesFolder, Tree, inputs_around, read_tree
from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.listing import Listing
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError, StudyError
from zonate.io.seg import Segment, read_segment_header
from zonate.zones import ZONE_INFO, LabelCode, Zone

_BY_CODE = {info.snomed_code: LabelCode(zone) for zone, info in ZONE_INFO.items() if info.snomed_code}
PATIENT = re.compile(r"ProstateX-\d{4}")
IMAGES_CITATION = (
    "Litjens G, et al. ProstateX Challenge data. The Cancer Imaging Archive 2017, doi:10.7937/K9TCIA.2017.MURS5CL"
)
"""Of the images (CC BY 3.0), which other sets drew on, too."""
_BY_TEXT = {
    "peripheral zone of prostate": LabelCode.PZ,
    "transition zone of prostate": LabelCode.TZ,
    "distal prostatic urethra": LabelCode.DPU,
    "anterior fibromuscular stroma of prostate": LabelCode.AFS,
    "fibromuscular stroma of prostate": LabelCode.AFS,
}


def code_of_segment(segment: Segment) -> LabelCode | None:
    """The zone that a segment stands for; None where neither its code nor its text tells."""
    coded = next((code for snomed, code in _BY_CODE.items() if segment.is_coded(snomed)), None)
    named = (code for text in segment.texts for words, code in _BY_TEXT.items() if text.startswith(words))
    return coded or next(named, None)


def recognise_prostatex(listing: Listing) -> bool:
    """Whether there are folders named like PROSTATEx patients, and one of the SEG collection or of a SEG series."""
    patient = "ProstateX-[0-9][0-9][0-9][0-9]"
    patients = any(True for depth in ("", "*/", "*/*/") for _ in listing.folder.glob(f"{depth}{patient}"))
    masks = listing.named(r"mask_pz/[^/]*") or listing.named(r"Seg-[^/]*\.nrrd")
    return patients and not masks and bool(listing.named(r"[^/]*\.dcm"))


def read_prostatex(listing: Listing) -> Found:
    """Find the SEG series, and the T2W series that each refers to.

    Raises:
        DatasetError: There is no DICOM SEG.
    """
    tree = read_tree(listing, PATIENT)
    left = list(tree.left_out)
    segs = tree.segmentations
    if not segs:
        raise DatasetError(
            f"{listing} has not the layout prostatex-seg-zones: there is no DICOM SEG in it; put the "
            "PROSTATEx-Seg-Zones collection beside the PROSTATEx one"
        )
    taken: defaultdict[str, list[Source]] = defaultdict(list)
    for seg in segs:
        found = _source(seg, tree, listing.folder, len(taken[seg.patient_id]) + 1)
        if isinstance(found, LeftOut):
            left.append(found)
        else:
            taken[seg.patient_id].append(found)
    sources = [source for of_patient in taken.values() for source in _told_apart(of_patient)]
    drawn = {seg.patient_id for seg in segs}
    others = sorted({one.patient_id for one in tree.series} - drawn)
    left += [LeftOut(patient, "the patient has no DICOM SEG") for patient in others]
    return Found(tuple(sources), tuple(left))


def _source(seg: SeriesFolder, tree: Tree, root: Path, number: int) -> Source | LeftOut:
    try:
        header = read_segment_header(seg.first)
    except StudyError as error:
        return LeftOut(seg.patient_id, str(error))
    t2w = tree.drawn_on(header)
    if t2w is None:
        return LeftOut(seg.patient_id, "the image series that its SEG refers to is not there: fetch it")
    named = {segment.number: code_of_segment(segment) for segment in header.segments}
    codes = {segment: code for segment, code in named.items() if code is not None}
    absent = [zone.name for zone in Zone if zone and LabelCode(zone) not in codes.values()]
    if absent:
        reason = f"neither code nor text of its SEG's segments tells {', '.join(absent)}: it is of another collection"
        return LeftOut(seg.patient_id, reason)
    if len(codes) < len(named) or len(set(codes.values())) < len(codes):
        return LeftOut(seg.patient_id, "one of its SEG's segments is no zone that is known, or two are the same")
    inputs, notes = inputs_around(t2w, tree.series)
    return Source(
        case_id=seg.patient_id if number == 1 else f"{seg.patient_id}-{number}",
        patient_id=seg.patient_id,
        inputs=dict(inputs),
        labels=(LabelLayer(seg.first, {0: LabelCode.BACKGROUND, **codes}),),
        dataset=PROSTATEX.title,
        licence=PROSTATEX.licence,
        citation=PROSTATEX.citation,
        root=root,
        where=str(seg.first),
        lenient_channels=True,
        notes=notes,
    )


def _told_apart(sources: list[Source]) -> list[Source]:
    """Several SEGs of one T2W series are several readings of an image."""
    images = [source.files["t2w"] for source in sources]
    return [
        replace(source, image_id=f"{source.patient_id}-{images.index(image) + 1}-image", reader=f"seg{number}")
        if images.count(image) > 1
        else source
        for number, (source, image) in enumerate(zip(sources, images, strict=True), start=1)
    ]


PROSTATEX = Layout(
    name="prostatex-seg-zones",
    title="PROSTATEx-Seg-Zones",
    licence="CC BY 3.0",
    citation=(
        "Meyer A, Schindele D, von Reibnitz D, et al. PROSTATEx Zone Segmentations. The Cancer Imaging Archive 2020, "
        f"doi:10.7937/TCIA.NBB4-4655; {IMAGES_CITATION}"
    ),
    home="https://www.cancerimagingarchive.net/analysis-result/prostatex-seg-zones/",
    recognise=recognise_prostatex,
    read=read_prostatex,
)
