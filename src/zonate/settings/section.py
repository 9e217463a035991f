"""What every section of the settings is: frozen, and refused where a name is unknown."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Values that belong together; a unit stands in the name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
