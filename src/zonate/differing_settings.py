"""Where two trees of settings are not alike."""

from collections.abc import Iterator, Mapping
from typing import Any

from zonate.config import Settings
from zonate.errors import ConfigError


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


def with_defaults(there: Any, source: str) -> dict[str, Any]:
    """JSON values that an older version wrote, with the defaults of today for the names that it did not know.

    A new setting's default is how things were before there was a choice.

    Args:
        there: The values.
        source: What they were read from.

    Raises:
        ConfigError: They are no tree of sections.
    """
    return _filled(there, Settings().model_dump(mode="json"), "the settings", source)


def in_words(differing: Mapping[str, tuple[Any, Any]]) -> str:
    """Each with both values."""
    return "; ".join(f"{name} is {there} there and {here} here" for name, (there, here) in differing.items())


def _tree(settings: Settings | Mapping[str, Any]) -> Mapping[str, Any]:
    return settings.model_dump(mode="json") if isinstance(settings, Settings) else settings


def _filled(there: Any, defaults: Mapping[str, Any], section: str, source: str) -> dict[str, Any]:
    if not isinstance(there, Mapping):
        subject = f"{section} are" if section == "the settings" else f"{section} is"
        raise ConfigError(
            f"{source}: {subject} {type(there).__name__}, where names with values belong. It is damaged, or not by a "
            "version of Zonate that this one knows: begin anew"
        )
    nested = {
        name: _filled(there.get(name, {}), default, name, source)
        for name, default in defaults.items()
        if isinstance(default, dict)
    }
    return {**defaults, **there, **nested}


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
