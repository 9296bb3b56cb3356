"""What the device at hand does with numbers: asked of it by small products, since neither JAX nor it says."""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jax import Array, lax

from jaxiom.rules import exact_products
from jaxiom.rules.accumulators import ACCUMULATORS, Accumulator
from jaxiom.rules.modular import Field

SIZES = (256, 1024, 4096)
SHORT = 32
"""The length of sums whose time is that of their results' reduction."""
LONG_ENOUGH = 1e-3


@dataclass(frozen=True)
class Cost:
    """Seconds of exact arithmetic: of a multiply-add in a long sum, and of reducing an entry of a result."""

    product: float
    entry: float

    def of(self, products: int, entries: int) -> float:
        """Seconds of a program of so much work."""
        return self.product * products + self.entry * entries


def multiply(x: Array, w: Array, kind: Accumulator) -> Array:
    numbers = (((1,), (0,)), ((), ()))
    precision = lax.Precision.HIGHEST if kind.operand == "float64" else None
    return lax.dot_general(x, w, numbers, precision, np.dtype(kind.result))


@lru_cache(maxsize=8)
def exact_costs(device: Any) -> dict[str, Cost]:
    """What each accumulator's arithmetic costs, for those that are exact on this device."""
    found = {}
    with jax.enable_x64(True), jax.default_device(device):
        for kind in ACCUMULATORS:
            try:
                if sums_are_exact(kind):
                    found[kind.name] = time_products(kind)
            except jax.errors.JaxRuntimeError:  # this device or compiler has no such product
                continue
    return found


def sums_are_exact(kind: Accumulator) -> bool:
    """Whether sums that reach the accumulator's limit come out as Python's integers do."""
    x, w = np.full((8, kind.terms), kind.half), np.full((kind.terms, 8), kind.half)
    x[:, ::7] -= 1
    w[:, ::2] *= -1
    w[::3, 1] -= 2
    program = jax.jit(lambda x, w: multiply(x, w, kind))
    found = np.asarray(program(x.astype(kind.operand), w.astype(kind.operand)))
    return bool(np.array_equal(found.astype(np.int64), x.astype(object) @ w.astype(object)))


def time_products(kind: Accumulator) -> Cost:
    """Of a product that is large enough to time, and of one of the same size with short sums."""
    long, size = np.inf, 0
    for size in SIZES:
        long = time_product(kind, size, 2 * size)
        if long > LONG_ENOUGH:
            break
    product = long / (2 * size**3)
    short = time_product(kind, size, SHORT)
    return Cost(product, max(0.0, short / size**2 - SHORT * product))


def time_product(kind: Accumulator, size: int, terms: int) -> float:
    """Seconds of a product of residues (size, terms) and (terms, size), with their reduction; best of three."""
    numbers = (((1,), (0,)), ((), ()))
    program = jax.jit(lambda p, x, w: Field(p, kind).contract(exact_products.dot, x, w, numbers))
    p = np.asarray(kind.largest, kind.storage)
    x, w = (jax.device_put(np.ones(s, kind.storage)) for s in ((size, terms), (terms, size)))
    program(p, x, w).block_until_ready()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        program(p, x, w).block_until_ready()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
