"""Rounding rules of exp, sqrt and the like.

The error of an argument goes through by the mean value theorem: x* and every x' that the contract allows lie in an
interval about the value, and a function moves by at most its steepest slope there. To that comes what the function's
own algorithm is off by, of which XLA says nothing: `UNITS` and `SPREAD` are taken for granted, several times what trial
over all magnitudes found on the CPU. They are no theorem.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxiom.interpret import Rule, Step
from jaxiom.jaxprs import Primitive
from jaxiom.rules.arithmetic import UNIT, up, wide
from jaxiom.rules.bounded import Bounded, Machine, full

UNITS = 16.0
"""Roundings that a function of float32 or float64 is worth."""
NARROW = 2.0
"""The same of narrower dtypes, which are computed in float32 but for the arguments of `SPREAD`."""
LOOSE = {"log1p": 1024.0, "atanh": 1024.0}
"""Of float64, where trial found the usual number passed: 198 and 146."""
INFLATED = 1 + 2.0**-6
"""Slopes are computed with such functions themselves."""


@dataclass(frozen=True)
class Range:
    """Where an argument lies, exact or as any evaluation has it: between `low` and `high`."""

    low: Array
    high: Array

    @property
    def far(self) -> Array:
        """The largest absolute value."""
        return jnp.maximum(jnp.abs(self.low), jnp.abs(self.high))

    @property
    def near(self) -> Array:
        """The least absolute value."""
        straddles = (self.low <= 0) & (self.high >= 0)
        return jnp.where(straddles, 0, jnp.minimum(jnp.abs(self.low), jnp.abs(self.high)))


Slope = Callable[[Range], Array]


def where_positive(x: Array, value: Callable[[Array], Array]) -> Array:
    """value(x) where x is positive, and no bound elsewhere."""
    return jnp.where(x > 0, value(jnp.where(x > 0, x, 1)), jnp.inf)


def inside(r: Range, value: Callable[[Array], Array]) -> Array:
    """value of (1 - far)(1 + far), where the argument stays within -1 and 1."""
    return where_positive((1 - r.far) * (1 + r.far), value)


def tangent(r: Range) -> Array:
    """1 + tan^2 is largest at an end, where there is no pole between them."""
    low, high = jnp.tan(r.low), jnp.tan(r.high)
    whole = (r.high - r.low < 1) & (low <= high)
    return jnp.where(whole, 1 + jnp.maximum(low * low, high * high), jnp.inf)


SLOPES: dict[str, Slope] = {
    "exp": lambda r: jnp.exp(r.high),
    "exp2": lambda r: math.log(2) * jnp.exp2(r.high),
    "expm1": lambda r: jnp.exp(r.high),
    "log": lambda r: where_positive(r.low, lambda x: 1 / x),
    "log1p": lambda r: where_positive(1 + r.low, lambda x: 1 / x),
    "sqrt": lambda r: where_positive(r.low, lambda x: 0.5 / jnp.sqrt(x)),
    "rsqrt": lambda r: where_positive(r.low, lambda x: 0.5 / (x * jnp.sqrt(x))),
    "cbrt": lambda r: where_positive(r.near, lambda x: 1 / (3 * jnp.square(jnp.cbrt(x)))),
    "logistic": lambda r: jnp.minimum(0.25, jnp.exp(-r.near)),
    "tanh": lambda r: jnp.minimum(1.0, 4 * jnp.exp(-2 * r.near)),
    "sin": lambda r: jnp.ones_like(r.low),
    "cos": lambda r: jnp.ones_like(r.low),
    "tan": tangent,
    "asin": lambda r: inside(r, lambda x: 1 / jnp.sqrt(x)),
    "acos": lambda r: inside(r, lambda x: 1 / jnp.sqrt(x)),
    "atan": lambda r: 1 / (1 + r.near * r.near),
    "sinh": lambda r: jnp.cosh(r.far),
    "cosh": lambda r: jnp.sinh(r.far),
    "asinh": lambda r: 1 / jnp.sqrt(1 + r.near * r.near),
    "acosh": lambda r: where_positive(
        (r.low - 1) * (r.low + 1), lambda x: jnp.where(r.low > 0, 1 / jnp.sqrt(x), jnp.inf)
    ),
    "atanh": lambda r: inside(r, lambda x: 1 / x),
    "erf": lambda r: 2 / math.sqrt(math.pi) * jnp.exp(-r.near * r.near),
    "erfc": lambda r: 2 / math.sqrt(math.pi) * jnp.exp(-r.near * r.near),
}
"""Name -> the steepest slope over a range; infinite where the range leaves the domain."""

STEEP: dict[str, Callable[[Array], Array]] = {"sqrt": jnp.sqrt, "cbrt": lambda e: jnp.cbrt(4 * e)}
"""Where a slope is infinite at 0, how far apart two values are at most, from their arguments' distance. (A root of a
number below 0 is NaN, which shows.)"""

SPREAD: dict[str, Callable[[Array], Array]] = {
    "exp2": lambda x: 1 + x,
    "sinh": lambda x: 1 + x,
    "cosh": lambda x: 1 + x,
    "erfc": lambda x: 1 + x * x,
}
"""What the units grow by with the argument's size: these are made of an exponential of a rounded argument."""


def own_error(machine: Machine, step: Step, spread: Array | float = 1.0) -> Array | float:
    """What a function's algorithm is off by, relative to its value."""
    if machine.platform == "tpu":
        raise step.refuse(
            "nothing is known of this function's accuracy on a TPU; measure it on the CPU, or without the bound "
            "(bound=False, --no-bound)"
        )
    dtype, name = step.outs[0].dtype.name, str(step.primitive)
    if dtype == "float64":
        return LOOSE.get(name, UNITS) * UNIT[dtype] * spread
    return (UNITS * UNIT["float32"] + (0 if dtype == "float32" else NARROW * UNIT[dtype])) * spread


def total(value: Array, moved: Array, own: Array | float, eta: float) -> Bounded:
    """By how much the function moved, and what its algorithm adds to a value that moved twice as far."""
    size = jnp.abs(value).astype(moved.dtype) + 2 * moved
    return full(value, up((moved + own * size) * INFLATED, 16, 4 * eta))


def distance(operand: Bounded, eta: float) -> Array:
    """How far apart an argument and another evaluation's are at most: subnormal ones may be flushed to zero."""
    tiny = operand.size - 2 * operand.slack < 2 * eta
    return operand.slack + jnp.where(tiny, np.asarray(eta, operand.slack.dtype), 0)


def range_of(operand: Bounded, e: Array) -> Range:
    """Every argument that the contract allows."""
    value = operand.value.astype(wide(operand.value.dtype))
    reach = 2 * e * INFLATED + 4 * float(jnp.finfo(value.dtype).eps) * jnp.abs(value)
    return Range(value - reach, value + reach)


def moved_by(slope: Array, e: Array) -> Array:
    """How far the function moves; an exact argument does not, however steep it is."""
    return jnp.where(e > 0, jnp.where(e > 0, slope, 0) * e * INFLATED, 0)


def function(call: Callable[..., Array]) -> Rule:
    """A function of one argument; `accuracy` may ask for less than usual."""

    def rule(machine: Machine, step: Step, operand: Bounded, *, accuracy: Any = None) -> Bounded:
        step.expect(accuracy=(accuracy, None))
        name, a = str(step.primitive), machine.at(step)
        own = own_error(machine, step, SPREAD[name](operand.reach) if name in SPREAD else 1.0)
        value = call(operand.value)
        e = distance(operand, a.eta)
        moved = moved_by(SLOPES[name](range_of(operand, e)), e)
        if name in STEEP:
            moved = jnp.minimum(moved, jnp.where(e > 0, STEEP[name](e) * INFLATED, 0))
        return total(value, moved, own, a.eta)

    return rule


def power(machine: Machine, step: Step, base: Bounded, exponent: Bounded) -> Bounded:
    """x^y = exp(y log x): moved in proportion by what y log x is; for an exact y >= 1, by its slope."""
    value, a = lax.pow(base.value, exponent.value), machine.at(step)
    if not exponent.inexact:
        exponent = Bounded(exponent.value.astype(wide(value.dtype)))
    ex, ey = distance(base, a.eta), exponent.slack
    x, size = range_of(base, ex), jnp.abs(value).astype(wide(value.dtype))
    largest, logarithm = exponent.size + 2 * ey, jnp.maximum(jnp.abs(jnp.log(x.far)), jnp.abs(jnp.log(x.near)))
    change = moved_by(where_positive(x.near, lambda near: largest / near), ex) + moved_by(logarithm, ey)
    moved = jnp.where(change > 0, jnp.maximum(size, a.eta) * jnp.exp(change) * jnp.expm1(change), 0)
    by_slope = moved_by(largest * jnp.power(x.far, largest - 1), ex)
    moved = jnp.where((exponent.size >= 1) & (exponent.value > 0) & (ey == 0), jnp.minimum(moved, by_slope), moved)
    own = own_error(machine, step, 1 + jnp.abs(jnp.log(jnp.where(size > 0, size, 1))))
    return total(value, moved, own, a.eta)


def atan2(machine: Machine, step: Step, y: Bounded, x: Bounded) -> Bounded:
    """An angle: moved by at most (dx + dy)/r, or by a whole turn where the cut may be crossed."""
    value, a = lax.atan2(y.value, x.value), machine.at(step)
    ey, ex = distance(y, a.eta), distance(x, a.eta)
    ys, xs = range_of(y, ey), range_of(x, ex)
    radius = jnp.maximum(ys.near, xs.near)
    moved = moved_by(where_positive(radius, lambda r: 1 / r), ey + ex)
    cut = (ys.near == 0) & (xs.low <= 0)
    moved = jnp.where(cut, 2 * math.pi, jnp.minimum(moved, 2 * math.pi))
    return total(value, moved, own_error(machine, step), a.eta)


def unbounded_stays(rule: Rule) -> Rule:
    """What has no bound, as after an overflow, may be no number: then so is tanh of it, whatever tanh's range."""

    @wraps(rule)
    def checked(machine: Machine, step: Step, *operands: Bounded, **parameters: Any) -> Bounded:
        found = rule(machine, step, *operands, **parameters)
        error = found.slack
        for operand in operands:
            if operand.error is not None:
                error = jnp.where(jnp.isfinite(operand.error), error, jnp.inf)
        return full(found.value, error)

    return checked


ELEMENTWISE: dict[Primitive, Rule] = {
    **{getattr(lax, f"{name}_p"): function(getattr(lax, name)) for name in SLOPES},
    lax.pow_p: power,
    lax.atan2_p: atan2,
}

RULES: dict[Primitive, Rule] = {primitive: unbounded_stays(rule) for primitive, rule in ELEMENTWISE.items()}
"""A rule for each function of `SLOPES`, and for two of two arguments."""
