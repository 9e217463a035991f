"""What this process may use of the machine: fewer cores and less memory than there are, in a container or a queue."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")
_MEMINFO = Path("/proc/meminfo")


def usable_cores() -> int:
    """How many cores this process may keep busy: those it may run on, and no more than its group's quota.

    Source: the Linux kernel's admin guide, control group v2, `cpu.max` (quota and period in µs). Without control
    groups of version 2 there is no quota.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for limit in _limits("cpu.max"):
        quota, period = limit.split()
        cores = min(cores, int(quota) // int(period))
    return max(1, cores)


def usable_memory_gib() -> float | None:
    """How much memory is free for this process, or None where the system does not tell.

    What its group holds already counts as free: most of that is file cache, which gives way.

    Source: the Linux kernel's admin guide, control group v2, `memory.max` (bytes); proc(5), `MemAvailable` (KiB).
    """
    found = [int(limit) / 2**30 for limit in _limits("memory.max")]
    if _MEMINFO.is_file():
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) / 2**20 for line in lines if line.startswith("MemAvailable:")]
    return min(found, default=None)


@contextmanager
def environment_kept() -> Iterator[None]:
    """Put this process's environment back in the end, which is changed for the processes that it starts."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _limits(name: str) -> Iterator[str]:
    """What limits this process: the file of its control group and of every group around that, without "max"."""
    if not _OWN_CGROUP.is_file():
        return
    for line in _OWN_CGROUP.read_text(encoding="utf-8").splitlines():
        if not line.startswith("0::/"):  # version 1
            continue
        group = Path(line.removeprefix("0::/"))
        for folder in (group, *group.parents):
            file = _CGROUPS / folder / name
            if file.is_file() and not (limit := file.read_text(encoding="ascii").strip()).startswith("max"):
                yield limit
