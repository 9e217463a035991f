"""`zonate download`: public data sets, from the NCI Imaging Data Commons where they are there."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zonate.dataset.importers import LAYOUTS
from zonate.dataset.importers.prostatex import IMAGES_CITATION
from zonate.errors import ConfigError, OutputError, why_set_aside
from zonate.io.idc import (
    IdcClient,
    RemoteSeries,
    fetch_series,
    idc_client,
    is_complete,
    remove_leftovers,
    series_of_collection,
)
from zonate.progress import Progress, silent

_PROSTATEX, _US_BIOPSY = "prostatex", "prostate-mri-us-biopsy"


@dataclass(frozen=True)
class Collection:
    """A data set that can be had.

    Attributes:
        name: As `zonate download` takes it; that of its layout, where there is one.
        title: Its public name.
        licence: As its page names it.
        citation: As its page asks for it; may be empty.
        home: The address where it is had.
        idc_collection: Its name in the Imaging Data Commons; None where it is not there.
        idc_analysis: The analysis result that holds its labels, where they are not the collection's own.
        images_alone: Whether its patients' images are wanted without labels, which come from elsewhere.
    """

    name: str
    title: str
    licence: str
    citation: str
    home: str
    idc_collection: str | None = None
    idc_analysis: str | None = None
    images_alone: bool = False


@dataclass(frozen=True)
class DownloadResult:
    """What there is to fetch, and what became of it.

    Attributes:
        collection: What was asked for.
        series: All series that belong to it; empty where it is not in the Imaging Data Commons.
        kept: UIDs of those that were there already, whole.
        fetched: UIDs of those that were fetched and checked.
        failed: From UID to the reason.
    """

    collection: Collection
    series: tuple[RemoteSeries, ...] = ()
    kept: tuple[str, ...] = ()
    fetched: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def patients(self) -> int:
        """How many patients the series are of."""
        return len({one.patient_id for one in self.series})

    @property
    def by_hand(self) -> bool:
        """Whether it is not in the Imaging Data Commons, so that a person has to fetch it."""
        return self.collection.idc_collection is None

    @property
    def size_gb(self) -> float:
        """Of all series, in 1e9 bytes."""
        return sum(one.size_bytes for one in self.series) / 1e9

    @property
    def licences(self) -> tuple[str, ...]:
        """As the index names them, else as the data set's page does."""
        return tuple(sorted({one.licence for one in self.series})) or (self.collection.licence,)


def collections() -> dict[str, Collection]:
    """All data sets that are known, by name."""
    on_idc = {
        "prostatex-seg-zones": ("prostatex", "prostatex_seg_zones"),
        "qin": ("qin_prostate_repeatability", None),
    }
    found = {
        name: Collection(
            name, layout.title, layout.licence, layout.citation, layout.home, *on_idc.get(name, (None, None))
        )
        for name, layout in LAYOUTS.items()
        if layout.home.startswith("http") and name != "nnunet"
    }
    found[_PROSTATEX] = Collection(
        _PROSTATEX,
        "PROSTATEx",
        "CC BY 3.0",
        IMAGES_CITATION,
        "https://www.cancerimagingarchive.net/collection/prostatex/",
        "prostatex",
        images_alone=True,
    )
    found[_US_BIOPSY] = Collection(
        _US_BIOPSY,
        "Prostate-MRI-US-Biopsy",
        "CC BY 4.0",
        "Natarajan S, Priester A, Margolis D, Huang J, Marks L. Prostate MRI and Ultrasound With Pathology and "
        "Coordinates of Tracked Biopsy. The Cancer Imaging Archive 2020, doi:10.7937/TCIA.2020.A61IOC1A",
        "https://www.cancerimagingarchive.net/collection/prostate-mri-us-biopsy/",
        "prostate_mri_us_biopsy",
        "prostate_mri_us_biopsy_dicom_annotations",
    )
    return dict(sorted(found.items()))


def download(
    collection: str,
    output: Path | str,
    *,
    fetch: bool = False,
    patients: int | None = None,
    client: IdcClient | None = None,
    progress: Progress = silent,
) -> DownloadResult:
    """Say what a collection holds and weighs, and fetch it where asked to.

    Fetched are the MR series and the segmentations of the patients who have labels, a patient at a time. Called again,
    it goes on where it stopped: a series whose files are all there, with their size, is kept. Each series appears whole
    or not at all. One download at a time may write to a folder.

    Args:
        collection: A name of `collections()`.
        output: Folder for `<patient>/<study>/<modality>_<series>/`; other things in it are left alone.
        fetch: False: say only what would be fetched.
        patients: Only so many, the first by name.
        client: Of the Imaging Data Commons; None: `idc_index`'s.
        progress: Told of each series.

    Raises:
        ValueError: There is no such collection.
        ConfigError: The package idc-index is not installed; the message says whose data it is and where it is had.
        OutputError: There is not enough space.
    """
    output = Path(output)
    known = collections()
    if collection not in known:
        raise ValueError(f"there is no collection {collection!r}: known are {', '.join(known)}")
    chosen = known[collection]
    if chosen.idc_collection is None:
        return DownloadResult(chosen)
    client = client or _client(chosen)
    series = _selected(client, chosen, patients)
    kept = tuple(one.uid for one in series if is_complete(one, output))
    if not fetch:
        return DownloadResult(chosen, series, kept)
    remove_leftovers(output)
    whole = set(kept)
    missing = [one for one in series if one.uid not in whole]
    _check_space(output, sum(one.size_bytes for one in missing))
    fetched: list[str] = []
    failed: dict[str, str] = {}
    for patient in dict.fromkeys(one.patient_id for one in missing):
        progress(len(kept) + len(fetched) + len(failed), len(series), patient)
        for uid, error in _fetch(client, [one for one in missing if one.patient_id == patient], output).items():
            if error is None:
                fetched.append(uid)
            else:
                failed[uid] = why_set_aside(uid, error)
    progress(len(series), len(series), "done")
    return DownloadResult(chosen, series, kept, tuple(fetched), failed)


def _client(chosen: Collection) -> IdcClient:
    try:
        return idc_client()
    except ConfigError as error:
        raise ConfigError(f"{chosen.title} ({chosen.licence}; {chosen.home}): {error}") from None


def _fetch(client: IdcClient, series: Sequence[RemoteSeries], output: Path) -> Mapping[str, Exception | None]:
    try:
        return fetch_series(client, series, output)
    except Exception as error:  # noqa: BLE001  (one patient; the others go on)
        return {one.uid: error for one in series}


def _selected(client: IdcClient, chosen: Collection, patients: int | None) -> tuple[RemoteSeries, ...]:
    """The images and labels of the patients who have labels; or the images of all."""
    all_series = series_of_collection(client, chosen.idc_collection or "")
    labels = [one for one, result in all_series if one.modality == "SEG" and result == chosen.idc_analysis]
    images = [one for one, result in all_series if one.modality == "MR" and result is None]
    series = images if chosen.images_alone else [*images, *labels]
    known = sorted({one.patient_id for one in (images if chosen.images_alone else labels)})
    wanted = set(known[:patients])
    return tuple(one for one in series if one.patient_id in wanted)


def _check_space(output: Path, needed_bytes: int) -> None:
    place = next(folder for folder in (output, *output.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if needed_bytes > free:
        raise OutputError(
            f"{output}: {needed_bytes / 1e9:.1f} GB are to be fetched and {free / 1e9:.1f} GB are free: make room, or "
            "fetch fewer patients"
        )
