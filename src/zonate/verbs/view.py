"""Look at results in a browser, and correct them: a page on 127.0.0.1 that works without a network."""

import itertools
import json
import logging
import webbrowser
from collections.abc import Callable
from pathlib import Path
from threading import Event

from zonate.errors import ZonateError
from zonate.geometry import Volume
from zonate.io.nifti import write_volume
from zonate.outputs.correction import write_corrected_seg
from zonate.outputs.dicom import SOURCE
from zonate.web.cases import find_cases, read_case
from zonate.web.server import Saved, ViewerServer

logger = logging.getLogger(__name__)

WriteSeg = Callable[[Volume, Path], None]
"""Given the corrected labels and the DICOM SEG file to write; the file's folder is the case's."""


def view(
    output: Path,
    *,
    case_id: str | None = None,
    port: int = 0,
    open_browser: bool = True,
    write_seg: WriteSeg | None = write_corrected_seg,
    announce: Callable[[str], None] | None = None,
) -> tuple[Path, ...]:
    """Show the cases of an output in a browser, until interrupted (Ctrl-C).

    A correction that is saved there becomes `zones.edited.nii.gz`, the next one `zones.edited-2.nii.gz`, on the T2W
    grid in the type of `zones.nii.gz`; beside it, where the case came from DICOM, `zones.edited.seg.dcm` of the same
    number. Nothing that is there is ever written over.

    Args:
        output: What `predict` was given as OUT, or one case's folder in it.
        case_id: Show only this case.
        port: Of 127.0.0.1; 0: any that is free.
        open_browser: Whether to start the user's browser.
        write_seg: Writes the DICOM SEG of a correction; None: none is written.
        announce: Told the address when the server answers; whoever knows it sees the patients' data.

    Returns:
        What was saved.

    Raises:
        OutputError: The output holds no result, not the case asked for, or (where it is one case) a result that
            lacks its T2W; the port cannot be used.
    """
    saved: list[Path] = []
    cases = find_cases(output, case_id)
    if len(cases) == 1:
        read_case(*cases.values())

    def save(folder: Path, labels: Volume) -> Saved:
        result = save_correction(folder, labels, write_seg)
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


def save_correction(folder: Path, labels: Volume, write_seg: WriteSeg | None = None) -> Saved:
    """Write a corrected label volume into a case's folder under the next free number.

    Args:
        folder: The case's.
        labels: (S, H, W) uint8 codes on the grid of its `zones.nii.gz`.
        write_seg: Asked where the case came from DICOM, which its `source.json` tells.

    Returns:
        The files, and why the SEG is missing where it could not be written; the labels are kept then.
    """
    stem = next(stem for stem in _stems() if not any(_there(folder, stem)) and _claimed(folder / f"{stem}.nii.gz"))
    file = folder / f"{stem}.nii.gz"
    try:
        write_volume(file, labels, note=_note(folder))
    except BaseException:
        file.unlink()  # it holds nothing yet
        raise
    if write_seg is None or not (folder / SOURCE).exists():
        return Saved((file,))
    seg = folder / f"{stem}.seg.dcm"
    try:
        write_seg(labels, seg)
    except Exception as error:  # noqa: BLE001  (the labels are kept, which is what matters)
        reason = str(error) if isinstance(error, ZonateError) else type(error).__name__
        return Saved((file,), (f"{seg.name} was not written: {reason}",))
    return Saved((file, seg))


def _claimed(file: Path) -> bool:
    """Whether the name is ours now, and not another program's that looks at the same time."""
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _note(folder: Path) -> str:
    """What the file is to say of itself: a correction does not make a doubtful result a sound one by itself."""
    doubt = json.loads((folder / "zones.json").read_text(encoding="utf-8")).get("doubt", "")
    return f"Corrected by a person; was DOUBTFUL: {doubt}" if doubt else "Corrected by a person. Research use only."


def _stems() -> "itertools.chain[str]":
    return itertools.chain(["zones.edited"], (f"zones.edited-{number}" for number in itertools.count(2)))


def _there(folder: Path, stem: str) -> list[bool]:
    return [(folder / f"{stem}{suffix}").exists() for suffix in (".nii.gz", ".seg.dcm")]
