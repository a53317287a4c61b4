"""How much memory a run and saving its result take, and how much is free: compared before the run begins."""

from __future__ import annotations

import bisect
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from gigaplan.results.membertable import writing_bytes
from gigaplan.simulate.keep import is_kept
from gigaplan.vocabulary.errors import MachineError
from gigaplan.vocabulary.time import DAY_TYPES
from gigaplan.vocabulary.variables import variables

NUMBER_BYTES = 8
WORKING, WORKING_HOURLY = 3.0, 4.0
"""Peak memory of a run over that of its result, by resolution: benchmarks/memory.py measured 1.9 to 2.7 with
representative days (lab-1mw, campus-1gw, announced-2025-09; 20 to 500 members) and 2.2 to 3.8 with every hour."""
PART_BYTES = 600e6
"""Memory that the members of one part of a run take."""
MOST_MEMBERS = 10_000
"""More members no run has."""
FIXED_BYTES = 200e6
"""What saving takes besides the result, whatever its size: DuckDB's buffers and the report (measured: 80 to 120 MB)."""
KIB = 1024
"""The unit of /proc/meminfo [bytes]."""
PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")


def result_bytes(labels: Mapping[str, tuple[str, ...]], members: int, keep: str | tuple[str, ...] = "all") -> int:
    """Return the size of a result's arrays [bytes], from the labels along its dims, its members and what it keeps."""
    sizes = {dim: len(names) for dim, names in labels.items()} | {"member": members}
    central = sizes | {"member": 1}
    held = ((v, sizes if is_kept(v, keep) else central) for v in variables().values())
    return NUMBER_BYTES * sum(math.prod(of[d] for d in v.dims) for v, of in held)


def members_at_once(labels: Mapping[str, tuple[str, ...]], members: int) -> int:
    """Return how many members a part of a run has, two or more: as few as take a part's memory, in even parts.

    Several parts are an even number of them, since two processes share them.
    """
    others = max(members - 1, 1)
    each = _working(labels) * max(result_bytes(labels, 2) - result_bytes(labels, 1), 1)
    parts = math.ceil(others / (max(int(PART_BYTES // each), 2) - 1))
    return 1 + math.ceil(others / (parts + parts % 2 if parts > 1 else 1))


def _working(labels: Mapping[str, tuple[str, ...]]) -> float:
    return WORKING_HOURLY if len(labels["day"]) > len(DAY_TYPES) else WORKING


def needed_bytes(labels: Mapping[str, tuple[str, ...]], members: int, keep: str | tuple[str, ...] = "all") -> float:
    """Return about what a run takes at its peak, saving the result included [bytes].

    A run takes the working arrays of two parts of its members at once, and what it keeps of all. Saving begins when
    the working arrays are gone, and takes a batch of rows besides the result.
    """
    at_once = members_at_once(labels, members)
    part = _working(labels) * result_bytes(labels, min(members, at_once))
    saving = FIXED_BYTES + writing_bytes(members)
    return saving + (2 * part + result_bytes(labels, members, keep) if members > at_once else part)


def require_memory(labels: Mapping[str, tuple[str, ...]], members: int, keep: str | tuple[str, ...] = "all") -> None:
    """Refuse a run that takes more memory than is free.

    Parameters
    ----------
    labels : mapping of str to tuple of str
        The labels along every dim of the result but ``member``.
    members : int
        Samples of the uncertain inputs.
    keep : str or tuple of str
        Which hourly quantities are kept for every member.

    Raises
    ------
    MachineError
        If the memory doesn't suffice; the message says how many members fit, and what else would.
    """
    free, needed = free_bytes(), needed_bytes(labels, members, keep)
    if not free or needed <= free:
        return
    fits = members_that_fit(labels, free, keep)
    enough = (
        f"{fits:,} members would fit (--set uncertainty.members={fits}), or "
        if fits
        else "not even one member fits; what would is "
    )
    raise MachineError(
        f"{members:,} members at this resolution need about {needed / 1e9:,.1f} GB of memory, {free / 1e9:,.1f} GB are "
        f"free; {enough}a shorter horizon or horizon.resolution=representative"
    )


def members_that_fit(labels: Mapping[str, tuple[str, ...]], free: float, keep: str | tuple[str, ...] = "all") -> int:
    """Return the largest number of members whose run fits into some free memory [bytes]."""
    return bisect.bisect_right(range(1, MOST_MEMBERS + 1), free, key=lambda m: needed_bytes(labels, m, keep))


def free_bytes() -> int:
    """Return the memory that this process may still take [bytes], 0 where the system doesn't say.

    It is the least of what the machine has available and what the limit of each control group leaves.
    """
    return min((n for n in (*_machine(), *_groups()) if n >= 0), default=0)


def _machine() -> Iterator[int]:
    """Yield what the machine has available; its whole memory where the system doesn't say how much is in use."""
    try:
        lines = (PROC / "meminfo").read_text().splitlines()
        yield next(int(line.split()[1]) * KIB for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        try:
            yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, OSError, ValueError):
            return


def _groups() -> Iterator[int]:
    """Yield what the limit of each control group of this process leaves, in version 2 (unified) and 1 (memory)."""
    try:
        lines = (PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            yield from _left(CGROUPS, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _left(CGROUPS / "memory", path, *names)


def _left(root: Path, path: str, limit: str, usage: str, reclaimable: str) -> Iterator[int]:
    """Yield limit less usage of a group and of those above it.

    Inside a container the path may be that of the host, which is not there; the group is then at the root.
    """
    group = root / path.strip("/")
    for folder in [group, *group.parents]:
        if folder != root and root not in folder.parents:
            break
        try:
            most, used = int((folder / limit).read_text()), int((folder / usage).read_text())
        except (OSError, ValueError):  # no such file, or the word "max": no limit here
            continue
        # Cached files that nobody uses count as used, though the kernel gives them up when memory is short.
        yield max(most - used + _statistic(folder, reclaimable), 1)


def _statistic(folder: Path, name: str) -> int:
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name} "))
    except (OSError, StopIteration, ValueError, IndexError):
        return 0
