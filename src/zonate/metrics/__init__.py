"""How a prediction is compared with a reference: one structure, one case, and a group of patients."""

from zonate.metrics.bootstrap import mean_interval
from zonate.metrics.scoring import Score, StructureSummary, measure_names, score_case, summarise
from zonate.metrics.structure import StructureMetrics, structure_metrics

__all__ = [
    "Score",
    "StructureMetrics",
    "StructureSummary",
    "mean_interval",
    "measure_names",
    "score_case",
    "structure_metrics",
    "summarise",
]
