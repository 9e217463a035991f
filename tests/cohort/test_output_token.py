import os
import subprocess
import sys
from pathlib import Path

from zonate.cohort.output_token import _here, token_in
from zonate.io.files import is_half_written


def test_the_token_of_a_process_that_was_killed_is_removed_and_that_of_another_one_stays(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as killed:
        killed.wait()
    owners = {
        "killed": f"{_here()} {killed.pid}",
        "alive": f"{_here()} {os.getpid()}",
        "elsewhere": f"another-machine {killed.pid}",
        "unknown": "",
    }
    tokens = {name: tmp_path / f".zonate-0000000{number}.token" for number, name in enumerate(owners)}
    for name, token in tokens.items():
        token.write_text(owners[name], encoding="utf-8")
    with token_in(tmp_path) as own:
        assert own is not None
        assert own.read_text(encoding="utf-8") == owners["alive"]
        assert is_half_written(own)
        assert set(tmp_path.iterdir()) == {own, tokens["alive"], tokens["elsewhere"], tokens["unknown"]}
    assert not own.exists()
