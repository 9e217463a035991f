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


def attempt(case_id: str, task: Callable[[], Result]) -> Result | SetAside:
    """What the task of a case returns, or why it failed; the reason is logged."""
    try:
        return task()
    except Exception as error:  # noqa: BLE001  (whatever a native library raises ends this case alone)
        return set_aside(case_id, why_set_aside(case_id, error))


def set_aside(case_id: str, reason: str) -> SetAside:
    """A case that failed for that reason, which is logged."""
    _log.warning("case %s is set aside: %s", case_id, reason)
    return SetAside(reason)
