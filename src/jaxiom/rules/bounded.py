"""What the rounding interpreter knows of a tensor: a float value, and a guaranteed bound on its error.

The contract. Let x* be the exact value of a tensor at the given inputs, and x' what *any* evaluation of the program
gives that takes its operations one by one, in any order of summation, fused or not, with the unit roundoffs of
`Arithmetic`. Then |x' - x*| <= error, entry by entry. The value that is carried is one such x', so the exact one is
within `error` of it, and another program's within twice that. A truth value's error says where it may be the other.

With x* and w* known to ex and ew, the exact products of two computed operands are off by at most
ex|w| + |x|ew + 3 ex ew, and their sum is rounded by at most g (|x| + 2ex)(|w| + 2ew), g = n u; both are contractions of
the absolute values. `error=None` is an exact zero, whose terms are left out. Bounds are computed in float32 or
better and rounded up. An algorithm that is not direct (Winograd, FFT, TF32 where it was not asked for) is not covered:
a difference above the bound is how it shows.

A long sum of products is at most the error of it over g, and its error is many roundings of that: where few roundings
follow, such a cap is as good as |x'|, and the value, as dear as the bound, need not be computed: XLA leaves out what
nothing reads.
"""

from dataclasses import dataclass, replace
from typing import Any, cast

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxiom.interpret import Step
from jaxiom.rounding_probe import roundoff
from jaxiom.rules.arithmetic import Arithmetic, arithmetic, up, wide, worst

LITTLE = 8
"""A bound may be raised by one part in so many for the sake of speed."""


@dataclass(frozen=True, eq=False)
class Bounded:
    """A value and what its error is at most; None: exact. For a truth value: where it may be the other one.

    `cap` is at least |x'| for every x' that the contract allows, where that is known from the error; the error is then
    some `roundings` u of it (that says when it is worth while; no bound rests on it).
    """

    value: Array
    error: Array | None = None
    cap: Array | None = None
    roundings: float = 0.0

    @property
    def inexact(self) -> bool:
        return jnp.issubdtype(self.value.dtype, jnp.floating)

    @property
    def size(self) -> Array:
        """|value|, in the dtype of the bounds."""
        return jnp.abs(self.value).astype(wide(self.value.dtype))

    @property
    def slack(self) -> Array:
        """The error as an array."""
        if self.error is not None:
            return self.error
        return jnp.zeros(jnp.shape(self.value), wide(self.value.dtype) if self.inexact else bool)

    @property
    def reach(self) -> Array:
        """What |x'| is at most, for every x' that the contract allows."""
        return self.size if self.error is None else self.size + 2 * self.error

    def capped(self, roundings: float) -> bool:
        """Whether so many roundings of the cap are little beside the error."""
        return self.cap is not None and roundings * LITTLE <= self.roundings

    def most(self, roundings: float) -> Array:
        """What |x'| is at most, for every x' that the contract allows, to be used in so many roundings."""
        return self.cap if self.cap is not None and self.capped(roundings) else self.reach


@dataclass(frozen=True)
class Machine:
    """Where the program runs.

    Attributes:
        platform: "cpu", "gpu" or "tpu".
        device: a JAX device to be asked how it rounds contractions; None: what is known of the platform.
        likely: bound what is to be expected instead of the worst case.
    """

    platform: str = "cpu"
    device: Any = None
    likely: bool = False

    def at(self, step: Step, precision: Any = None) -> Arithmetic:
        """The arithmetic of a step's results; of a contraction at a precision."""
        name = step.outs[0].dtype.name
        found = replace(arithmetic(name, precision, self.platform), likely=self.likely)
        if self.device is None or name == "float64":
            return found
        asked = roundoff(self.device, name, worst(precision))
        return replace(found, u_in=asked.u_in, u_acc=asked.u_acc, chops=asked.chops)


CPU = Machine()


def rounded(value: Array, error: Array | float, a: Arithmetic, floor: Array | float, units: float = 1.0) -> Array:
    """The error after one more rounding, of `units` u, of a result that is off by `error` and came out as `value`."""
    u = units * a.u
    size = jnp.abs(value).astype(wide(value.dtype))
    return up((error + u * size) * ((1 + u) / (1 - u)), 4, floor)


def full(value: Array, error: Array) -> Bounded:
    return Bounded(value, jnp.broadcast_to(error, value.shape))


def constant(value: Any, dtype: Any) -> Array:
    """A numpy array, whose entries the rules can look at while tracing; to JAX it is an array like any other."""
    return cast(Array, np.asarray(value, dtype))
