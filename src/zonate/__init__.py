"""Zonate: from a multi-parametric prostate MRI study to its anatomical zones.

The public API, imported on first use, so that `import zonate` costs nothing:

    >>> import zonate
    >>> study = zonate.inspect("ProstateX-0000")

Every verb of the command line is a function of the same name here; what `zonate predict` writes, `predict_studies`
does, and `predict` gives the zones of one study without a file. Without a model named, both use the weights that ship
with the package (`shipped`); `info` says what they are.
"""

import logging
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zonate.case import AlignmentRecord, Case
    from zonate.cohort.workers import Workers
    from zonate.config import Settings, load_recipe
    from zonate.dataset.store import Dataset
    from zonate.errors import ZonateError
    from zonate.geometry import Grid, Volume
    from zonate.load import load_case, open_study, read_acquisition
    from zonate.model import Model
    from zonate.study import Acquisition, Sequence, Study
    from zonate.verbs.align import align
    from zonate.verbs.align_studies import align_studies
    from zonate.verbs.calibrate import calibrate
    from zonate.verbs.check import check
    from zonate.verbs.demo import demo
    from zonate.verbs.download import download
    from zonate.verbs.evaluate import evaluate
    from zonate.verbs.export import export
    from zonate.verbs.export_seg import export_seg
    from zonate.verbs.info import info
    from zonate.verbs.inspect import inspect
    from zonate.verbs.predict import predict
    from zonate.verbs.predict_studies import predict_studies
    from zonate.verbs.prepare import prepare
    from zonate.verbs.simulate import simulate
    from zonate.verbs.synthesise import synthesise
    from zonate.verbs.train import train
    from zonate.verbs.view import view
    from zonate.zonemap import ZoneMap
    from zonate.zones import LabelCode, Zone

__version__ = version("zonate")

logging.getLogger("zonate").addHandler(logging.NullHandler())  # silent as a library

_HOME = {
    "Acquisition": "zonate.study",
    "AlignmentRecord": "zonate.case",
    "Case": "zonate.case",
    "Dataset": "zonate.dataset.store",
    "Grid": "zonate.geometry",
    "LabelCode": "zonate.zones",
    "Model": "zonate.model",
    "Sequence": "zonate.study",
    "Settings": "zonate.config",
    "Study": "zonate.study",
    "Volume": "zonate.geometry",
    "Workers": "zonate.cohort.workers",
    "Zone": "zonate.zones",
    "ZonateError": "zonate.errors",
    "ZoneMap": "zonate.zonemap",
    "align": "zonate.verbs.align",
    "align_studies": "zonate.verbs.align_studies",
    "calibrate": "zonate.verbs.calibrate",
    "check": "zonate.verbs.check",
    "demo": "zonate.verbs.demo",
    "download": "zonate.verbs.download",
    "evaluate": "zonate.verbs.evaluate",
    "export": "zonate.verbs.export",
    "export_seg": "zonate.verbs.export_seg",
    "info": "zonate.verbs.info",
    "inspect": "zonate.verbs.inspect",
    "load_case": "zonate.load",
    "load_recipe": "zonate.config",
    "open_study": "zonate.load",
    "predict": "zonate.verbs.predict",
    "predict_studies": "zonate.verbs.predict_studies",
    "prepare": "zonate.verbs.prepare",
    "read_acquisition": "zonate.load",
    "simulate": "zonate.verbs.simulate",
    "synthesise": "zonate.verbs.synthesise",
    "train": "zonate.verbs.train",
    "view": "zonate.verbs.view",
}

__all__ = [
    "Acquisition",
    "AlignmentRecord",
    "Case",
    "Dataset",
    "Grid",
    "LabelCode",
    "Model",
    "Sequence",
    "Settings",
    "Study",
    "Volume",
    "Workers",
    "ZonateError",
    "Zone",
    "ZoneMap",
    "__version__",
    "align",
    "align_studies",
    "calibrate",
    "check",
    "demo",
    "download",
    "evaluate",
    "export",
    "export_seg",
    "info",
    "inspect",
    "load_case",
    "load_recipe",
    "open_study",
    "predict",
    "predict_studies",
    "prepare",
    "read_acquisition",
    "simulate",
    "synthesise",
    "train",
    "view",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'zonate' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
