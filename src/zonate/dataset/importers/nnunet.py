"""nnU-Net raw (version 2): the general way in for sets that somebody has brought into that form.

    Dataset501_Prostate/imagesTr/CASE_0000.nii.gz, CASE_0001.nii.gz, …    a file a channel
    Dataset501_Prostate/labelsTr/CASE.nii.gz
    Dataset501_Prostate/imagesTs, labelsTs                                the test side, where it has labels
    Dataset501_Prostate/dataset.json                                      channel_names, labels, file_ending

Channels and labels are known by their names; a name that says nothing is refused. A label given as a list of values is
a region: a value is what all labels that hold it allow. A TZ without AFS or central gland beside it is all of the gland
that is not PZ or urethra, as in MSD Task05, and so the central gland; so is a urethra that is not said to be the distal
one. `ignore` is not annotated. The form knows no patients: each case counts as one.
"""

import json
from pathlib import Path
from typing import Any

from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.listing import Listing, the_only_one
from zonate.dataset.importers.source import LabelLayer, Source, as_drawn_beside_afs, is_case_id
from zonate.dataset.splits import Side
from zonate.errors import DatasetError
from zonate.study import Component, Sequence
from zonate.zones import ZONES_OF_CODE, LabelCode, Zone

_CHANNELS = {
    Sequence.T2W: ("t2", "t2w", "t2_tra", "t2-weighted"),
    Sequence.DWI: ("dwi", "hbv", "highb", "diffusion"),
    Sequence.ADC: ("adc",),
}
_URETHRA = "urethra"
_LABELS = {
    LabelCode.BACKGROUND: ("background",),
    LabelCode.PZ: ("pz", "peripheral zone", "peripheral_zone"),
    LabelCode.TZ: ("tz", "transition zone", "transition_zone"),
    LabelCode.DPU: ("dpu", "distal prostatic urethra", "distal_prostatic_urethra"),
    LabelCode.AFS: ("afs", "afms", "anterior fibromuscular stroma", "anterior_fibromuscular_stroma"),
    LabelCode.CENTRAL_GLAND: ("cg", "central gland", "central_gland", _URETHRA),
    LabelCode.WHOLE_GLAND: ("wg", "prostate", "gland", "whole gland", "whole_gland"),
    LabelCode.NOT_ANNOTATED: ("ignore",),
}
_CODE_OF_NAME = {name: code for code, names in _LABELS.items() for name in names}
_NO_PATIENTS = "nnU-Net's form knows no patients: two cases of one patient cannot be told apart from two patients"


def recognise_nnunet(listing: Listing) -> bool:
    """Whether there is a dataset.json beside `imagesTr` with files that end in a channel's number."""
    return any(True for root in _roots(listing.folder) for _ in (root / "imagesTr").glob("*_0000.*"))


def read_nnunet(listing: Listing) -> Found:
    """Find the labelled cases of both sides.

    Raises:
        DatasetError: There is no dataset.json beside `imagesTr`, or there are several, or it names channels or labels
            that mean nothing here.
    """
    root = the_only_one(NNUNET.name, listing, _roots(listing.folder))
    if root is None:
        raise DatasetError(f"{listing} has not the layout nnunet: it holds no dataset.json beside imagesTr")
    about = _about(root / "dataset.json")
    channels, codes, ending = _channels(about, root), _codes(about, root), str(about.get("file_ending", ".nii.gz"))
    licence = str(about.get("licence") or about.get("license") or "not stated by dataset.json")
    task = root.resolve().name
    sources: list[Source] = []
    left: list[LeftOut] = []
    sides: tuple[tuple[str, Side | None], ...] = (("Tr", None), ("Ts", "test"))
    for part, side in sides:
        for first in sorted((root / f"images{part}").glob(f"*_0000{ending}")):
            name = first.name.removesuffix(f"_0000{ending}")
            label = root / f"labels{part}" / f"{name}{ending}"
            if not is_case_id(case_id := f"{task}-{name}"):
                left.append(LeftOut(f"images{part}/{name}", "its name cannot name a case: use letters, digits, _, -"))
                continue
            files = {role: first.with_name(f"{name}_{number:04d}{ending}") for role, number in channels.items()}
            inputs: dict[Sequence, Path | Component] = {role: path for role, path in files.items() if path.is_file()}
            if not label.is_file() or Sequence.T2W not in inputs:
                missing = "label" if Sequence.T2W in inputs else "T2W"
                left.append(LeftOut(f"images{part}/{name}", f"there is no {missing} of it"))
                continue
            sources.append(
                Source(
                    case_id=case_id,
                    patient_id=case_id,
                    inputs=inputs,
                    labels=(LabelLayer(label, codes),),
                    dataset=str(about.get("name", task)),
                    licence=licence,
                    citation=str(about.get("reference", "")),
                    root=root,
                    where=str(label),
                    side=side,
                    notes=(_NO_PATIENTS,),
                )
            )
    return Found(tuple(sources), tuple(left))


def _roots(folder: Path) -> list[Path]:
    """The folder of the data set: the one given, or else those in it."""
    return [folder] if _is_root(folder) else [path for path in sorted(folder.glob("Dataset*_*")) if _is_root(path)]


def _is_root(folder: Path) -> bool:
    return (folder / "dataset.json").is_file() and (folder / "imagesTr").is_dir()


def _about(file: Path) -> dict[str, Any]:
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        about = None
    if not isinstance(about, dict) or not {"channel_names", "labels"} <= about.keys():
        raise DatasetError(f"{file} is no dataset.json of nnU-Net 2: it needs channel_names and labels")
    return about


def _channels(about: dict[str, Any], root: Path) -> dict[Sequence, int]:
    found: dict[Sequence, int] = {}
    for number, name in about["channel_names"].items():
        role = next((role for role, names in _CHANNELS.items() if str(name).lower() in names), None)
        if role is not None:
            found[role] = int(number)
    if Sequence.T2W not in found:
        raise DatasetError(
            f"{root / 'dataset.json'}: none of the channels {', '.join(map(str, about['channel_names'].values()))} is "
            "called T2W"
        )
    return found


def _codes(about: dict[str, Any], root: Path) -> dict[int, LabelCode]:
    """From the values to label codes."""
    held: dict[int, list[LabelCode]] = {}
    urethra: set[int] = set()
    for name, value in about["labels"].items():
        plain = str(name).strip().lower()
        code = _CODE_OF_NAME.get(plain)
        if code is None:
            raise DatasetError(
                f"{root / 'dataset.json'}: the label {name!r} is none that is known: {', '.join(_CODE_OF_NAME)}"
            )
        for one in value if isinstance(value, list) else [value]:
            held.setdefault(int(one), []).append(code)
            if plain == _URETHRA:
                urethra.add(int(one))
    codes = {value: _common_code(value, of_value, root) for value, of_value in held.items()}
    return as_drawn_beside_afs(codes, urethra)


def _common_code(value: int, codes: list[LabelCode], root: Path) -> LabelCode:
    """What all labels that hold a value allow."""
    if set(codes) == {LabelCode.NOT_ANNOTATED}:
        return LabelCode.NOT_ANNOTATED
    allowed = frozenset(Zone).intersection(*(ZONES_OF_CODE.get(code, frozenset()) for code in codes))
    found = next((code for code, zones in ZONES_OF_CODE.items() if zones == allowed), None)
    if found is None:
        names = ", ".join(code.name for code in codes)
        raise DatasetError(f"{root / 'dataset.json'}: the value {value} is {names}, which exclude each other")
    return found


NNUNET = Layout(
    name="nnunet",
    title="nnU-Net raw",
    licence="as dataset.json says",
    citation="",
    home="https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md",
    recognise=recognise_nnunet,
    read=read_nnunet,
)
