"""The one settings tree: frozen, typed, refused where a name is unknown, units in the names.

A recipe is a settings file in TOML. The resolved tree goes into every run folder and model file.
There are no environment variables and no globals.
"""

import tomllib
from collections.abc import Sequence as Items
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import ValidationError, model_validator

from zonate.errors import ConfigError
from zonate.settings.data import AlignmentSettings, CheckingSettings, ReadingSettings, SlicingSettings, SplitSettings
from zonate.settings.learning import (
    AugmentationSettings,
    LossSettings,
    NetworkSettings,
    OptimiserSettings,
    TrainingSettings,
)
from zonate.settings.results import EvaluationSettings, OutputSettings, PredictionSettings
from zonate.settings.section import Section

_UNSET = "none"


class Settings(Section):
    """The tree."""

    name: str = "pix2pix"
    normalisation: Literal["dataset", "volume", "region"] = "dataset"
    """By the training set's mean and standard deviation, or each volume's own, or by those of the volume within 50 mm
    of the middle of its slices, so that the field of view does not matter."""
    reading: ReadingSettings = ReadingSettings()
    alignment: AlignmentSettings = AlignmentSettings()
    checking: CheckingSettings = CheckingSettings()
    slicing: SlicingSettings = SlicingSettings()
    split: SplitSettings = SplitSettings()
    network: NetworkSettings = NetworkSettings()
    loss: LossSettings = LossSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    training: TrainingSettings = TrainingSettings()
    prediction: PredictionSettings = PredictionSettings()
    output: OutputSettings = OutputSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @model_validator(mode="after")
    def _the_second_pass_has_a_size(self) -> Self:
        if self.prediction.passes == 2 and self.training.patch_px is None:
            raise ValueError("prediction.passes = 2 needs training.patch_px, the side of what the second pass looks at")
        return self

    def override(self, assignments: Items[str]) -> Self:
        """Return the tree with values replaced, each given as `section.name=value` in TOML's notation.

        TOML has no word for nothing: `none` unsets a setting that may be unset, such as `training.patch_px`.

        Raises:
            ConfigError: An assignment has another form, an unknown name or a value that does not fit.
        """
        tree = self.model_dump()
        for assignment in assignments:
            name, separator, value = assignment.partition("=")
            *sections, leaf = name.strip().split(".")
            node: Any = tree
            part: Any = self
            for section in sections:
                node = node.get(section, {}) if isinstance(node, dict) else {}
                part = getattr(part, section, None)
            if not separator or not isinstance(node, dict) or leaf not in node:
                raise ConfigError(
                    f"{assignment!r} is not NAME=VALUE with a known NAME such as training.epochs; "
                    "docs/reference/settings.md lists them all"
                )
            unset = value.strip() == _UNSET and _may_be_unset(part, leaf)
            node[leaf] = None if unset else _toml_value(value.strip())
        return self._validated(tree, "the given settings")

    @classmethod
    def from_toml(cls, text: str, source: str) -> Self:
        """Read a tree; what the text leaves out keeps its default.

        Raises:
            ConfigError: The text is not TOML, or does not fit the tree.
        """
        try:
            tree = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{source} is not valid TOML: {error}") from None
        return cls._validated(tree, source)

    @classmethod
    def _validated(cls, tree: dict[str, Any], source: str) -> Self:
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            raise ConfigError(f"{source} does not fit the settings: {misfits(error)}") from None


def misfits(error: ValidationError) -> str:
    """Which settings do not fit, each with the reason."""
    return "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())


def recipe_names() -> list[str]:
    """The recipes that the package carries."""
    folder = resources.files("zonate") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_recipe(recipe: str | Path) -> Settings:
    """Read a recipe by the name of one that the package carries, or from a TOML file.

    Raises:
        ConfigError: There is no such recipe, or it does not fit the settings.
    """
    if str(recipe) in recipe_names():
        text = (resources.files("zonate") / "recipes" / f"{recipe}.toml").read_text(encoding="utf-8")
        return Settings.from_toml(text, f"recipe {recipe}")
    path = Path(recipe)
    if not path.is_file():
        raise ConfigError(f"there is no recipe {recipe}: give a TOML file or one of {', '.join(recipe_names())}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    return Settings.from_toml(text, str(path))


def _may_be_unset(section: Any, name: str) -> bool:
    """Whether a setting of a section takes None."""
    return isinstance(section, Section) and type(None) in get_args(type(section).model_fields[name].annotation)


def _toml_value(text: str) -> object:
    """A value in TOML's notation; a bare word counts as a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
