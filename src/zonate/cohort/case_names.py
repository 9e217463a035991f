"""What the studies of a batch are called: the folders that their results go to."""

from collections import Counter
from collections.abc import Sequence as Items
from pathlib import Path

from zonate.errors import OutputError
from zonate.io.opening import case_id_of

MADE = "synthetic-"
"""What the names of cases begin with that `synthesise` made; it is nobody's name."""


def case_names(studies: Items[Path], case_id: str | None = None) -> list[str]:
    """The name of each study, by which its folder below the output is called.

    Args:
        studies: Folders or zips.
        case_id: In place of the study's own name, where there is one study.

    Raises:
        ValueError: There is no study, or a name is no folder's.
        OutputError: Two of them have one name.
    """
    if not studies:
        raise ValueError("no study is given")
    names = [case_id] if case_id is not None else [case_id_of(study) for study in studies]
    for name, count in Counter(names).items():
        if not name or name.startswith(".") or "/" in name or "\\" in name:
            raise ValueError(f"the case_id {name!r} is no folder name: give one without slashes or a leading dot")
        if count > 1:
            same = [str(study) for study, other in zip(studies, names, strict=True) if other == name]
            raise OutputError(
                f"the studies {' and '.join(same)} are both called {name} and would be written to one folder: do them "
                "one at a time, with a case id each (--case-id)"
            )
    return names
