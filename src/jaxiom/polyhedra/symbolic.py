"""A closed form as a SymPy expression. SymPy writes it; it is never asked to decide anything."""

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from jaxiom.errors import Unsupported
from jaxiom.polyhedra.polynomial import Atom, Polynomial, Variable
from jaxiom.polyhedra.reading import Access, Condition, Expression, Made, Summand, Summation
from jaxiom.polyhedra.revealing import instance
from jaxiom.polyhedra.writing import index_names, summed_names, taken_names

ATOMS = {
    "floordiv": lambda a, b: sympy.floor(a / b),
    "mod": sympy.Mod,
    "max": sympy.Max,
    "min": sympy.Min,
}


FUNCTIONS: dict[str, Any] = {
    **{name: getattr(sympy, name) for name in ("exp", "log", "sqrt", "tanh", "sin", "cos", "sinh", "cosh", "erf")},
    **{name: getattr(sympy, name) for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh", "digamma", "atan2")},
    "exp2": lambda x: sympy.Pow(2, x),
    "cbrt": lambda x: sympy.real_root(x, 3),
    "erf_inv": sympy.erfinv,
    "lgamma": lambda x: sympy.log(sympy.Abs(sympy.gamma(x))),
    "pow": sympy.Pow,
    "reciprocal": lambda x: 1 / x,
    "abs": sympy.Abs,
    "positive": lambda x: sympy.Piecewise((1, x > 0), (0, True)),
    "zero": lambda x: sympy.Piecewise((1, sympy.Eq(x, 0)), (0, True)),
}


def to_sympy(expression: Expression) -> sympy.Expr:
    """The entry at the output's indices: sizes are positive integer symbols, tensors are `IndexedBase`.

    Raises:
        Unsupported: a sum has no range that SymPy could be told.
    """
    outputs = index_names(expression)
    taken = taken_names(expression)
    return sympy.Add(*(Writer(summed_names(s, outputs, taken), s).summand() for s in expression.summands))


class Writer:
    """Writes one summand, given its indices' names."""

    def __init__(self, names: Mapping[Variable, str], summand: Summand):
        self.names, self.of = names, summand

    def summand(self) -> sympy.Expr:
        of = self.of
        quotient = self.polynomial(of.coefficient) / sympy.Mul(*map(self.polynomial, of.divisors))
        total = self.guard(of.conditions, quotient)  # a divisor may be zero where the conditions do not hold
        return total * sympy.Mul(*map(self.summation, of.factors))

    def variable(self, variable: Variable) -> sympy.Expr:
        if isinstance(variable, Atom):
            return ATOMS[variable.operation](self.polynomial(variable.left), self.polynomial(variable.right))
        if isinstance(variable, int):
            return sympy.Symbol(self.names[variable], integer=True, nonnegative=True)
        return sympy.Symbol(variable, integer=True, positive=True)

    def polynomial(self, value: Polynomial) -> sympy.Expr:
        return sympy.Add(
            *(
                sympy.Rational(c.numerator, c.denominator) * sympy.Mul(*(self.variable(v) ** e for v, e in powers))
                for powers, c in value.terms.items()
            )
        )

    def guard(self, conditions: Sequence[Condition], body: Any) -> Any:
        """The body where the conditions hold, else 0."""
        if not conditions:
            return body
        relations = [(sympy.Eq if c.equality else sympy.Ge)(self.polynomial(c.expression), 0) for c in conditions]
        return sympy.Piecewise((body, sympy.And(*relations)), (0, True))

    def access(self, access: Access) -> sympy.Expr:
        if access.made is not None:
            return self.application(access, access.made)
        indices = [self.polynomial(e) for axis in access.indices for e in axis]
        base: Any = sympy.IndexedBase(access.tensor)
        return base[tuple(indices)] if indices else sympy.Symbol(access.tensor)

    def application(self, access: Access, made: Made) -> sympy.Expr:
        """A function of what stands at an index.

        Raises:
            Unsupported: it runs over indices, as a maximum does: SymPy has no such form.
        """
        if made.over:
            raise Unsupported(f"sympy: it has no {made.function} over an index; see text and latex")
        known = {v: name for v, name in self.names.items() if isinstance(v, int)}
        taken = set(self.names.values()).union(*map(taken_names, made.arguments))
        inside = []
        for argument in made.arguments:
            summands = instance(argument, access, max(known, default=0) + 1)
            inside.append(sympy.Add(*(Writer(summed_names(s, known, taken), s).summand() for s in summands)))
        return FUNCTIONS.get(made.function, sympy.Function(made.function))(*inside)

    def summation(self, factor: Summation) -> Any:
        divided = divisibility(factor)
        if divided is not None:
            rest, by = divided
            return sympy.Piecewise((1, sympy.Eq(sympy.Mod(self.polynomial(rest), by), 0)), (0, True))
        body = sympy.Mul(*map(self.access, factor.accesses), *map(self.summation, factor.inner))
        body = self.guard(factor.conditions, self.polynomial(factor.weight) * body)
        if not factor.indices:
            return body
        limits = []
        for index in factor.indices:
            size = self.of.ranges[index]
            if size is None:
                raise Unsupported(f"sympy: the summed index {self.names[index]} has no range of its own")
            limits.append((self.variable(index), 0, self.polynomial(size) - 1))
        return sympy.Sum(body, *limits)


def divisibility(factor: Summation) -> tuple[Polynomial, int] | None:
    """(e, d) where a sum only says that d divides e: the sum over i of [d·i + e = 0], i being any integer."""
    bare = not factor.accesses and not factor.inner and factor.weight == 1
    if not bare or len(factor.indices) != 1 or len(factor.conditions) != 1 or not factor.conditions[0].equality:
        return None
    condition, (index,) = factor.conditions[0].expression, factor.indices
    by = condition.terms.get(((index, 1),))
    rest = condition - Polynomial.variable(index) * (by or 0)
    return None if by is None or by.denominator != 1 or index in rest.variables else (rest, abs(int(by)))
