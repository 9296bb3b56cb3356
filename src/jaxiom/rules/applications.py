"""What is known of the functions that stay opaque, and their application to forms.

Beyond congruence only what holds by definition is used: the parity of a function, positive factors that come out of it,
and the few arguments at which its value is a known rational.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import islpy as isl

from jaxiom.polyhedra.axes import finer, refactor
from jaxiom.polyhedra.equality import nonzero_regions
from jaxiom.polyhedra.form import Form, Term, region
from jaxiom.polyhedra.opaque import Known
from jaxiom.polyhedra.polynomial import isl_text, lift
from jaxiom.polyhedra.settle import SET
from jaxiom.rules.frame import Frame


@dataclass(frozen=True)
class Facts:
    """What is known of a function f.

    Attributes:
        parity: p where f(-x) = p f(x), else 0.
        factor: g where f(c x) = g(c) f(x) for every number c > 0, else None.
        values: arguments at which f is a known rational.
        domain: what is taken for granted of its arguments, in words.
    """

    parity: int = 0
    factor: Callable[[Fraction], Fraction] | None = None
    values: Mapping[Any, Fraction | int] = field(default_factory=dict)
    domain: str = ""

    def at(self, x: Fraction) -> Fraction | None:
        """The value at a number, where it is a known rational."""
        if self.factor is not None and x > 0 and 1 in self.values:
            return self.factor(x) * self.values[1]
        return Fraction(self.values[x]) if x in self.values else None


def odd(domain: str = "") -> Facts:
    return Facts(parity=-1, values={0: 0}, domain=domain)


ROOTS = {Fraction(a * a, b * b): Fraction(a, b) for b in range(1, 17) for a in range(17) if gcd(a, b) == 1}
"""Squares of small fractions: 1/4 and 9/16, as scales of attention are."""
UNIT = "are taken to lie strictly between -1 and 1"

FACTS: dict[str, Facts] = {
    "exp": Facts(values={0: 1}),
    "exp2": Facts(values={0: 1}),
    "log": Facts(values={1: 0}, domain="arguments of log are taken to be positive"),
    "sqrt": Facts(values=ROOTS, domain="arguments of sqrt are taken to be at least 0"),
    "cbrt": odd(),
    "tanh": odd(),
    "sin": odd(),
    "cos": Facts(parity=1, values={0: 1}),
    "asin": odd(f"arguments of asin {UNIT}"),
    "acos": Facts(values={1: 0}, domain=f"arguments of acos {UNIT}"),
    "atan": odd(),
    "sinh": odd(),
    "cosh": Facts(parity=1, values={0: 1}),
    "asinh": odd(),
    "acosh": Facts(values={1: 0}, domain="arguments of acosh are taken to be at least 1"),
    "atanh": odd(f"arguments of atanh {UNIT}"),
    "erf": odd(),
    "erf_inv": odd(f"arguments of erf_inv {UNIT}"),
    "lgamma": Facts(domain="arguments of lgamma are taken to be positive"),
    "digamma": Facts(domain="arguments of digamma are taken to be positive"),
    "pow": Facts(domain="bases of powers whose exponent is not a known number are taken to be positive"),
    "atan2": Facts(domain="arguments of atan2 are taken not to be both 0"),
    "reciprocal": Facts(
        parity=-1, factor=lambda c: 1 / c, values={1: 1, -1: -1}, domain="divisors are taken not to be 0"
    ),
    "abs": Facts(parity=1, factor=lambda c: c, values={0: 0, 1: 1}),
    "positive": Facts(factor=lambda c: Fraction(1), values={0: 0, 1: 1, -1: 0}),
    "zero": Facts(parity=1, factor=lambda c: Fraction(1), values={0: 1, 1: 0, -1: 0}),
}
"""`positive` and `zero` are 1 where the argument is, else 0: what comparisons of reals are made of."""


def applied(on: Frame, function: str, *arguments: Form) -> Form:
    """A function of tensors of the same shape, entry by entry."""
    axes = list(arguments[0].axes)
    for other in arguments[1:]:
        axes = [finer(on.world, x, y) for x, y in zip(axes, other.axes, strict=True)]
    forms = [refactor(on.world, a, axes) for a in arguments]
    forms = [replace(a, terms=tuple(trimmed(on, t) for t in nonzero_regions(on.world, a))) for a in forms]
    facts, outside, known = FACTS[function], Fraction(1), []
    if len(forms) == 1:
        forms[0], outside = take_out(facts, forms[0])
        known = known_values(on, facts, forms[0])
    result = on.opaques.apply(on.world, function, forms, known)
    if facts.domain and any(t.monomial for t in result.terms) and not all(certainly_positive(on, f) for f in forms):
        on.read_as[facts.domain] = None
    return result.scale(outside)


def trimmed(on: Frame, term: Term) -> Term:
    """A term without the points at which its weight is zero: 0·x is no argument that depends on x."""
    weight = term.weight
    if weight.is_constant or not weight.is_affine or not all(isinstance(v, int | str) for v in weight.variables):
        return term
    zero = on.world.set(term.points.dim(SET), [f"{isl_text(weight * weight.denominator)} = 0"])
    return replace(term, points=term.points.subtract(zero).coalesce())


def take_out(facts: Facts, form: Form) -> tuple[Form, Fraction]:
    """The argument without its sign and its common factor, and what the function makes of these outside."""
    coefficients = [c for t in form.terms for c in t.weight.terms.values()]
    if not coefficients:
        return form, Fraction(1)
    scale, outside = Fraction(1), Fraction(1)
    if facts.factor is not None:
        scale = Fraction(gcd(*(c.numerator for c in coefficients)), lcm(*(c.denominator for c in coefficients)))
        outside = facts.factor(scale)
    if facts.parity and leading(form) < 0:
        scale, outside = -scale, outside * facts.parity
    return form.scale(1 / scale), outside


def leading(form: Form) -> Fraction:
    """A coefficient that decides the sign: the same for a form and its negative, whatever the order of their terms."""
    term = min(form.terms, key=lambda t: (len(t.monomial), t.monomial, str(t.points)))
    return max(term.weight.terms.items(), key=lambda item: (sum(e for _, e in item[0]), str(item[0])))[1]


def known_values(on: Frame, facts: Facts, form: Form) -> list[Known]:
    """The indices at which the argument is a number whose value is known, and the value."""
    count, left = len(form.atoms), region(on.world, form)
    cells: list[tuple[isl.Set, Fraction]] = []
    for term in form.terms:
        points = footprint(term, count)
        if not term.monomial and not term.divisors and term.weight.is_constant:
            alone = points
            for other in form.terms:
                alone = alone if other is term else alone.subtract(footprint(other, count))
            cells.append((alone, term.weight.value))
        left = left.subtract(points)
    found = [(points.coalesce(), facts.at(x)) for points, x in [*cells, (left, Fraction(0))] if not points.is_empty()]
    return [(points, lift(value)) for points, value in found if value is not None]


def footprint(term: Term, count: int) -> isl.Set:
    """The indices at which a term is present."""
    return term.points.project_out(SET, count, term.points.dim(SET) - count)


POSITIVE = frozenset(["exp", "exp2", "cosh"])


def certainly_positive(on: Frame, form: Form) -> bool:
    """Whether a form is a sum of positive terms, one of them everywhere; False says nothing."""
    terms = form.terms
    functions = [on.opaques.by_name[t].function if t in on.opaques.by_name else "" for m in terms for t in m.monomial]
    plain = all(t.weight.is_constant and t.weight.value > 0 and not t.divisors for t in terms)
    whole = region(on.world, form)
    return (
        plain and POSITIVE.issuperset(functions) and any(whole.is_subset(footprint(t, len(form.atoms))) for t in terms)
    )


def constant_value(on: Frame, form: Form) -> Fraction | None:
    """The number that a tensor holds everywhere; None where it holds none."""
    terms = nonzero_regions(on.world, form)
    if not terms:
        return Fraction(0)
    count, everywhere = len(form.atoms), region(on.world, form)
    plain = len(terms) == 1 and not terms[0].monomial and not terms[0].divisors and terms[0].weight.is_constant
    return terms[0].weight.value if plain and everywhere.is_subset(footprint(terms[0], count)) else None
