"""Whether labels lie as anatomy allows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from zonate.geometry import Volume


@dataclass(frozen=True)
class Anatomy:
    """Placeholder."""

    figures: Mapping[str, float] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def examine(reference: Volume, codes: Iterable[int], t2w: Volume | None) -> Anatomy:
    """Placeholder."""
    return Anatomy()
