"""Statistics of arrays that are reduced on the device and joined on the host, so that batches can be added up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

# A number of ulps is kept by its leading bits: float32's exponent and the first three bits of its mantissa.
DROPPED = 20
BINS = 2**11
INFINITE = 0x7F800000 >> DROPPED
QUANTILES = (0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class Statistic:
    """One quantity over all entries: its largest absolute value, its root mean square, and its Frobenius norm over
    that of the right side."""

    max: float
    rms: float
    relative: float

    def __str__(self) -> str:
        return f"max {self.max:.2e}, rms {self.rms:.2e}, relative {self.relative:.2e}"

    def record(self) -> dict[str, float]:
        return {"max": self.max, "rms": self.rms, "relative": self.relative}


ZERO = Statistic(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Tally:
    """What is kept of an array: how many entries, the largest absolute value, the sum of squares; float64.

    >>> both = Tally(2, 3.0, 10.0) + Tally(1, 4.0, 16.0)
    >>> both.max, both.norm
    (4.0, 5.0990195135927845)
    """

    count: int = 0
    max: float = 0.0
    squares: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.count + other.count, max(self.max, other.max), self.squares + other.squares)

    @property
    def norm(self) -> float:
        return math.sqrt(self.squares)

    def over(self, reference: "Tally") -> Statistic:
        rms = self.norm / math.sqrt(max(self.count, 1))
        relative = 0.0 if self.norm == 0 else self.norm / reference.norm if reference.norm else math.inf
        return Statistic(self.max, rms, relative)


def reduced(x: Array) -> tuple[Array, Array]:
    """On the device: max |x|, and the sums of squares of x / max |x| (for infinities 1) along the last axis."""
    top = jnp.max(jnp.abs(x), initial=0)
    unit = jnp.where(top > 1, 2.0**-8, 2.0**8).astype(x.dtype)  # a compiler may multiply by 1/top: that must be normal
    scaled = jnp.where(top > 0, (x * unit) / jnp.where(top > 0, top * unit, 1), 0)
    scaled = jnp.where(jnp.isinf(x), 1, scaled)
    squares = jnp.square(scaled)
    return top, squares.sum(-1) if x.ndim > 1 else squares


def difference(left: Array, right: Array) -> Array:
    """On the device: left - right, infinite where either is no finite number, and only there."""
    most = float(jnp.finfo(left.dtype).max)
    return jnp.where(jnp.isfinite(left) & jnp.isfinite(right), jnp.clip(left - right, -most, most), jnp.inf)


def finite_part(x: Array) -> Array:
    """On the device: x, and 0 where it is no finite number."""
    return jnp.where(jnp.isfinite(x), x, 0)


def tally(x: Any, size: int) -> Tally:
    """On the host: the tally of `reduced(x)`; `size` is the number of entries."""
    top = float(x[0])
    total = float(np.sum(fetch(x[1]).astype(np.float64)))
    return Tally(size, top, total * top * top)


def fetch(x: Any) -> np.ndarray:
    """The whole of an array on the host, wherever its pieces are; every process asks for it at the same time."""
    if not isinstance(x, Array) or x.is_fully_addressable or x.is_fully_replicated:
        return np.asarray(x)
    from jax.experimental.multihost_utils import process_allgather

    return np.asarray(process_allgather(x, tiled=True))


def ulps(difference: Array, left: Array, right: Array, dtype: Any) -> Array:
    """On the device: each |difference| in units of the last place (of the larger side, in `dtype`), as a bin."""
    info = jnp.finfo(dtype)
    larger = jnp.maximum(jnp.maximum(jnp.abs(left), jnp.abs(right)), float(info.tiny) / float(info.eps))
    unit = larger / power_of_two_mantissa(larger) * float(info.eps)
    count = (jnp.abs(difference) / unit).astype(jnp.float32)
    return (lax.bitcast_convert_type(count, jnp.uint32) >> DROPPED).astype(jnp.uint16)


def counted(bins: Array) -> Array:
    """On the device: how many entries fall in each bin. On a CPU `Histogram.add` is faster."""
    return jnp.zeros(BINS, jnp.int32).at[bins.ravel()].add(1)


def power_of_two_mantissa(x: Array) -> Array:
    """m in [1, 2) with x = m 2^e, for normal x > 0."""
    info = jnp.finfo(x.dtype)
    word = jnp.uint64 if info.bits == 64 else jnp.uint32
    bits = lax.bitcast_convert_type(x, word) & np.array((1 << info.nmant) - 1, word)
    one = lax.bitcast_convert_type(np.ones((), x.dtype), word)
    return lax.bitcast_convert_type(bits | one, x.dtype)


@dataclass
class Histogram:
    """How many entries differ by how many ulps."""

    counts: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, bins: Any) -> None:
        """Bins of entries, as `ulps` gives them."""
        self.counts += np.bincount(fetch(bins).ravel(), minlength=BINS)[:BINS]

    def join(self, counts: Any) -> None:
        """What `counted` gives, or another histogram's counts."""
        self.counts += fetch(counts).astype(np.int64)

    def quantiles(self, levels: Sequence[float] = QUANTILES) -> dict[float, float]:
        """For each level, the least number of ulps (to an eighth of an octave, upwards) that this share stays below.

        >>> histogram = Histogram()
        >>> histogram.add(ulps(np.float32([0, 0, 2**-23, 2**-22]), np.float32([1]), np.float32([1]), "float32"))
        >>> histogram.quantiles([0.5, 0.75])
        {0.5: 0.0, 0.75: 1.125}
        """
        total = np.cumsum(self.counts)
        found = {}
        for level in levels:
            at = int(np.searchsorted(total, math.ceil(level * total[-1]))) if total[-1] else 0
            upper = np.array([min(at + 1, INFINITE) << DROPPED], np.uint32).view(np.float32)
            found[level] = 0.0 if at == 0 else float(upper[0])
        return found
