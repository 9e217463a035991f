"""The NCI Imaging Data Commons, through its own package `idc-index`: what a collection holds, and fetching a series."""

import shutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from zonate.errors import ConfigError, OutputError
from zonate.io.files import atomic_folder

_MEGABYTE = 1_000_000
_ROUNDING_BYTES = 10_000
"""The index gives sizes in megabytes with two decimals."""


class IdcClient(Protocol):
    """The part of `idc_index.index.IDCClient` that is used."""

    def sql_query(self, sql_query: str) -> Any:
        """A table with `to_dict("records")`."""

    def download_from_selection(self, downloadDir: str, **selection: Any) -> Any:  # noqa: N803  (their name)
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
    return len(sizes) == series.files and abs(sum(sizes) - series.size_bytes) <= _ROUNDING_BYTES


def fetch_series(client: IdcClient, series: RemoteSeries, root: Path) -> None:
    """Fetch a series into its folder, whole or not at all.

    Raises:
        OutputError: Not all of it came.
    """
    target = root / series.folder
    with atomic_folder(target, overwrite=True) as temporary:
        arriving = temporary / "arriving"
        arriving.mkdir()
        client.download_from_selection(
            downloadDir=str(arriving),
            seriesInstanceUID=[series.uid],
            dirTemplate="",
            quiet=True,
            show_progress_bar=False,
        )
        files = sorted(arriving.rglob("*.dcm"))
        came = sum(file.stat().st_size for file in files)
        if len(files) != series.files or abs(came - series.size_bytes) > _ROUNDING_BYTES:
            raise OutputError(
                f"series {series.uid}: {len(files)} files of {came} bytes came, not {series.files} of "
                f"{series.size_bytes}: call again, it goes on where it stopped"
            )
        for file in files:
            file.rename(temporary / file.name)
        shutil.rmtree(arriving)
