from typing import Any

import pytest

from zonate.config import Settings
from zonate.differing_settings import differing_settings, in_words, with_defaults
from zonate.errors import ConfigError

SOURCE = "run/last.safetensors"


def test_both_values_are_given_by_name_in_the_order_of_the_tree() -> None:
    there = Settings().override(["network.base_channels=8", "name=other"])
    differing = differing_settings(there, Settings())
    assert list(differing.items()) == [("name", ("other", "pix2pix")), ("network.base_channels", (8, 64))]
    assert in_words(differing) == "name is other there and pix2pix here; network.base_channels is 8 there and 64 here"
    assert differing_settings(Settings(), Settings()) == {}


def test_a_name_that_another_version_does_not_know_counts_as_unset() -> None:
    tree = Settings().model_dump(mode="json")
    del tree["network"]["neighbours"]
    del tree["training"]["patch_px"]  # unset here, too
    tree["loss"]["of_old"] = 1.0
    assert differing_settings(tree, Settings()) == {"network.neighbours": (None, 0), "loss.of_old": (1.0, None)}


def test_what_an_older_version_did_not_know_is_as_it_was_then() -> None:
    written = Settings().override(["network.base_channels=8"]).model_dump(mode="json")
    del written["prediction"]["precision"]
    del written["evaluation"]
    filled = with_defaults(written, SOURCE)
    assert differing_settings(filled, Settings()) == {"network.base_channels": (8, 64)}
    assert "precision" not in written["prediction"]
    strange = with_defaults({**written, "gone": 1}, SOURCE)
    assert differing_settings(strange, Settings()) == {"network.base_channels": (8, 64), "gone": (1, None)}


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (None, "the settings are NoneType"),
        ([1], "the settings are list"),
        ({"network": None}, "network is NoneType"),
        ({"optimiser": {}, "training": 3}, "training is int"),
    ],
)
def test_what_is_no_section_where_one_belongs_is_said(tree: Any, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        with_defaults(tree, SOURCE)
    assert str(raised.value) == (
        f"run/last.safetensors: {said}, where names with values belong. It is damaged, or not by a version of Zonate "
        "that this one knows: begin anew"
    )
