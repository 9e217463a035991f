"""`zonate synthesise`: training images for expert labels whose images are not there.

<case_id>/t2w.nii.gz     the image
<case_id>/zones.nii.gz   the zones, as they were drawn
manifest.csv             for `prepare`; every case trains, under a patient of its own, and names those it was made from
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zonate.anatomy import examine
from zonate.cohort.case_names import MADE
from zonate.dataset.annotation import read_annotation
from zonate.dataset.importers.manifest import read_manifest
from zonate.dataset.importers.source import Source, is_case_id
from zonate.dataset.labels import map_labels
from zonate.errors import DatasetError, LabelError, ZonateError
from zonate.geometry import Volume, to_canonical
from zonate.io.files import claim_output_folder, write_text
from zonate.io.nifti import is_volume_file, read_volume, without_suffix, write_volume
from zonate.io.paths import Paths, paths_of
from zonate.load import load_case
from zonate.metrics.tables import csv_text
from zonate.progress import Progress, silent
from zonate.simulation.from_shapes import Synthetic, synthesise_image
from zonate.simulation.parts import has_both_parts, unlikeness
from zonate.study import Sequence as Role
from zonate.zones import LabelCode

NCI_ISBI_CODES = {0: LabelCode.BACKGROUND, 1: LabelCode.PZ, 2: LabelCode.CENTRAL_GLAND}
CANDIDATES = 6
"""A shape goes into hosts drawn from so many whose glands are most like it."""

_COLUMNS = (
    *("case_id", "patient_id", "t2w", "labels", "label_codes", "dataset", "licence", "use", "split", "citation"),
    "derived_from",
)
_NOTE = "synthetic: an expert's zones on an image made for them"


@dataclass(frozen=True)
class About:
    """What is said of the data set that the shapes are from."""

    dataset: str
    licence: str
    citation: str = ""


@dataclass(frozen=True)
class SynthesiseResult:
    """What was made.

    Attributes:
        manifest: For `prepare`.
        done: Case ids.
        failed: From a shape's name to the reason; nothing was made of it.
        filled: From case id to the share of the gland whose tissue no host's zone brought.
    """

    manifest: Path
    done: tuple[str, ...]
    failed: Mapping[str, str]
    filled: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class _Host:
    source: Source
    t2w: Volume
    zones: Volume


def synthesise(
    output: Path | str,
    *,
    shapes: Paths,
    hosts: Paths,
    about: About,
    label_codes: Mapping[int, LabelCode] | None = None,
    n: int = 2,
    drawn_share: float = 0.5,
    leave_out: Sequence[str] = (),
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> SynthesiseResult:
    """Put each shape in the place of the gland of n patients who have an image and zones.

    A score is only one of unseen patients where none of them lent image or shape: give those who validate or test as
    `leave_out`. The manifest's `derived_from` names host and shape of each case, so that `prepare` refuses a case whose
    host or shape tests, and has it stand aside in a fold where they do. A case depends on the seed, its shape's name,
    its number and the hosts, and on nothing else.

    Args:
        output: A folder.
        shapes: Label volumes, or folders of them (not nested), each named by its patient: up to the first `.`, or up to
            a `_` before it; patients of all these names are taken for its own.
        hosts: Manifests of patients with T2W and zones; rows for evaluation, and rows whose labels do not tell PZ from
            the rest of the gland, are passed over.
        about: The data set of the shapes.
        label_codes: From a value in the shapes to its label code; NCI-ISBI's numbers where None.
        n: Images a shape.
        drawn_share: Of each shape's images, how many get contrast, texture, shading and noise drawn anew.
        leave_out: Patients whose image and whose shape must not be used: as a manifest of `hosts` calls them, in
            `patient_id` or `derived_from`, or as the file of a shape is named.
        seed: Of all that is drawn.
        overwrite: Whether a folder that holds something may be emptied.
        progress: Told of each case.

    Raises:
        ValueError: n, seed or drawn_share is out of range.
        DatasetError: There is no shape, or no host; a name occurs twice, or a host's has a `;` in it; a shape's name
            cannot name a case; nobody is called as one of `leave_out` is.
        OutputError: The folder holds something and may not be emptied.
    """
    output, shapes, hosts = Path(output), paths_of(shapes), paths_of(hosts)
    if n < 1 or seed < 0 or not 0 <= drawn_share <= 1:
        raise ValueError(f"n={n}, seed={seed}, drawn_share={drawn_share}: n from 1, seed from 0, the share from 0 to 1")
    found, sources = _shape_files(shapes), [source for manifest in hosts for source in read_manifest(manifest)]
    _check_known(leave_out, found, sources)
    files = {name: file for name, file in found.items() if not _is_of(name, leave_out)}
    if not files:
        raise DatasetError(f"there is no label volume to use in {_listed(shapes) or 'nothing'}")
    _check_case_ids(files, n)
    lent = _read_hosts(sources, leave_out)
    if not lent:
        raise DatasetError(
            f"no patient of {_listed(hosts) or 'no manifest'} has a T2W and zones with a PZ and a central gland, and "
            "may be used for training: there is nowhere to put the shapes"
        )
    codes = dict(NCI_ISBI_CODES if label_codes is None else label_codes)
    claim_output_folder(output, overwrite=overwrite, inputs=[*shapes, *hosts])
    rows: list[Sequence[str]] = [_COLUMNS]
    failed: dict[str, str] = {}
    filled: dict[str, float] = {}
    for done, (name, file) in enumerate(files.items()):
        progress(done, len(files), name)
        try:
            shape = _read_shape(file, name, codes)
        except ZonateError as error:
            failed[name] = str(error)
            continue
        for k, host in enumerate(_hosts_for(shape, lent, n, (seed, _key(name)))):
            drawn = int((k + 1) * drawn_share) > int(k * drawn_share)
            rng = np.random.default_rng((seed, _key(name), k + 1))  # (a, b, 0) gives what (a, b) gives: the hosts
            made = synthesise_image(shape, host.t2w, host.zones, rng, drawn=drawn)
            case_id = _case_id(name, k + 1)
            _write(output / case_id, made)
            rows.append(_row(case_id, codes, about, host.source, _patients_of(name)))
            filled[case_id] = made.filled
    progress(len(files), len(files), "synthesised")
    manifest = output / "manifest.csv"
    write_text(manifest, csv_text(rows))
    return SynthesiseResult(manifest, tuple(filled), failed, filled)


def _hosts_for(shape: Volume, hosts: Sequence[_Host], n: int, seed: tuple[int, int]) -> list[_Host]:
    """So many hosts whose glands are like the shape, none a second time before each was taken."""
    like = sorted(hosts, key=lambda host: (unlikeness(shape, host.zones), host.source.case_id))[:CANDIDATES]
    order = np.random.default_rng(seed).permutation(len(like))
    return [like[order[k % len(like)]] for k in range(n)]


def _case_id(name: str, number: int) -> str:
    return f"{MADE}{name}-{number}"


def _listed(places: Sequence[Path]) -> str:
    return ", ".join(str(place) for place in places)


def _key(name: str) -> int:
    """A number that a name always gives, unlike `hash`."""
    return zlib.crc32(name.encode())


def _write(folder: Path, made: Synthetic) -> None:
    whole = np.clip(np.rint(made.t2w.values), 0, np.iinfo(np.int16).max).astype(np.int16)
    write_volume(folder / "t2w.nii.gz", made.t2w.with_values(whole), note=_NOTE)
    write_volume(folder / "zones.nii.gz", made.zones, note=_NOTE)


def _shape_files(shapes: Sequence[Path]) -> dict[str, Path]:
    """The label volumes by name."""
    found: dict[str, Path] = {}
    for place in shapes:
        files = sorted(place.iterdir()) if place.is_dir() else [place]
        for file in files:
            if not is_volume_file(file) or not file.is_file():
                if file == place:
                    raise DatasetError(f"{place} is neither a label volume nor a folder of them")
                continue
            name = without_suffix(file.name)
            if name in found:
                raise DatasetError(f"two shapes are called {name}: {found[name]} and {file}; rename one of them")
            found[name] = file
    return found


def _check_known(leave_out: Sequence[str], shapes: Iterable[str], sources: Iterable[Source]) -> None:
    """A name that nobody has is a slip of the pen, and whom it means would be used."""
    named = {patient for source in sources for patient in (source.patient_id, *source.derived_from)}
    shapes = list(shapes)
    unknown = [
        patient
        for patient in dict.fromkeys(leave_out)
        if patient not in named and not any(_is_of(name, (patient,)) for name in shapes)
    ]
    if unknown:
        raise DatasetError(
            f"to be left out, but neither host nor shape is called so: {', '.join(unknown)}; name a patient as the "
            "hosts' manifest does (patient_id, derived_from) or as the file of a shape does"
        )


def _check_case_ids(files: Mapping[str, Path], n: int) -> None:
    """Before anything is made: `prepare` would refuse the whole manifest."""
    wrong = [file for name, file in files.items() if not is_case_id(_case_id(name, n))]
    if wrong:
        raise DatasetError(
            f"what these shapes are called cannot name a case: {', '.join(repr(file.name) for file in wrong)}; rename "
            "them with letters, digits, '.', '_' and '-' alone, 100 characters at most"
        )


def _is_of(name: str, patients: Iterable[str]) -> bool:
    """Whether a shape's name is a patient's, alone or with more behind a `_` or `.`."""
    return any(name == patient or name.startswith((f"{patient}_", f"{patient}.")) for patient in patients)


def _patients_of(name: str) -> list[str]:
    """The names that a shape's patient may go by: what follows a `_` may be of the name, or a note behind it."""
    parts = name.partition(".")[0].split("_")
    return ["_".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _read_hosts(sources: Iterable[Source], leave_out: Sequence[str]) -> list[_Host]:
    """Those that may lend their image, in the order of the rows."""
    hosts = []
    for source in sources:
        if source.use == "evaluation" or not source.labels:
            continue
        if not {source.patient_id, *source.derived_from}.isdisjoint(leave_out):
            continue
        if ";" in source.patient_id:
            raise DatasetError(
                f"{source.where}, column patient_id: {source.patient_id!r} has a ';', which parts the names in "
                "`derived_from`: give the patient another name"
            )
        place = source.inputs[Role.T2W] if isinstance(source.inputs, Mapping) else source.inputs
        t2w = load_case({Role.T2W: place}, case_id=source.case_id).t2w
        zones, _ = read_annotation(source, t2w.grid)
        if has_both_parts(zones.values):
            hosts.append(_Host(source, to_canonical(t2w), to_canonical(zones)))
    return hosts


def _read_shape(file: Path, name: str, table: Mapping[int, LabelCode]) -> Volume:
    """Label codes in canonical order that anatomy does not speak against."""
    labels = to_canonical(read_volume(file))
    codes = labels.with_values(map_labels(labels.values, table, name))
    if not has_both_parts(codes.values):
        raise LabelError(
            f"shape {name}: it needs a PZ and a central gland, found the values {np.unique(labels.values)}"
        )
    if refusals := examine(codes, table.values()).refusals:
        raise LabelError(f"shape {name}: {'; '.join(refusals)}")
    return codes


def _row(
    case_id: str, codes: Mapping[int, LabelCode], about: About, host: Source, shape_of: Sequence[str]
) -> tuple[str, ...]:
    licences, citations = (
        dict.fromkeys(one) for one in ((about.licence, host.licence), (about.citation, host.citation))
    )
    return (
        case_id,
        case_id,
        f"{case_id}/t2w.nii.gz",
        f"{case_id}/zones.nii.gz",
        ";".join(f"{int(code)}={code.name}" for code in sorted(set(codes.values()))),
        f"synthetic ({about.dataset.removesuffix(', shapes')} shapes)",
        "; ".join(licences),
        "any",
        "train",
        "; ".join(one for one in citations if one),
        ";".join(dict.fromkeys((host.patient_id, *host.derived_from, *shape_of))),
    )
