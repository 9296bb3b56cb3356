"""The polyhedral rules of division: exact by numbers and sizes, an opaque reciprocal where a divisor has inputs."""

from collections.abc import Iterator
from dataclasses import replace

import islpy as isl

from jaxiom.errors import DivisionByZero, Undecidable
from jaxiom.interpret import Step
from jaxiom.polyhedra.axes import product
from jaxiom.polyhedra.equality import collect, nonzero_regions, regions
from jaxiom.polyhedra.form import Form, Term, region, scalar, spread
from jaxiom.polyhedra.polynomial import Atom, Polynomial, isl_text, lift
from jaxiom.polyhedra.settle import pinned
from jaxiom.rules.applications import applied, footprint
from jaxiom.rules.frame import Frame
from jaxiom.rules.polyhedral_arithmetic import match, times


def integer_pow(on: Frame, step: Step, a: Form, *, y: int) -> Form:
    return whole_power(on, step, a, y)


def whole_power(on: Frame, step: Step, a: Form, exponent: int) -> Form:
    if exponent < 0:
        return whole_power(on, step, reciprocal(on, step, a), -exponent)
    result = spread(on.world, scalar(on.world, 1), a.axes, ())
    for _ in range(exponent):
        result = times(on, result, a)
    return result


def div(on: Frame, step: Step, a: Form, b: Form) -> Form:
    a, b = match(on, step, a, b)
    return times(on, a, reciprocal(on, step, b))


def reciprocal(on: Frame, step: Step, b: Form) -> Form:
    """1 / b: exact where b is a number, a size, or a polynomial of indices that isl proves nonzero; else opaque."""
    if any(t.monomial for t in b.terms):
        b = replace(b, terms=tuple(nonzero_regions(on.world, b)))
    if any(t.monomial for t in b.terms):
        return opaque_reciprocal(on, step, b)
    count = len(b.atoms)
    cells = regions(on.world, count, (), collect(on.world, count, b.terms))
    zero = region(on.world, b)
    for cell in cells:
        zero = zero.subtract(footprint(cell, count))
    if not zero.is_empty():
        if count:
            raise DivisionByZero(str(step.refuse("division by a tensor that is zero somewhere")))
        if on.world.domain.is_subset(zero.params()):
            raise DivisionByZero(str(step.refuse("division by zero")))
        on.world.narrow(zero.params(), f"not {described(zero.params(), on.world.domain)}")
    return replace(b, terms=tuple(inverse(on, step, cell) for cell in cells))


def opaque_reciprocal(on: Frame, step: Step, b: Form) -> Form:
    """1 / b where b depends on inputs: a product of reciprocals where b is a product, else one of the whole; divisors
    that all terms share become factors."""
    count, zero = len(b.atoms), region(on.world, b)
    for term in b.terms:
        zero = zero.subtract(footprint(term, count))
    if not zero.is_empty():
        raise step.refuse("division by a tensor that is zero somewhere")
    (first, *others) = b.terms
    by_output = all(v < count for d in first.divisors for v in d.variables if isinstance(v, int))
    if not by_output or any(t.divisors != first.divisors for t in others):
        return applied(on, "reciprocal", b)
    if not others and first.weight.is_constant and pinned(first.points, count):
        result = spread(on.world, scalar(on.world, 1 / first.weight.value), b.axes, ())
        for factor in factors(on, b, first):
            result = times(on, result, applied(on, "reciprocal", factor))
    else:
        result = applied(on, "reciprocal", replace(b, terms=tuple(replace(t, divisors=()) for t in b.terms)))
    above = product(list(first.divisors))
    return replace(result, terms=tuple(replace(t, weight=t.weight * above) for t in result.terms))


def factors(on: Frame, b: Form, term: Term) -> Iterator[Form]:
    """Each tensor of a monomial, at the indices at which it stands in it."""
    count, at = len(b.atoms), len(b.atoms)
    for name in term.monomial:
        rank = on.world.ranks[name]
        points = on.world.rearrange(term.points, [*range(count), *range(at, at + rank)])
        yield Form(b.axes, (Term((name,), points, lift(1)),))
        at += rank


def described(excluded: isl.Set, domain: isl.Set) -> str:
    """A set of sizes in words."""
    return str(excluded.gist(domain)).split(":", 1)[-1].strip(" {}") or "any size"


def inverse(on: Frame, step: Step, term: Term) -> Term:
    """One case of a divisor, inverted; the sizes at which it is zero are left out."""
    divisor = term.weight
    numerator = product(list(term.divisors))
    if divisor.is_constant:
        return replace(term, weight=numerator * (1 / divisor.value), divisors=())
    exclude_zeros(on, step, term.points, divisor)
    return replace(term, weight=numerator, divisors=(divisor,))


def exclude_zeros(on: Frame, step: Step, points: isl.Set, divisor: Polynomial) -> None:
    """Leave out the sizes at which a divisor is zero: x·(n-1)/(n-1) = x is no theorem at n = 1."""
    positions = [v for v in divisor.variables if isinstance(v, int)]
    if positions:
        if divisor.is_affine:
            text = isl_text(divisor * divisor.denominator)
            zero = points.intersect(on.world.set(points.dim(isl.dim_type.set), [f"{text} = 0"]))
            if zero.is_empty():
                return
        raise Undecidable(f"{step.primitive} at {step.line} divides by {divisor}, which may be zero")
    zeros = on.world.zeros(divisor)
    if zeros is None:
        raise Undecidable(f"{step.primitive} at {step.line} divides by {divisor}: whether that can be 0 is not affine")
    if not zeros.is_empty():
        on.world.narrow(zeros, not_zero(divisor))


def not_zero(size: Polynomial) -> str:
    """`size != 0` in words, solved where it is about one size."""
    if len(size.variables) == 1 and size.is_affine and not any(isinstance(v, Atom) for v in size.variables):
        (name,) = size.variables
        return f"{name} != {-size.value / size.by_powers_of(name)[1].value}"
    above = Polynomial({powers: c for powers, c in size.terms.items() if c > 0})
    return f"{above} != {above - size}"
