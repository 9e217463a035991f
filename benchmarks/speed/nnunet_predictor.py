"""nnU-Net v2's predictor with an untrained 3D full-resolution network on one volume, as `make readers` installs it.

    .venv-readers/bin/python benchmarks/speed/nnunet_predictor.py VOLUME REPEATS

nnU-Net itself plans the network, for a data set whose cases are all like the volume. Prints JSON: the plan's patch and
the seconds of each repeat of one fold's prediction, resampling included, with mirror images, as is the default, and
without. The default of five folds takes five times as long.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

THREADS = 2
_N_CASES = 20


def main(volume: Path, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
            os.environ[name] = f"{folder}/{name}"
        print(json.dumps(_measured(volume, repeats, Path(folder))))


def _measured(volume: Path, repeats: int, folder: Path) -> dict[str, object]:
    import numpy as np
    import torch
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    torch.set_num_threads(THREADS)
    image, properties = SimpleITKIO().read_images([str(volume)])
    dataset = _dataset(folder, volume, image.shape[1:], properties["spacing"])
    planner = ExperimentPlanner("Dataset001_like")
    plans = planner.plan_experiment()
    manager = PlansManager(plans)
    configuration = manager.get_configuration("3d_fullres")
    network = get_network_from_plans(
        configuration.network_arch_class_name,
        configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import,
        1,
        3,
        deep_supervision=False,
    )
    seconds = {}
    for mirrored in (True, False):
        predictor = nnUNetPredictor(
            use_mirroring=mirrored, perform_everything_on_device=False, device=torch.device("cpu"), allow_tqdm=False
        )
        predictor.manual_initialization(
            network, manager, configuration, [network.state_dict()], dataset, "nnUNetTrainer", (0, 1, 2)
        )
        took = []
        for _ in range(repeats):
            began = time.perf_counter()
            predictor.predict_single_npy_array(image.astype(np.float32), properties, None, None, False)
            took.append(time.perf_counter() - began)
        seconds["mirrored" if mirrored else "plain"] = took
    parameters = sum(p.numel() for p in network.parameters())
    return {"patch": list(configuration.patch_size), "parameters_m": parameters / 1e6, "seconds": seconds}


def _dataset(folder: Path, volume: Path, shape: Sequence[int], spacing_mm: Sequence[float]) -> dict[str, object]:
    """Make what planning wants of a data set of 20 cases like this one: files, a description and a fingerprint."""
    about = {
        "channel_names": {"0": "T2W"},
        "labels": {"background": 0, "PZ": 1, "TZ": 2},
        "numTraining": _N_CASES,
        "file_ending": ".nii.gz",
    }
    of_intensities = {"max": 1000.0, "mean": 300.0, "median": 280.0, "min": 0.0}
    of_intensities |= {"percentile_00_5": 20.0, "percentile_99_5": 900.0, "std": 150.0}
    fingerprint = {
        "spacings": [[float(mm) for mm in spacing_mm]] * _N_CASES,
        "shapes_after_crop": [list(shape)] * _N_CASES,
        "foreground_intensity_properties_per_channel": {"0": of_intensities},
        "median_relative_size_after_cropping": 1.0,
    }
    for root, contents in (
        ("nnUNet_raw", {"dataset.json": about}),
        ("nnUNet_preprocessed", {"dataset.json": about, "dataset_fingerprint.json": fingerprint}),
    ):
        place = folder / root / "Dataset001_like"
        place.mkdir(parents=True)
        for name, content in contents.items():
            (place / name).write_text(json.dumps(content), encoding="utf-8")
    raw = folder / "nnUNet_raw" / "Dataset001_like"
    for name in ("imagesTr", "labelsTr"):
        (raw / name).mkdir()
    for number in range(_N_CASES):
        (raw / "imagesTr" / f"case{number:02d}_0000.nii.gz").symlink_to(volume.resolve())
        (raw / "labelsTr" / f"case{number:02d}.nii.gz").symlink_to(volume.resolve())  # never read
    return about


if __name__ == "__main__":  # nnU-Net starts processes, which import this file again
    main(Path(sys.argv[1]), int(sys.argv[2]))
