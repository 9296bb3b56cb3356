"""Dividing a term by a pattern: the cofactor that, laid beside another term and summed, gives it back."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import islpy as isl

from jaxiom.polyhedra.form import Term
from jaxiom.polyhedra.polynomial import Polynomial, lift
from jaxiom.polyhedra.settle import SET, as_map, mentions, pinned, settle
from jaxiom.polyhedra.world import World


@dataclass(frozen=True)
class Matching:
    """A term of the difference, and which of its factors are the leading term's.

    Everything is laid out as [o, u, rest, l]: the difference's output indices, the hypothesis', the indices of the
    factors that are not matched, and of those that are.

    Attributes:
        outputs, inner: how many indices o and u there are.
        places: for each factor of the lead's monomial the factor of the term's that it is.
        exact: whether quotient and lead must give the whole term and nothing more.
    """

    world: World
    outputs: int
    inner: int
    term: Term
    lead: Term
    places: Sequence[int]
    exact: bool

    @property
    def rest(self) -> list[int]:
        return [k for k in range(len(self.term.monomial)) if k not in self.places]

    @cached_property
    def at(self) -> dict[int, int]:
        """Where each position of the term's tuple is in the layout."""
        starts = list(itertools.accumulate((self.world.ranks[t] for t in self.term.monomial), initial=self.outputs))
        moved = [p for k in (*self.rest, *self.places) for p in range(starts[k], starts[k + 1])]
        found = {p: self.outputs + self.inner + i for i, p in enumerate(moved)}
        return {p: p for p in range(self.outputs)} | dict(sorted(found.items()))

    @property
    def size(self) -> int:
        return self.inner + len(self.at)

    @property
    def pattern(self) -> list[int]:
        """Where the lead's tuple [u, l] is in the layout."""
        matched = self.lead.points.dim(SET) - self.inner
        return [*range(self.outputs, self.outputs + self.inner), *range(self.size - matched, self.size)]

    @property
    def first(self) -> int:
        """Where l begins."""
        return self.size - (self.lead.points.dim(SET) - self.inner)

    @cached_property
    def laid(self) -> isl.Set:
        """The lead's points with any o and rest."""
        return self.world.embed(self.lead.points, self.size, self.pattern)

    @cached_property
    def points(self) -> isl.Set:
        """The term's points, each with the least u whose pattern holds its l and (`exact`) lies in the term."""
        whole = self.world.embed(self.term.points, self.size, list(self.at.values()))
        found = whole.intersect(self.laid)
        order = [*self.at.values(), *range(self.outputs, self.outputs + self.inner)]
        choices = as_map(self.world.rearrange(found, order), len(self.at))
        if choices.is_single_valued():
            return found
        if self.exact:
            outside = self.laid.intersect(self.free_of_pattern(whole)).subtract(whole)
            found = found.subtract(self.free_of_pattern(outside))
            choices = as_map(self.world.rearrange(found, order), len(self.at))
        return self.world.embed(choices.lexmin().wrap().flatten(), self.size, order)

    def free_of_pattern(self, points: isl.Set) -> isl.Set:
        """The same [o, u, rest] with any l."""
        kept = points.project_out(SET, self.first, self.size - self.first)
        return self.world.embed(kept, self.size, range(self.first))

    def quotient(self) -> list[Term]:
        """The terms C(o, u, rest) for which the sum over u of C(o, u) · lead(u) is the term, or (not `exact`) holds
        its set. Empty where there is no such quotient."""
        inverse = self.inverse()
        if inverse is None or self.term.extra(self.world, self.outputs):
            return []
        numerator, divisors = inverse
        weight = self.term.weight.renumber(self.at) * numerator
        divisors += tuple(d.renumber(self.at) for d in self.term.divisors)
        needed = sorted(p for p in mentions(Term((), self.points, weight, divisors)) if p >= self.first)
        order = [*range(self.first), *needed]
        found = self.world.rearrange(self.points, order)
        if not pinned(found, self.first) or (self.exact and not self.covers(found, order)):
            return []
        moved = {p: i for i, p in enumerate(order)}
        monomial = tuple(self.term.monomial[k] for k in self.rest)
        term = Term(monomial, found, weight.renumber(moved), tuple(d.renumber(moved) for d in divisors))
        return settle(self.world, self.outputs + self.inner, term)

    def covers(self, found: isl.Set, order: Sequence[int]) -> bool:
        """Whether quotient and pattern together are the term's set, each point once."""
        product = self.world.embed(found, self.size, order).intersect(self.laid)
        back = self.world.rearrange(self.points, list(self.at.values()))
        return product.is_subset(self.points) and self.term.points.is_subset(back)

    def inverse(self) -> tuple[Polynomial, tuple[Polynomial, ...]] | None:
        """One over the lead's coefficient, as (numerator, divisors); None where that hangs on an index, or is perhaps
        no number."""
        lead = self.lead
        if lead.extra(self.world, self.inner) or mentions(lead):
            return None
        over = prod(lead.divisors, start=lift(1))
        if lead.weight.is_constant:
            return over * (1 / lead.weight.value), ()
        zeros = self.world.zeros(lead.weight)
        return (over, (lead.weight,)) if zeros is not None and zeros.is_empty() else None
