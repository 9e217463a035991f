from pathlib import Path

import pytest
from pydantic import ValidationError

from zonate.config import Settings, load_recipe, recipe_names
from zonate.errors import ConfigError
from zonate.settings.data import SlicingSettings, SplitSettings


def test_the_defaults_are_the_described_method() -> None:
    settings = Settings()
    assert (settings.slicing.size_px, settings.slicing.spacing_mm) == (256, 0.5)
    assert (settings.optimiser.learning_rate, settings.optimiser.beta_1) == (2e-4, 0.5)
    assert (settings.training.batch_size, settings.training.epochs) == (1, 300)
    assert (settings.loss.adversarial, settings.loss.l1) == (1.0, 100.0)
    assert settings.normalisation == "dataset"


def test_settings_cannot_be_changed_or_misspelt() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.slicing.size_px = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="size_pixels"):
        SlicingSettings.model_validate({"size_pixels": 3})


def test_an_override_reads_toml_and_leaves_the_original_alone() -> None:
    settings = Settings()
    changed = settings.override(
        ["training.epochs=5", "network.head=sigmoid", 'name="mine"', "prediction.sampling=true"]
    )
    assert (changed.training.epochs, changed.network.head, changed.name) == (5, "sigmoid", "mine")
    assert changed.prediction.sampling is True
    assert settings.training.epochs == 300


@pytest.mark.parametrize(
    "assignment",
    ["training.epochs", "training.epoch=3", "nothing.at.all=1", "training.epochs=x", "training.epochs=0", "=1", ""],
)
def test_an_override_that_does_not_fit_is_refused(assignment: str) -> None:
    with pytest.raises(ConfigError):
        Settings().override([assignment])


def test_toml_keeps_defaults_and_names_what_does_not_fit() -> None:
    settings = Settings.from_toml("[slicing]\nsize_px = 128\n", "here.toml")
    assert (settings.slicing.size_px, settings.slicing.spacing_mm) == (128, 0.5)
    with pytest.raises(ConfigError, match=r"here\.toml does not fit the settings: slicing\.size"):
        Settings.from_toml("[slicing]\nsize = 128\n", "here.toml")
    with pytest.raises(ConfigError, match=r"here\.toml is not valid TOML"):
        Settings.from_toml("[slicing", "here.toml")


def test_someone_has_to_train() -> None:
    assert SplitSettings(validation_fraction=0.5, test_fraction=0.4).test_fraction == 0.4
    with pytest.raises(ValidationError, match="less than 1"):
        SplitSettings(validation_fraction=0.5, test_fraction=0.5)
    with pytest.raises(ConfigError, match="less than 1"):
        Settings().override(["split.test_fraction=0.9"])


@pytest.mark.parametrize("recipe", recipe_names())
def test_every_recipe_that_ships_fits(recipe: str) -> None:
    assert isinstance(load_recipe(recipe), Settings)


def test_a_recipe_can_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[training]\nepochs = 7\n", encoding="utf-8")
    assert load_recipe(file).training.epochs == 7
    file.write_bytes('name = "größer"'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"mine\.toml is not valid TOML: .*utf-8"):
        load_recipe(file)
    with pytest.raises(ConfigError, match="there is no recipe"):
        load_recipe(tmp_path / "other.toml")


@pytest.mark.parametrize("name", ["split.seed", "training.seed", "prediction.seed", "evaluation.seed"])
def test_a_negative_seed_is_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name}: Input should be greater than or equal to 0"):
        Settings().override([f"{name}=-1"])


@pytest.mark.parametrize(
    "name", ["training.patch_px", "split.fold", "alignment.max_error_mm", "augmentation.narrow_field_mm"]
)
def test_an_optional_setting_is_unset_by_none(name: str) -> None:
    section, leaf = name.split(".")
    given = Settings().override([f"{name}=4"])
    assert getattr(getattr(given, section), leaf) == 4
    assert getattr(getattr(given.override([f"{name} = none"]), section), leaf) is None


def test_none_is_a_word_where_a_setting_cannot_be_unset() -> None:
    cleaned = Settings().override(["prediction.clean_up=largest_component"])
    assert cleaned.override(["prediction.clean_up=none"]).prediction.clean_up == "none"
    assert Settings().override(["name=none"]).name == "none"
    for assignment in ("training.epochs=none", "split=none", "training.patch_px=nothing"):
        with pytest.raises(ConfigError):
            Settings().override([assignment])
