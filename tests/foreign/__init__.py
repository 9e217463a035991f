"""Other tools' own readers, run in the environment that `make readers` sets up beside the tests' own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PYTHON = Path(f"{sys.prefix}-readers") / "bin" / "python"


def ask(script: str, *arguments: Path) -> Any:
    """Run a script there and give back the JSON that it writes last; what it raises fails the test.

    Args:
        script: Its file, beside this one.
        arguments: Of the script.
    """
    if not PYTHON.is_file():
        pytest.skip("the other tools' readers are not installed: make readers")
    command = [str(PYTHON), str(Path(__file__).with_name(script)), *map(str, arguments)]
    environment = {**os.environ, **{f"nnUNet_{name}": os.devnull for name in ("raw", "preprocessed", "results")}}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def run(program: str, *arguments: str | Path) -> str:
    """Run a program that is installed there and give back what it writes; its failure fails the test."""
    path = PYTHON.with_name(program)
    if not path.is_file():
        pytest.skip(f"{program} is not installed: make readers")
    done = subprocess.run([str(path), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
