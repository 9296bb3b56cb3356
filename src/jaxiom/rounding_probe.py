"""How the device at hand rounds a contraction, asked of it by products whose exact value is known."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import ceil, log2
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

ROUNDED = (64, 512)
SCALE = 2.0**12  # float16 holds it, and 2^-26 of it
ADDENDS = (0.25, 0.375, 0.4375, 0.5, 0.625, 0.75, 0.875, 0.9375)
Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Roundoff:
    """How a device rounds a contraction, as far as asking it shows.

    Attributes:
        u_in: what either operand is rounded by first (relative); 0: they are taken as they are.
        u_acc: unit roundoff of the accumulator (relative).
        chops: the accumulator truncates; else it rounds to nearest.
    """

    u_in: float
    u_acc: float
    chops: bool

    def __str__(self) -> str:
        known = {2.0**-11: " (TF32)", 2.0**-8: " (bfloat16)"}
        taken = f"rounded to 2^{log2(self.u_in):.0f}{known.get(self.u_in, '')}" if self.u_in else "taken as they are"
        way = "chopped at" if self.chops else "rounded to"
        return f"operands {taken}, sums {way} 2^{log2(self.u_acc):.0f}"


@lru_cache(maxsize=64)
def roundoff(device: Any, dtype: str, precision: str) -> Roundoff:
    """How the device rounds products of matrices, and convolutions, of `dtype` at a matmul precision: the worst of what
    small and larger ones show. TF32 is silent: this is how it is heard.

    >>> print(roundoff(jax.devices("cpu")[0], "float32", "HIGHEST"))
    operands taken as they are, sums rounded to 2^-24
    """
    found: list[Roundoff] = []
    with jax.ensure_compile_time_eval(), jax.default_device(device):
        for size in ROUNDED if device.platform == "cpu" else (*ROUNDED, 2048):
            found.append(ask(product_at(precision), dtype, size))
        found.append(ask(convolution_at(precision), dtype, ROUNDED[0]))
    return Roundoff(max(r.u_in for r in found), max(r.u_acc for r in found), any(r.chops for r in found))


@lru_cache(maxsize=8)
def product_at(precision: str) -> Product:
    """x @ w, summed in float32."""
    asked = lax.Precision[precision]
    call = jax.jit(lambda x, w: jnp.matmul(x, w, precision=asked, preferred_element_type=jnp.float32))
    return lambda x, w: np.asarray(call(x, w), np.float64)


@lru_cache(maxsize=8)
def convolution_at(precision: str) -> Product:
    """The same as a convolution of an image 8 wide with a kernel 3x3 whose middle tap is w."""
    call = jax.jit(
        partial(
            lax.conv_general_dilated,
            window_strides=(1, 1),
            padding="SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            precision=lax.Precision[precision],
            preferred_element_type=jnp.float32,
        )
    )

    def product(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        kernel = np.zeros((3, 3, *w.shape), w.dtype)
        kernel[1, 1] = w
        found = call(x.reshape(1, -1, 8, x.shape[1]), kernel)
        return np.asarray(found, np.float64).reshape(-1, w.shape[1])

    return product


def ask(product: Product, dtype: str, size: int) -> Roundoff:
    """What one kind and size of product shows."""
    u_acc, chops = ask_accumulator(product, dtype, size)
    return Roundoff(ask_operands(product, size) if dtype == "float32" else 0.0, u_acc, chops)


def ask_operands(product: Product, size: int) -> float:
    """Products of one number each, so that nothing is summed: what is lost is lost before."""
    rng = np.random.default_rng(0)
    rows, columns = (1 + rng.random(size).astype(np.float32) for _ in range(2))
    worst = 0.0
    for left, right in ((rows, np.ones_like(columns)), (np.ones_like(rows), columns), (rows, columns)):
        x, w = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
        x[:, 0], w[0] = left, right
        exact = np.multiply.outer(left.astype(np.float64), right.astype(np.float64))
        lost = float(np.max(np.abs(product(x, w) - exact) / exact))
        single = bool((left == 1).all() or (right == 1).all())
        worst = max(worst, lost if single else (lost - 2.0**-23) / 2)  # of a product, the result is rounded as well
    return power_above(worst) if worst > 0 else 0.0


def ask_accumulator(product: Product, dtype: str, size: int) -> tuple[float, bool]:
    """Sums of 4096 and numbers far below it, of few bits each: no operand is rounded, only the sum."""
    kind, chops, worst = jnp.dtype(dtype), False, 2.0**-24
    ones = np.ones((size, 8), kind)
    for at in (1, size // 2, size - 1):
        x = np.zeros((8, size), np.float32)
        x[:, 0], x[:3, at] = SCALE, SCALE * np.array([0.75 * 2.0**-23, -(2.0**-26), 1.75 * 2.0**-23], np.float32)
        nearest = (x[:, 0].astype(np.float64) + x[:, at]).astype(np.float32)
        chops |= bool((product(x.astype(kind), ones)[:, 0] != nearest).any())
    x = np.full((8, size), SCALE, np.float32)
    x[:, 1:] *= np.asarray(ADDENDS, np.float32)[:, None] * 2.0**-23
    exact = x.astype(np.float64).sum(1)
    measured = float(np.max(np.abs(product(x.astype(kind), ones)[:, 0] - exact) / (size * exact)))
    return max(worst, 2.0**-23 if chops else 0.0, power_above(measured)), chops


def power_above(x: float) -> float:
    """The least power of two that is at least x, give or take a hundredth."""
    return 2.0 ** ceil(log2(x / 1.01)) if x > 0 else 0.0
