"""Where two trees of settings are not alike."""

from collections.abc import Iterator, Mapping
from typing import Any

from zonate.config import Settings


def differing_settings(there: Settings, here: Settings) -> dict[str, tuple[Any, Any]]:
    """By name such as `network.base_channels`, in the order of the tree, the two values that differ."""
    ours = dict(_leaves(here.model_dump(mode="json")))
    return {name: (value, ours[name]) for name, value in _leaves(there.model_dump(mode="json")) if value != ours[name]}


def in_words(differing: Mapping[str, tuple[Any, Any]]) -> str:
    """Each with both values."""
    return "; ".join(f"{name} is {there} there and {here} here" for name, (there, here) in differing.items())


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
