"""QIN-PROSTATE-Repeatability: 15 patients scanned twice on a GE scanner, with DICOM SEGs of the gland and the PZ.

    PCAMPMRI-00001/<study>/<series>/*.dcm        MR series (T2W, DWI with b 1400 s/mm², ADC) and SEG series

Each of a patient's two studies is a case, in the order of their dates. What the gland's segment holds and the PZ's does
not is the central gland; a SEG without PZ gives the gland alone, and one without the gland is left out, since it does
not say what around the PZ is gland. Segments of lesions and of normal tissue are left aside.

The original codes the gland as T-9200B and the PZ as T-D05E4 of SNOMED RT (scheme `SRT`), and names its segments
`WholeGland`, `PeripheralZone`, `TumorROI_PZ_1` and `NormalROI_PZ_1` in their descriptions, as others who use it write.
"""

import re
from pathlib import Path

from zonate.dataset.importers.dicom_tree import SeriesFolder, Tree, inputs_around, read_tree
from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.listing import Listing
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError, StudyError
from zonate.io.seg import PROSTATE, Segment, read_segment_header
from zonate.zones import ZONE_INFO, LabelCode, Zone

_PATIENT = re.compile(r"PCAMPMRI-\d{5}")
_CODES = {PROSTATE: LabelCode.WHOLE_GLAND, ZONE_INFO[Zone.PZ].snomed_code: LabelCode.PZ}
_WORDS = (("peripheral", LabelCode.PZ), ("whole", LabelCode.WHOLE_GLAND), ("prostate gland", LabelCode.WHOLE_GLAND))
_ASIDE = ("lesion", "normal", "suspected", "tumor", "tumour", "roi")


def code_of_segment(segment: Segment) -> LabelCode | None:
    """Gland or PZ; None for a lesion, normal tissue or something unknown."""
    text = " ".join(segment.texts)
    if any(word in text for word in _ASIDE):
        return None
    coded = next((code for snomed, code in _CODES.items() if snomed and segment.is_coded(snomed)), None)
    return coded or next((code for word, code in _WORDS if word in text.replace("_", " ")), None)


def recognise_qin(listing: Listing) -> bool:
    """Whether there are folders named like its patients."""
    return any(True for depth in ("", "*/", "*/*/") for _ in listing.folder.glob(f"{depth}PCAMPMRI-[0-9]*"))


def read_qin(listing: Listing) -> Found:
    """Find the SEGs drawn on T2W series, one case a study.

    Raises:
        DatasetError: There is no DICOM SEG of a patient PCAMPMRI-….
    """
    tree = read_tree(listing, _PATIENT)
    left = list(tree.left_out)
    if not tree.segmentations:
        raise DatasetError(f"{listing} has not the layout qin: it holds no DICOM SEG of PCAMPMRI-00001 …")
    sources = []
    visits: dict[str, list[str]] = {}
    for t2w, layers in _drawings(tree, listing, left):
        place = listing.place(t2w.path)
        studies = visits.setdefault(t2w.patient_id, [])
        if not any(LabelCode.WHOLE_GLAND in layer.codes.values() for layer in layers):
            left.append(LeftOut(place, "its SEG draws the PZ, but not the gland"))
        elif t2w.study_uid in studies:
            left.append(LeftOut(place, "another series of its study is taken"))
        else:
            studies.append(t2w.study_uid)
            sources.append(_source(t2w, tuple(layers), len(studies), tree, listing.folder))
    return Found(tuple(sources), tuple(left))


def _drawings(tree: Tree, listing: Listing, left: list[LeftOut]) -> list[tuple[SeriesFolder, list[LabelLayer]]]:
    """The T2W series that were drawn on, with what was drawn, in the order of patients and dates."""
    found: dict[str, tuple[SeriesFolder, list[LabelLayer]]] = {}
    for seg in tree.segmentations:
        drawn = _drawing(seg, tree)
        place = listing.place(seg.path)
        if isinstance(drawn, str):
            left.append(LeftOut(place, drawn))
            continue
        t2w, layer = drawn
        layers = found.setdefault(t2w.series_uid, (t2w, []))[1]
        drawn_already = {code for other in layers for code in other.codes.values()} - {LabelCode.BACKGROUND}
        if drawn_already & set(layer.codes.values()):
            left.append(LeftOut(place, "another SEG of the same series, which draws the same, is taken"))
        else:
            layers.append(layer)
    return sorted(found.values(), key=lambda of: (of[0].patient_id, of[0].study_date, of[0].path))


def _drawing(seg: SeriesFolder, tree: Tree) -> tuple[SeriesFolder, LabelLayer] | str:
    """The series that a SEG was drawn on and its layer; or why it is not taken."""
    try:
        header = read_segment_header(seg.first)
    except StudyError as error:
        return str(error)
    drawn_on = tree.drawn_on(header)
    if drawn_on is None:
        return "the image series that the SEG refers to is not there: fetch it"
    if "t2" not in f"{drawn_on.description} {drawn_on.path.name}".lower():
        return "the SEG was drawn on another series than T2W"
    found = {segment.number: code for segment in header.segments if (code := code_of_segment(segment)) is not None}
    if not found:
        return "the SEG holds neither the gland nor the peripheral zone"
    return drawn_on, LabelLayer(seg.first, {0: LabelCode.BACKGROUND, **found})


def _source(t2w: SeriesFolder, layers: tuple[LabelLayer, ...], visit: int, tree: Tree, root: Path) -> Source:
    inputs, notes = inputs_around(t2w, tree.series)
    drawn = {code for layer in layers for code in layer.codes.values()}
    both = {LabelCode.WHOLE_GLAND, LabelCode.PZ} <= drawn
    return Source(
        case_id=f"{t2w.patient_id}-{visit}",
        patient_id=t2w.patient_id,
        inputs=dict(inputs),
        labels=layers,
        dataset=QIN.title,
        licence=QIN.licence,
        citation=QIN.citation,
        root=root,
        where=str(layers[0].path),
        rest=LabelCode.CENTRAL_GLAND if both else None,
        lenient_channels=True,
        notes=notes,
    )


QIN = Layout(
    name="qin",
    title="QIN-PROSTATE-Repeatability",
    licence="CC BY 4.0",
    citation=(
        "Fedorov A, Schwier M, Clunie D, et al. An annotated test-retest collection of prostate multiparametric MRI. "
        "Scientific Data 2018;5:180281, doi:10.1038/sdata.2018.281"
    ),
    home="https://www.cancerimagingarchive.net/collection/qin-prostate-repeatability/",
    recognise=recognise_qin,
    read=read_qin,
)
