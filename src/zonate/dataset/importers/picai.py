"""PI-CAI (Zenodo 6624726) with picai_labels: MHA volumes, and zones and glands drawn by models.

    10000/10000_1000000_{t2w,adc,hbv}.mha                                       images, in any folders
    picai_labels/anatomical_delineations/zonal_pz_tz/AI/<model>/10000_1000000.nii.gz    1 = PZ, 2 = TZ
    picai_labels/anatomical_delineations/whole_gland/AI/<model>/10000_1000000.nii.gz    1 = gland
    picai_labels/additional_resources/ProstateX-mapping.json        {"ProstateX-0000_07-07-2011": "11373_1001397", …}

Each model is a reader. What the models call TZ is the central gland. 328 of its cases are PROSTATEx patients: they go
by their PROSTATEx names, so that no split can part them.
"""

import json
from pathlib import Path

from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.listing import Listing
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError
from zonate.study import Component, Sequence
from zonate.zones import LabelCode

_IMAGE = r"\d+_\d+_t2w\.mha"
_ZONES = {0: LabelCode.BACKGROUND, 1: LabelCode.PZ, 2: LabelCode.CENTRAL_GLAND}
_GLAND = {0: LabelCode.BACKGROUND, 1: LabelCode.WHOLE_GLAND}
_DELINEATIONS = (("zonal_pz_tz", _ZONES), ("whole_gland", _GLAND))
_SUFFIXES = {Sequence.T2W: "t2w", Sequence.DWI: "hbv", Sequence.ADC: "adc"}


def recognise_picai(listing: Listing) -> bool:
    """Whether there is an image called `10000_1000000_t2w.mha` or its like."""
    return bool(listing.named(_IMAGE))


def read_picai(listing: Listing) -> Found:
    """Bring images and delineations together, model by model.

    Raises:
        DatasetError: There is no image called `10000_1000000_t2w.mha` or its like, or the mapping is not there or
            cannot be read.
    """
    images = {file.name.removesuffix("_t2w.mha"): file for file in listing.named(_IMAGE)}
    if not images:
        raise DatasetError(f"{listing} has not the layout picai: it holds no 10000/10000_1000000_t2w.mha or its like")
    readings = _readings(listing)
    known = _prostatex(listing)
    sources: list[Source] = []
    left: list[LeftOut] = []
    for study, t2w in images.items():
        if study not in readings:
            left.append(LeftOut(study, "no model's delineation of it is there (picai_labels)"))
            continue
        for reader, layers in sorted(readings[study].items()):
            sources.append(_source(study, t2w, reader, layers, len(readings[study]), known, listing.folder))
    left += [LeftOut(study, "its images are not there") for study in sorted(set(readings) - set(images))]
    return Found(tuple(sources), tuple(left))


def _readings(listing: Listing) -> dict[str, dict[str, tuple[LabelLayer, ...]]]:
    """By study and model, the layers."""
    found: dict[str, dict[str, tuple[LabelLayer, ...]]] = {}
    for kind, codes in _DELINEATIONS:
        for file in listing.named(rf"{kind}/AI/.*\.nii\.gz"):
            model = file.parent.name.lower()
            models = found.setdefault(file.name.removesuffix(".nii.gz"), {})
            models[model] = (*models.get(model, ()), LabelLayer(file, codes))
    return found


def _prostatex(listing: Listing) -> dict[str, str]:
    """From a PI-CAI patient to the PROSTATEx one."""
    file = next(iter(listing.named(r"ProstateX-mapping\.json")), None)
    if file is None:
        raise DatasetError(
            f"{listing} has no additional_resources/ProstateX-mapping.json, which says who of its patients are also in "
            "PROSTATEx; without it they could stand on both sides of a split: fetch all of picai_labels"
        )
    try:
        table: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return {study.split("_")[0]: name.split("_")[0] for name, study in table.items()}
    except (ValueError, AttributeError):
        raise DatasetError(f"{file} cannot be read: fetch picai_labels again") from None


def _source(
    study: str,
    t2w: Path,
    reader: str,
    layers: tuple[LabelLayer, ...],
    readings: int,
    known: dict[str, str],
    root: Path,
) -> Source:
    patient = study.split("_")[0]
    files = {role: t2w.with_name(f"{study}_{suffix}.mha") for role, suffix in _SUFFIXES.items()}
    inputs: dict[Sequence, Path | Component] = {role: path for role, path in files.items() if path.is_file()}
    notes = [f"there is no {path.name}: the channel is absent" for role, path in files.items() if role not in inputs]
    notes.append("its zones were drawn by a model, not by a person")
    return Source(
        case_id=f"picai-{study}-{reader}",
        patient_id=known.get(patient, f"PI-CAI-{patient}"),
        inputs=inputs,
        labels=layers,
        dataset=PICAI.title,
        licence=PICAI.licence,
        citation=PICAI.citation,
        root=root,
        where=str(layers[0].path),
        reader=reader,
        image_id=f"picai-{study}" if readings > 1 else "",
        notes=tuple(notes),
    )


PICAI = Layout(
    name="picai",
    title="PI-CAI",
    licence="CC BY-NC 4.0",
    citation=(
        "Saha A, Bosma JS, Twilt JJ, et al. Artificial intelligence and radiologists in prostate cancer detection on "
        "MRI (PI-CAI). The Lancet Oncology 2024;25:879-887, doi:10.1016/S1470-2045(24)00220-1; data "
        "doi:10.5281/zenodo.6624726"
    ),
    home="https://zenodo.org/records/6624726",
    recognise=recognise_picai,
    read=read_picai,
)
