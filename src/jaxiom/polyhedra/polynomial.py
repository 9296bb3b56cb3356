"""Sparse polynomials with rational coefficients, and the size expressions that appear in them.

A variable is a size (its name), a position in a set's tuple (a number), or an `Atom`: a floor, remainder, maximum or
minimum of size expressions, as it appears in shapes such as (h - 1) // 2 + 1.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import Any


@dataclass(frozen=True)
class Atom:
    """`floordiv`, `mod`, `max` or `min` of two size expressions."""

    operation: str
    left: "Polynomial"
    right: "Polynomial"

    def evaluate(self, env: Mapping["Variable", Fraction]) -> Fraction:
        """The value where sizes have the values of `env`."""
        left, right = self.left.evaluate(env), self.right.evaluate(env)
        return Fraction(
            {
                "floordiv": lambda: left // right,
                "mod": lambda: left % right,
                "max": lambda: max(left, right),
                "min": lambda: min(left, right),
            }[self.operation]()
        )

    @cached_property
    def hashed(self) -> int:
        return hash((self.operation, self.left, self.right))

    def __hash__(self) -> int:
        return self.hashed

    def __str__(self) -> str:
        return self.written

    @cached_property
    def written(self) -> str:
        if self.operation in ("max", "min"):
            return f"{self.operation}({self.left}, {self.right})"
        sign = "//" if self.operation == "floordiv" else "%"
        left = str(self.left) if len(self.left.terms) == 1 else f"({self.left})"
        return f"({left} {sign} {self.right})"


Variable = str | int | Atom
Powers = tuple[tuple[Variable, int], ...]


def rank(variable: Variable) -> tuple[int, str]:
    """A total order on variables: positions, then names, then atoms."""
    if isinstance(variable, int):
        return (0, f"{variable:06d}")
    return (1, variable) if isinstance(variable, str) else (2, variable.written)


def merge(a: Powers, b: Powers) -> Powers:
    """The product of two power products."""
    powers: dict[Variable, int] = dict(a)
    for variable, exponent in b:
        powers[variable] = powers.get(variable, 0) + exponent
    return tuple(sorted(powers.items(), key=lambda item: rank(item[0])))


class Polynomial:
    """An immutable polynomial: {power product: coefficient}, no zero coefficients.

    >>> h = Polynomial.variable("h")
    >>> str((h + 1) * (h - 1))
    'h^2 - 1'
    """

    __slots__ = ("__dict__", "terms")

    def __init__(self, terms: Mapping[Powers, Fraction | int] | None = None):
        self.terms = {k: v if type(v) is Fraction else Fraction(v) for k, v in (terms or {}).items() if v}

    @classmethod
    def constant(cls, value: Fraction | int) -> "Polynomial":
        return cls({(): Fraction(value)})

    @classmethod
    def variable(cls, variable: Variable) -> "Polynomial":
        return cls({((variable, 1),): Fraction(1)})

    @cached_property
    def variables(self) -> frozenset[Variable]:
        """The variables at the top level (an atom counts as one)."""
        return frozenset(v for powers in self.terms for v, _ in powers)

    @cached_property
    def hashed(self) -> int:
        return hash(self.value) if self.is_constant else hash(self.key)

    @cached_property
    def key(self) -> frozenset[tuple[Powers, Fraction]]:
        return frozenset(self.terms.items())

    def __hash__(self) -> int:
        return self.hashed

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int | Fraction):
            return self.terms == lift(other).terms
        return isinstance(other, Polynomial) and self.terms == other.terms

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def is_constant(self) -> bool:
        return all(not powers for powers in self.terms)

    @property
    def is_affine(self) -> bool:
        return all(sum(e for _, e in powers) <= 1 for powers in self.terms)

    @property
    def value(self) -> Fraction:
        """The constant coefficient."""
        return self.terms.get((), Fraction(0))

    @property
    def denominator(self) -> int:
        """The least number that makes every coefficient whole."""
        return lcm(*(c.denominator for c in self.terms.values()), 1)

    def __add__(self, other: "Polynomial | int | Fraction") -> "Polynomial":
        terms = dict(self.terms)
        for powers, coefficient in lift(other).terms.items():
            terms[powers] = terms.get(powers, Fraction(0)) + coefficient
        return Polynomial(terms)

    __radd__ = __add__

    def __neg__(self) -> "Polynomial":
        return Polynomial({k: -v for k, v in self.terms.items()})

    def __sub__(self, other: "Polynomial | int | Fraction") -> "Polynomial":
        return self + (-lift(other))

    def __rsub__(self, other: "Polynomial | int | Fraction") -> "Polynomial":
        return lift(other) - self

    def __mul__(self, other: "Polynomial | int | Fraction") -> "Polynomial":
        terms: dict[Powers, Fraction] = {}
        for a, x in self.terms.items():
            for b, y in lift(other).terms.items():
                powers = merge(a, b)
                terms[powers] = terms.get(powers, Fraction(0)) + x * y
        return Polynomial(terms)

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> "Polynomial":
        result = Polynomial.constant(1)
        for _ in range(exponent):
            result = result * self
        return result

    def substitute(self, values: "Mapping[Any, Polynomial] | Callable[[Variable], Polynomial]") -> "Polynomial":
        """Replace variables by polynomials, all at once; what `values` leaves out stays."""
        if isinstance(values, Mapping):
            mapping = values
            look = lambda v: mapping.get(v, Polynomial.variable(v))  # noqa: E731
        else:
            look = values
        result = Polynomial()
        for powers, coefficient in self.terms.items():
            term = Polynomial.constant(coefficient)
            for variable, exponent in powers:
                term = term * look(variable) ** exponent
            result = result + term
        return result

    def renumber(self, positions: Mapping[int, int]) -> "Polynomial":
        """Move positions of a set's tuple; names and atoms stay."""
        terms: dict[Powers, Fraction] = {}
        for powers, coefficient in self.terms.items():
            moved = merge((), tuple((positions[v] if isinstance(v, int) else v, e) for v, e in powers))
            terms[moved] = terms.get(moved, Fraction(0)) + coefficient
        return Polynomial(terms)

    def evaluate(self, env: Mapping[Any, Fraction | int]) -> Fraction:
        """The value at a point; atoms are evaluated through their operands."""
        exact = {k: Fraction(v) for k, v in env.items()}
        total = Fraction(0)
        for powers, coefficient in self.terms.items():
            for variable, exponent in powers:
                base = variable.evaluate(exact) if isinstance(variable, Atom) else exact[variable]
                coefficient *= base**exponent
            total += coefficient
        return total

    def degree(self, variable: Variable | None = None) -> int:
        """The degree in one variable, or the total degree."""
        return max(
            (sum(e for v, e in powers if variable is None or v == variable) for powers in self.terms),
            default=0,
        )

    def by_powers_of(self, variable: Variable) -> list["Polynomial"]:
        """The coefficients c_0, c_1, ... of the powers of one variable."""
        parts: list[dict[Powers, Fraction]] = [{} for _ in range(self.degree(variable) + 1)]
        for powers, coefficient in self.terms.items():
            exponent = dict(powers).get(variable, 0)
            rest = tuple((v, e) for v, e in powers if v != variable)
            parts[exponent][rest] = coefficient
        return [Polynomial(part) for part in parts]

    def text(self, name: Callable[[Variable], str] = str, times: str = "*", power: str = "^") -> str:
        """As text, highest degree first; `name` says how a variable is written."""
        if not self.terms:
            return "0"
        out = ""
        ordered = sorted(
            self.terms.items(), key=lambda item: (-sum(e for _, e in item[0]), [rank(v) for v, _ in item[0]])
        )
        for powers, coefficient in ordered:
            factors = [name(v) if e == 1 else f"{name(v)}{power}{e}" for v, e in powers]
            size = abs(coefficient)
            if size != 1 or not factors:
                factors.insert(0, str(size))
            sign = (" - " if coefficient < 0 else " + ") if out else ("-" if coefficient < 0 else "")
            out += sign + times.join(factors)
        return out

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"Polynomial({self})"


def lift(value: "Polynomial | int | Fraction") -> Polynomial:
    """A number as a constant polynomial."""
    return value if isinstance(value, Polynomial) else Polynomial.constant(value)


def all_names(polynomials: Iterable[Polynomial]) -> set[str]:
    """The size names that appear anywhere, inside atoms too."""
    found: set[str] = set()
    for polynomial in polynomials:
        for variable in polynomial.variables:
            if isinstance(variable, str):
                found.add(variable)
            elif isinstance(variable, Atom):
                found |= all_names([variable.left, variable.right])
    return found


def fully_affine(polynomial: Polynomial) -> bool:
    """Whether isl can read it: affine, with atoms of affine operands, divisors being positive numbers."""
    return polynomial.is_affine and all(
        fully_affine(v.left) and fully_affine(v.right) and (v.operation in ("max", "min") or positive_number(v.right))
        for v in polynomial.variables
        if isinstance(v, Atom)
    )


def positive_number(polynomial: Polynomial) -> bool:
    return polynomial.is_constant and polynomial.value > 0


def isl_text(polynomial: Polynomial) -> str:
    """An affine polynomial with whole coefficients, as isl reads it; position i is written `_i`."""
    parts = []
    for powers, coefficient in polynomial.terms.items():
        if coefficient.denominator != 1:
            raise ValueError(f"isl_text: {polynomial} has a fraction as a coefficient")
        if not powers:
            parts.append(f"({coefficient})")
            continue
        ((variable, exponent),) = powers
        if exponent != 1:
            raise ValueError(f"isl_text: {polynomial} is not affine")
        parts.append(f"{coefficient}*{isl_variable(variable)}")
    return " + ".join(parts) or "0"


def isl_variable(variable: Variable) -> str:
    if isinstance(variable, int):
        return f"_{variable}"
    if isinstance(variable, str):
        return variable
    left, right = isl_text(variable.left), isl_text(variable.right)
    if variable.operation == "floordiv":
        return f"floor(({left})/{right.strip('()')})"
    if variable.operation == "mod":
        return f"(({left}) mod {right.strip('()')})"
    return f"{variable.operation}({left}, {right})"


def cancel(above: Polynomial, below: Sequence[Polynomial]) -> tuple[Polynomial, tuple[Polynomial, ...]]:
    """A fraction without the powers of sizes (never zero) that all terms of `above` share with a divisor."""
    left: list[Polynomial] = []
    for divisor in below:
        for variable in divisor.variables if len(divisor.terms) == 1 else ():
            times = min(dict(powers).get(variable, 0) for powers in (*above.terms, *divisor.terms)) if above else 0
            above, divisor = divided(above, variable, times), divided(divisor, variable, times)
        if divisor != 1:
            left.append(divisor)
    return above, tuple(left)


def divided(polynomial: Polynomial, variable: Variable, times: int) -> Polynomial:
    """A polynomial over a power of a variable that each of its terms has."""
    terms = {
        tuple((v, e - times if v == variable else e) for v, e in powers if v != variable or e > times): c
        for powers, c in polynomial.terms.items()
    }
    return Polynomial(terms)
