"""What the device at hand does with numbers: asked of it by small products, since neither JAX nor it says."""

import time
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jax import Array, lax

from jaxiom.rules import exact_products
from jaxiom.rules.accumulators import ACCUMULATORS, Accumulator
from jaxiom.rules.modular import Field

SIZES = (256, 1024, 4096)
LONG_ENOUGH = 1e-3


def multiply(x: Array, w: Array, kind: Accumulator) -> Array:
    numbers = (((1,), (0,)), ((), ()))
    precision = lax.Precision.HIGHEST if kind.operand == "float64" else None
    return lax.dot_general(x, w, numbers, precision, np.dtype(kind.result))


@lru_cache(maxsize=8)
def product_seconds(device: Any) -> dict[str, float]:
    """Seconds that a multiply-add takes in each accumulator's arithmetic, for those that are exact on this device."""
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


def time_products(kind: Accumulator) -> float:
    """Seconds a multiply-add of residues takes, with their reduction; best of three, of a product that is large enough
    to time."""
    numbers = (((1,), (0,)), ((), ()))
    program = jax.jit(lambda p, x, w: Field(p, kind).contract(exact_products.dot, x, w, numbers))
    p = np.asarray(kind.largest, kind.storage)
    best, size = np.inf, 0
    for size in SIZES:
        x, w = (jax.device_put(np.ones(s, kind.storage)) for s in ((size, 2 * size), (2 * size, size)))
        program(p, x, w).block_until_ready()
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            program(p, x, w).block_until_ready()
            seconds.append(time.perf_counter() - start)
        best = min(seconds)
        if best > LONG_ENOUGH:
            break
    return best / (2 * size**3)
