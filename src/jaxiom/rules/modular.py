"""The modular interpreter: residues modulo a prime, exact in the arithmetic of an `Accumulator`, jitted.

A real tensor is an array of balanced residues, whole numbers of at most (p - 1)/2 in absolute value; integers and truth
values are JAX's own. Contractions are summed in blocks that stay exact in any order (`exact_products`). p is an array,
so that one compiled program serves every prime.

`heights` must have accepted the program first: it refuses what has no meaning modulo a prime.
"""

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
from jaxiom.jaxprs import Primitive
from jaxiom.rules import arrays, exact_products, writes
from jaxiom.rules.accumulators import FLOAT64, Accumulator
from jaxiom.rules.heights import whole_mantissa

# Bits of a constant that are read at a time: with two residues' product they are exact in every storage.
DIGIT = 6


@dataclass(frozen=True, eq=False)
class Field:
    """Arithmetic modulo the prime p, a scalar in the accumulator's storage."""

    p: Array
    kind: Accumulator = FLOAT64

    def reduce(self, x: Array) -> Array:
        """The balanced residue of a whole number that leaves three bits of the storage free."""
        return x - self.p * jnp.round(x / self.p)

    def settle(self, total: Array) -> Array:
        """The residue of a sum that may reach the accumulator's limit.

        The quotient of such a sum is off by more than half a unit, and the remainder by one p.
        """
        if not jnp.issubdtype(total.dtype, jnp.integer):
            return self.reduce(self.reduce(total))
        high, low = (part.astype(self.kind.storage) for part in (total >> 12, total & 4095))
        return self.reduce(self.settle(high) * self.reduce(jnp.full_like(self.p, 4096)) + low)

    def residues(self, numbers: Array) -> Array:
        """The residues of integers or truth values."""
        wide = numbers.astype(np.int64)
        return self.reduce(lax.rem(wide, self.p.astype(np.int64)).astype(self.kind.storage))

    def contract(self, contraction: Callable[..., Array], x: Array, w: Array, *args: Any, **kwargs: Any) -> Array:
        """A contraction of two residue tensors; all NaN where either holds one, which integers cannot."""
        multiply = exact_products.in_blocks(self.kind, self.settle, self.reduce)
        operands = (o.astype(self.kind.operand) for o in (x, w))
        found = contraction(multiply, *operands, *args, **kwargs)
        if self.kind.operand.startswith("int"):
            found += (0 * x).sum() + (0 * w).sum()  # which XLA does faster than isnan(x).any()
        return found

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
        return jnp.where(x == 0, jnp.nan, lax.fori_loop(0, self.kind.largest.bit_length(), halve, state)[2])

    def constants(self, array: np.ndarray) -> Array:
        """The residues of binary fractions m 2^e; 1/2 is (p + 1)/2."""
        array = np.asarray(array, np.float64)
        if np.all((array == np.round(array)) & (np.abs(array) <= self.kind.whole)):
            return self.settle(jnp.asarray(array, self.kind.storage))
        mantissa, exponent = whole_mantissa(array)
        digits, radix = range(0, 54, DIGIT), self.reduce(jnp.full_like(self.p, 2**DIGIT))
        result = jnp.zeros(array.shape, self.kind.storage)
        for shift in reversed(digits):
            digit = np.asarray((np.abs(mantissa) >> shift) & (2**DIGIT - 1), self.kind.storage)
            result = self.reduce(self.times(result, radix) + digit)
        result = result * np.asarray(np.sign(mantissa), self.kind.storage)
        for base, size in ((jnp.full_like(self.p, 2), exponent), ((self.p + 1) / 2, -exponent)):
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


def dot_general(
    field: Field,
    step: Step,
    x: Array,
    w: Array,
    *,
    dimension_numbers: Any,
    precision: Any,
    preferred_element_type: Any,
    out_sharding: Any,
) -> Array:
    """Any precision that the program asks for: over the reals it has no meaning."""
    step.expect(out_sharding=(out_sharding, None))
    if not arrays.is_float(step.outs[0]):
        return lax.dot_general(x, w, dimension_numbers, None, preferred_element_type)
    return field.contract(exact_products.dot, x, w, dimension_numbers)


def conv_general_dilated(
    field: Field,
    step: Step,
    x: Array,
    w: Array,
    *,
    window_strides: Any,
    padding: Any,
    lhs_dilation: Any,
    rhs_dilation: Any,
    dimension_numbers: Any,
    feature_group_count: int,
    batch_group_count: int,
    precision: Any,
    preferred_element_type: Any,
    out_sharding: Any,
) -> Array:
    step.expect(out_sharding=(out_sharding, None))
    if not arrays.is_float(step.outs[0]):
        raise step.refuse("a convolution of integers has no rule")
    return field.contract(
        partial(exact_products.convolve, field.kind, field.reduce),
        x,
        w,
        strides=window_strides,
        padding=padding,
        image_dilation=lhs_dilation,
        dilation=rhs_dilation,
        names=dimension_numbers,
        groups=feature_group_count,
        batch_groups=batch_group_count,
        shape=step.outs[0].shape,
    )


def summed(summation: Callable[..., arrays.Summation]) -> Rule:
    @wraps(summation)
    def rule(field: Field, step: Step, operand: Array, **parameters: Any) -> Array:
        found = summation(step, **parameters)
        if not arrays.is_float(step.outs[0]):
            return found.call(operand)
        if found.terms > field.kind.entries:
            raise step.refuse(f"a sum of {found.terms} entries is not exact in {field.kind.storage}")
        return field.settle(found.call(operand))

    return rule


def accumulated(accumulation: Callable[..., writes.Accumulation]) -> Rule:
    @wraps(accumulation)
    def rule(field: Field, step: Step, x: Array, indices: Array, updates: Array, **parameters: Any) -> Array:
        found = accumulation(step, **parameters)
        total = found.call(x, indices, updates)
        if not arrays.is_float(step.outs[0]):
            return total
        if found.terms + 1 > field.kind.entries:
            raise step.refuse(f"a sum of {found.terms + 1} entries is not exact in {field.kind.storage}")
        return field.settle(total)

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
    return operand if arrays.is_float(step.ins[0]) else field.residues(operand)


def iota(field: Field, step: Step, *, dtype: Any, shape: Any, dimension: int, sharding: Any) -> Array:
    dtype = np.dtype(np.int64) if arrays.is_float(step.outs[0]) else dtype
    value = arrays.iota(step, dtype=dtype, shape=shape, dimension=dimension, sharding=sharding)
    return field.residues(value) if arrays.is_float(step.outs[0]) else value


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
    prims.dot_general_p: dot_general,
    prims.conv_general_dilated_p: conv_general_dilated,
    **{primitive: summed(rule) for primitive, rule in arrays.SUMMATIONS.items()},
    **{primitive: accumulated(rule) for primitive, rule in writes.ACCUMULATIONS.items()},
    **{primitive: moved(move) for primitive, move in (arrays.MOVES | writes.REPLACEMENTS).items()},
    **{primitive: plain(function) for primitive, function in (arrays.COMPARISONS | arrays.WHOLE).items()},
}


def check(step: Step, value: Array, aval: Any) -> None:
    """A rule's result has the shape that JAX inferred."""
    if jnp.shape(value) != tuple(aval.shape):
        raise InternalDisagreement(f"{step.primitive} at {step.line}: modular {jnp.shape(value)}, JAX {aval.shape}")


def modular_table(p: Array, kind: Accumulator = FLOAT64) -> Table[Array]:
    """The modular interpreter for the prime p, a scalar in the accumulator's storage; x64 must be enabled."""
    field = Field(p, kind)

    def literal(value: Any, aval: Any) -> Array:
        array = np.asarray(value, aval.dtype)
        return field.constants(array) if arrays.is_float(aval) else jnp.asarray(array)

    return Table("modular", {primitive: partial(rule, field) for primitive, rule in RULES.items()}, literal, check)
