"""What it costs to keep slices on disk and to read them for training.

    python -m benchmarks.reading [--data DATASET] [--cases 12] [--slices 20] [--size 256] [--work FOLDER]
        [-o benchmarks/reading.md]

The cases are made (smooth tissue in noise, whole numbers as scanners store them, resampled; a third of each slice not
measured), or copied from the training side of a prepared dataset. The same pixels are read as a file a slice through
Zarr, which is what the store was before, as one shard an array through Zarr, and as Zonate reads that shard. Seconds of
processor time are those of all threads together and do not depend on what else the machine does; wall-clock time does.
"""

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from scipy import ndimage
from zarr.codecs import ZstdCodec

from benchmarks.machine import commit, machine
from zonate.config import Settings
from zonate.dataset.cases import Origin, case_folder, read_record, write_case
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import INDEX_NAME, write_index
from zonate.dataset.loader import SliceLoader
from zonate.dataset.store import Dataset
from zonate.geometry import Crop, Grid, Volume
from zonate.preprocessing.slices import LabelledSlices
from zonate.settings.data import SlicingSettings
from zonate.settings.learning import AugmentationSettings
from zonate.zones import LabelCode

CODES = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
MILLION = 1_000_000
READERS = (1, 2, 4, 8)
BATCH = 8
TINY_CASES = 300  # for what a case costs beside its pixels

Read = Callable[[str, int, int], tuple[npt.NDArray[Any], npt.NDArray[Any]]]
"""Case, first slice, last slice + 1: the images, and the labels of the first."""


@dataclass(frozen=True)
class Form:
    """One way to keep and read the same pixels."""

    name: str
    files_a_case: float
    kb_a_slice: float
    write_s_a_case: float
    milliseconds: dict[int, tuple[float, float]]
    """By neighbours: median wall-clock and mean processor time of a slice with its neighbours and its labels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--cases", type=int, default=12)
    parser.add_argument("--slices", type=int, default=20)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--work", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_suffix(".md"))
    how = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=how.work) as folder:
        text = measured(Path(folder), how.data, how.cases, how.slices, how.size)
    how.output.write_text(text, encoding="utf-8")


def measured(work: Path, data: Path | None, n_cases: int, n_slices: int, size_px: int) -> str:
    cases = of_dataset(data, n_cases) if data else [made(f"case{i}", n_slices, size_px, seed=i) for i in range(n_cases)]
    folder = work / "shards"
    write_s = stored(folder, cases)
    dataset = Dataset.open(folder)
    forms = [
        file_a_slice(work / "files", cases),
        form("one shard an array, through Zarr", folder, cases, write_s, through_zarr(folder)),
        form("one shard an array, as Zonate reads it", folder, cases, write_s, through_store(dataset)),
    ]
    return report(cases, forms, throughput(dataset), upkeep(work / "tiny"), data)


def made(case_id: str, n_slices: int, size_px: int, seed: int) -> LabelledSlices:
    rng = np.random.default_rng(seed)
    shape = (n_slices, 3, size_px, size_px)  # (S, C, H, W)
    tissue = ndimage.gaussian_filter(rng.normal(0, 1, shape), (0, 0, 6, 6)) * 3000 + 300
    scanned = np.round(tissue + rng.normal(0, 12, shape))
    images = ndimage.shift(scanned, (0, 0, 0.3, 0.3), order=1, mode="nearest").astype(np.float32)
    images[..., : size_px // 3, :] = np.nan
    labels = np.zeros((n_slices, size_px, size_px), dtype=np.uint8)
    middle = slice(size_px * 2 // 5, size_px * 3 // 5)
    labels[n_slices // 4 : n_slices * 3 // 4, middle, middle] = LabelCode.PZ
    grid = Grid((n_slices, size_px, size_px), np.diag([3.0, 0.5, 0.5, 1.0])[[2, 1, 0, 3]])
    return LabelledSlices(case_id, images, Crop(grid, size_px, 0.5), grid, labels)


def of_dataset(path: Path, n_cases: int) -> list[LabelledSlices]:
    dataset = Dataset.open(path)
    return [dataset.slices(entry.case_id) for entry in dataset.split("train")[:n_cases]]


def stored(folder: Path, cases: Sequence[LabelledSlices]) -> float:
    """Write a dataset; seconds a case."""
    begun = time.perf_counter()
    placed = []
    for case in cases:
        labels = case.labels
        s, h, w = labels.shape
        origin = Origin(f"P-{case.case_id}", "a benchmark", "none", "any", CODES, "key", {"warnings": []})
        record = write_case(folder, case, Volume(labels, Grid((s, h, w), case.original.affine)), origin)
        placed.append(PlacedRecord(record, "train"))
    seconds = (time.perf_counter() - begun) / len(cases)
    slicing = SlicingSettings(size_px=cases[0].crop.size_px, spacing_mm=cases[0].crop.spacing_mm)
    write_index(folder, placed, Settings(slicing=slicing))
    return seconds


def file_a_slice(folder: Path, cases: Sequence[LabelledSlices]) -> Form:
    """The form of before, read through Zarr."""
    begun = time.perf_counter()
    for case in cases:
        group = zarr.create_group(case_folder(folder, case.case_id), zarr_format=3)
        labels = case.labels
        arrays: dict[str, npt.NDArray[Any]] = {"images": case.images, "labels": labels, "reference": labels}
        for name, values in arrays.items():
            array = group.create_array(
                name,
                shape=values.shape,
                dtype=values.dtype,
                chunks=(1, *values.shape[1:]),
                compressors=ZstdCodec(level=3, checksum=True),
                fill_value=np.nan if values.dtype.kind == "f" else 255,
            )
            array[...] = values
    seconds = (time.perf_counter() - begun) / len(cases)
    return form("a file a slice, through Zarr", folder, cases, seconds, through_zarr(folder))


def through_zarr(folder: Path) -> Read:
    opened = {}
    for case in (folder / "cases").iterdir():
        group = zarr.open_group(case, mode="r", zarr_format=3)
        opened[case.name] = (group["images"], group["labels"])

    def read(case_id: str, first: int, last: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        images, labels = opened[case_id]
        return images[first:last], labels[first]

    return read


def through_store(dataset: Dataset) -> Read:
    return lambda case_id, first, last: (dataset.images(case_id, first, last), dataset.slice_labels(case_id, first))


def form(name: str, folder: Path, cases: Sequence[LabelledSlices], write_s: float, read: Read) -> Form:
    files = [file for file in (folder / "cases").rglob("*") if file.is_file()]
    slices = sum(len(case.images) for case in cases)
    times = {neighbours: read_times(cases, neighbours, read) for neighbours in (0, 1)}
    kb = sum(file.stat().st_size for file in files) / slices / 1e3
    return Form(name, len(files) / len(cases), kb, write_s, times)


def read_times(cases: Sequence[LabelledSlices], neighbours: int, read: Read) -> tuple[float, float]:
    """Median wall-clock and mean processor milliseconds of a slice, in a random order, after each case was opened."""
    places = [(case.case_id, s) for case in cases for s in range(neighbours, len(case.images) - neighbours)]
    for case in cases:
        read(case.case_id, 0, 1)
    np.random.default_rng(0).shuffle(places)
    wall, processor = [], time.process_time()
    for case_id, s in places:
        begun = time.perf_counter()
        read(str(case_id), int(s) - neighbours, int(s) + neighbours + 1)
        wall.append(time.perf_counter() - begun)
    return 1e3 * median(wall), 1e3 * (time.process_time() - processor) / len(places)


def throughput(dataset: Dataset) -> dict[tuple[int, int], tuple[float, float]]:
    """By neighbours and threads: slices a second through an epoch, and processor milliseconds a slice."""
    found = {}
    entries = dataset.split("train")
    slices = sum(entry.slices for entry in entries)
    for neighbours in (0, 1):
        for readers in READERS:
            loader = SliceLoader(
                dataset,
                entries,
                batch_size=BATCH,
                seed=0,
                normalisation="region",
                channels=(True, True, True),
                augmentation=AugmentationSettings(),
                neighbours=neighbours,
                readers=readers,
            )
            wall, processor = time.perf_counter(), time.process_time()
            for _ in loader.epoch(1):
                pass
            found[neighbours, readers] = (
                slices / (time.perf_counter() - wall),
                1e3 * (time.process_time() - processor) / slices,
            )
    return found


def upkeep(folder: Path) -> dict[str, float]:
    """What a case and a slice cost beside their pixels, on many tiny cases of 20 slices."""
    case = made("tiny", 20, 8, seed=0)
    stored(folder, [replace(case, case_id=f"case{i:06}") for i in range(TINY_CASES)])
    n_slices = 20 * TINY_CASES
    Dataset.open(folder)  # so that imports and the page cache are not counted
    begun = time.perf_counter()
    Dataset.open(folder)
    open_s = time.perf_counter() - begun
    tracemalloc.start()
    dataset = Dataset.open(folder)
    kept = tracemalloc.get_traced_memory()[0]
    loader_kept = _loader_bytes(dataset)
    tracemalloc.stop()
    begun = time.perf_counter()
    for entry in dataset.entries:
        read_record(folder, entry.case_id)
    return {
        "open_ms_a_case": 1e3 * open_s / TINY_CASES,
        "record_ms_a_case": 1e3 * (time.perf_counter() - begun) / TINY_CASES,
        "index_bytes_a_slice": (folder / INDEX_NAME).stat().st_size / n_slices,
        "memory_bytes_a_slice": kept / n_slices,
        "loader_bytes_a_slice": loader_kept / n_slices,
    }


def _loader_bytes(dataset: Dataset) -> float:
    before = tracemalloc.get_traced_memory()[0]
    loader = SliceLoader(
        dataset,
        dataset.split("train"),
        batch_size=BATCH,
        seed=0,
        normalisation="region",
        channels=(True, True, True),
        augmentation=AugmentationSettings(),
    )
    kept = tracemalloc.get_traced_memory()[0] - before
    del loader
    return kept


def report(
    cases: Sequence[LabelledSlices],
    forms: Sequence[Form],
    loaded: dict[tuple[int, int], tuple[float, float]],
    beside: dict[str, float],
    data: Path | None,
) -> str:
    n_slices = sum(len(case.images) for case in cases)
    size = cases[0].crop.size_px
    raw_kb = cases[0].images[0].nbytes / 1e3 + 2 * size * size / 1e3
    unmeasured = float(np.mean([np.isnan(case.images).mean() for case in cases]))
    what = f"of {data.name}" if data else "made"
    lines = [
        "# What keeping and reading slices costs",
        "",
        f"`python -m benchmarks.reading` ({date.today()}, {machine()}, commit {commit()}): {len(cases)} cases {what},",
        f"{n_slices} slices of {size} px, {raw_kb:.0f} kB each unpacked; {100 * unmeasured:.0f} % of the pixels not "
        "measured.",
        "Files lie in the page cache. A slice is its images with their neighbours, and its labels.",
        "",
        "| form | files a case | kB a slice | write, s a case | ms a slice: alone | processor | with neighbours "
        "| processor |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in forms:
        (wall_0, cpu_0), (wall_1, cpu_1) = one.milliseconds[0], one.milliseconds[1]
        lines.append(
            f"| {one.name} | {one.files_a_case:.0f} | {one.kb_a_slice:.0f} | {one.write_s_a_case:.2f} | {wall_0:.2f} | "
            f"{cpu_0:.2f} | {wall_1:.2f} | {cpu_1:.2f} |"
        )
    lines += [
        "",
        f"An epoch of training batches of {BATCH} without a network: read, normalised, turned, stacked.",
        "",
        "| threads | slices a second, alone | processor ms a slice | with neighbours | processor ms a slice |",
        "|---|---|---|---|---|",
    ]
    for readers in READERS:
        (rate_0, cpu_0), (rate_1, cpu_1) = loaded[0, readers], loaded[1, readers]
        lines.append(f"| {readers} | {rate_0:.0f} | {cpu_0:.2f} | {rate_1:.0f} | {cpu_1:.2f} |")
    lines += ["", *_plan(forms[-1], loaded, beside, n_slices / len(cases))]
    return "\n".join(lines) + "\n"


def _plan(
    form: Form,
    loaded: dict[tuple[int, int], tuple[float, float]],
    beside: dict[str, float],
    slices_a_case: float,
) -> list[str]:
    n_cases = MILLION / slices_a_case
    best = max(loaded[1, readers][0] for readers in READERS)
    rows = {
        "cases": f"{n_cases:,.0f}",
        "pixels on disk": f"{form.kb_a_slice * MILLION / 1e6:,.0f} GB",
        "files": f"{form.files_a_case * n_cases:,.0f}",
        "index": f"{beside['index_bytes_a_slice'] * MILLION / 1e6:,.0f} MB",
        "writing, in one process": f"{form.write_s_a_case * n_cases / 3600:,.1f} h",
        "opening the dataset": f"{beside['open_ms_a_case'] * n_cases / 1e3:,.0f} s",
        "memory of the open dataset": f"{beside['memory_bytes_a_slice'] * MILLION / 1e6:,.0f} MB",
        "memory of a loader's list of places": f"{beside['loader_bytes_a_slice'] * MILLION / 1e6:,.0f} MB",
        "an epoch's reading, with neighbours, the best number of threads": f"{MILLION / best / 60:,.0f} min",
    }
    return [
        f"## A million slices, {slices_a_case:.0f} a case, from these figures",
        "",
        "| what | how much |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
        f"Beside its pixels, a case costs {beside['open_ms_a_case']:.2f} ms when a dataset is opened and "
        f"{beside['record_ms_a_case']:.2f} ms each time its",
        f"record is read ({TINY_CASES} tiny cases of 20 slices). Aligning a study takes longer than all of this: it is "
        "not counted here.",
    ]


if __name__ == "__main__":
    main()
