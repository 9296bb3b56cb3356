"""How much memory there is, and how much fits it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxiom.errors import BadInput

UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def read_memory(memory: Any) -> int:
    """Bytes.

    >>> read_memory("2GiB"), read_memory("1.5 MB")
    (2147483648, 1500000)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([a-zA-Z]*)\s*", str(memory))
    if isinstance(memory, bool) or not match or match[2].lower() not in UNITS or not float(match[1]):
        raise BadInput(f"memory: expected a number of bytes or a text such as '2GiB', got {memory!r}")
    return int(float(match[1]) * UNITS[match[2].lower()])


def told_bytes(count: float) -> str:
    """Bytes in words.

    >>> told_bytes(3 * 2**29)
    '1.5 GiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1000 or unit == "GiB":
            return f"{count:.3g} {unit}"
        count /= 1024
    raise AssertionError("unreachable")


def free_memory(device: Any) -> int | None:
    """Bytes that the device has left; None where nothing says."""
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"MemAvailable:\s*(\d+) kB", text)
    return int(found[1]) * 1024 if found else None


def largest_batch(need: Callable[[int], int], total: int, limit: int) -> int:
    """The most entries whose need of memory is within the limit; it grows with their number.

    Raises:
        BadInput: not even one is.
    """
    if need(1) > limit:
        raise BadInput(
            f"memory: even one entry a batch needs {told_bytes(need(1))}, more than {told_bytes(limit)}; allow that "
            "much, measure without the bound (bound=False, --no-bound), or give smaller sizes"
        )
    low, high = 1, total
    fixed, each = 2 * need(1) - need(2) if total > 1 else 0, need(2) - need(1) if total > 1 else 0
    if each > 0:  # what a straight line says, and no more questions than it takes to be sure
        low = max(1, min(total, (limit - fixed) // each))
        while low > 1 and need(low) > limit:
            low = max(1, low * 7 // 8)
        return low
    return high if need(high) <= limit else low
