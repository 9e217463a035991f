"""Miniature copies of public data sets, with a drawn gland in place of patients; shares no code with the importers.

The file names are those that the sets' own pages list.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import highdicom as hd
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from tests import dicom_factory as dicom

SHAPE = (10, 48, 48)
SPACING_MM = (4.0, 1.5, 1.5)
PZ, TZ, DPU, AFS = 1, 2, 3, 4

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[Any]


def zones() -> Labels:
    """A block of a gland of 25.9 ml: PZ behind and thicker at the apex, AFS in front, a urethra in the lower half."""
    drawn = np.zeros(SHAPE, dtype=np.uint8)
    drawn[2:8, 14:34, 12:36] = TZ
    drawn[2:8, 14:17, 18:30] = AFS
    drawn[2:5, 19:22, 22:25] = DPU
    for s in range(2, 8):
        drawn[s, 23 + s : 34, 12:36] = PZ
    return drawn


def gland() -> Labels:
    return (zones() > 0).astype(np.uint8)


def pz_and_central(*, swapped: bool = False) -> Labels:
    """1 = PZ and 2 = the rest of the gland; or the other way round."""
    pz, rest = (2, 1) if swapped else (1, 2)
    return np.where(zones() == PZ, pz, np.where(zones() > 0, rest, 0)).astype(np.uint8)


def image(whose: str = "") -> npt.NDArray[np.int16]:
    """Bright PZ, grey gland, dark surroundings, and noise of one's own, so that nobody's image is another's."""
    levels = np.array([100, 400, 250, 300, 150])[zones()]
    return (levels + np.random.default_rng(zlib.crc32(whose.encode())).normal(0, 10, SHAPE)).astype(np.int16)


def write_volume(
    file: Path,
    values: npt.NDArray[Any],
    *,
    first_slice: int = 0,
    turned: float = 0.0,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A volume file, of which `first_slice` is where it begins and `turned` the error of its direction cosines."""
    written = sitk.GetImageFromArray(values)
    written.SetSpacing(SPACING_MM[::-1])
    written.SetOrigin((-36.0, -36.0, first_slice * SPACING_MM[0]))
    cosine = float(np.sqrt(1 - turned**2))
    written.SetDirection((cosine, -turned, 0.0, turned, cosine, 0.0, 0.0, 0.0, 1.0))
    for key, value in (metadata or {}).items():
        written.SetMetaData(key, value)
    file.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(written, str(file))
    return file


def write_volume_4d(file: Path, *volumes: npt.NDArray[Any]) -> Path:
    parts = []
    for values in volumes:
        part = sitk.GetImageFromArray(values.astype(np.float32))
        part.SetSpacing(SPACING_MM[::-1])
        part.SetOrigin((-36.0, -36.0, 0.0))
        parts.append(part)
    file.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.JoinSeries(parts), str(file))
    return file


def write_series(
    folder: Path, patient: str, *, brightness: int = 1, date: str = "20110707", **changes: Any
) -> list[Dataset]:
    """An axial T2W series in DICOM, or another one by what is changed."""
    settings = {"patient": patient, "slices": SHAPE[0], "shape": SHAPE[1:], "spacing_mm": SPACING_MM}
    plan = dicom.Plan(**{**settings, "origin_mm": (-36.0, -36.0, 0.0), **changes})
    written = []
    for s in range(plan.slices):
        dataset = dicom.classic(plan, s, plan.b_values[0], instance=s + 1)
        dataset.PixelData = (brightness * image(f"{patient} {date}")[s]).astype(np.uint16).tobytes()
        dataset.PatientName = f"{patient}^"
        dataset.StudyID, dataset.StudyDate, dataset.StudyTime = "1", date, "120000"
        dataset.AccessionNumber, dataset.ReferringPhysicianName, dataset.PatientSex = "", "", "M"
        dicom.save(dataset, folder / f"1-{s + 1:02d}.dcm")
        written.append(dataset)
    return written


def write_seg(
    file: Path,
    drawn_on: Sequence[Dataset],
    segments: Mapping[str, tuple[Code | None, Mask]],
    *,
    dcmqi: bool = False,
    kind: Literal["BINARY", "FRACTIONAL", "LABELMAP"] = "BINARY",
) -> Path:
    """A SEG; a segment without a code of its own gets the one for an organ. Empty frames are left out.

    With `dcmqi`, a segment's name stands where dcmqi puts it: in the description, beside the code's meaning as label.
    The masks of a FRACTIONAL one are probabilities.
    """
    organ = Code("113343008", "SCT", "Organ")
    masks = np.stack([mask if kind == "FRACTIONAL" else mask > 0 for _, mask in segments.values()], axis=-1)
    seg = hd.seg.Segmentation(
        source_images=list(drawn_on),
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=[
            hd.seg.SegmentDescription(
                segment_number=number,
                segment_label=label,
                segmented_property_category=Code("123037004", "SCT", "Anatomical Structure"),
                segmented_property_type=code or organ,
                algorithm_type="MANUAL",
            )
            for number, (label, (code, _)) in enumerate(segments.items(), start=1)
        ],
        series_instance_uid=generate_uid(),
        series_number=300,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="a test",
        manufacturer_model_name="a test",
        software_versions="1",
        device_serial_number="1",
    )
    if dcmqi:
        for item in seg.SegmentSequence:
            item.SegmentDescription = item.SegmentLabel
            item.SegmentLabel = item.SegmentedPropertyTypeCodeSequence[0].CodeMeaning
    file.parent.mkdir(parents=True, exist_ok=True)
    seg.save_as(file)
    return file


SNOMED = {
    "Peripheral zone of prostate": Code("279706003", "SCT", "Peripheral zone of prostate"),
    "Transition zone of prostate": Code("399384005", "SCT", "Transition zone of prostate"),
    "Distal prostatic urethra": None,
    "Fibromuscular stroma of prostate": None,
}


def prostatex(root: Path) -> Path:
    """Patient 4 with all zones and two axial T2W series, 104 without AFS, 7 without images, 9 without a SEG.

    Patient 4 has a SEG of another collection, too, which holds the gland alone.
    """
    by_name = dict(zip(SNOMED, (PZ, TZ, DPU, AFS), strict=True))
    for patient, without in (("ProstateX-0004", ()), ("ProstateX-0104", ("Fibromuscular stroma of prostate",))):
        study = root / "PROSTATEx" / patient / "07-07-2011-NA-MR"
        uid = generate_uid(entropy_srcs=[patient])
        common = {"study": uid, "frame_of_reference": generate_uid(entropy_srcs=["frame", patient])}
        write_series(study / "4.000000-t2tsetra-00001", patient, number=4, **common)
        repeat = write_series(study / "5.000000-t2tsetra-00002", patient, number=5, **common)
        segments = {
            name: (code, np.zeros(SHAPE, np.uint8) if name in without else zones() == by_name[name])
            for name, code in SNOMED.items()
        }
        seg = root / "PROSTATEx-Seg-Zones" / patient / "07-07-2011-NA-MR" / "300.000000-Segmentation-00001"
        write_seg(seg / "1-1.dcm", repeat, segments)
        if not without:
            write_seg(
                seg.with_name("999-other") / "1-1.dcm", repeat, {"WholeGland": (SNOMED_RT["WholeGland"], gland())}
            )
    write_series(root / "PROSTATEx" / "ProstateX-0009" / "s" / "4.000000-t2tsetra-1", "ProstateX-0009")
    lost = write_series(root / "lost", "ProstateX-0007", study=generate_uid(entropy_srcs=["7"]))
    write_seg(root / "PROSTATEx-Seg-Zones" / "ProstateX-0007" / "s" / "300" / "1-1.dcm", lost, {"x": (None, gland())})
    for file in (root / "lost").iterdir():
        file.unlink()
    return root


SNOMED_RT = {
    "WholeGland": Code("T-9200B", "SRT", "Prostate"),
    "PeripheralZone": Code("T-D05E4", "SRT", "Peripheral zone of the prostate"),
    "TumorROI_PZ_1": Code("M-01100", "SRT", "Lesion"),
    "NormalROI_PZ_1": Code("T-D05E4", "SRT", "Peripheral zone of the prostate"),
}


def qin(root: Path) -> Path:
    """A patient scanned twice, the later study first by name: gland, PZ, a tumour and normal PZ; and the gland alone.

    A second patient's SEG draws the PZ and not the gland.
    """
    drawn = {"WholeGland": gland(), "PeripheralZone": zones() == PZ, "TumorROI_PZ_1": zones() == DPU}
    drawn["NormalROI_PZ_1"] = zones() == PZ
    for patient, study_name, date, names in (
        ("PCAMPMRI-00001", "b", "19940912", list(drawn)),
        ("PCAMPMRI-00001", "a", "19940926", ["WholeGland"]),
        ("PCAMPMRI-00002", "a", "19941001", ["PeripheralZone"]),
    ):
        study = root / patient / study_name
        changes = {"study": generate_uid(entropy_srcs=["qin", patient, date]), "description": "T2 Weighted Axial"}
        t2w = write_series(study / "6", patient, number=6, date=date, **changes)
        segments = {name: (SNOMED_RT[name], drawn[name]) for name in names}
        write_seg(study / "600" / "1.dcm", t2w, segments, dcmqi=True)
        adc = dicom.adc(701, description="Apparent Diffusion Coefficient")
        same = ("description", "image_type", "scanning", "echo_time_ms", "time", "b_values")
        as_adc = {name: getattr(adc, name) for name in same}
        map_ = write_series(study / "701", patient, brightness=4, number=701, date=date, **{**changes, **as_adc})
        write_seg(study / "601" / "1.dcm", map_, {"TumorROI_PZ_1": (SNOMED_RT["TumorROI_PZ_1"], zones() == DPU)})
    return root


def nci_isbi(root: Path) -> Path:
    """A label whose direction cosines are off by 0.06, one that was corrected, and one without images."""
    for patient in ("Prostate3T-01-0009", "ProstateDx-01-0006"):
        uid = generate_uid(entropy_srcs=[patient])
        write_series(root / "images" / patient / "study" / "series", patient, study=uid)
    write_volume(root / "Training" / "Prostate3T-01-0009.nrrd", pz_and_central(), turned=0.06)
    write_volume(root / "Training" / "ProstateDx-01-0006.nrrd", pz_and_central(swapped=True))
    write_volume(root / "Training" / "ProstateDx-01-0006_correctedLabels.nrrd", pz_and_central())
    write_volume(root / "Training" / "Prostate3T-01-0001.nrrd", pz_and_central())
    return root


def masks(root: Path) -> Path:
    """A patient with two T2W series of one name and a gland's mask that lacks the top slice; others without images.

    The first patient's PZ was drawn twice, once under the short number that some states of the repository have.
    """
    patient = "ProstateX-0000"
    study = root / "PROSTATEx" / patient / "study"
    uid = generate_uid(entropy_srcs=[patient])
    write_series(study / "3.000000-t2tsetra-11111", patient, number=3, study=uid)
    write_series(study / "4.000000-t2tsetra-00702", patient, number=4, study=uid)
    files = root / "Files" / "prostate"
    pz = (zones() == PZ).astype(np.uint8)
    write_volume(files / "mask_prostate" / f"{patient}.nii.gz", gland()[:9])
    write_volume(files / "mask_pz" / f"{patient}_pz.nii.gz", pz)
    write_volume(files / "mask_pz" / "ProstateX-000_pz.nii.gz", pz)
    write_volume(files / "mask_tz" / f"{patient}_tz.nii.gz", (zones() > PZ).astype(np.uint8))
    write_volume(files / "mask_pz" / "ProstateX-0001_pz.nii.gz", gland())
    (files / "image_list.csv").write_text("T2\nProstateX-0000_t2_tse_tra_4\nProstateX-0001_t2_tse_tra_10\n")
    lesions = root / "Files" / "lesions"
    lesions.mkdir(parents=True)
    (lesions / "Image_list.csv").write_text("T2,ADC\nProstateX-0000_t2_tse_tra_3,ProstateX-0000_ep2d_diff_tra_7\n")
    return root


def prostatezones(root: Path) -> Path:
    """One patient read once and one read twice, flipped in the second reading; names in the NRRD headers."""
    names = ("Prostate gland", "PZ", "TZ", "CZ", "AFS", "Urethra")
    header = {
        key: value
        for i, name in enumerate(names)
        for key, value in (
            (f"Segment{i}_Name", name),
            (f"Segment{i}_LabelValue", str(i + 1)),
            (f"Segment{i}_Layer", "0"),
        )
    }
    table = np.array([0, 2, 3, 6, 5], dtype=np.uint8)
    drawn = table[zones()]
    drawn[7][drawn[7] == 3] = 4  # the uppermost TZ is CZ
    lines = []
    for number in ("0000", "0015"):
        patient = f"ProstateX-{number}"
        uid = generate_uid(entropy_srcs=[patient])
        series = f"4.000000-t2tsetra-{number}"
        write_series(root / "PROSTATEx" / patient / "study" / series, patient, study=uid)
        lines.append(f"{patient}:t2tsetra-{number}:sag:cor:dwi:ADC-none:HBV-none")
    support = root / "Support Files"
    support.mkdir(parents=True)
    (support / "list_of_PROSTATEx_files.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_volume(root / "Singles" / "Seg-0000.nrrd", drawn, metadata=header)
    write_volume(root / "Duplicates" / "R1" / "Seg-0015_R1.nrrd", drawn, metadata=header)
    write_volume(root / "Duplicates" / "R2" / "Seg-0015_R2.nrrd", drawn[:, ::-1].copy(), metadata=header)
    return root


def msd(root: Path) -> Path:
    """Two training images, one without a label, a test image, and a file that a Mac left."""
    task = root / "Task05_Prostate"
    adc = np.full(SHAPE, 1200)
    for name in ("prostate_00", "prostate_01"):
        write_volume_4d(task / "imagesTr" / f"{name}.nii.gz", image(name), adc)
    write_volume_4d(task / "imagesTs" / "prostate_03.nii.gz", image(), adc)
    (task / "imagesTr" / "._prostate_00.nii.gz").write_bytes(b"mac")
    write_volume(task / "labelsTr" / "prostate_00.nii.gz", pz_and_central())
    about = {"name": "PROSTATE", "labels": {"0": "background", "1": "PZ", "2": "TZ"}}
    (task / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    return root


def prostate158(root: Path) -> Path:
    """A training case by two readers without ADC, a test case by one, and a case without zones."""
    train, test = root / "prostate158_train" / "train", root / "prostate158_test" / "test"
    for case in (train / "020", train / "021", test / "001"):
        write_volume(case / "t2.nii.gz", image(case.name))
        write_volume(case / "dwi.nii.gz", image())
    write_volume(test / "001" / "adc.nii.gz", np.full(SHAPE, 1200, np.int16))
    central_first = pz_and_central(swapped=True)
    write_volume(train / "020" / "t2_anatomy_reader1.nii.gz", central_first)
    write_volume(train / "020" / "t2_anatomy_reader2.nii.gz", central_first)
    write_volume(test / "001" / "t2_anatomy_reader1.nii.gz", central_first)
    (train.parent / "train.csv").write_text("ID,t2\n20,train/020/t2.nii.gz\n", encoding="utf-8")
    return root


def picai(root: Path) -> Path:
    """A PROSTATEx patient whose numbers a model swapped, another patient without HBV, and labels without images."""
    for study in ("11373_1001397", "10000_1000000"):
        folder = root / "images" / study.split("_")[0]
        write_volume(folder / f"{study}_t2w.mha", image(study))
        write_volume(folder / f"{study}_adc.mha", np.full(SHAPE, 1200, np.int16))
    write_volume(root / "images" / "11373" / "11373_1001397_hbv.mha", image())
    labels = root / "picai_labels"
    drawn = labels / "anatomical_delineations"
    for study in ("11373_1001397", "10000_1000000", "10005_1000005"):
        write_volume(drawn / "whole_gland" / "AI" / "Bosma22b" / f"{study}.nii.gz", gland())
        write_volume(drawn / "zonal_pz_tz" / "AI" / "Yuan23" / f"{study}.nii.gz", pz_and_central())
    swapped = pz_and_central(swapped=True)
    write_volume(drawn / "zonal_pz_tz" / "AI" / "HeviAI23" / "11373_1001397.nii.gz", swapped)
    (labels / "additional_resources").mkdir()
    mapping = {"ProstateX-0000_07-07-2011": "11373_1001397", "ProstateX-0001_07-08-2011": "10795_1000811"}
    (labels / "additional_resources" / "ProstateX-mapping.json").write_text(json.dumps(mapping), encoding="utf-8")
    return root


def promise12(root: Path) -> Path:
    """Two training cases, of which one gland has an island, and a test case without segmentation."""
    for case, drawn in (("Case13", gland()), ("Case00", gland())):
        if case == "Case00":
            drawn[0, 2:8, 2:8] = 1
        write_volume(root / "training_data" / f"{case}.mhd", image(case))
        write_volume(root / "training_data" / f"{case}_segmentation.mhd", drawn)
    write_volume(root / "test_data" / "Case00.mhd", image())
    return root


def nnunet(root: Path) -> Path:
    """T2W and ADC with four zones and `ignore`; a test case; a training case without its label."""
    task = root / "Dataset501_Prostate"
    drawn = zones()
    drawn[9] = 5
    for part, name in (("Tr", "a"), ("Tr", "b"), ("Ts", "c")):
        write_volume(task / f"images{part}" / f"{name}_0000.nii.gz", image(name))
        write_volume(task / f"images{part}" / f"{name}_0001.nii.gz", np.full(SHAPE, 1200, np.int16))
        if name != "b":
            write_volume(task / f"labels{part}" / f"{name}.nii.gz", drawn)
    about = {
        "channel_names": {"0": "T2W", "1": "ADC"},
        "labels": {"background": 0, "PZ": 1, "TZ": 2, "urethra": 3, "AFS": 4, "ignore": 5},
        "numTraining": 2,
        "file_ending": ".nii.gz",
        "licence": "CC BY 4.0",
    }
    (task / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    return root
