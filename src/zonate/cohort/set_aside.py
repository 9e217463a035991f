"""A case of a batch that fails alone."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from zonate.errors import why_set_aside

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True)
class SetAside:
    """A case that failed: the others go on without it.

    Attributes:
        reason: Without patient data, see `why_set_aside`.
    """

    reason: str


def attempt(case_id: str, task: Callable[[], Result], *, kind: str = "case") -> Result | SetAside:
    """What the task of a case, or of something of another kind, returns, or why it failed; the reason is logged."""
    try:
        return task()
    except Exception as error:  # noqa: BLE001  (whatever a native library raises ends this case alone)
        return set_aside(case_id, why_set_aside(case_id, error), kind=kind)


def set_aside(case_id: str, reason: str, *, kind: str = "case") -> SetAside:
    """A case that failed for that reason, which is logged."""
    _log.warning("%s %s is set aside: %s", kind, case_id, reason)
    return SetAside(reason)
