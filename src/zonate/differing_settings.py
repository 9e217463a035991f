"""Where two trees of settings are not alike."""

from collections.abc import Iterator, Mapping
from typing import Any

from zonate.config import Settings


def differing_settings(there: Settings | Mapping[str, Any], here: Settings) -> dict[str, tuple[Any, Any]]:
    """By name such as `network.base_channels`, in the order of the tree, the two values that differ.

    Args:
        there: Settings, or their JSON values as another version may have written them: a name that is missing on one
            side counts as unset there.
        here: Settings.
    """
    theirs, ours = (dict(_leaves(_tree(settings))) for settings in (there, here))
    names = dict.fromkeys([*ours, *theirs])
    pairs = {name: (theirs.get(name), ours.get(name)) for name in names}
    return {name: (first, second) for name, (first, second) in pairs.items() if first != second}


def with_defaults(there: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values that an older version wrote, with the defaults of today for the names that it did not know.

    A new setting's default is how things were before there was a choice.
    """
    return _filled(there, Settings().model_dump(mode="json"))


def in_words(differing: Mapping[str, tuple[Any, Any]]) -> str:
    """Each with both values."""
    return "; ".join(f"{name} is {there} there and {here} here" for name, (there, here) in differing.items())


def _tree(settings: Settings | Mapping[str, Any]) -> Mapping[str, Any]:
    return settings.model_dump(mode="json") if isinstance(settings, Settings) else settings


def _filled(there: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    nested = {
        name: _filled(there.get(name, {}), default) for name, default in defaults.items() if isinstance(default, dict)
    }
    return {**defaults, **there, **nested}


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
