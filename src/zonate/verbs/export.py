"""`zonate export`: a dataset in the form of another tool."""

from pathlib import Path

from zonate.dataset.exporters import EXPORTERS
from zonate.dataset.store import Dataset
from zonate.io.files import atomic_folder
from zonate.progress import Progress, silent


def export(
    dataset: Path | str,
    output: Path | str,
    *,
    to: str = "npy",
    overwrite: bool = False,
    progress: Progress = silent,
) -> tuple[str, ...]:
    """Write a dataset in another form; the folder appears whole or not at all.

    Args:
        dataset: The dataset's folder.
        output: The folder to write.
        to: `npy` (plain arrays), `nnunet` (raw data of nnU-Net 2) or `bids` (BIDS derivatives); what each writes
            stands in `zonate.dataset.exporters`.
        overwrite: Whether an output that holds something is replaced.
        progress: Told after each case.

    Returns:
        What a person should know: what could not be written, what is still to be done in the other tool.

    Raises:
        DatasetError: The dataset cannot be opened, or does not fit the form.
        OutputError: The output holds something and may not be replaced.
        ValueError: The form is unknown.
    """
    dataset, output = Path(dataset), Path(output)
    if to not in EXPORTERS:
        raise ValueError(f"there is no form {to!r} to export to: choose one of {', '.join(sorted(EXPORTERS))}")
    opened = Dataset.open(dataset)
    with atomic_folder(output, overwrite=overwrite, inputs=[dataset]) as folder:
        return EXPORTERS[to](opened, folder, progress)
