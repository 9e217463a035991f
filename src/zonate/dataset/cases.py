"""One prepared case on disk: a Zarr v3 group, chunked by slice, that is whole or not there.

    DATASET/cases/<case_id>/
        images      (S, 3, H, W) float32, chunks (1, 3, H, W); NaN where nothing was measured
        labels      (S, H, W) uint8 label codes, chunks (1, H, W)
        reference   (S, H, W) uint8 label codes on the original T2W grid, chunks (1, H, W)
        attributes  the record, and last of all the marker that makes the group complete

The chunks of an array lie in one shard, so that a case is 7 files whatever its slices. A chunk that is missing reads as
"not measured" or "not annotated", never as background.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from zonate.dataset.arrays import SHARD_SEPARATOR
from zonate.dataset.labels import gland_volume_ml
from zonate.geometry import Crop, Grid, Volume
from zonate.io.files import atomic_folder
from zonate.preprocessing.slices import LabelledSlices
from zonate.preprocessing.statistics import Moments, Statistics, moments_of, of_images, region
from zonate.zones import LabelCode

CASE_FORMAT_VERSION = 3
CASES_FOLDER = "cases"
COMPLETE = "zonate_complete"
"""The attribute that is written after everything else."""

Use = Literal["any", "evaluation"]


@dataclass(frozen=True)
class Origin:
    """Where a case comes from and what may be done with it.

    Attributes:
        patient_id: Whose case it is, as the data set calls the patient.
        dataset: The public name of the data set.
        licence: Of the data.
        use: `evaluation` where nothing may be trained on it.
        codes: Those that the annotator could have drawn, ascending, without NOT_ANNOTATED.
        source_key: Changes when the source's files, what is said of it, the settings, or Zonate change; empty where the
            same of all may give another case.
        provenance: File names relative to the manifest, alignment, b-value, anatomy, versions, settings (JSON values).
        citation: How the data set wants to be cited; may be empty.
        reader: Who drew it, where the image was read several times; else empty.
        image_id: The same for all readings of one image; empty where there is one.
        derived_from: Of a made case, the patients whose image or labels it was made from.
    """

    patient_id: str
    dataset: str
    licence: str
    use: Use
    codes: tuple[LabelCode, ...]
    source_key: str
    provenance: Mapping[str, Any]
    citation: str = ""
    reader: str = ""
    image_id: str = ""
    derived_from: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The origin as JSON values."""
        return {
            **vars(self),
            "codes": [code.name for code in self.codes],
            "provenance": dict(self.provenance),
            "derived_from": list(self.derived_from),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; further values are left aside, and an earlier one names nobody in derived_from."""
        named = {field.name: value[field.name] for field in fields(cls) if field.name != "derived_from"}
        named["codes"] = tuple(LabelCode[name] for name in value["codes"])
        return cls(**named, derived_from=tuple(value.get("derived_from", ())))


@dataclass(frozen=True)
class CaseRecord:
    """What is known of a prepared case besides its pixels.

    Attributes:
        case_id: As in `Case`.
        origin: Where it comes from.
        slices: How many.
        channels_present: For T2W, DWI and ADC.
        gland_volume_ml: Counted on the original grid; None where the codes cannot tell the gland.
        original: The T2W grid as it was read.
        crop: How the slices were cut out of it.
        moments: Of this volume's slices.
        content: SHA-256 of the three arrays.
        slice_codes: The label codes that each slice holds, ascending.
        image_digest: SHA-256 of the T2W as it was read: the same image has the same under any name.
        region_statistics: Of this volume's slices near their middle (`statistics.region`); None in a case of before
            they were kept.
    """

    case_id: str
    origin: Origin
    slices: int
    channels_present: tuple[bool, bool, bool]
    gland_volume_ml: float | None
    original: Grid
    crop: Crop
    moments: Moments
    content: str
    slice_codes: tuple[tuple[int, ...], ...]
    image_digest: str
    region_statistics: Statistics | None = None

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        crop = self.crop
        near = {} if self.region_statistics is None else {"region_statistics": self.region_statistics.to_json()}
        return {
            "format_version": CASE_FORMAT_VERSION,
            "case_id": self.case_id,
            **self.origin.to_json(),
            "slices": self.slices,
            "channels_present": list(self.channels_present),
            "gland_volume_ml": self.gland_volume_ml,
            "grids": {
                "original": _grid_to_json(self.original),
                "crop": {
                    "source": _grid_to_json(crop.source),
                    "size_px": crop.size_px,
                    "spacing_mm": crop.spacing_mm,
                },
            },
            "moments": self.moments.to_json(),
            "statistics": self.moments.statistics.to_json(),
            "content_sha256": self.content,
            "slice_codes": [list(codes) for codes in self.slice_codes],
            "image_sha256": self.image_digest,
            **near,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        crop = value["grids"]["crop"]
        t2w, dwi, adc = (bool(present) for present in value["channels_present"])
        near = value.get("region_statistics")
        return cls(
            case_id=value["case_id"],
            origin=Origin.from_json(value),
            slices=value["slices"],
            channels_present=(t2w, dwi, adc),
            gland_volume_ml=value["gland_volume_ml"],
            original=_grid_from_json(value["grids"]["original"]),
            crop=Crop(_grid_from_json(crop["source"]), crop["size_px"], crop["spacing_mm"]),
            moments=Moments.from_json(value["moments"]),
            content=value["content_sha256"],
            slice_codes=tuple(tuple(codes) for codes in value["slice_codes"]),
            image_digest=value["image_sha256"],
            region_statistics=None if near is None else Statistics.from_json(near),
        )


def case_folder(dataset: Path, case_id: str) -> Path:
    """Where a case lies in a dataset."""
    return dataset / CASES_FOLDER / case_id


def write_case(
    dataset: Path, slices: LabelledSlices, reference: Volume, origin: Origin, *, image_digest: str = ""
) -> CaseRecord:
    """Write a case under a temporary name and rename it once it is whole.

    Args:
        dataset: The dataset's folder.
        slices: What is stored.
        reference: Label codes (S, H, W) uint8 on the original T2W grid.
        origin: Kept with it.
        image_digest: SHA-256 of the T2W as it was read; empty: that of the slices.

    Returns:
        The record as stored.
    """
    arrays = {"images": slices.images, "labels": slices.labels, "reference": reference.values.astype(np.uint8)}
    record = CaseRecord(
        case_id=slices.case_id,
        origin=origin,
        slices=slices.images.shape[0],
        channels_present=slices.channels_present,
        gland_volume_ml=gland_volume_ml(reference, origin.codes),
        original=slices.original,
        crop=slices.crop,
        moments=moments_of(slices.images),
        content=_digest(arrays, slices.original, slices.crop.source, slices.crop.grid),
        slice_codes=tuple(tuple(np.unique(plane).tolist()) for plane in slices.labels),
        image_digest=image_digest or _digest({"t2w": slices.images[:, 0]}),
        region_statistics=of_images([region(slices.images, slices.crop.spacing_mm)]),
    )
    with atomic_folder(case_folder(dataset, slices.case_id), overwrite=True) as temporary:
        _write_group(temporary, arrays, record)
    return record


def read_record(dataset: Path, case_id: str) -> CaseRecord | None:
    """The record of a complete case; None where the case is not there, not complete or of another format."""
    attributes = _attributes(dataset, case_id)
    return None if attributes is None else CaseRecord.from_json(attributes)


def content_of(dataset: Path, case_id: str) -> str | None:
    """The SHA-256 of a complete case's arrays, as its record has it; None as in `read_record`."""
    attributes = _attributes(dataset, case_id)
    return None if attributes is None else str(attributes["content_sha256"])


def metadata_key(case_id: str, array: str = "") -> str:
    """Where in a dataset the metadata of a case, or of one of its arrays, lies."""
    return "/".join(part for part in (CASES_FOLDER, case_id, array, "zarr.json") if part)


def _attributes(dataset: Path, case_id: str) -> dict[str, Any] | None:
    """Those of a complete case's group. Read as the JSON that they are: there may be very many cases to look at."""
    try:
        metadata = json.loads((dataset / metadata_key(case_id)).read_bytes())
        attributes: dict[str, Any] = metadata["attributes"]
        complete = attributes.get(COMPLETE) is True and attributes.get("format_version") == CASE_FORMAT_VERSION
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return attributes if complete else None


def _write_group(folder: Path, arrays: Mapping[str, Any], record: CaseRecord) -> None:
    group = zarr.create_group(folder, zarr_format=3)
    for name, values in arrays.items():
        array = group.create_array(
            name,
            shape=values.shape,
            dtype=values.dtype,
            chunks=(1, *values.shape[1:]),
            shards=values.shape,
            chunk_key_encoding={"name": "default", "configuration": {"separator": SHARD_SEPARATOR}},
            compressors=ZstdCodec(level=3, checksum=True),
            fill_value=np.nan if values.dtype.kind == "f" else int(LabelCode.NOT_ANNOTATED),
            dimension_names=("S", "C", "H", "W") if values.ndim == 4 else ("S", "H", "W"),
            config={"write_empty_chunks": True},  # so that a shard that is not there has been lost
        )
        array[...] = values
    group.update_attributes(record.to_json())
    group.update_attributes({COMPLETE: True})


def _digest(arrays: Mapping[str, Any], *grids: Grid) -> str:
    """SHA-256 of the arrays' names, types, shapes and bytes, and of where they lie."""
    digest = hashlib.sha256()
    for name, values in arrays.items():
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).data)
    if grids:
        digest.update(json.dumps([_grid_to_json(grid) for grid in grids]).encode())
    return digest.hexdigest()


def _grid_to_json(grid: Grid) -> dict[str, Any]:
    return {
        "shape": list(grid.shape),
        "affine": grid.affine.tolist(),
        "frame_of_reference": grid.frame_of_reference,
    }


def _grid_from_json(value: Mapping[str, Any]) -> Grid:
    s, h, w = value["shape"]
    return Grid((s, h, w), np.array(value["affine"]), value["frame_of_reference"])
