"""`zonate prepare`: from studies with labels to a dataset."""

import json
from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zonate.cohort.batch import do_cases
from zonate.cohort.set_aside import SetAside
from zonate.cohort.workers import Workers
from zonate.config import Settings
from zonate.dataset.cases import CASES_FOLDER, CaseRecord, case_folder, metadata_key, read_record
from zonate.dataset.entry import Entry
from zonate.dataset.importers import LAYOUTS, LeftOut, Listing, Source, read_manifest, recognise
from zonate.dataset.importers.identity import source_key
from zonate.dataset.index import FORMAT, INDEX_NAME, write_index
from zonate.dataset.splits import Placed, check_no_leakage
from zonate.errors import DatasetError, OutputError
from zonate.io.files import check_output_folder, claim_output_folder, remove_half_written
from zonate.io.paths import Paths, paths_of
from zonate.progress import Progress, silent
from zonate.provenance import sources_of
from zonate.settings.data import SplitSettings
from zonate.verbs.place_cases import alike_but_for_case, place_cases, sides_of
from zonate.verbs.prepare_case import prepare_case

_REASONS = 3


@dataclass(frozen=True)
class PrepareResult:
    """What became of the cases.

    Attributes:
        path: The dataset; it has no index, so cannot be opened, where every case failed.
        done: Cases prepared now.
        skipped: Cases that were complete already, of unchanged sources and settings, by this version of Zonate.
        failed: From case id to the reason; these are not in the dataset.
        taken: Of each data set and licence in the dataset, its cases and patients, as `zonate.provenance.sources_of`.
        left_out: What lay in a source folder and was not taken, with the reason.
        warnings: What a person should know, case by case.
    """

    path: Path
    done: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]
    warnings: tuple[str, ...]
    taken: tuple[Mapping[str, Any], ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def prepare(
    output: Path | str,
    *,
    manifests: Paths = (),
    source: Paths = (),
    layout: str | Items[str] = (),
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    overwrite: bool = False,
    workers: int | Workers = 1,
    progress: Progress = silent,
) -> PrepareResult:
    """Turn studies with labels into a dataset; called again, it resumes.

    A case that is complete and whose source and settings are unchanged is kept, unless another version of Zonate made
    it. A case that fails is set aside and the others are finished. The index is written last; it lists the cases of
    this call that succeeded. The same sources and settings give the same files, bit for bit, whatever the order of the
    cases and the number of workers.

    Args:
        output: The dataset's folder: new, empty, or one that `prepare` began.
        manifests: CSV files of cases, see `zonate.dataset.importers.manifest`.
        source: A folder that has a public layout, or several.
        layout: The name of each one's layout, a key of `LAYOUTS`; none: each is recognised.
        settings: reading, alignment, checking, slicing and split are used.
        overwrite: Whether an output that holds something is emptied first.
        workers: How many cases at a time, each in a process of its own (0: as many as cores and memory allow), or
            which workers and what a case may take.
        progress: Told after each case.

    Raises:
        ValueError: A negative number of workers.
        DatasetError: There is nothing to prepare, a manifest or layout is not what it should be, or two cases have one
            id, or ids that differ in letter case alone.
        LeakageError: Manifests put a patient on two sides of the split; or, where there is no fold, the split puts a
            made case on another side than a patient that it was made from.
        OutputError: The output holds what is read, something else, or cases that this call does not name.
    """
    output, crew = Path(output), Workers.of(workers)
    sources, left_out = _sources(
        [path.absolute() for path in paths_of(manifests)],  # a worker has a working directory of its own
        [path.absolute() for path in paths_of(source)],
        [layout] if isinstance(layout, str) else layout,
    )
    _check_test_sets(sources, settings.split)
    before = sides_of(output)  # of what `overwrite` empties as well
    _claim(output, sources, overwrite)
    kept = _unchanged(output, sources, settings)
    to_make = [case for case in sources if case.case_id not in kept]
    made, failed = _make_each(output, to_make, settings, crew, progress, len(kept))
    complete = {**kept, **made}
    by_id = sorted(sources, key=lambda case: case.case_id)  # so that the order of the sources changes nothing
    records = [(case, complete[case.case_id]) for case in by_id if case.case_id in complete]
    warnings = [f"case {r.case_id}: {text}" for _, r in records for text in r.origin.provenance["warnings"]]
    taken: list[Mapping[str, Any]] = []
    if records:
        placed, said = place_cases(records, settings.split, before)
        warnings += said
        write_index(output, placed, settings)
        taken += sources_of(Entry.of_record(case) for case in placed)
    else:
        (output / INDEX_NAME).unlink(missing_ok=True)
    return PrepareResult(output, tuple(made), tuple(kept), failed, tuple(warnings), tuple(taken), left_out)


def _sources(
    manifests: Items[Path], folders: Items[Path], layouts: Items[str]
) -> tuple[list[Source], tuple[LeftOut, ...]]:
    """What there is to prepare, and what the layouts' readers left out."""
    if layouts and len(layouts) != len(folders):
        raise DatasetError(
            f"{len(layouts)} layouts are given for {len(folders)} source folders: give one for each, or none, so that "
            "each is recognised"
        )
    unknown = [name for name in layouts if name not in LAYOUTS]
    if unknown:
        raise DatasetError(f"there is no layout {unknown[0]!r}: known are {', '.join(sorted(LAYOUTS))}")
    listings = [Listing(folder) for folder in folders]
    chosen = [LAYOUTS[name] for name in layouts] or [recognise(listing) for listing in listings]
    found = [layout.read(listing) for layout, listing in zip(chosen, listings, strict=True)]
    sources = [case for manifest in manifests for case in read_manifest(manifest)]
    sources += [case for part in found for case in part.sources]
    left_out = tuple(left for part in found for left in part.left_out)
    if not sources:
        reasons = Counter(left.reason for left in left_out).most_common(_REASONS)
        why = "; ".join(f"{reason} ({count} times)" for reason, count in reasons)
        raise DatasetError(f"there is nothing to prepare: {why or 'give a manifest, or a folder with a public layout'}")
    for case_id, count in Counter(case.case_id for case in sources).items():
        if count > 1:
            places = "; ".join(case.where for case in sources if case.case_id == case_id)
            raise DatasetError(f"the case id {case_id} is given {count} times: {places}. Give each case its own")
    for names in alike_but_for_case(case.case_id for case in sources):
        places = "; ".join(case.where for case in sources if case.case_id in names)
        raise DatasetError(
            f"the case ids {', '.join(names)} differ in letter case alone: {places}. Some file systems would keep them "
            "in one folder: rename them"
        )
    check_no_leakage(
        Placed(case.patient_id, case.side, case.case_id, case.derived_from)
        for case in sources
        if case.side and case.use != "evaluation"
    )
    return sources, left_out


def _check_test_sets(sources: Items[Source], settings: SplitSettings) -> None:
    """Find a test set that is misspelt, or cannot be one, before the long part."""
    names = {case.dataset for case in sources}
    ordinary = {case.dataset for case in sources if case.use != "evaluation"}
    for name in settings.test_sets:
        if name not in names:
            raise DatasetError(f"no case is of the test set {name}: there are {', '.join(sorted(names))}")
        if name not in ordinary:
            raise DatasetError(
                f"all cases of {name} are for evaluation, so that they train in no case: leave them out of the test "
                "sets, and measure on them with `zonate evaluate --split evaluation`"
            )


def _claim(output: Path, sources: Items[Source], overwrite: bool) -> None:
    """Make the output ready for a first call or for resuming."""
    begun = _is_begun(output)
    inputs = dict.fromkeys(path for case in sources for path in _inputs(case))
    if overwrite or not begun:
        claim_output_folder(output, overwrite=overwrite, inputs=inputs)
    else:
        check_output_folder(output, overwrite=True, inputs=inputs, stays=True)
    remove_half_written(output, {CASES_FOLDER})
    cases = output / CASES_FOLDER
    cases.mkdir(exist_ok=True)
    strangers = sorted(_cases_in(output) - {case.case_id for case in sources})
    if strangers:
        raise OutputError(
            f"{output} holds cases that this call does not name ({', '.join(strangers[:5])}"
            f"{', …' if len(strangers) > 5 else ''}): name their manifests too, give another folder, or --overwrite"
        )
    remove_half_written(cases, {case.case_id for case in sources})


def _is_begun(output: Path) -> bool:
    """Whether a dataset lies there that `prepare` has begun: by its index or, without a sound one, by its cases."""
    index, cases = output / INDEX_NAME, _cases_in(output)
    if not index.is_file():
        return (output / CASES_FOLDER).is_dir() and (not cases or _holds_a_case(output, cases))
    try:
        about = json.loads(index.read_bytes())
    except ValueError:
        return _holds_a_case(output, cases)
    return isinstance(about, dict) and about.get("format") == FORMAT


def _holds_a_case(output: Path, cases: set[str]) -> bool:
    return any((output / metadata_key(case_id)).is_file() for case_id in cases)


def _cases_in(output: Path) -> set[str]:
    cases = output / CASES_FOLDER
    return {path.name for path in cases.iterdir() if not path.name.startswith(".")} if cases.is_dir() else set()


def _inputs(case: Source) -> list[Path]:
    """Everything that is read for a case."""
    return [case.root, *case.files.values()]


def _unchanged(output: Path, sources: Items[Source], settings: Settings) -> dict[str, CaseRecord]:
    """The cases that lie there complete, made from these very sources and settings by this Zonate."""
    found: dict[str, CaseRecord] = {}
    for source in sources:
        try:
            record = read_record(output, source.case_id)
            if record is not None and record.origin.source_key == source_key(source, settings):
                found[source.case_id] = record
        except Exception:  # noqa: BLE001, S112  (it is made again, and says itself what is wrong)
            continue
    return found


def _make_each(
    output: Path, sources: Items[Source], settings: Settings, workers: Workers, progress: Progress, kept: int
) -> tuple[dict[str, CaseRecord], dict[str, str]]:
    """The records of those that could be made, and the reasons of those that could not, each in the order given."""
    if any(case_folder(output, source.case_id).exists() for source in sources):
        (output / INDEX_NAME).unlink(missing_ok=True)  # an index must not speak of a case that is being replaced
    tasks = {source.case_id: partial(prepare_case, output.absolute(), source, settings) for source in sources}
    inputs = {source.case_id: _inputs(source) for source in sources}
    found = do_cases(
        tasks,
        workers,
        output=output,
        folders_in=output / CASES_FOLDER,
        inputs=inputs,
        progress=progress,
        before=kept,
    )
    made: dict[str, CaseRecord] = {}
    failed: dict[str, str] = {}
    for source in sources:
        outcome = found[source.case_id]
        if isinstance(outcome, SetAside):
            failed[source.case_id] = outcome.reason
        else:
            made[source.case_id] = outcome
    return made, failed
