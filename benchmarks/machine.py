"""What a figure was measured on."""

import platform
from pathlib import Path

from zonate.verbs.machine import usable_cores


def machine() -> str:
    """Cores and processor in a few words."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{usable_cores()} cores of {names[0] if names else platform.machine()}"
