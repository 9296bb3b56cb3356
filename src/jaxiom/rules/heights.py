"""How large the polynomials of a program are: their degree, their common denominator and their coefficients.

Each output entry of a program of sums, products and moves is a polynomial in the input's entries with rational
coefficients. This interpreter bounds it for a whole tensor at once, at given sizes and without running anything. The
modular check needs it: a prime can hide a difference only if it divides all its coefficients, which is rare among
primes much larger than the number of digits of one of them.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce, wraps
from typing import Any

import numpy as np
from jax import lax
from jax.extend.core import primitives as prims

from jaxiom.errors import Unsupported
from jaxiom.interpret import Rule, Step, Table
from jaxiom.jaxprs import Primitive
from jaxiom.rules import arrays, writes

# A tensor of unknown constants is divided by over lcm(1 .. N), which has 1.44 N bits.
LARGEST_DIVISOR = 10_000
LARGEST_BITS = 1_000_000


@dataclass(frozen=True)
class Height:
    """What every entry of a tensor obeys: `denominator` times it has whole coefficients.

    Attributes:
        degree: the total degree in the inputs' entries, at most.
        norm: the sum of the absolute values of those whole coefficients, at most. For integers: their absolute value.
        denominator: of all entries together.
        constant: the value of every entry, where they are known to be one constant.
        longest: the most entries that any plain sum had on the way; contractions are summed in blocks.
    """

    degree: int
    norm: int
    denominator: int = 1
    constant: Fraction | None = None
    longest: int = 1

    @property
    def bits(self) -> int:
        return self.norm.bit_length() + self.denominator.bit_length()


INPUT = Height(degree=1, norm=1)


def constant(value: Fraction) -> Height:
    return Height(0, abs(value.numerator), value.denominator, value)


def common(left: Height, right: Height) -> tuple[int, int, int]:
    """Both norms over one denominator, and that."""
    denominator = math.lcm(left.denominator, right.denominator)
    return left.norm * denominator // left.denominator, right.norm * denominator // right.denominator, denominator


def evaluated(function: Callable[..., Fraction], *operands: Height) -> Fraction | None:
    """The result's one value, where all operands are known constants."""
    values = [o.constant for o in operands if o.constant is not None]
    return function(*values) if len(values) == len(operands) else None


def plus(left: Height, right: Height) -> Height:
    a, b, denominator = common(left, right)
    longest = max(left.longest, right.longest)
    return Height(max(left.degree, right.degree), a + b, denominator, evaluated(operator.add, left, right), longest)


def times(left: Height, right: Height, terms: int = 1) -> Height:
    """A sum of `terms` products."""
    return Height(
        left.degree + right.degree,
        terms * left.norm * right.norm,
        left.denominator * right.denominator,
        evaluated(operator.mul, left, right) if terms == 1 else None,
        max(left.longest, right.longest),
    )


def join(left: Height, right: Height) -> Height:
    """Entries of either."""
    a, b, denominator = common(left, right)
    value = left.constant if left.constant == right.constant else None
    longest = max(left.longest, right.longest)
    return Height(max(left.degree, right.degree), max(a, b), denominator, value, longest)


def minus(left: Height, right: Height) -> Height:
    return plus(left, times(constant(Fraction(-1)), right))


def add(step: Step, left: Height, right: Height) -> Height:
    return plus(left, right)


def sub(step: Step, left: Height, right: Height) -> Height:
    return minus(left, right)


def mul(step: Step, left: Height, right: Height, *, out_dtype: Any) -> Height:
    step.expect(out_dtype=(out_dtype, None))
    return times(left, right)


def neg(step: Step, operand: Height) -> Height:
    return times(constant(Fraction(-1)), operand)


def square(step: Step, operand: Height) -> Height:
    return times(operand, operand)


def integer_pow(step: Step, operand: Height, *, y: int) -> Height:
    if abs(y) * operand.bits > LARGEST_BITS:
        raise step.refuse(f"the power {y} makes coefficients of millions of digits")
    if y < 0:
        return div(step, constant(Fraction(1)), integer_pow(step, operand, y=-y))
    value = None if operand.constant is None else operand.constant**y
    power = Height(operand.degree * y, operand.norm**y, operand.denominator**y, value)
    return replace(power, longest=operand.longest)


def div(step: Step, left: Height, right: Height) -> Height:
    """Division by a constant. Integers: truncated towards zero."""
    if not arrays.is_float(step.outs[0]):
        return replace(left, constant=None)
    if right.constant == 0:
        raise step.refuse("a division by zero")
    if right.constant is not None:
        return times(left, constant(1 / right.constant))
    if right.degree > 0:
        raise step.refuse("a division by a tensor of the inputs; modulo a prime jaxiom divides by constants only")
    if right.norm > LARGEST_DIVISOR:
        raise step.refuse("a division by a tensor of many different constants")
    every = math.lcm(*range(1, right.norm + 1))
    return times(left, Height(0, right.denominator * every, every, None, right.longest))


def integers_only(step: Step, *operands: Height) -> Height:
    """What has an order, a sign or bits: between integers and truth values only."""
    if any(arrays.is_float(aval) for aval in step.ins):
        raise step.refuse("the real numbers modulo a prime have no order, no sign and no absolute value")
    return replace(reduce(join, operands), degree=0, constant=None)


def contracted(contraction: Callable[..., arrays.Contraction]) -> Rule:
    @wraps(contraction)
    def rule(step: Step, left: Height, right: Height, **parameters: Any) -> Height:
        return replace(times(left, right, contraction(step, **parameters).longest), constant=None)

    return rule


def summed(summation: Callable[..., arrays.Summation]) -> Rule:
    @wraps(summation)
    def rule(step: Step, operand: Height, **parameters: Any) -> Height:
        terms = max(summation(step, **parameters).terms, 1)
        total = times(constant(Fraction(1)), operand, terms)
        return replace(total, constant=None, longest=max(total.longest, terms))

    return rule


def accumulated(accumulation: Callable[..., writes.Accumulation]) -> Rule:
    @wraps(accumulation)
    def rule(step: Step, x: Height, indices: Height, updates: Height, **parameters: Any) -> Height:
        terms = max(accumulation(step, **parameters).terms, 1)
        total = plus(x, times(constant(Fraction(1)), updates, terms))
        return replace(total, constant=None, longest=max(total.longest, terms + 1))

    return rule


CARRIED = {"gather": (0,), "dynamic_slice": (0,), "dynamic_update_slice": (0, 1), "scatter": (0, 2)}
"""The operands whose entries are entries of the result, where the others only steer."""


def moved(move: arrays.Move) -> Rule:
    @wraps(move)
    def rule(step: Step, *operands: Height, **parameters: Any) -> Any:
        if step.primitive == "optimization_barrier":
            return operands
        result = reduce(join, [operands[i] for i in CARRIED.get(step.primitive, range(len(operands)))])
        return result if len(step.outs) == 1 else (result,) * len(step.outs)

    return rule


def select_n(step: Step, which: Height, *cases: Height) -> Height:
    return reduce(join, cases)


def convert_element_type(step: Step, operand: Height, *, new_dtype: Any, weak_type: Any, sharding: Any) -> Height:
    del weak_type
    step.expect(sharding=(sharding, None))
    if arrays.is_float(step.ins[0]) and not arrays.is_float(step.outs[0]):
        raise step.refuse("a conversion from real numbers to integers truncates")
    if not arrays.is_float(step.ins[0]) and operand.norm > np.iinfo(np.int32).max:
        raise step.refuse("an integer that may wrap")
    return replace(operand, constant=None) if np.dtype(new_dtype) == bool else operand


def iota(step: Step, *, dtype: Any, shape: Any, dimension: int, sharding: Any) -> Height:
    step.expect(sharding=(sharding, None))
    return Height(0, max(shape[dimension] - 1, 1))


RULES: dict[Primitive, Rule] = {
    prims.add_p: add,
    prims.add_jaxvals_p: add,
    prims.sub_p: sub,
    prims.mul_p: mul,
    prims.neg_p: neg,
    prims.square_p: square,
    prims.integer_pow_p: integer_pow,
    prims.div_p: div,
    prims.select_n_p: select_n,
    prims.convert_element_type_p: convert_element_type,
    prims.iota_p: iota,
    prims.max_p: integers_only,
    prims.min_p: integers_only,
    prims.abs_p: integers_only,
    lax.clamp_p: integers_only,
    **{primitive: contracted(rule) for primitive, rule in arrays.CONTRACTIONS.items()},
    **{primitive: summed(rule) for primitive, rule in arrays.SUMMATIONS.items()},
    **{primitive: accumulated(rule) for primitive, rule in writes.ACCUMULATIONS.items()},
    **{primitive: moved(move) for primitive, move in (arrays.MOVES | writes.REPLACEMENTS).items()},
    **{primitive: integers_only for primitive in (*arrays.COMPARISONS, *arrays.WHOLE)},
}


def literal(value: Any, aval: Any) -> Height:
    """A constant array: its entries are binary fractions.

    >>> literal(np.float32(0.75), np.zeros((), np.float32))
    Height(degree=0, norm=3, denominator=4, constant=Fraction(3, 4), longest=1)
    """
    array = np.asarray(value, aval.dtype)
    if not arrays.is_float(aval):
        largest = max((abs(int(v)) for v in (array.min(), array.max())), default=0) if array.size else 0
        only = Fraction(int(array.flat[0])) if array.size and np.all(array == array.flat[0]) else None
        return Height(0, largest, 1, only)
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise Unsupported("an infinite or NaN constant has no residue modulo a prime")
    if not array.size:
        return Height(0, 0)
    if np.all(array == array.flat[0]):
        return constant(Fraction(float(array.flat[0])))
    mantissa, exponent = whole_mantissa(array)
    denominator = 2 ** max(0, -int(exponent[mantissa != 0].min()))
    return Height(0, math.ceil(Fraction(float(np.abs(array).max())) * denominator), denominator)


def whole_mantissa(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Odd (or zero) whole numbers m and exponents e with array = m 2^e, exactly; m below 2^53.

    >>> [part.tolist() for part in whole_mantissa(np.array([0.75, 6.0, 0.0]))]
    [[3, 3, 0], [-2, 1, 0]]
    """
    fraction, exponent = np.frexp(array)
    mantissa = (fraction * 2.0**53).astype(np.int64)
    low = mantissa & -mantissa
    zeros = np.where(low == 0, 0, np.frexp(low.astype(np.float64))[1] - 1)
    return mantissa >> zeros, np.where(low == 0, 0, exponent - 53 + zeros)


HEIGHTS: Table[Height] = Table("modular", RULES, literal, lambda step, value, aval: None)
