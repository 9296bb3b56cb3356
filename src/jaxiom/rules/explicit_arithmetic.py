"""Exact rules for what is done entry by entry."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxiom.interpret import Step
from jaxiom.rules import balls
from jaxiom.rules.balls import Ball, divide, larger, same, smaller
from jaxiom.rules.explicit_entries import (
    Missing,
    Number,
    array,
    elementwise,
    finite,
    is_bool,
    is_float,
    is_integer,
    number,
    value,
)


def add(step: Step, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    finite(step, left, right)
    return array(left + right)


def sub(step: Step, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    finite(step, left, right)
    return array(left - right)


def mul(step: Step, left: np.ndarray, right: np.ndarray, *, out_dtype: Any) -> np.ndarray:
    step.expect(out_dtype=(out_dtype, None))
    finite(step, left, right)
    return array(left * right)


def neg(step: Step, operand: np.ndarray) -> np.ndarray:
    finite(step, operand)
    return array(-operand)


def square(step: Step, operand: np.ndarray) -> np.ndarray:
    finite(step, operand)
    return array(operand * operand)


def zero_division(step: Step) -> ZeroDivisionError:
    return ZeroDivisionError(f"{step.primitive} at {step.line}: a divisor is zero on this input")


def power(step: Step, base: Any, exponent: int) -> Any:
    """base ** exponent, 0 ** 0 being 1 as for JAX."""
    if exponent == 0:
        return 1
    if exponent > 0:
        return base**exponent
    return quotient(step, 1, base**-exponent)


def quotient(step: Step, left: Any, right: Any) -> Any:
    """Of reals, exact where both are."""
    divisor = value(step, right)
    if not isinstance(divisor, Ball) and divisor == 0:
        raise zero_division(step)
    return divide(left, divisor) if left else 0


def integer_pow(step: Step, operand: np.ndarray, *, y: int) -> np.ndarray:
    finite(step, operand)
    if y < 0 and not is_float(step.ins[0]):
        raise step.refuse(f"an integer to the power {y} is not an integer")
    return elementwise(lambda entry: power(step, entry, y), operand)


def pow_(step: Step, base: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Exact where the exponents are whole numbers, as `x ** 2.0` writes them; letters take no others."""
    finite(step, base, exponent)

    def entry(b: Any, e: Any) -> Any:
        raised = value(step, e)
        if isinstance(raised, Ball) or raised != int(raised):
            return balls.value("pow", value(step, b), raised)
        if raised < 0 and not is_float(step.ins[0]):
            raise step.refuse(f"an integer to the power {raised} is not an integer")
        return power(step, b, int(raised))

    return elementwise(entry, base, exponent)


def toward_zero(quotient: Number) -> int:
    return math.trunc(quotient)


def div(step: Step, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Exact for reals; integers are truncated toward zero, as lax does."""
    finite(step, left)

    def entry(a: Any, b: Any) -> Any:
        found = quotient(step, a, b)
        return found if is_float(step.ins[0]) else toward_zero(found)

    return elementwise(entry, left, right)


def rem(step: Step, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The remainder with the dividend's sign."""

    def entry(a: Any, b: Any) -> Any:
        dividend, divisor = number(step, a), number(step, b)
        if divisor == 0:
            raise zero_division(step)
        return dividend - divisor * toward_zero(Fraction(dividend) / divisor)

    return elementwise(entry, left, right)


def by_numbers(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """A rule without parameters that needs to know its operands' values, not only their names."""

    def rule(step: Step, *operands: np.ndarray) -> np.ndarray:
        return elementwise(lambda *entries: function(*(number(step, e) for e in entries)), *operands)

    return rule


def by_values(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """The same where intervals will do."""

    def rule(step: Step, *operands: np.ndarray) -> np.ndarray:
        return elementwise(lambda *entries: function(*(value(step, e) for e in entries)), *operands)

    return rule


def extremum(function: Callable[..., Any], without: str) -> Callable[..., np.ndarray]:
    """A maximum or minimum; `without` is the infinity that is never it."""

    def rule(step: Step, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        def entry(a: Any, b: Any) -> Any:
            for one, other in ((a, b), (b, a)):
                if isinstance(one, Missing) and one.why == without:
                    return other
            return function(value(step, a), value(step, b))

        return elementwise(entry, left, right)

    return rule


# Fraction and int compare exactly; abs, max and min of exact numbers are exact.
eq = by_values(same)
ne = by_values(lambda a, b: not same(a, b))
lt = by_values(lambda a, b: a < b)
le = by_values(lambda a, b: a <= b)
gt = by_values(lambda a, b: a > b)
ge = by_values(lambda a, b: a >= b)
max_ = extremum(larger, "-inf")
min_ = extremum(smaller, "inf")
abs_ = by_values(abs)
sign = by_values(balls.sign)
floor = by_numbers(math.floor)
ceil = by_numbers(math.ceil)
clamp = by_values(lambda low, a, high: smaller(larger(a, low), high))


def half_away_from_zero(value: Number) -> int:
    return int(sign_of(value)) * math.floor(abs(value) + Fraction(1, 2))


def sign_of(value: Number) -> int:
    return (value > 0) - (value < 0)


def round_(step: Step, operand: np.ndarray, *, rounding_method: int) -> np.ndarray:
    """lax.RoundingMethod: 0 is half away from zero, 1 half to even, as Python's round of a Fraction."""
    if rounding_method not in (0, 1):
        raise step.refuse(f"parameter rounding_method={rounding_method} has no rule")
    method: Callable[[Number], int] = half_away_from_zero if rounding_method == 0 else round
    return elementwise(lambda entry: method(number(step, entry)), operand)


def is_finite(step: Step, operand: np.ndarray) -> np.ndarray:
    return elementwise(lambda entry: not isinstance(entry, Missing), operand)


def bits(step: Step) -> int:
    return int(jnp.iinfo(step.ins[0].dtype).bits)


def shift_amount(step: Step, amount: int) -> int:
    if not 0 <= amount < bits(step):
        raise step.refuse(f"a shift by {amount} of a number of {bits(step)} bits")
    return amount


def shift_left(step: Step, operand: np.ndarray, amount: np.ndarray) -> np.ndarray:
    return elementwise(lambda a, n: a << shift_amount(step, n), operand, amount)


def shift_right_arithmetic(step: Step, operand: np.ndarray, amount: np.ndarray) -> np.ndarray:
    return elementwise(lambda a, n: a >> shift_amount(step, n), operand, amount)


def shift_right_logical(step: Step, operand: np.ndarray, amount: np.ndarray) -> np.ndarray:
    def entry(a: int, n: int) -> int:
        if a < 0:
            raise step.refuse(f"of the negative number {a} reads its bits, which an exact integer does not have")
        return a >> shift_amount(step, n)

    return elementwise(entry, operand, amount)


# Python's &, | and ^ mean the same on bools, and on integers in two's complement.
and_ = by_numbers(lambda a, b: a & b)
or_ = by_numbers(lambda a, b: a | b)
xor = by_numbers(lambda a, b: a ^ b)


def not_(step: Step, operand: np.ndarray) -> np.ndarray:
    if is_bool(step.ins[0]):
        return elementwise(lambda a: not a, operand)
    top = -1 if jnp.issubdtype(step.ins[0].dtype, jnp.signedinteger) else 2 ** bits(step) - 1
    return elementwise(lambda a: top - a, operand)


def select_n(step: Step, which: np.ndarray, *cases: np.ndarray) -> np.ndarray:
    def entry(choice: int, *values: Any) -> Any:
        if not 0 <= choice < len(cases):
            raise step.refuse(f"case {choice} of {len(cases)}")
        return values[int(choice)]

    return elementwise(entry, which, *cases)


def convert_element_type(
    step: Step, operand: np.ndarray, *, new_dtype: Any, weak_type: bool, sharding: Any
) -> np.ndarray:
    """Between floats, and from integers to any, the identity; from floats to integers a truncation toward zero.

    weak_type is ignored: it only steers the dtypes of later operations, which their own avals record.
    """
    step.expect(sharding=(sharding, None))
    source, target = step.ins[0], step.outs[0]
    if is_bool(target):
        return elementwise(lambda entry: number(step, entry) != 0, operand)
    if is_bool(source) and (is_float(target) or is_integer(target)):
        return elementwise(int, operand)
    if is_float(target) or (is_integer(source) and is_integer(target)):
        return operand
    if is_float(source) and is_integer(target):
        return elementwise(lambda entry: toward_zero(number(step, entry)), operand)
    raise step.refuse(f"from {source.dtype} to {np.dtype(new_dtype)} has no exact meaning here")


def reduce_precision(step: Step, operand: np.ndarray, *, exponent_bits: int, mantissa_bits: int) -> np.ndarray:
    raise step.refuse(f"it rounds (to {exponent_bits} and {mantissa_bits} bits), and the meaning is over the reals")
