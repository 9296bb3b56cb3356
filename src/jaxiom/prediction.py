"""A closed form on the device: each factor of each summand is one tensor contraction.

An index expression such as X[q + i] becomes an indicator tensor [a = q + i] in the contraction, a condition a mask;
sums over windows and channels thus cost little, and XLA sees one einsum a factor.
"""

import string
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor, lcm, prod
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.polynomial import Polynomial, Variable
from jaxiom.polyhedra.reading import Access, Condition, Expression, Summand, Summation, leaves
from jaxiom.polyhedra.settle import SET
from jaxiom.rules.constants import CONSTANT
from jaxiom.sizes import fix

MOST_INDICATOR = 50_000_000
MOST_EXACT = 2**53
FEW = 6
"""Up to so many tensors, every order of contracting them is tried; beyond, all but those with outer products."""
MORE_DIGITS = "a coefficient of the closed form has more digits than float64 holds"
Inputs = Mapping[str, Array]
Operand = tuple[Callable[[Inputs, Any], Array], str]
"""A tensor of a contraction, as a function of the inputs and the dtype, and its letters."""


def compile_expression(expression: Expression, sizes: Mapping[str, int]) -> Callable[[Inputs], Array]:
    """A JAX-traceable function from the inputs to the closed form's value, in the dtype of the inputs.

    Raises:
        Undecidable: a set is too irregular or too large, or the form holds a constant of the program.
    """
    axes = [[number(size, sizes) for size in axis] for axis in expression.axes]
    atoms = [size for axis in axes for size in axis]
    shape = tuple(prod(axis) for axis in axes)
    compiled = [Compiler(expression, summand, sizes, atoms).compile() for summand in expression.summands]

    def value(inputs: Inputs) -> Array:
        dtype = jnp.result_type(*inputs.values()) if inputs else jnp.float32
        total = jnp.zeros(atoms, dtype)
        for part in compiled:
            total = total + part(inputs, dtype)
        return total.reshape(shape)

    return value


def number(size: Polynomial, sizes: Mapping[str, int]) -> int:
    return int(size.evaluate(dict(sizes)))


class Compiler:
    """Compiles one summand at given sizes."""

    def __init__(self, expression: Expression, summand: Summand, sizes: Mapping[str, int], atoms: Sequence[int]):
        self.expression, self.summand, self.sizes, self.atoms = expression, summand, sizes, atoms
        indices = [*range(len(atoms)), *summand.ranges]
        if len(indices) > len(string.ascii_letters) // 2:
            raise Undecidable("the closed form has too many indices to evaluate")
        self.letter: dict[Variable, str] = dict(zip(indices, string.ascii_letters, strict=False))
        self.spare = iter(string.ascii_letters[len(indices) :])
        self.values: dict[Variable, np.ndarray] = {i: np.arange(n) for i, n in enumerate(atoms)}
        later = []
        for index, size in summand.ranges.items():
            if size is not None:
                self.values[index] = np.arange(number(size, sizes))
            elif index < summand.points.dim(SET):
                self.values[index] = self.from_set(index)
            else:  # what a division leaves
                later.append(index)
        while later:
            found = {index: values for index in later if (values := self.from_conditions(index)) is not None}
            if not found:
                raise Undecidable("the closed form has an index without a range")
            self.values |= found
            later = [index for index in later if index not in found]

    def from_conditions(self, index: int) -> np.ndarray | None:
        """The values of an index that lies between what its conditions say; None if they do not, or not yet."""
        low: list[int] = []
        high: list[int] = []
        for condition in all_conditions(self.summand):
            rest, *powers = condition.expression.by_powers_of(index)
            extent = self.extent(rest)
            if len(powers) != 1 or not powers[0].is_constant or extent is None:
                continue
            ends = sorted(-end / powers[0].value for end in extent)
            if condition.equality or powers[0].value > 0:
                low.append(ceil(ends[0]))
            if condition.equality or powers[0].value < 0:
                high.append(floor(ends[1]))
        return np.arange(max(low), min(high) + 1) if low and high else None

    def extent(self, polynomial: Polynomial) -> tuple[Fraction, Fraction] | None:
        """At least and at most so much, over all values of its indices; None where that takes more than intervals."""
        least, most = Fraction(0), Fraction(0)
        for powers, coefficient in polynomial.terms.items():
            ends, indices = [Fraction(coefficient)] * 2, [p for p in powers if isinstance(p[0], int)]
            if len(indices) > 1 or any(exponent > 1 or v not in self.values for v, exponent in indices):
                return None
            for variable, exponent in powers:
                if isinstance(variable, int):
                    values = self.values[variable]
                    ends = [
                        end * int(v) for end, v in zip(ends, values[[0, -1]] if len(values) else (0, 0), strict=True)
                    ]
                else:
                    ends = [end * self.size_of(variable) ** exponent for end in ends]
            least, most = least + min(ends), most + max(ends)
        return least, most

    def from_set(self, index: int) -> np.ndarray:
        """The values of an index that is no axis by itself, from the summand's set at these sizes."""
        points = self.summand.points
        for name, value in self.sizes.items():
            points = fix(points, name, value)
        if points.is_empty():
            return np.arange(0)
        line = points.project_out(SET, index + 1, points.dim(SET) - index - 1).project_out(SET, 0, index)
        low, high = (int(v.to_python()) for v in (line.dim_min_val(0), line.dim_max_val(0)))
        return np.arange(low, high + 1)

    def compile(self) -> Callable[[Inputs, Any], Array]:
        """The summand's value over all output indices."""
        everywhere = "".join(self.letter[i] for i in range(len(self.atoms)))
        factors = [self.factor(f) for f in self.summand.factors]
        masks = [self.mask(c) for c in self.summand.conditions]
        above, below = self.ratio()

        def value(inputs: Inputs, dtype: Any) -> Array:
            total = jnp.ones([1] * len(everywhere), dtype)
            for tensor, letters in [*(f(inputs, dtype) for f in factors), *(spell(o, inputs, dtype) for o in masks)]:
                total = total * expand(tensor, letters, everywhere)
            for operand, operation in ((above, jnp.multiply), (below, jnp.divide)):
                tensor, letters = spell(operand, inputs, dtype)
                total = operation(total, expand(tensor, letters, everywhere))
            return jnp.broadcast_to(total, self.atoms)

        return value

    def ratio(self) -> tuple[Operand, Operand]:
        """coefficient / divisors over the output indices that they depend on, as whole numbers over whole numbers: a
        rational that is rounded beforehand would be another closed form."""
        above, below = self.summand.coefficient, prod(self.summand.divisors, start=Polynomial.constant(1))
        variables = sorted({v for p in (above, below) for v in p.variables if isinstance(v, int)})
        letters = "".join(self.letter[v] for v in variables)
        (upper, shared), (lower, other) = self.whole(above, variables), self.whole(below, variables)
        (more, twos), (less, halves) = map(odd_part, Fraction(other, shared).as_integer_ratio())
        if max(np.max(np.abs(upper), initial=0) * more, np.max(np.abs(lower), initial=0) * less) >= MOST_EXACT:
            raise Undecidable(MORE_DIGITS)
        upper, lower = upper * more, lower * less
        # Where a divisor is 0 a condition of the summand excludes the entry.
        upper, lower = np.where(lower == 0, 0, upper), np.where(lower == 0, 1, lower)
        common = np.gcd(upper.astype(np.int64), lower.astype(np.int64))
        upper = np.ldexp(upper / common, twos - halves)  # by itself, as 2^-200 is no number over a whole number here
        return (constant(upper), letters), (constant(lower / common), letters)

    def whole(self, polynomial: Polynomial, variables: Sequence[int]) -> tuple[np.ndarray, int]:
        """A polynomial's values times a whole number that makes them whole, and that number; in float64, exactly.

        Raises:
            Undecidable: they have more digits than float64.
        """
        shared = lcm(*(c.denominator for c in polynomial.terms.values()))
        most = Fraction(0)
        for powers, coefficient in polynomial.terms.items():
            term = abs(coefficient) * shared
            for variable, exponent in powers:
                known = self.values[variable].tolist() if isinstance(variable, int) else [self.size_of(variable)]
                term *= Fraction(max(map(abs, known), default=0)) ** exponent
            most += term
        if most >= MOST_EXACT:
            raise Undecidable(MORE_DIGITS)
        return self.grid(polynomial * shared, variables), shared

    def factor(self, factor: Summation) -> Callable[[Inputs, Any], tuple[Array, str]]:
        """One connected sum, as a contraction to the output indices that it depends on."""
        operands: list[Operand] = []
        for access in leaves(factor):
            operands += self.access(access)
        operands += [self.mask(c) for c in factor.conditions]
        weight = sorted(v for v in factor.weight.variables if isinstance(v, int))
        table, shared = self.whole(factor.weight, weight)
        operands.append((constant(table), "".join(self.letter[v] for v in weight)))
        used = set("".join(letters for _, letters in operands))
        for index in all_indices(factor):
            if self.letter[index] not in used:  # summed, but nothing depends on it
                operands.append((constant(np.ones(len(self.values[index]))), self.letter[index]))
        kept = "".join(self.letter[i] for i in range(len(self.atoms)) if self.letter[i] in used)
        spec = ",".join(letters for _, letters in operands) + "->" + kept
        order = "optimal" if len(operands) <= FEW else "dp"

        def value(inputs: Inputs, dtype: Any) -> tuple[Array, str]:
            tensors = [make(inputs, dtype) for make, _ in operands]
            found = jnp.einsum(spec, *tensors, optimize=order, precision=lax.Precision.HIGHEST)
            return found / jnp.asarray(shared, dtype) if shared > 1 else found, kept

        return value

    def access(self, access: Access) -> list[Operand]:
        """A tensor, with an indicator for each axis that no index runs over by itself."""
        name = access.tensor
        if access.made is not None:
            raise Undecidable(f"the closed form holds {access.made.function} of the inputs, which is not tabulated")
        if name.startswith(CONSTANT):
            raise Undecidable("the closed form holds a constant of the program")
        shape = [number(s, self.sizes) for axis in self.expression.tensors[name] for s in axis]
        letters, found = "", []
        for size, expression in zip(shape, (e for axis in access.indices for e in axis), strict=True):
            letter = self.plain(expression, size)
            if letter is None or letter in letters:
                letter = next(self.spare, None)
                if letter is None:
                    raise Undecidable("the closed form has too many indices to evaluate")
                found.append(self.indicator(expression, size, letter))
            letters += letter
        return [(lambda inputs, dtype: inputs[name].reshape(shape).astype(dtype), letters), *found]

    def plain(self, expression: Polynomial, size: int) -> str | None:
        """The letter of an index that runs over an axis by itself, whole."""
        if len(expression.variables) != 1:
            return None
        (variable,) = expression.variables
        values = self.values.get(variable)
        whole = values is not None and len(values) == size and (size == 0 or values[0] == 0)
        return self.letter[variable] if whole and expression == Polynomial.variable(variable) else None

    def indicator(self, expression: Polynomial, size: int, letter: str) -> Operand:
        variables = sorted(v for v in expression.variables if isinstance(v, int))
        where = self.grid(expression, variables)
        if size * where.size > MOST_INDICATOR:
            raise Undecidable("an index expression of the closed form is too large to tabulate")
        hit = np.arange(size).reshape(-1, *[1] * where.ndim) == where
        return constant(hit), letter + "".join(self.letter[v] for v in variables)

    def mask(self, condition: Condition) -> Operand:
        variables = sorted(v for v in condition.expression.variables if isinstance(v, int))
        value = self.grid(condition.expression, variables)
        return constant(value == 0 if condition.equality else value >= 0), "".join(self.letter[v] for v in variables)

    def grid(self, polynomial: Polynomial, variables: Sequence[int]) -> np.ndarray:
        """A polynomial's values over all values of some indices, in float64 (exact for the whole numbers met here)."""
        axes = np.meshgrid(*(self.values[v] for v in variables), indexing="ij") if variables else []
        where = dict(zip(variables, axes, strict=True))
        total = np.zeros(np.shape(axes[0]) if variables else ())
        for powers, coefficient in polynomial.terms.items():
            term: Any = float(coefficient)
            for variable, exponent in powers:
                value: Any = where[variable] if isinstance(variable, int) else self.size_of(variable)
                term = term * np.asarray(value, np.float64) ** exponent
            total = total + term
        return np.asarray(total)

    def size_of(self, variable: Variable) -> Fraction:
        return Polynomial.variable(variable).evaluate(dict(self.sizes))


def all_indices(factor: Summation) -> list[int]:
    return [*factor.indices, *(i for inner in factor.inner for i in all_indices(inner))]


def all_conditions(part: Summand | Summation) -> list[Condition]:
    """Those of a summand, or of a sum, and of the sums inside."""
    inner = part.factors if isinstance(part, Summand) else part.inner
    return [*part.conditions, *(c for summation in inner for c in all_conditions(summation))]


def odd_part(whole: int) -> tuple[int, int]:
    """An odd number, and the power of two that it was multiplied by."""
    twos = (whole & -whole).bit_length() - 1
    return whole >> twos, twos


def constant(table: np.ndarray) -> Callable[[Inputs, Any], Array]:
    """A table in the dtype of the inputs; what is too large for it is infinite there, as in the program."""

    def make(inputs: Inputs, dtype: Any) -> Array:
        with np.errstate(over="ignore"):
            return jnp.asarray(table, dtype)

    return make


def spell(operand: Operand, inputs: Inputs, dtype: Any) -> tuple[Array, str]:
    make, letters = operand
    return make(inputs, dtype), letters


def expand(tensor: Array, letters: str, everywhere: str) -> Array:
    """A tensor over some of the output indices, with axes of size 1 for the others."""
    shape = iter(tensor.shape)
    return tensor.reshape([next(shape) if letter in letters else 1 for letter in everywhere])
