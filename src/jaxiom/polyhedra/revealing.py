"""Closed forms with opaque tensors: what each is made of, written out at the indices at which it stands."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jaxiom.polyhedra.equality import simplest
from jaxiom.polyhedra.form import Form, Sizes, Term
from jaxiom.polyhedra.opaque import Opaques
from jaxiom.polyhedra.polynomial import Polynomial, Variable
from jaxiom.polyhedra.reading import Access, Condition, Expression, Made, Summand, Summation, read
from jaxiom.polyhedra.world import World

Tensors = Mapping[str, tuple[Sizes, ...]]


def read_all(world: World, opaques: Opaques, form: Form, terms: tuple[Term, ...], tensors: Tensors) -> Expression:
    """The closed form of terms, each opaque tensor with what it is made of; `tensors` has the other tensors' axes."""
    return Reader(world, opaques, tensors).read(form, terms)


class Reader:
    """Reads forms over the same tensors; what an opaque tensor is made of is read once."""

    def __init__(self, world: World, opaques: Opaques, tensors: Tensors):
        self.world, self.opaques = world, opaques
        self.tensors = {**tensors, **opaques.tensors}
        self.made: dict[str, Made] = {}

    def read(self, form: Form, terms: tuple[Term, ...]) -> Expression:
        expression = read(self.world, form, terms, self.tensors)
        return replace(expression, summands=tuple(self.summand(s) for s in expression.summands))

    def summand(self, summand: Summand) -> Summand:
        return replace(summand, factors=tuple(self.factor(f) for f in summand.factors))

    def factor(self, factor: Summation) -> Summation:
        accesses = tuple(replace(a, made=self.look_up(a.tensor)) for a in factor.accesses)
        return replace(factor, accesses=accesses, inner=tuple(self.factor(f) for f in factor.inner))

    def look_up(self, name: str) -> Made | None:
        if name not in self.opaques.by_name:
            return None
        if name not in self.made:
            application = self.opaques.by_name[name]
            arguments = tuple(self.read(a, simplest(self.world, a)) for a in application.arguments)
            self.made[name] = Made(application.function, arguments, application.over)
        return self.made[name]


def instance(expression: Expression, access: Access, free: int, over: int = 0) -> list[Summand]:
    """The summands of what an opaque tensor is made of, at the indices of an access; the `over` indices that a function
    runs over, and after them the summed ones, are numbered from `free` on."""
    indices = [e for axis in access.indices for e in axis]
    indices += [Polynomial.variable(free + i) for i in range(over)]
    free += over
    values: dict[Variable, Polynomial] = dict(enumerate(indices))
    found = []
    for summand in expression.summands:
        moved = {index: free + i for i, index in enumerate(summand.ranges)}
        found.append(substituted(summand, values | {v: Polynomial.variable(n) for v, n in moved.items()}, moved))
    return found


def substituted(summand: Summand, values: Mapping[Variable, Polynomial], moved: Mapping[int, int]) -> Summand:
    """A summand with other index expressions; `moved` renumbers the summed indices."""
    return replace(
        summand,
        coefficient=summand.coefficient.substitute(values),
        divisors=tuple(d.substitute(values) for d in summand.divisors),
        conditions=at_values(summand.conditions, values),
        factors=tuple(factor_substituted(f, values, moved) for f in summand.factors),
        ranges={moved[index]: size for index, size in summand.ranges.items()},
    )


def at_values(conditions: tuple[Condition, ...], values: Mapping[Variable, Polynomial]) -> tuple[Any, ...]:
    return tuple(c.substitute(values) for c in conditions)


def factor_substituted(factor: Summation, values: Mapping[Variable, Polynomial], moved: Mapping[int, int]) -> Summation:
    return Summation(
        tuple(moved[i] for i in factor.indices),
        factor.weight.substitute(values),
        at_values(factor.conditions, values),
        tuple(a.substitute(values) for a in factor.accesses),
        tuple(factor_substituted(f, values, moved) for f in factor.inner),
    )
