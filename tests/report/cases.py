"""The box of a gland from `tests.verbs.standins`, with everything that a report can hold.

7.2 ml: PZ 2.88, TZ 3.528, AFS 0.72, DPU 0.072; in the slices 2 to 7 of 8.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tests.verbs.standins import GRID, SHAPE, gland, t2w
from zonate.case import AlignmentRecord, Case
from zonate.geometry import Volume
from zonate.measurements import AdcStatistics, Ellipsoid, Measurements, PsaDensity, Uncertainty
from zonate.measures.sector_map import sector_map
from zonate.zonemap import ZoneMap
from zonate.zones import ALL_ZONE_CODES, STRUCTURES, LabelCode

VOLUME_ML = {"PZ": 2.88, "TZ": 3.528, "DPU": 0.072, "AFS": 0.72, "CENTRAL_GLAND": 4.32, "GLAND": 7.2}
CREATED = datetime(2026, 7, 26, 14, 5, tzinfo=UTC)
REGISTERED = AlignmentRecord(
    chosen="bspline",
    reason="bspline registration puts DWI and ADC within about 0.7 mm of the T2W tissue",
    registered_on="DWI b 50",
    similarity={},
    figures={
        "estimated_error_mm": 0.69,
        "header_estimated_error_mm": 2.88,
        "rigid_estimated_error_mm": 0.93,
        "bspline_estimated_error_mm": 0.69,
        "error_limit_mm": 1.93,
        "mean_displacement_mm": 3.08,
        "max_displacement_mm": 6.17,
    },
    seconds=8.5,
)
ABOUT_MODEL: dict[str, Any] = {
    "name": "unet",
    "file": "best.safetensors",
    "sha256": "0123456789abcdef" * 4,
    "codes": ["BACKGROUND", "PZ", "TZ", "DPU", "AFS"],
    "licences": ["CC BY 3.0"],
    "terms_of_use": None,
    "provenance": {
        "sources": [
            {
                "dataset": "NCI-ISBI 2013",
                "licence": "CC BY 3.0",
                "patients": 10,
                "splits": {"train": 9, "validation": 1},
                "codes": ["BACKGROUND", "CENTRAL_GLAND", "PZ"],
            },
            {
                "dataset": "PROSTATEx-Seg-Zones",
                "licence": "CC BY 3.0",
                "patients": 1,
                "splits": {"train": 1},
                "codes": ["AFS", "BACKGROUND", "DPU", "PZ", "TZ"],
            },
        ]
    },
}


def image(value: float) -> Volume:
    return Volume(np.full(SHAPE, value, dtype=np.float32), GRID)


def case(case_id: str = "case-1") -> Case:
    return Case(case_id, t2w(), dwi=image(300.0), adc=image(1200.0), dwi_b_value_s_mm2=800.0, alignment=REGISTERED)


def measurements(**changes: Any) -> Measurements:
    measured = Measurements(
        VOLUME_ML,
        ellipsoid=Ellipsoid(20.0, 20.0, 18.0, 3.77, -47.6),
        pz_tz_ratio=0.816,
        adc=dict.fromkeys(STRUCTURES, AdcStatistics(1200.2, 1150.7, 1.0)),
        psa=PsaDensity(1.08, 0.15, (0.10, 0.15), (0.10, 0.30)),
    )
    return replace(measured, **changes)


def uncertainty(**changes: Any) -> Uncertainty:
    sampled = Uncertainty(
        samples=20,
        interval_ml={name: (0.5 * volume, 1.5 * volume) for name, volume in VOLUME_ML.items()},
        agreement=dict.fromkeys(STRUCTURES, 0.93),
        expected_dice={name: 0.91 if name == "GLAND" else 0.71 for name in STRUCTURES},
        calibrated=True,
        doubtful=False,
    )
    return replace(sampled, **changes)


def zones(**changes: Any) -> ZoneMap:
    """A good result with everything; `changes` are fields of it."""
    labels = gland()
    whole = ZoneMap(
        labels=labels,
        codes=ALL_ZONE_CODES,
        probabilities=np.zeros((5, *SHAPE), dtype=np.float32),
        case_id="case-1",
        measurements=measurements(),
        sectors=sector_map(labels, ALL_ZONE_CODES),
        uncertainty=uncertainty(),
        sample_entropy=np.where(labels.values == LabelCode.DPU, np.float32(0.6), np.float32(0.0)),
    )
    return replace(whole, **changes)


def nothing_found() -> ZoneMap:
    """What a network makes of a knee."""
    empty = Volume(np.zeros(SHAPE, dtype=np.uint8), GRID)
    return ZoneMap(empty, ALL_ZONE_CODES, np.zeros((5, *SHAPE), dtype=np.float32))


def coarse_zones(codes: tuple[LabelCode, ...]) -> ZoneMap:
    """The result of the network alone, of a model that tells only these codes apart."""
    values = gland().values.copy()
    for code in (LabelCode.TZ, LabelCode.DPU, LabelCode.AFS, LabelCode.PZ):
        if code not in codes:
            values[values == code] = codes[-1]
    return ZoneMap(Volume(values, GRID), codes, np.zeros((len(codes), *SHAPE), dtype=np.float32))
