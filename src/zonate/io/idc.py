"""The NCI Imaging Data Commons, through its own package `idc-index`: what a collection holds, and fetching series."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from zonate.errors import ConfigError, OutputError

_ARRIVING = ".arriving-"
_MEGABYTE = 1_000_000
_ROUNDING_BYTES = 10_000
"""The index gives sizes in megabytes with two decimals."""


class IdcClient(Protocol):
    """The part of `idc_index.index.IDCClient` that is used."""

    def sql_query(self, sql_query: str) -> Any:
        """A table with `to_dict("records")`."""

    def download_from_selection(
        self,
        downloadDir: str,  # noqa: N803  (their names)
        *,
        seriesInstanceUID: list[str],  # noqa: N803
        dirTemplate: str,  # noqa: N803
        quiet: bool,
        show_progress_bar: bool,
    ) -> Any:
        """Fetch into a folder."""


@dataclass(frozen=True)
class RemoteSeries:
    """A series as the index knows it.

    Attributes:
        uid: Series instance UID.
        patient_id: As the collection names the patient.
        study_uid: Study instance UID.
        modality: Such as `MR` or `SEG`.
        files: How many instances.
        size_bytes: Of all of them, to within the index's rounding.
        licence: Short name.
    """

    uid: str
    patient_id: str
    study_uid: str
    modality: str
    files: int
    size_bytes: int
    licence: str

    @property
    def folder(self) -> Path:
        """Where it lies below the collection's folder."""
        return Path(self.patient_id) / self.study_uid / f"{self.modality}_{self.uid}"


def idc_client() -> IdcClient:
    """A client of the Imaging Data Commons.

    Raises:
        ConfigError: The optional package is not installed.
    """
    try:
        client: IdcClient = import_module("idc_index.index").IDCClient()
    except ImportError:
        raise ConfigError(
            "fetching from the NCI Imaging Data Commons needs the package idc-index: pip install 'zonate[idc]'"
        ) from None
    return client


def series_of_collection(client: IdcClient, collection_id: str) -> list[tuple[RemoteSeries, str | None]]:
    """All series of a collection with the analysis result that each belongs to (None: the original data)."""
    columns = (
        "SeriesInstanceUID, PatientID, StudyInstanceUID, Modality, instanceCount, series_size_MB, license_short_name, "
        "analysis_result_id"
    )
    query = f"SELECT {columns} FROM index WHERE collection_id = '{collection_id}' ORDER BY PatientID, SeriesInstanceUID"  # noqa: S608  (of our own table)
    rows = client.sql_query(query).to_dict("records")
    return [
        (
            RemoteSeries(
                uid=str(row["SeriesInstanceUID"]),
                patient_id=str(row["PatientID"]),
                study_uid=str(row["StudyInstanceUID"]),
                modality=str(row["Modality"]),
                files=int(row["instanceCount"]),
                size_bytes=round(float(row["series_size_MB"]) * _MEGABYTE),
                licence=str(row["license_short_name"]),
            ),
            str(row["analysis_result_id"]) if isinstance(row["analysis_result_id"], str) else None,
        )
        for row in rows
    ]


def is_complete(series: RemoteSeries, root: Path) -> bool:
    """Whether all files of a series lie there, with the size that the index gives."""
    folder = root / series.folder
    sizes = [file.stat().st_size for file in folder.glob("*.dcm")] if folder.is_dir() else []
    return _is_whole(series, sizes)


def fetch_series(client: IdcClient, series: Sequence[RemoteSeries], root: Path) -> dict[str, Exception | None]:
    """Fetch some series in one call, each into its folder, whole or not at all.

    Returns:
        By UID, what went wrong; None where the series is there now.
    """
    root.mkdir(parents=True, exist_ok=True)
    arriving = Path(tempfile.mkdtemp(prefix=_ARRIVING, dir=root))
    try:
        client.download_from_selection(
            downloadDir=str(arriving),
            seriesInstanceUID=[one.uid for one in series],
            dirTemplate="%SeriesInstanceUID",
            quiet=True,
            show_progress_bar=False,
        )
        return {one.uid: _settle(one, arriving / one.uid, root) for one in series}
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def remove_leftovers(root: Path) -> None:
    """Remove what a download that was killed had fetched in part."""
    for folder in root.glob(f"{_ARRIVING}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _settle(series: RemoteSeries, arrived: Path, root: Path) -> OutputError | None:
    """Move what arrived to its place if it is whole."""
    sizes = [file.stat().st_size for file in arrived.rglob("*.dcm")]
    if not _is_whole(series, sizes):
        return OutputError(
            f"series {series.uid}: {len(sizes)} files of {sum(sizes)} bytes came, not {series.files} of "
            f"{series.size_bytes}: call again, it goes on where it stopped"
        )
    target = root / series.folder
    shutil.rmtree(target, ignore_errors=True)  # a part of it
    target.parent.mkdir(parents=True, exist_ok=True)
    arrived.replace(target)
    return None


def _is_whole(series: RemoteSeries, sizes: list[int]) -> bool:
    return len(sizes) == series.files and abs(sum(sizes) - series.size_bytes) <= _ROUNDING_BYTES
