"""Look at results in a browser, and correct them: a page on 127.0.0.1 that works without a network."""

import itertools
import json
import logging
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event

from zonate.geometry import Volume
from zonate.io.nifti import write_volume
from zonate.outputs.correction import corrected_paths, write_corrected
from zonate.web.cases import PREDICTED, find_cases, note_of_correction, read_case
from zonate.web.server import Saved, ViewerServer

logger = logging.getLogger(__name__)

WriteBeside = Callable[[Path, Volume], tuple[tuple[Path, ...], Mapping[str, str]]]
"""Given a correction's volume file and its labels; returns what was written beside it, and by name why not."""


def view(
    output: Path | str,
    *,
    case_id: str | None = None,
    port: int = 0,
    open_browser: bool = True,
    write_beside: WriteBeside | None = write_corrected,
    announce: Callable[[str], None] | None = None,
) -> tuple[Path, ...]:
    """Show the cases of an output in a browser, until interrupted (Ctrl-C).

    A correction that is saved there becomes `zones.edited.nii.gz`, the next one `zones.edited-2.nii.gz`, on the T2W
    grid in the type of `zones.nii.gz`; beside it, under the same number, what is measured on it (`zones.edited.json`),
    and of the kinds that the prediction's settings asked for, its SEG, its contours and its surfaces. Nothing that is
    there is ever written over; report, `zones.json`, sectors and SR stay the prediction's.

    Args:
        output: What `predict` was given as OUT, or one case's folder in it.
        case_id: Show only this case.
        port: Of 127.0.0.1; 0: any that is free.
        open_browser: Whether to start the user's browser.
        write_beside: Writes what is made of a correction; None: its volume alone is written.
        announce: Told the address when the server answers; whoever knows it sees the patients' data.

    Returns:
        What was saved.

    Raises:
        OutputError: The output holds no result, not the case asked for, or (where it is one case) a result that
            lacks its T2W; the port cannot be used.
    """
    output = Path(output)
    saved: list[Path] = []
    cases = find_cases(output, case_id)
    if len(cases) == 1:
        read_case(*cases.values())

    def save(folder: Path, labels: Volume, *, began_from: str) -> Saved:
        result = save_correction(folder, labels, write_beside, began_from=began_from)
        saved.extend(result.files)
        return result

    with ViewerServer(cases, save, port=port) as server:
        try:
            if announce is not None:
                announce(server.private_address)
            if open_browser and not webbrowser.open(server.address_to_open):
                logger.warning("no browser could be started: open the address yourself")
            for_ever = Event()
            while not for_ever.wait(0.5):  # in short waits, which Ctrl-C ends on every system
                pass
        except KeyboardInterrupt:
            logger.debug("interrupted, which is how the viewer ends")
    return tuple(saved)


def save_correction(
    folder: Path, labels: Volume, write_beside: WriteBeside | None = None, *, began_from: str = PREDICTED
) -> Saved:
    """Write a corrected label volume into a case's folder under the next free number.

    Args:
        folder: The case's.
        labels: (S, H, W) uint8 codes on the grid of its `zones.nii.gz`.
        write_beside: Asked once the labels are written, which are kept whatever becomes of the rest.
        began_from: The reading that was corrected.

    Returns:
        The files and folders, and why one is missing that could not be written.
    """
    note = _note(folder, began_from)
    free = (folder / f"{stem}.nii.gz" for stem in _stems() if not any(_there(folder, stem)))
    file = next(file for file in free if _written(file, labels, note))
    if write_beside is None:
        return Saved((file,))
    written, missing = write_beside(file, labels)
    return Saved((file, *written), tuple(f"{name} was not written: {reason}" for name, reason in missing.items()))


def _written(file: Path, labels: Volume, note: str) -> bool:
    """Whether the labels have that name now, which another program may have taken since it was looked for."""
    try:
        write_volume(file, labels, note=note, new=True)
    except FileExistsError:
        return False
    return True


def _note(folder: Path, began_from: str) -> str:
    return note_of_correction(json.loads((folder / "zones.json").read_text(encoding="utf-8")), began_from)


def _stems() -> "itertools.chain[str]":
    return itertools.chain(["zones.edited"], (f"zones.edited-{number}" for number in itertools.count(2)))


def _there(folder: Path, stem: str) -> list[bool]:
    volume = folder / f"{stem}.nii.gz"
    return [path.exists() for path in (volume, *corrected_paths(volume))]
