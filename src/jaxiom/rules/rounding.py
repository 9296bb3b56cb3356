"""The rounding interpreter: a float value and a guaranteed bound on its error, jitted. The contract is in `bounded`."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.extend.core import primitives as prims

from jaxiom.errors import InternalDisagreement
from jaxiom.interpret import Rule, Step, Table
from jaxiom.jaxprs import Primitive
from jaxiom.rules import arrays, writes
from jaxiom.rules import rounding_choices as choices
from jaxiom.rules import rounding_functions as functions
from jaxiom.rules.arithmetic import UNIT, Arithmetic, up, wide
from jaxiom.rules.bounded import CPU, Bounded, Machine, constant, full, rounded

SMALL = 2.0**-6
"""The largest relative error at which a sum of products is capped by its error."""


def sum_errors(*operands: Bounded) -> Array | float:
    known = [o.error for o in operands if o.error is not None]
    return sum(known[1:], known[0]) if known else 0.0


def add(machine: Machine, step: Step, left: Bounded, right: Bounded) -> Bounded:
    value = jnp.add(left.value, right.value)
    if not arrays.is_float(step.outs[0]):
        return Bounded(value)
    a = machine.at(step)
    capped = [o for o in (left, right) if o.capped(1)]
    if not capped:
        return full(value, rounded(value, sum_errors(left, right), a, 8 * a.eta))
    cap = jnp.broadcast_to(left.most(1) + right.most(1), value.shape)
    error = up(sum_errors(left, right) + a.u * cap, 4, 8 * a.eta)
    return replace(
        full(value, error), cap=up(cap * (1 + a.u), 4, 8 * a.eta), roundings=min(o.roundings for o in capped)
    )


def sub(machine: Machine, step: Step, left: Bounded, right: Bounded) -> Bounded:
    return add(machine, step, left, replace(right, value=-right.value))


def mul(machine: Machine, step: Step, left: Bounded, right: Bounded, *, out_dtype: Any) -> Bounded:
    step.expect(out_dtype=(out_dtype, None))
    return product(machine, step, left, right)


def product(machine: Machine, step: Step, left: Bounded, right: Bounded) -> Bounded:
    value = jnp.multiply(left.value, right.value)
    if not arrays.is_float(step.outs[0]):
        return Bounded(value)
    a, error = machine.at(step), jnp.zeros((), wide(value.dtype))
    if left.error is not None:
        error = error + left.error * right.size
    if right.error is not None:
        error = error + left.size * right.error
    if left.error is not None and right.error is not None:
        error = error + 3 * left.error * right.error
    units = 0.0 if power_of_two(left) or power_of_two(right) else 1.0
    floor = 8 * a.eta * (1 + left.reach + right.reach)
    return full(value, rounded(value, up(error, 8), a, floor, units))


def power_of_two(operand: Bounded) -> bool:
    """Whether it is known while tracing that a product with it is exact but for underflow."""
    value = operand.value
    return isinstance(value, np.ndarray) and value.ndim == 0 and bool(np.frexp(abs(np.float64(value)))[0] == 0.5)


def square(machine: Machine, step: Step, operand: Bounded) -> Bounded:
    return product(machine, step, operand, operand)


def integer_pow(machine: Machine, step: Step, operand: Bounded, *, y: int) -> Bounded:
    """Any tree of |y| - 1 products; |a^k - b^k| <= |a - b| k max(|a|, |b|)^(k-1)."""
    if y < 0:
        one = Bounded(constant(1, step.outs[0].dtype))
        return div(machine, step, one, integer_pow(machine, step, operand, y=-y))
    value = lax.integer_pow(operand.value, y)
    if y < 2 or not arrays.is_float(step.outs[0]):
        return Bounded(value, operand.error if y == 1 else None)
    a, top = machine.at(step), operand.reach
    lower = lax.integer_pow(top, y - 1)
    error = 0.0 if operand.error is None else y * operand.error * lower
    floor = 8 * y * a.eta * (1 + top) * (1 + lower)
    growth = math.expm1((y - 1) * math.log1p(a.u))
    return full(value, up(error + growth * lower * top, 4 * y, floor))


def div(machine: Machine, step: Step, left: Bounded, right: Bounded) -> Bounded:
    """XLA may multiply by the rounded reciprocal, and a GPU's quotient is off by up to two ulps: four roundings."""
    if not arrays.is_float(step.outs[0]):
        return Bounded(lax.div(left.value, right.value))
    value, a = jnp.divide(left.value, right.value), machine.at(step)
    # Either operand may be flushed to zero before the division.
    low = right.size - (2 * right.slack + 2 * a.eta) * (1 + 2.0**-20)
    quotient = (left.size + left.slack) / low
    error = (left.slack + a.eta + quotient * (right.slack + a.eta)) / low
    units = 0.0 if power_of_two(right) else 4.0
    bound = up(error + units * a.u * (quotient + error), 16, 8 * a.eta * (1 + left.reach))
    return full(value, jnp.where(low > 0, bound, jnp.inf))


def exact(function: Callable[[Array], Array]) -> Rule:
    """neg and abs: they change a bit, and nothing is rounded or flushed."""
    return lambda machine, step, operand: replace(operand, value=function(operand.value))


def contracted(contraction: Callable[..., arrays.Contraction]) -> Rule:
    """A convolution or a matrix product: one contraction for the value, one for the bound, two if both are inexact."""

    @wraps(contraction)
    def rule(machine: Machine, step: Step, x: Bounded, w: Bounded, **parameters: Any) -> Bounded:
        c = contraction(step, **parameters)
        value = c.call(x.value, w.value, c.precision, c.dtype)
        if not arrays.is_float(step.outs[0]):
            return Bounded(value)
        a = machine.at(step, c.precision)
        error = contraction_error(c, x, w, a, wide(value.dtype))
        if a.u > a.u_acc:  # the accumulator is wider than the result
            return Bounded(value, rounded(value, error, a, 2 * a.eta))
        found = Bounded(value, error)
        return found if a.likely else with_cap(found, c, x.error is None and w.error is None, a)

    return rule


def contraction_error(c: arrays.Contraction, x: Bounded, w: Bounded, a: Arithmetic, dtype: np.dtype) -> Array:
    """The contract's bilinear bound, grouped so that an exact operand costs nothing."""

    def call(left: Array, right: Array) -> Array:
        return c.call(left.astype(dtype), right.astype(dtype), lax.Precision.HIGHEST, dtype)

    g = float(a.contraction(c.longest))
    # What underflow takes grows with the largest |x'| and |w'|: told by arrays that a contraction takes anyway.
    tops: tuple[tuple[Array, float], ...] = (x.reach, 1.0), (w.reach, 1.0)
    if a.likely:
        error = call(x.size, w.size) * np.asarray(a.growth(c.terms), dtype) + likely_error(call, x, w, a.u_in)
    elif x.error is None and w.error is None:
        error = call(x.size, w.size) * np.asarray(a.contraction(c.terms), dtype)
    elif w.error is None:
        inexact = x.slack + g * x.most(g / a.u)
        error, tops = call(inexact, w.size), ((inexact, 1 / g), (w.size, 1.0))
    elif x.error is None:
        inexact = w.slack + g * w.most(g / a.u)
        error, tops = call(x.size, inexact), ((x.size, 1.0), (inexact, 1 / g))
    else:
        sizes = w.size + w.error
        error, tops = call(x.reach, w.error + g * w.reach) + call(x.error, sizes), ((x.reach, 1.0), (sizes, 2.0))
    lost = a.eta_acc + sum((a.eta_acc * scale) * jnp.max(top, initial=0) for top, scale in tops)
    error = up(error, c.longest + 8, 16 * c.longest * (1 + 2 * g) * lost)
    return error if a.likely else jnp.where(error <= g * (float(jnp.finfo(dtype).max) / (1 + 2 * g)), error, jnp.inf)


def with_cap(found: Bounded, c: arrays.Contraction, entrywise: bool, a: Arithmetic) -> Bounded:
    """|x'| is at most the sum of the terms' absolute values and its own roundings; the error is at least g of that sum.

    `entrywise`: g of an entry's own number of terms. An entry without any is 0.
    """
    g = np.asarray(a.contraction(c.terms if entrywise else c.longest))
    if not (g > 0).any() or g.max() > SMALL or found.error is None:
        return found
    over = np.divide(1 + 2 * g, g, out=np.zeros_like(g), where=g > 0)
    cap = up(found.error * over.astype(found.error.dtype), 8)
    return replace(found, cap=jnp.broadcast_to(cap, found.value.shape), roundings=float(g.max()) / a.u)


def likely_error(call: Callable[[Array, Array], Array], x: Bounded, w: Bounded, u_in: float) -> Array | float:
    """What a contraction makes of its operands' errors if these are independent: the root of a sum of squares."""
    squares: list[Array] = []
    for inexact, other, swapped in ((x, w, False), (w, x, True)):
        if inexact.error is None and not u_in:
            continue
        slack = jnp.square(inexact.slack + u_in * inexact.size)
        squares.append(call(jnp.square(other.size), slack) if swapped else call(slack, jnp.square(other.size)))
    return jnp.sqrt(sum(squares[1:], squares[0])) if squares else 0.0


def summed(summation: Callable[..., arrays.Summation]) -> Rule:
    """A sum of n entries: n - 1 additions."""

    @wraps(summation)
    def rule(machine: Machine, step: Step, operand: Bounded, **parameters: Any) -> Bounded:
        s = summation(step, **parameters)
        value = s.call(operand.value)
        if not arrays.is_float(step.outs[0]):
            return Bounded(value)
        a = machine.at(step)
        # A sum in a narrow dtype may be rounded at every addition: its own u, not the accumulator's.
        g = float(a.nearest(max(s.terms - 1, 0), a.u))
        floor = 16 * s.terms * (1 + g) * a.eta
        if a.likely:
            return Bounded(value, up(g * s.call(operand.size) + jnp.sqrt(s.call(jnp.square(operand.slack))), 8, floor))
        each = g * operand.size if operand.error is None else operand.error + g * operand.most(g / a.u)
        error = up(s.call(each), s.terms + 8, floor)
        return Bounded(value, unless_it_overflows(error, g, a.u, value.dtype, lambda: s.call(operand.reach)))

    return rule


def unless_it_overflows(error: Array, g: float, u: float, dtype: Any, sizes: Callable[[], Array]) -> Array:
    """The error of a sum, infinite where a partial sum, in some order, may be larger than its dtype holds.

    The error is at least g of the sum of sizes, and tells that by itself where it has the range of the sum. In float16
    and bfloat16, where it may be large for other reasons, the `sizes` are summed.
    """
    if g == 0:
        return error
    most = float(jnp.finfo(dtype).max)
    narrow = u > 2.0**-20
    within = sizes() * (1 + 2 * g) <= most if narrow else error <= g * (most / (1 + 2 * g))
    return jnp.where(within, error, jnp.inf)


def in_range(rule: Rule) -> Rule:
    """A rule whose results have an infinite error where the dtype may not hold them."""

    @wraps(rule)
    def checked(machine: Machine, step: Step, *operands: Bounded, **parameters: Any) -> Bounded:
        found = rule(machine, step, *operands, **parameters)
        if found.error is None or not arrays.is_float(step.outs[0]):
            return found
        most = float(jnp.finfo(step.outs[0].dtype).max)
        top = found.reach if found.cap is None else found.cap
        return replace(found, error=jnp.where(top <= most, found.error, jnp.inf))

    return checked


def accumulated(accumulation: Callable[..., writes.Accumulation]) -> Rule:
    """An entry and n updates of it: n additions."""

    @wraps(accumulation)
    def rule(
        machine: Machine, step: Step, x: Bounded, indices: Bounded, updates: Bounded, **parameters: Any
    ) -> Bounded:
        s = accumulation(step, **parameters)
        value = s.call(x.value, indices.value, updates.value)
        if not arrays.is_float(step.outs[0]):
            return Bounded(value)
        a = machine.at(step)
        g = float(a.nearest(s.terms, a.u))
        floor = 16 * (s.terms + 1) * (1 + g) * a.eta

        def total(of: Callable[[Bounded], Array]) -> Array:
            return s.sizes(of(x), indices.value, of(updates))

        if a.likely:
            spread = jnp.sqrt(total(lambda b: jnp.square(b.slack)))
            return full(value, up(g * total(lambda b: b.size) + spread, 8, floor))
        error = up(total(lambda b: (1 + 2 * g) * b.slack + g * b.size), s.terms + 8, floor)
        return full(value, unless_it_overflows(error, g, a.u, value.dtype, lambda: total(lambda b: b.reach)))

    return rule


def moved(move: arrays.Move) -> Rule:
    """A move carries the errors along. Indices are exact integers, and steer both."""

    @wraps(move)
    def rule(machine: Machine, step: Step, *operands: Bounded, **parameters: Any) -> Any:
        values = move(step, *(o.value for o in operands), **parameters)
        if all(o.error is None for o in operands):
            return tuple(map(Bounded, values)) if isinstance(values, tuple) else Bounded(values)
        steer = [jnp.issubdtype(o.value.dtype, jnp.integer) for o in operands]
        slacks = [o.value if s else o.slack for o, s in zip(operands, steer, strict=True)]
        errors = move(step, *slacks, **parameters)
        known = [o.roundings for o in operands if o.cap is not None]
        if isinstance(values, tuple):
            return tuple(map(Bounded, values, errors))
        if not known:
            return Bounded(values, errors)
        tops = [o.value if s else o.reach if o.cap is None else o.cap for o, s in zip(operands, steer, strict=True)]
        return Bounded(values, errors, move(step, *tops, **parameters), min(known))

    return rule


def convert_element_type(
    machine: Machine, step: Step, operand: Bounded, *, new_dtype: Any, weak_type: Any, sharding: Any
) -> Bounded:
    """Exact to a wider float; rounded to a narrower one; from an integer exact up to 1/u."""
    del weak_type
    step.expect(sharding=(sharding, None))
    value = operand.value.astype(new_dtype)
    if not arrays.is_float(step.outs[0]):
        if operand.error is not None:
            raise step.refuse("an integer or truth value made of a rounded float has no bound")
        return Bounded(value)
    a = machine.at(step)
    if operand.inexact:
        info = jnp.finfo(operand.value.dtype)
        if jnp.finfo(new_dtype).nmant >= info.nmant and jnp.finfo(new_dtype).maxexp >= info.maxexp:
            return Bounded(value, None if operand.error is None else operand.error.astype(wide(new_dtype)))
        slack = operand.slack.astype(wide(new_dtype))
        return full(value, rounded(value, slack, a, 2 * a.eta))
    if operand.value.dtype == bool:
        return Bounded(value, None if operand.error is None else operand.error.astype(wide(new_dtype)))
    if isinstance(operand.value, np.ndarray) and np.array_equal(np.asarray(value, np.float64), operand.value):
        return Bounded(value)
    size = jnp.abs(value).astype(wide(new_dtype))
    return Bounded(value, jnp.where(size * a.u < 0.5, 0, up(2 * a.u * size, 8)))


def iota(machine: Machine, step: Step, *, dtype: Any, shape: Any, dimension: int, sharding: Any) -> Bounded:
    value = arrays.iota(step, dtype=dtype, shape=shape, dimension=dimension, sharding=sharding)
    if arrays.is_float(step.outs[0]) and shape[dimension] * machine.at(step).u >= 0.5:
        raise step.refuse(f"{shape[dimension]} is past the whole numbers that {np.dtype(dtype).name} holds")
    return Bounded(value)


ARITHMETIC: dict[Primitive, Rule] = {
    prims.add_p: add,
    prims.add_jaxvals_p: add,
    prims.sub_p: sub,
    prims.mul_p: mul,
    prims.square_p: square,
    prims.integer_pow_p: integer_pow,
    prims.div_p: div,
    prims.convert_element_type_p: convert_element_type,
    **functions.RULES,
    **{primitive: contracted(rule) for primitive, rule in arrays.CONTRACTIONS.items()},
    **{primitive: summed(rule) for primitive, rule in arrays.SUMMATIONS.items()},
    **{primitive: accumulated(rule) for primitive, rule in writes.ACCUMULATIONS.items()},
}

RULES: dict[Primitive, Rule] = {
    **{primitive: in_range(rule) for primitive, rule in ARITHMETIC.items()},
    prims.neg_p: exact(jnp.negative),
    prims.abs_p: exact(jnp.abs),
    prims.max_p: choices.larger(jnp.maximum),
    prims.min_p: choices.larger(jnp.minimum),
    prims.clamp_p: choices.clamp,
    prims.reduce_max_p: choices.extreme(jnp.max),
    prims.reduce_min_p: choices.extreme(jnp.min),
    prims.select_n_p: choices.select_n,
    prims.is_finite_p: choices.is_finite,
    prims.iota_p: iota,
    **{primitive: moved(move) for primitive, move in (arrays.MOVES | writes.REPLACEMENTS).items()},
    **{primitive: choices.compared(function) for primitive, function in arrays.COMPARISONS.items()},
    **{primitive: choices.whole(function) for primitive, function in arrays.WHOLE.items()},
    prims.sign_p: choices.sign,
}


def literal(value: Any, aval: Any) -> Bounded:
    """A number in a user's program is the binary fraction that it is, in its own dtype: exact."""
    return Bounded(constant(value, aval.dtype))


def rounded_literal(value: Any, aval: Any) -> Bounded:
    """A number that stands for a rational: exact where it is a whole number that the dtype holds, else rounded."""
    found = literal(value, aval)
    size = np.abs(np.asarray(value, np.float64))
    u = UNIT.get(np.dtype(aval.dtype).name, 0.0)
    if not arrays.is_float(aval) or np.all((size == np.round(size)) & (size * u < 0.5)):
        return found
    return Bounded(found.value, up(2 * u * found.size, 8))


def check(step: Step, value: Bounded, aval: Any) -> None:
    """A rule's result has the shape that JAX inferred, and so has its bound."""
    found = [jnp.shape(part) for part in (value.value, value.error, value.cap) if part is not None]
    if any(shape != tuple(aval.shape) for shape in found) or value.value.dtype != aval.dtype:
        raise InternalDisagreement(f"{step.primitive} at {step.line}: rounding gives {found}, JAX {aval}")


def rounding_table(machine: Machine = CPU, rationals: bool = False) -> Table[Bounded]:
    """The rounding interpreter on one machine.

    `rationals` says that constants of the program stand for rationals that may have been rounded, as in a closed form.
    """
    rules = {p: partial(rule, machine) for p, rule in RULES.items()}
    return Table("rounding", rules, rounded_literal if rationals else literal, check)
