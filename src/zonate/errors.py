"""Everything that Zonate raises on purpose.

    ZonateError
    ├── StudyError ── MissingSeriesError, AmbiguousSeriesError, CorruptSeriesError
    ├── GeometryError          grids or frames of reference that do not belong together
    ├── AlignmentError
    ├── DatasetError ── LabelError, LeakageError, FetchError
    ├── ModelError
    ├── OutputError            an output folder that may not be written to
    ├── ProcessError           another of the processes that work together has failed or is gone
    └── ConfigError

A message says what, where (case, series, file), the value found, and what to do. It never holds a
patient's name, birth date or the value of a free-text header. Bad arguments of a public function
stay `ValueError` and `TypeError`.
"""


class ZonateError(Exception):
    """The root: a batch sets a case that raises it aside and goes on."""


class StudyError(ZonateError):
    """A study on disk cannot be read as one examination of one patient."""


class MissingSeriesError(StudyError):
    """A role that is needed has no series."""


class AmbiguousSeriesError(StudyError):
    """Several series claim a role and nothing in the headers decides."""


class CorruptSeriesError(StudyError):
    """A series that holds a role has missing, doubled, truncated or contradicting files."""


class GeometryError(ZonateError):
    """Grids or frames of reference that do not belong together."""


class AlignmentError(ZonateError):
    """The registration library failed, so that not even the header alignment can be given.

    Attributes:
        repeatable: Whether the same images fail so again; not where the machine had no time or memory left.
    """

    def __init__(self, message: str, *, repeatable: bool = True) -> None:
        super().__init__(message)
        self.repeatable = repeatable


class DatasetError(ZonateError):
    """A dataset, a manifest or a layout is not what it should be."""


class FetchError(DatasetError):
    """A file of a dataset cannot be fetched from where it lies, for now or for good."""


class LabelError(DatasetError):
    """A label volume holds values, or a code stands for zones, that nobody declared."""


class LeakageError(DatasetError):
    """One patient stands on two sides of a split."""


class ModelError(ZonateError):
    """A model file cannot be read, or does not fit what it is asked to do."""


class OutputError(ZonateError):
    """An output folder holds results already, or cannot be written."""


class ProcessError(ZonateError):
    """Another one of the processes that work together has failed or is gone.

    Attributes:
        told: What failed there, which is told there; None where that process is gone.
    """

    def __init__(self, message: str, *, told: Exception | None = None) -> None:
        super().__init__(message)
        self.told = told


class ConfigError(ZonateError):
    """A settings file or an override does not fit the settings tree."""


def why_set_aside(case_id: str, error: Exception) -> str:
    """What a batch says of a case that failed: no path and no value that others' messages may quote.

    A ZonateError speaks for itself. Whatever else a library raises ends its case alone as well, and is named
    by its kind only, since its text may hold a path or a header's value.
    """
    if isinstance(error, ZonateError):
        return str(error)
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        return f"case {case_id}: a file could not be read or written ({reason}): check rights and space"
    return f"case {case_id}: unexpected {type(error).__name__}; run this case alone through the Python API to see where"
