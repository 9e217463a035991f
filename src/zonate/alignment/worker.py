"""Runs elastix once, in a process of its own: `python worker.py FOLDER SECONDS`.

Started by `elastix.py` and importing nothing of Zonate. A crash or a hang of the native library ends this process
alone, what it prints goes nowhere, and whatever state it keeps between runs (ITKElastix#279) never meets a second
run, so that a result depends on its input only.

The folder holds `fixed.mha`, `fixed_mask.mha`, `moving.mha`, `map.txt`, and `moving_mask.mha` where there is one;
`found.json`, elastix's transform parameter map, is written into it. Standard input is a pipe that the parent holds:
where that is killed, nobody waits for the result. After so many seconds of processor time the system ends it by
SIGXCPU: seconds on the clock would depend on what else the machine does.
"""

import json
import os
import sys
import threading
from pathlib import Path

import SimpleITK as sitk

if sys.platform != "win32":
    import resource


def main(folder: Path) -> None:
    """Register what the folder holds; a failure is elastix's own exception on stderr and an exit status of 1."""
    elastix = sitk.ElastixImageFilter()
    elastix.LogToConsoleOff()
    elastix.LogToFileOff()
    elastix.SetNumberOfThreads(1)
    elastix.SetOutputDirectory(str(folder))
    elastix.SetFixedImage(sitk.ReadImage(str(folder / "fixed.mha")))
    elastix.SetFixedMask(sitk.ReadImage(str(folder / "fixed_mask.mha")))
    elastix.SetMovingImage(sitk.ReadImage(str(folder / "moving.mha")))
    if (folder / "moving_mask.mha").is_file():
        elastix.SetMovingMask(sitk.ReadImage(str(folder / "moving_mask.mha")))
    elastix.SetParameterMap(sitk.ReadParameterFile(str(folder / "map.txt")))
    elastix.Execute()
    found = {key: list(values) for key, values in elastix.GetTransformParameterMap()[0].items()}
    (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")


def _limit(seconds: int) -> None:
    """Let the system count the processor time of this process, which ends without an image of its memory on disk."""
    if sys.platform == "win32":  # which counts nothing: the parent's clock ends it
        return
    for what, wanted in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        _, most = resource.getrlimit(what)
        resource.setrlimit(what, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def _end_with_the_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written; `sys.stdin` itself cannot be left waiting at exit
    os._exit(1)


if __name__ == "__main__":
    _limit(int(sys.argv[2]))
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    main(Path(sys.argv[1]))
