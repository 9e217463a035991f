"""QIN-PROSTATE-Repeatability: 15 patients scanned twice on a GE scanner, with DICOM SEGs of the gland and the PZ.

    PCAMPMRI-00001/<study>/<series>/*.dcm        MR series (T2W, DWI with b 1400 s/mm², ADC) and SEG series

Each of a patient's two studies is a case, in the order of their dates. What the gland's segment holds and the PZ's does
not is the central gland; a SEG without PZ gives the gland alone, and one without the gland is left out, since it does
not say what around the PZ is gland. Segments of lesions and of normal tissue are left aside.

The original codes the gland as T-9200B and the PZ as T-D05E4 of SNOMED RT (scheme `SRT`), and names its segments
`WholeGland`, `PeripheralZone`, `TumorROI_PZ_1` and `NormalROI_PZ_1` in their descriptions, as others who use it write.
"""

from pathlib import Path

import pydicom

from zonate.dataset.importers.dicom_tree import SeriesFolder, inputs_around, series_folders
from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError, StudyError
from zonate.io.seg import Segment, read_segment_header
from zonate.zones import LabelCode

_CODES = {"41216001": LabelCode.WHOLE_GLAND, "279706003": LabelCode.PZ}
_WORDS = (("peripheral", LabelCode.PZ), ("whole", LabelCode.WHOLE_GLAND), ("prostate gland", LabelCode.WHOLE_GLAND))
_ASIDE = ("lesion", "normal", "suspected", "tumor", "tumour", "roi")


def code_of_segment(segment: Segment) -> LabelCode | None:
    """Gland or PZ; None for a lesion, normal tissue or something unknown."""
    text = " ".join(segment.texts)
    if any(word in text for word in _ASIDE):
        return None
    coded = next((code for snomed, code in _CODES.items() if segment.is_coded(snomed)), None)
    return coded or next((code for word, code in _WORDS if word in text.replace("_", " ")), None)


def recognise_qin(folder: Path) -> bool:
    """Whether there are folders named like its patients."""
    return any(True for depth in ("", "*/", "*/*/") for _ in folder.glob(f"{depth}PCAMPMRI-[0-9]*"))


def read_qin(folder: Path) -> Found:
    """Find the SEGs drawn on T2W series, one case a study.

    Raises:
        DatasetError: There is no DICOM SEG of a patient PCAMPMRI-….
    """
    series, unreadable = series_folders(folder)
    left = [LeftOut(file.relative_to(folder).as_posix(), "its DICOM header cannot be read") for file in unreadable]
    segs = [one for one in series if one.modality == "SEG" and one.patient_id.startswith("PCAMPMRI-")]
    if not segs:
        raise DatasetError(f"{folder} has not the layout qin: it holds no DICOM SEG of PCAMPMRI-00001 …")
    by_uid = {one.series_uid: one for one in series if one.modality == "MR"}
    drawings: dict[str, list[tuple[SeriesFolder, LabelLayer]]] = {}
    for seg in segs:
        drawn = _drawing(seg, by_uid)
        if isinstance(drawn, str):
            left.append(LeftOut(seg.path.relative_to(folder).as_posix(), drawn))
        else:
            drawings.setdefault(drawn[0].series_uid, []).append(drawn)
    sources = []
    visits: dict[str, list[str]] = {}
    for parts in sorted(drawings.values(), key=lambda parts: _when(parts[0][0])):
        t2w = parts[0][0]
        if not any(LabelCode.WHOLE_GLAND in layer.codes.values() for _, layer in parts):
            left.append(LeftOut(t2w.path.relative_to(folder).as_posix(), "its SEG draws the PZ, but not the gland"))
            continue
        studies = visits.setdefault(t2w.patient_id, [])
        if t2w.study_uid in studies:
            left.append(LeftOut(t2w.path.relative_to(folder).as_posix(), "another series of its study is taken"))
            continue
        studies.append(t2w.study_uid)
        sources.append(_source(t2w, tuple(layer for _, layer in parts), len(studies), series, folder))
    return Found(tuple(sources), tuple(left))


def _when(t2w: SeriesFolder) -> tuple[str, str, Path]:
    """In the order of a patient's studies."""
    header = pydicom.dcmread(t2w.first, stop_before_pixels=True, specific_tags=["StudyDate"])
    return t2w.patient_id, str(header.get("StudyDate", "")), t2w.path


def _drawing(seg: SeriesFolder, by_uid: dict[str, SeriesFolder]) -> tuple[SeriesFolder, LabelLayer] | str:
    """The series that a SEG was drawn on and its layer; or why it is not taken."""
    try:
        header = read_segment_header(seg.first)
    except StudyError as error:
        return str(error)
    drawn_on = next((by_uid[uid] for uid in header.referenced_series_uids if uid in by_uid), None)
    if drawn_on is None:
        return "the image series that the SEG refers to is not there: fetch it"
    if "t2" not in f"{drawn_on.description} {drawn_on.path.name}".lower():
        return "the SEG was drawn on another series than T2W"
    found = {segment.number: code for segment in header.segments if (code := code_of_segment(segment)) is not None}
    if not found:
        return "the SEG holds neither the gland nor the peripheral zone"
    return drawn_on, LabelLayer(seg.first, {0: LabelCode.BACKGROUND, **found})


def _source(
    t2w: SeriesFolder, layers: tuple[LabelLayer, ...], visit: int, series: list[SeriesFolder], root: Path
) -> Source:
    inputs, notes = inputs_around(t2w, series)
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
