"""What every section of the settings is: frozen, and refused where a name is unknown."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0)]
"""Where a sequence of random numbers begins; NumPy takes no negative one."""


class Section(BaseModel):
    """Values that belong together; a unit stands in the name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
