"""Rounding rules for what chooses between values: maxima, comparisons, selections."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxiom.interpret import Rule, Step
from jaxiom.rules import arrays
from jaxiom.rules.arithmetic import arithmetic, subnormal, up, wide
from jaxiom.rules.bounded import Bounded, Machine, full


def larger(function: Callable[[Any, Any], Array]) -> Rule:
    """max and min: off by no more than either operand, but may flush a subnormal."""

    def rule(machine: Machine, step: Step, left: Bounded, right: Bounded) -> Bounded:
        value = function(left.value, right.value)
        if not arrays.is_float(step.outs[0]):
            return Bounded(value)
        return full(value, jnp.maximum(left.slack, right.slack) + machine.at(step).eta)

    return rule


def clamp(machine: Machine, step: Step, low: Bounded, operand: Bounded, high: Bounded) -> Bounded:
    value = lax.clamp(low.value, operand.value, high.value)
    if not arrays.is_float(step.outs[0]):
        return Bounded(value)
    worst = jnp.maximum(jnp.maximum(low.slack, operand.slack), high.slack)
    return full(value, worst + machine.at(step).eta)


def extreme(function: Callable[..., Array]) -> Rule:
    """The largest or smallest entry along axes."""

    def rule(machine: Machine, step: Step, operand: Bounded, *, axes: Any, out_sharding: Any = None) -> Bounded:
        step.expect(out_sharding=(out_sharding, None))
        value = function(operand.value, axes)
        if not arrays.is_float(step.outs[0]):
            return Bounded(value)
        return full(value, jnp.max(operand.slack, axes) + machine.at(step).eta)

    return rule


def compared(function: Callable[[Array, Array], Array]) -> Rule:
    """A comparison of floats may come out otherwise where they are closer than their errors, or subnormal.

    A number compared with itself (x != x, which asks for NaN) is whatever it is on both sides, if anything bounds it.
    """

    def rule(machine: Machine, step: Step, left: Bounded, right: Bounded) -> Bounded:
        x, y = jnp.broadcast_arrays(left.value, right.value)
        value = function(x, y)
        if not arrays.is_float(step.ins[0]):
            return Bounded(value, either(value, left, right))
        if left is right:
            return Bounded(value) if left.error is None else Bounded(value, ~jnp.isfinite(left.error))
        if left.error is None and right.error is None:
            return Bounded(value, subnormal(x) | subnormal(y))
        a = arithmetic(step.ins[0].dtype, None, machine.platform)
        apart = jnp.abs(x.astype(wide(x.dtype)) - y.astype(wide(y.dtype)))
        return Bounded(value, ~(apart > up(2 * (left.slack + right.slack), 8, 8 * a.eta)))

    return rule


def is_finite(machine: Machine, step: Step, operand: Bounded) -> Bounded:
    """Whether a number is one: uncertain where nothing bounds it, as after a possible overflow."""
    value = jnp.isfinite(operand.value)
    return Bounded(value) if operand.error is None else Bounded(value, ~jnp.isfinite(operand.error))


def sign(machine: Machine, step: Step, operand: Bounded) -> Bounded:
    """-1, 0 or 1; uncertain where the argument may be on the other side of 0, or flushed to it."""
    value = jnp.sign(operand.value)
    if not arrays.is_float(step.outs[0]):
        return Bounded(value)
    a, dtype = machine.at(step), wide(value.dtype)
    uncertain = ~(operand.size > up(2 * operand.slack, 8, 2 * a.eta))
    exact = operand.error is None
    certain = (operand.value == 0) & ~subnormal(operand.value) if exact else jnp.zeros(value.shape, bool)
    return Bounded(value, jnp.where(uncertain & ~certain, np.asarray(2, dtype), np.asarray(0, dtype)))


def either(value: Array, *operands: Bounded) -> Array | None:
    """Where a truth value that is made of others may be otherwise."""
    masks = [o.error for o in operands if o.error is not None]
    return jnp.broadcast_to(reduce(jnp.logical_or, masks), value.shape) if masks else None


def whole(function: Callable[..., Array]) -> Rule:
    """Truth values and integers."""

    def rule(machine: Machine, step: Step, *operands: Bounded) -> Bounded:
        if arrays.is_float(step.outs[0]):
            raise step.refuse("the rounding interpreter has a rule for integers only")
        value = function(*(o.value for o in operands))
        return Bounded(value, either(value, *operands))

    return rule


def select_n(machine: Machine, step: Step, which: Bounded, *cases: Bounded) -> Bounded:
    """Where the choice itself is uncertain, any case may be taken for any other."""
    value = lax.select_n(which.value, *(c.value for c in cases))
    if which.error is None and all(c.error is None for c in cases):
        return Bounded(value)
    if not arrays.is_float(step.outs[0]):
        raise step.refuse("an integer or truth value that depends on rounded comparisons has no bound")
    slacks = [c.slack for c in cases]
    chosen = lax.select_n(which.value, *slacks)
    if which.error is None:
        return Bounded(value, chosen)
    values = [c.value.astype(chosen.dtype) for c in cases]
    spread = jnp.max(jnp.stack(values), 0) - jnp.min(jnp.stack(values), 0)
    uncertain = up(spread + 3 * jnp.max(jnp.stack(slacks), 0), 8, 8 * machine.at(step).eta)
    return Bounded(value, jnp.where(which.error, uncertain, chosen))
