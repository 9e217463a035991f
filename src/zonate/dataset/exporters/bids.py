"""A dataset's zones as BIDS derivatives.

    dataset_description.json, README, participants.tsv, cases.tsv
    sub-<label>/anat/sub-<label>_desc-zones_dseg.nii.gz         label codes on the T2W's own grid
    sub-<label>/anat/sub-<label>_desc-zones_dseg.json
    desc-zones_dseg.tsv                                         what each code is called, its colour and SNOMED CT code

A patient is a subject; a patient's further cases, and further readings of an image, are runs. Only the zones are
written: the images are in the data sets that they come from, and Zonate keeps them as slices alone. `cases.tsv` says
which case each file is.

Source: BIDS specification 1.9, derivatives, discrete segmentations.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from zonate.dataset.entry import Entry
from zonate.dataset.store import Dataset
from zonate.io.nifti import write_volume
from zonate.progress import Progress
from zonate.zones import ZONE_INFO, ZONES_OF_CODE, LabelCode, Zone, code_name

_README = """Zones of the prostate, drawn by the readers of the data sets that are named in participants.tsv (people, or
models where a data set is of such), exported by Zonate. What each label stands for: desc-zones_dseg.tsv; a code such as
CENTRAL_GLAND stands for several zones that its reader did not tell apart. Research use only.
"""


def write_bids(dataset: Dataset, folder: Path, progress: Progress) -> tuple[str, ...]:
    """Write the labels of every case, on the grid that they were drawn on."""
    subjects = _subjects(dataset.entries)
    cases = Counter(entry.patient_id for entry in dataset.entries)
    runs: Counter[str] = Counter()
    rows = []
    for done, entry in enumerate(dataset.entries, start=1):
        subject = subjects[entry.patient_id]
        runs[subject] += 1
        run = f"_run-{runs[subject]}" if cases[entry.patient_id] > 1 else ""
        stem = f"sub-{subject}{run}_desc-zones_dseg"
        file = folder / f"sub-{subject}" / "anat" / f"{stem}.nii.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_volume(file, dataset.reference(entry.case_id))
        sidecar = {
            "Description": f"zones of the prostate, told apart as {', '.join(code.name for code in entry.codes)}",
            "Reader": entry.reader or "not named",
            "License": entry.licence,
            "ReferencesAndLinks": [entry.citation] if entry.citation else [],
        }
        file.with_name(f"{stem}.json").write_text(json.dumps(sidecar, indent=2), encoding="utf-8")
        place = file.relative_to(folder).as_posix()
        rows.append((f"sub-{subject}", place, entry.case_id, entry.dataset, entry.licence, entry.reader or "n/a"))
        progress(done, len(dataset.entries), entry.case_id)
    _write_table(folder / "participants.tsv", ("participant_id", "source"), _participants(subjects, dataset.entries))
    columns = ("participant_id", "filename", "case_id", "data_set", "licence", "reader")
    _write_table(folder / "cases.tsv", columns, rows)
    _write_table(folder / "desc-zones_dseg.tsv", ("index", "name", "abbreviation", "color", "mapping"), _codes())
    about = {
        "Name": "Zones of the prostate",
        "BIDSVersion": "1.9.0",
        "DatasetType": "derivative",
        "License": "; ".join(sorted({f"{entry.dataset}: {entry.licence}" for entry in dataset.entries})),
        "GeneratedBy": [{"Name": "zonate", "Version": version("zonate")}],
        "ReferencesAndLinks": sorted({entry.citation for entry in dataset.entries if entry.citation}),
    }
    (folder / "dataset_description.json").write_text(json.dumps(about, indent=2), encoding="utf-8")
    (folder / "README").write_text(_README, encoding="utf-8")
    (folder / ".bidsignore").write_text("cases.tsv\n", encoding="utf-8")
    return ()


def _subjects(entries: tuple[Entry, ...]) -> dict[str, str]:
    """From patient id to a label of letters and digits alone, which no two patients share."""
    labels: dict[str, str] = {}
    taken: set[str] = set()
    for patient in sorted({entry.patient_id for entry in entries}):
        plain = re.sub(r"[^A-Za-z0-9]", "", patient) or "x"
        label, number = plain, 2
        while label.lower() in taken:
            label, number = f"{plain}x{number}", number + 1
        taken.add(label.lower())
        labels[patient] = label
    return labels


def _participants(subjects: dict[str, str], entries: tuple[Entry, ...]) -> list[tuple[object, ...]]:
    sets = {patient: sorted({e.dataset for e in entries if e.patient_id == patient}) for patient in subjects}
    return [(f"sub-{label}", ", ".join(sets[patient])) for patient, label in subjects.items()]


def _codes() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for code in LabelCode:
        if code == LabelCode.NOT_ANNOTATED:
            rows.append((int(code), "not annotated", code.name, "n/a", "n/a"))
            continue
        zones = ZONES_OF_CODE[code]
        info = ZONE_INFO[Zone(code)] if code <= max(Zone) else None
        colour = "#{:02x}{:02x}{:02x}".format(*info.colour_rgb) if info else "n/a"
        snomed = f"SCT:{info.snomed_code}" if info and info.snomed_code else "n/a"
        name = code_name(code) if info else f"{code_name(code)}: {', '.join(zone.name for zone in sorted(zones))}"
        rows.append((int(code), name, code.name, colour, snomed))
    return rows


def _write_table(file: Path, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
