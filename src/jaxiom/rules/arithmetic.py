"""How a device rounds: unit roundoffs of the inputs, the accumulator and the result, and what underflow may lose."""

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxiom.errors import BadInput, Unsupported

DTYPES = ("float64", "float32", "bfloat16", "float16")
# Half a unit in the last place of a result. The narrow formats are computed in float32 and rounded twice.
UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8 + 2.0**-23, "float16": 2.0**-11 + 2.0**-23}
# XLA flushes subnormal operands and results to zero where it likes (the CPU does), but not those of float16.
ETA = {"float64": 2.0**-1022, "float32": 2.0**-126, "bfloat16": 2.0**-126, "float16": 2.0**-24}
# (u of the operands, u of the accumulator, whether it chops) of a float32 contraction, by platform and precision.
FLOAT32 = {
    ("cpu", "DEFAULT"): (0.0, 2.0**-24, False),
    ("cpu", "HIGH"): (0.0, 2.0**-24, False),
    ("cpu", "HIGHEST"): (0.0, 2.0**-24, False),
    ("gpu", "DEFAULT"): (2.0**-11, 2.0**-23, True),
    ("gpu", "HIGH"): (2.0**-11, 2.0**-23, True),
    ("gpu", "HIGHEST"): (0.0, 2.0**-24, False),
    ("tpu", "DEFAULT"): (2.0**-8, 2.0**-23, True),
    ("tpu", "HIGH"): (2.0**-15, 2.0**-23, True),
    ("tpu", "HIGHEST"): (2.0**-22, 2.0**-23, True),
}

LAMBDA = 5.0  # 2 exp(-LAMBDA^2 / 2) is 7e-6


@dataclass(frozen=True)
class Arithmetic:
    """How results of one dtype come about on one platform, at one matmul precision.

    Attributes:
        u: unit roundoff of a result that is stored (relative).
        u_in: what the operands of a contraction are rounded by first (relative); 0 where they are taken as they are.
        u_acc: unit roundoff of the accumulator of a contraction (relative).
        eta: the most that underflow can take from one stored result (absolute), flushing to zero included.
        eta_acc: the same in the accumulator.
        chops: the accumulator truncates; else it rounds to nearest.
        likely: what sums lose is what is to be expected of them, not the most that they can.
    """

    u: float
    u_in: float
    u_acc: float
    eta: float
    eta_acc: float
    chops: bool = False
    likely: bool = False

    def growth(self, terms: Any) -> Any:
        """The relative error of a sum of `terms` products, against the sum of their absolute values.

        To nearest it is n u for every order of summation and every n (Jeannerod and Rump, "Improved error bounds for
        inner products in floating-point arithmetic", 2013); their induction goes through for fused multiply-adds as
        well. An accumulator that chops has the classical (1 + u)^n - 1.

        >>> float(arithmetic("float32").growth(4)) == 4 * 2.0**-24
        True
        """
        return self.chopped(terms) if self.chops else self.nearest(terms, self.u_acc)

    def chopped(self, terms: Any) -> Any:
        """Truncation always errs to one side: nothing cancels, expected or not."""
        return np.expm1(np.asarray(terms, np.float64) * math.log1p(self.u_acc))

    def nearest(self, terms: Any, u: float) -> Any:
        """The relative error of `terms` roundings to nearest, one after the other.

        Where it is the expected one that is asked for: LAMBDA sqrt(n) u, which holds with probability
        1 - 2 exp(-LAMBDA^2 / 2) if rounding errors are independent and of mean zero (Higham and Mary, "A new approach
        to probabilistic rounding error analysis", 2019).
        """
        n = np.asarray(terms, np.float64)
        return np.minimum(n, LAMBDA * np.sqrt(n)) * u if self.likely else n * u

    def contraction(self, terms: Any) -> Any:
        """The same with the rounding of both operands counted in."""
        inflated = (1 + self.u_in) ** 2
        return inflated - 1 + inflated * self.growth(terms)


def arithmetic(dtype: Any, precision: Any = None, platform: str = "cpu") -> Arithmetic:
    """The arithmetic of results of `dtype` at a matmul precision (JAX's `Precision`, its name, or None for default).

    On a GPU the default takes float32 operands as TF32; on a TPU as bfloat16. Sums of narrow operands are kept in
    float32 everywhere.

    Raises:
        BadInput: a dtype or a precision that is none of those that jaxiom knows.

    >>> arithmetic("float32").u_in, arithmetic("float32", "DEFAULT", "gpu").u_in == 2.0**-11
    (0.0, True)
    """
    name = np.dtype(dtype).name
    if name not in UNIT:
        raise BadInput(f"dtype: {name} has no rounding here; expected one of {', '.join(DTYPES)}")
    platform = "gpu" if platform in ("cuda", "rocm") else platform
    if (platform, "DEFAULT") not in FLOAT32:
        raise BadInput(f"devices: nothing is known of the rounding of the platform {platform!r}")
    if name == "float64":
        return Arithmetic(UNIT[name], 0.0, UNIT[name], ETA[name], ETA[name])
    u_in, u_acc, chops = FLOAT32[platform, worst(precision)]
    if name == "float32":
        return Arithmetic(UNIT[name], u_in, u_acc, ETA[name], ETA[name], chops)
    on_cpu = platform == "cpu"
    u_in = u_in if (platform, name) == ("tpu", "float16") else 0.0
    return Arithmetic(UNIT[name], u_in, 2.0**-24 if on_cpu else 2.0**-23, ETA[name], ETA["float32"], not on_cpu)


def worst(precision: Any) -> str:
    """The name of a precision; of two, the one that rounds more."""
    if precision is None:
        return "DEFAULT"
    found = precision if isinstance(precision, tuple) else (precision,)
    names = [p.upper() if isinstance(p, str) else getattr(p, "name", "") if p is not None else "DEFAULT" for p in found]
    order = ("DEFAULT", "HIGH", "HIGHEST")
    if not all(isinstance(p, str | lax.Precision | None) and n in order for p, n in zip(found, names, strict=True)):
        raise Unsupported(f"precision: {precision} is none of {', '.join(order)}, for which the rounding is known")
    return min(names, key=order.index)


def wide(dtype: Any) -> np.dtype:
    """The dtype that bounds are computed in: float32 or better."""
    return np.dtype(np.float64 if np.dtype(dtype) == np.float64 else np.float32)


def up(bound: Array, operations: int, floor: Any = 0.0) -> Array:
    """A bound of nonnegative terms, raised by all that `operations` roundings of its own may have taken from it.

    `floor` is an absolute term that covers underflow, here of the bound and there of what it bounds.
    """
    info = jnp.finfo(bound.dtype)
    return bound * math.exp(1.01 * (operations + 8) * float(info.eps) / 2) + floor


def subnormal(x: Array) -> Array:
    """Where x is not zero but below the normal range; told by its bits, since a comparison may flush it."""
    info = jnp.finfo(x.dtype)
    word = {16: jnp.uint16, 32: jnp.uint32, 64: jnp.uint64}[info.bits]
    magnitude = lax.bitcast_convert_type(x, word) << np.array(1, word)
    return (magnitude != 0) & (magnitude < np.array(1 << (info.nmant + 1), word))
