"""The modular interpreter: residues modulo a prime, in float64, jitted.

A real tensor is an array of balanced residues, whole numbers of at most (p + 1)/2 in absolute value; integers and truth
values are JAX's own. Sums of n products stay below 2^53 by the choice of p (`largest_prime`), so each is exact in any
order of summation. p is an array, so that one compiled program serves every prime.

`heights` must have accepted the program first: it refuses what has no meaning modulo a prime.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.extend.core import primitives as prims

from jaxiom.errors import InternalDisagreement
from jaxiom.interpret import Rule, Step, Table
from jaxiom.rules import arrays
from jaxiom.rules.heights import simplest, whole_mantissa
from jaxiom.trace import Primitive

# More primes than a check could use lie below it, and a sieve up to it takes 50 ms.
LARGEST = 2**23


def largest_prime(terms: int) -> int:
    """The largest p for which `terms` products of balanced residues stay below 2^53, so that float64 is exact.

    >>> largest_prime(4608)
    2796159
    """
    return min(LARGEST, math.floor(math.sqrt(2.0**55 / terms) * (1 - 2.0**-16)) - 1)


@dataclass(frozen=True, eq=False)
class Field:
    """Arithmetic modulo the prime p, a float64 scalar."""

    p: Array

    def reduce(self, x: Array) -> Array:
        """The balanced residue of a whole number below 2^53 (1 - 2^-16): at most (p + 1)/2 in absolute value."""
        return x - self.p * jnp.round(x / self.p)

    def times(self, x: Array, y: Array) -> Array:
        return self.reduce(x * y)

    def power(self, x: Array, exponent: int) -> Array:
        """x ** exponent, exponent >= 0."""
        result = jnp.ones_like(x)
        for bit in bin(exponent)[2:] if exponent else "":
            result = self.times(result, result)
            result = self.times(result, x) if bit == "1" else result
        return result

    def inverse(self, x: Array) -> Array:
        """1/x by Fermat, x ** (p - 2); NaN where x is zero."""

        def halve(_: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            exponent, square, result = state
            half = jnp.floor(exponent / 2)
            odd = exponent - 2 * half == 1
            return half, self.times(square, square), jnp.where(odd, self.times(result, square), result)

        state = (self.p - 2, x, jnp.ones_like(x))
        return jnp.where(x == 0, jnp.nan, lax.fori_loop(0, LARGEST.bit_length(), halve, state)[2])

    def constants(self, array: np.ndarray) -> Array:
        """The residues of binary fractions m 2^e; 1/2 is (p + 1)/2."""
        mantissa, exponent = whole_mantissa(np.asarray(array, np.float64))
        high, low = (part.astype(np.float64) for part in (mantissa >> 27, mantissa & (2**27 - 1)))
        result = self.reduce(self.times(self.reduce(jnp.asarray(high)), self.reduce(jnp.float64(2**27))) + low)
        for base, size in ((jnp.float64(2), exponent), ((self.p + 1) / 2, -exponent)):
            square = self.reduce(base)
            for bit in range(int(max(size.max(initial=0), 0)).bit_length()):
                chosen = (np.maximum(size, 0) >> bit) & 1 == 1
                result = jnp.where(chosen, self.times(result, square), result)
                square = self.times(square, square)
        return result


def arithmetic(residues: Callable[[Field, Array, Array], Array], integers: Callable[[Any, Any], Array]) -> Rule:
    """A sum, a difference, a quotient: of residues, or of integers."""

    def rule(field: Field, step: Step, left: Array, right: Array) -> Array:
        return residues(field, left, right) if arrays.is_float(step.outs[0]) else integers(left, right)

    return rule


def quotient(field: Field, left: Array, right: Array) -> Array:
    return field.times(left, field.inverse(right))


def mul(field: Field, step: Step, left: Array, right: Array, *, out_dtype: Any) -> Array:
    step.expect(out_dtype=(out_dtype, None))
    return field.times(left, right) if arrays.is_float(step.outs[0]) else jnp.multiply(left, right)


def neg(field: Field, step: Step, operand: Array) -> Array:
    return -operand


def square(field: Field, step: Step, operand: Array) -> Array:
    return field.times(operand, operand) if arrays.is_float(step.outs[0]) else jnp.square(operand)


def integer_pow(field: Field, step: Step, operand: Array, *, y: int) -> Array:
    if not arrays.is_float(step.outs[0]):
        return lax.integer_pow(operand, y)
    result = field.power(operand, abs(y))
    return result if y >= 0 else field.inverse(result)


def contracted(contraction: Callable[..., arrays.Contraction]) -> Rule:
    @wraps(contraction)
    def rule(field: Field, step: Step, x: Array, w: Array, **parameters: Any) -> Array:
        c = contraction(step, **parameters)
        if not arrays.is_float(step.outs[0]):
            return c.call(x, w, None, c.dtype)
        return field.reduce(c.call(x, w, lax.Precision.HIGHEST, np.dtype(np.float64)))

    return rule


def summed(summation: Callable[..., arrays.Summation]) -> Rule:
    @wraps(summation)
    def rule(field: Field, step: Step, operand: Array, **parameters: Any) -> Array:
        total = summation(step, **parameters).call(operand)
        return field.reduce(total) if arrays.is_float(step.outs[0]) else total

    return rule


def moved(move: arrays.Move) -> Rule:
    @wraps(move)
    def rule(field: Field, step: Step, *operands: Array, **parameters: Any) -> Any:
        return move(step, *operands, **parameters)

    return rule


def plain(function: Callable[..., Array]) -> Rule:
    """Integers and truth values, as JAX computes them."""

    def rule(field: Field, step: Step, *operands: Array) -> Array:
        return function(*operands)

    return rule


def select_n(field: Field, step: Step, which: Array, *cases: Array) -> Array:
    return lax.select_n(which, *cases)


def convert_element_type(
    field: Field, step: Step, operand: Array, *, new_dtype: Any, weak_type: Any, sharding: Any
) -> Array:
    """Between floats nothing changes; a whole number becomes its residue."""
    del weak_type
    step.expect(sharding=(sharding, None))
    if not arrays.is_float(step.outs[0]):
        return operand.astype(new_dtype)
    return operand if arrays.is_float(step.ins[0]) else field.reduce(operand.astype(np.float64))


def iota(field: Field, step: Step, *, dtype: Any, shape: Any, dimension: int, sharding: Any) -> Array:
    dtype = np.dtype(np.float64) if arrays.is_float(step.outs[0]) else dtype
    value = arrays.iota(step, dtype=dtype, shape=shape, dimension=dimension, sharding=sharding)
    return field.reduce(value) if arrays.is_float(step.outs[0]) else value


def add_residues(field: Field, left: Array, right: Array) -> Array:
    return field.reduce(left + right)


def sub_residues(field: Field, left: Array, right: Array) -> Array:
    return field.reduce(left - right)


RULES: dict[Primitive, Rule] = {
    prims.add_p: arithmetic(add_residues, jnp.add),
    prims.add_jaxvals_p: arithmetic(add_residues, jnp.add),
    prims.sub_p: arithmetic(sub_residues, jnp.subtract),
    prims.mul_p: mul,
    prims.neg_p: neg,
    prims.square_p: square,
    prims.integer_pow_p: integer_pow,
    prims.div_p: arithmetic(quotient, lax.div),
    prims.select_n_p: select_n,
    prims.convert_element_type_p: convert_element_type,
    prims.iota_p: iota,
    prims.max_p: plain(jnp.maximum),
    prims.min_p: plain(jnp.minimum),
    prims.abs_p: plain(jnp.abs),
    lax.clamp_p: plain(lax.clamp),
    **{primitive: contracted(rule) for primitive, rule in arrays.CONTRACTIONS.items()},
    **{primitive: summed(rule) for primitive, rule in arrays.SUMMATIONS.items()},
    **{primitive: moved(move) for primitive, move in arrays.MOVES.items()},
    **{primitive: plain(function) for primitive, function in (arrays.COMPARISONS | arrays.WHOLE).items()},
}


def check(step: Step, value: Array, aval: Any) -> None:
    """A rule's result has the shape that JAX inferred."""
    if jnp.shape(value) != tuple(aval.shape):
        raise InternalDisagreement(f"{step.primitive} at {step.line}: modular {jnp.shape(value)}, JAX {aval.shape}")


def modular_table(p: Array, rationals: bool = False) -> Table[Array]:
    """The modular interpreter for the prime p, a float64 scalar; to be used where float64 is enabled.

    `rationals` reads the program's constants by `heights.simplest`, as a closed form's are.
    """
    field = Field(p)

    def literal(value: Any, aval: Any) -> Array:
        array = np.asarray(value, aval.dtype)
        if not arrays.is_float(aval):
            return jnp.asarray(array)
        if not rationals:
            return field.constants(array)
        above, below = simplest(array)
        if np.all(below == 1):
            return field.constants(above)
        return field.times(field.constants(above), field.inverse(field.constants(below)))

    return Table("modular", {primitive: partial(rule, field) for primitive, rule in RULES.items()}, literal, check)
