"""What a figure was measured on, and by what."""

import platform
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

from zonate.cohort.machine import usable_cores


def machine() -> str:
    """Cores and processor in a few words."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{usable_cores()} cores of {names[0] if names else platform.machine()}"


def circumstances(threads: int, beside: int = 1) -> dict[str, Any]:
    """When, on what and by which code something is measured.

    Args:
        threads: Of the process.
        beside: How many such processes run at a time.
    """
    return {
        "date": date.today().isoformat(),
        "machine": machine(),
        "threads": threads,
        "beside": beside,
        "commit": commit(),
    }


def commit(checkout: Path = Path(__file__).parent) -> str:
    """The commit that is checked out, with `+` where files of it were changed since; `unknown` outside a checkout."""
    calls = (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    try:
        head, changed = (
            subprocess.run(["git", *call], cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607
            for call in calls
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed else "")
