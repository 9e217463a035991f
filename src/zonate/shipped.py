"""The weights that ship with the package, and the name that stands for them."""

from importlib import resources
from pathlib import Path

from zonate.errors import ModelError

SHIPPED = "shipped"
"""What stands for them wherever a model is asked for."""
FILE = Path(str(resources.files("zonate"))) / "weights" / "zonate.safetensors"


def shipped_model_path() -> Path:
    """The model file that lies in the package.

    Raises:
        ModelError: This installation has none.
    """
    if not FILE.is_file():
        raise ModelError(
            "this installation carries no weights, give --model: a model file, or a run folder of `zonate train`"
        )
    return FILE


def model_path(model: Path | str | None = None) -> Path:
    """The model that is meant.

    Args:
        model: A model file or a run folder; `shipped` or None for what ships. As with recipes, the package's own name
            goes before a folder of that name in the working directory: give that by its whole path.

    Raises:
        ModelError: What ships is meant, and this installation has none.
    """
    return shipped_model_path() if model is None or str(model) == SHIPPED else Path(model)
