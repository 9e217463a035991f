"""Keeping header values out of what pydicom says."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pydicom.config


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom from warning about values that are not quite as the standard wants them.

    Its messages would hold the values, and with them perhaps the patient's name.
    """
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        yield
