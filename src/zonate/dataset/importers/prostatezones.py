"""ProstateZones 2024 (Zenodo 10718469): NRRD segmentations of 200 PROSTATEx patients, 40 of them read twice.

    Singles/Seg-0000.nrrd                       patient ProstateX-0000
    Duplicates/R1/Seg-0015_R1.nrrd              the same image by reader 1
    Duplicates/R2/Seg-0015_R2.nrrd              and by reader 2
    Support Files/list_of_PROSTATEx_files.txt   a line a patient: ProstateX-0000:T2_Ax:T2_Sag:T2_Cor:DWI:ADC:HBV,
                                                each a pattern of the name of the series' folder at TCIA, such as
                                                4.000000-t2tsetra-00702; where folders are named otherwise, as the IDC
                                                does, its number and description are looked for
    PROSTATEx/ProstateX-0000/…                  the images, anywhere in the same tree

or as the set's own script arranges them, `Train/ProstateX-0000/{tra-0000,adc-0000,hbv-0000,Seg-0000.nrrd}`.

Which value is which structure is read from the names in the NRRD header, as 3D Slicer writes them; what the original
calls its segments was not verified. DWI is the acquired series where one is named, else the calculated HBV. CZ counts
as TZ, as in PROSTATEx-Seg-Zones; the urethra, which is not only its distal part here, as {TZ, DPU, AFS}: what is sure.
A TZ counts so too where the header names no AFS, which it may then hold.
"""

import re
from pathlib import Path

import SimpleITK as sitk

from zonate.dataset.importers.dicom_tree import SeriesFolder, Tree, inputs_around, read_tree
from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.listing import Listing
from zonate.dataset.importers.prostatex import IMAGES_CITATION, PATIENT
from zonate.dataset.importers.source import LabelLayer, Source, as_drawn_beside_afs
from zonate.errors import DatasetError
from zonate.study import Component, Sequence
from zonate.zones import LabelCode, code_name

_FILE = re.compile(r"Seg-(\d{4})(?:_(R\d))?\.nrrd")
_TCIA_FOLDER = re.compile(r"(\d+)\.0+-(.+)-\d+")
_SEGMENT = re.compile(r"Segment(\d+)_Name")
_URETHRA = re.compile(r"urethra")
_NAMES = (
    (re.compile(r"\bcg\b|central gland"), LabelCode.CENTRAL_GLAND),
    (re.compile(r"\bpz\b|peripheral"), LabelCode.PZ),
    (re.compile(r"\btz\b|transition"), LabelCode.TZ),
    (re.compile(r"\bcz\b|central zone"), LabelCode.TZ),
    (re.compile(r"\bafs\b|\bafms\b|stroma"), LabelCode.AFS),
    (_URETHRA, LabelCode.CENTRAL_GLAND),
    (re.compile(r"gland|prostate"), LabelCode.WHOLE_GLAND),
)
_ARRANGED = {Sequence.T2W: "tra", Sequence.DWI: "hbv", Sequence.ADC: "adc"}
_COLUMNS = {Sequence.T2W: (1,), Sequence.DWI: (4, 6), Sequence.ADC: (5,)}
"""Of the support file, in the order of preference."""
_LEAST_CELLS = 7


def recognise_zones(listing: Listing) -> bool:
    """Whether there is a file `Seg-0000.nrrd` or its like."""
    return bool(listing.named(_FILE.pattern))


def read_zones(listing: Listing) -> Found:
    """Bring segmentations and images together; the readers are kept apart.

    Raises:
        DatasetError: There is no file `Seg-0000.nrrd` or its like.
    """
    files = [(match, file) for file in listing.named(_FILE.pattern) if (match := _FILE.fullmatch(file.name))]
    if not files:
        raise DatasetError(f"{listing} has not the layout prostatezones: it holds no Singles/Seg-0000.nrrd or its like")
    tree = read_tree(listing, PATIENT)
    left = list(tree.left_out)
    patterns = _patterns(listing)
    sources: dict[str, Source] = {}
    for match, file in files:
        number, reader = match.group(1), (match.group(2) or "")
        patient = f"ProstateX-{number}"
        case_id = f"{patient}-zones{f'-{reader}' if reader else ''}"
        if case_id in sources:
            left.append(LeftOut(listing.place(file), "the same segmentation lies there twice"))
            continue
        images = _images(patient, file, tree, patterns.get(patient, []))
        codes = _codes(file)
        if isinstance(images, str) or isinstance(codes, str):
            reason = images if isinstance(images, str) else str(codes)
            left.append(LeftOut(listing.place(file), reason))
            continue
        inputs, notes = images
        sources[case_id] = Source(
            case_id=case_id,
            patient_id=patient,
            inputs=inputs,
            labels=(LabelLayer(file, codes),),
            dataset=ZONES.title,
            licence=ZONES.licence,
            citation=ZONES.citation,
            root=listing.folder,
            where=str(file),
            reader=reader.lower(),
            image_id=f"{patient}-zones" if reader else "",
            lenient_channels=True,
            notes=notes,
        )
    return Found(tuple(sources.values()), tuple(left))


def _patterns(listing: Listing) -> dict[str, list[str]]:
    """Of each patient the line of the support file, at its colons."""
    lines = [
        line.strip().split(":")
        for file in listing.named(r"list_of_PROSTATEx_files\.txt")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return {cells[0]: cells for cells in lines if len(cells) >= _LEAST_CELLS}


def _images(
    patient: str, file: Path, tree: Tree, cells: list[str]
) -> tuple[dict[Sequence, Path | Component], tuple[str, ...]] | str:
    """Role to folder, and notes; or why the images are not known."""
    number = patient.removeprefix("ProstateX-")
    if (file.parent / f"tra-{number}").is_dir():
        arranged = {role: file.parent / f"{name}-{number}" for role, name in _ARRANGED.items()}
        absent = [role.name for role, path in arranged.items() if not path.is_dir()]
        notes = tuple(f"there is no folder of {name}: the channel is absent" for name in absent)
        return {role: path for role, path in arranged.items() if path.is_dir()}, notes
    own = tree.images(patient)
    if not own:
        return "the patient's images are not there: fetch them from PROSTATEx"
    if not cells:
        return "list_of_PROSTATEx_files.txt, which names the T2W series, is not there or lacks the patient"
    try:
        fitting = {column: _fitting(cells[column], own) for columns in _COLUMNS.values() for column in columns}
    except re.error:
        return "list_of_PROSTATEx_files.txt holds something that is no pattern for the patient"
    named = {
        role: next((fitting[column] for column in columns if fitting[column]), []) for role, columns in _COLUMNS.items()
    }
    if len(named[Sequence.T2W]) != 1:
        return f"{len(named[Sequence.T2W])} of the patient's series fit the T2W that the support file names"
    inputs, notes = inputs_around(named[Sequence.T2W][0], tree.series)
    for role in (Sequence.DWI, Sequence.ADC):
        if len(named[role]) == 1:
            inputs[role] = named[role][0].path
    return dict(inputs), notes


def _fitting(pattern: str, series: list[SeriesFolder]) -> list[SeriesFolder]:
    """Those whose folder's name fits; else, for folders named otherwise, those whose own number and name do."""
    by_folder = [one for one in series if pattern and re.search(pattern, one.path.name)]
    if by_folder or (named := _TCIA_FOLDER.fullmatch(pattern)) is None:
        return by_folder
    return [one for one in series if one.is_called(named.group(2), int(named.group(1)))]


def _codes(file: Path) -> dict[int, LabelCode] | str:
    """From the values of a Slicer segmentation to label codes; or why they cannot be told."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return "its NRRD header cannot be read"
    keys = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    codes, urethra = {0: LabelCode.BACKGROUND}, set()
    for key, name in keys.items():
        match = _SEGMENT.fullmatch(key)
        if match is None:
            continue
        if keys.get(f"Segment{match.group(1)}_Layer", "0") != "0":
            return "its segments overlap, so that 3D Slicer laid them in several layers, which are not read"
        value = keys.get(f"Segment{match.group(1)}_LabelValue", "")
        plain = name.strip().lower().replace("_", " ")
        kind, code = next(((kind, code) for kind, code in _NAMES if kind.search(plain)), (None, None))
        if code is None or not value.isdecimal():
            return f"a segment in its header is called {name!r}, which is none of the zones"
        if int(value) in codes:
            return f"its header gives the value {value} to two structures, or to one and the background"
        if code != LabelCode.TZ and code in codes.values():
            return f"its header names {code_name(code)} twice, so that one of the two is something else"
        codes[int(value)] = code
        if kind is _URETHRA:
            urethra.add(int(value))
    if len(codes) == 1:
        return "its header does not name its segments, so that its values mean nothing certain"
    return as_drawn_beside_afs(codes, urethra)


ZONES = Layout(
    name="prostatezones",
    title="ProstateZones",
    licence="CC BY 4.0",
    citation=(
        "Holmlund W, et al. ProstateZones. Zenodo 2024, doi:10.5281/zenodo.10718469; images (CC BY 3.0): "
        f"{IMAGES_CITATION}"
    ),
    home="https://zenodo.org/records/10718469",
    recognise=recognise_zones,
    read=read_zones,
)
