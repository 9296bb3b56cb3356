"""When is a form zero? Terms of one monomial are brought together, over a common denominator, and put to the zero test.

Only here are terms merged: merging cuts sets into pieces, and what is computed on with pieces is slow to count.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import factorial, prod

import islpy as isl

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.form import Form, Term
from jaxiom.polyhedra.polynomial import Polynomial, lift
from jaxiom.polyhedra.settle import SET, pinned
from jaxiom.polyhedra.world import World, check_time
from jaxiom.polyhedra.zero import vanishes

MOST_REGIONS = 400


def nonzero_regions(world: World, form: Form) -> list[Term]:
    """Where a form's coefficients are not zero: terms with disjoint sets for each monomial, their indices e pinned,
    none of them zero everywhere; empty if and only if the form is zero for all inputs and all sizes.

    Raises:
        Undecidable: a summed index could not be counted, or there are too many pieces.
    """
    outputs = len(form.atoms)
    by_monomial: dict[tuple[str, ...], list[Term]] = defaultdict(list)
    for term in form.terms:
        by_monomial[term.monomial].append(term)
    found: list[Term] = []
    for monomial, terms in sorted(by_monomial.items(), key=lambda item: (len(item[0]), item[0])):
        symmetric = symmetrise(world, outputs, monomial, collect(world, outputs, terms))
        found += regions(world, outputs, monomial, collect(world, outputs, symmetric))
    return found


def collect(world: World, outputs: int, terms: Sequence[Term]) -> list[Term]:
    """Add the terms of one monomial that have equal sets; drop those that sum to zero; join terms of equal weight
    whose sets are apart."""
    groups: list[Term] = []
    for term in terms:
        check_time()
        for i, other in enumerate(groups):
            if same_points(term.points, other.points):
                groups[i] = add_weights(other, term)
                break
        else:
            groups.append(term)
    kept = [t for t in groups if not vanishes(t.points, t.weight)]
    return union_equal_weights(kept)


def same_points(a: isl.Set, b: isl.Set) -> bool:
    return a.dim(SET) == b.dim(SET) and (a.plain_is_equal(b) or a.is_equal(b))


def add_weights(a: Term, b: Term) -> Term:
    """The sum of two terms on the same set."""
    if a.divisors == b.divisors:
        return replace(a, weight=a.weight + b.weight)
    first, second = list(a.divisors), list(b.divisors)
    for divisor in a.divisors:  # what both divide by stays once
        if divisor in second:
            first.remove(divisor)
            second.remove(divisor)
    weight = a.weight * prod(second, start=lift(1)) + b.weight * prod(first, start=lift(1))
    return replace(a, weight=weight, divisors=(*a.divisors, *second))


def union_equal_weights(terms: Sequence[Term]) -> list[Term]:
    """Terms of equal weight and disjoint sets as one; a term and its negative on a part of its set as the rest."""
    kept: list[Term] = []
    for term in terms:
        for i, other in enumerate(kept):
            joined = union(other, term)
            if joined is not None:
                kept[i] = joined
                break
        else:
            kept.append(term)
    return kept


def union(a: Term, b: Term) -> Term | None:
    if a.points.dim(SET) != b.points.dim(SET) or a.divisors != b.divisors:
        return None
    if a.weight == b.weight and a.points.is_disjoint(b.points):
        return replace(a, points=a.points.union(b.points).coalesce())
    if a.weight == -b.weight and b.points.is_subset(a.points):
        return replace(a, points=a.points.subtract(b.points).coalesce())
    if a.weight == -b.weight and a.points.is_subset(b.points):
        return replace(b, points=b.points.subtract(a.points).coalesce())
    return None


def symmetrise(world: World, outputs: int, monomial: tuple[str, ...], terms: Sequence[Term]) -> list[Term]:
    """Average over the orders of a name that occurs twice: X[i]·X[j] is X[j]·X[i]."""
    if len(set(monomial)) == len(monomial):
        return list(terms)
    orders = [
        p
        for p in itertools.permutations(range(len(monomial)))
        if all(monomial[i] == t for i, t in zip(p, monomial, strict=True))
    ]
    starts = list(itertools.accumulate((world.ranks[t] for t in monomial), initial=outputs))
    share = Fraction(1, len(orders))
    assert len(orders) == prod(factorial(monomial.count(t)) for t in set(monomial))
    return [
        permuted(world, replace(term, weight=term.weight * share), outputs, order, starts)
        for term in terms
        for order in orders
    ]


def permuted(world: World, term: Term, outputs: int, order: Sequence[int], starts: Sequence[int]) -> Term:
    """The same term with the index groups of its tensors in another order."""
    size = term.points.dim(SET)
    positions = list(range(outputs))
    for i in order:
        positions += range(starts[i], starts[i + 1])
    positions += range(starts[-1], size)
    moved = {old: new for new, old in enumerate(positions)}
    return replace(
        term,
        points=world.rearrange(term.points, positions),
        weight=term.weight.renumber(moved),
        divisors=tuple(d.renumber(moved) for d in term.divisors),
    )


def regions(world: World, outputs: int, monomial: tuple[str, ...], terms: Sequence[Term]) -> list[Term]:
    """Cut the union of the terms' sets into regions on which the same terms are present, and test each."""
    inner = outputs + sum(world.ranks[t] for t in monomial)
    for term in terms:
        if not pinned(term.points, inner):
            raise Undecidable(
                "a summed index could not be counted: its values are neither an interval nor an arithmetic progression"
            )
    cells: list[tuple[isl.Set, list[Term]]] = []
    for term in terms:
        footprint = term.points.project_out(SET, inner, term.points.dim(SET) - inner)
        cells = cut(cells, footprint, term)
        if len(cells) > MOST_REGIONS:
            raise Undecidable(f"the difference falls into more than {MOST_REGIONS} pieces")
    found = []
    for cell, present in cells:
        summed = over_common_denominator(world, inner, cell, present)
        if not vanishes(summed.points, summed.weight):
            found.append(summed)
    return found


def cut(
    cells: Sequence[tuple[isl.Set, list[Term]]], footprint: isl.Set, term: Term
) -> list[tuple[isl.Set, list[Term]]]:
    """Refine disjoint cells by one more term's set."""
    refined: list[tuple[isl.Set, list[Term]]] = []
    rest = footprint
    for cell, present in cells:
        check_time()
        inside, outside = cell.intersect(footprint), cell.subtract(footprint)
        rest = rest.subtract(cell)
        refined += [(inside.coalesce(), [*present, term])] if not inside.is_empty() else []
        refined += [(outside.coalesce(), present)] if not outside.is_empty() else []
    return refined + ([(rest.coalesce(), [term])] if not rest.is_empty() else [])


def over_common_denominator(world: World, inner: int, cell: isl.Set, terms: Sequence[Term]) -> Term:
    """The sum of terms on a cell: their own indices e laid side by side, the numerators over the common denominator."""
    size = inner + sum(t.points.dim(SET) - inner for t in terms)
    points = world.embed(cell, size, range(inner))
    total = Term(terms[0].monomial, points, Polynomial())
    at = inner
    for term in terms:
        spare = term.points.dim(SET) - inner
        layout = [*range(inner), *range(at, at + spare)]
        at += spare
        points = points.intersect(world.embed(term.points, size, layout))
        moved = dict(enumerate(layout))
        divisors = tuple(d.renumber(moved) for d in term.divisors)
        here = Term(term.monomial, points, term.weight.renumber(moved), divisors)
        total = replace(add_weights(total, here), points=points)
    return total


def simplest(world: World, form: Form) -> tuple[Term, ...]:
    """The terms of a form that is not zero, collected: as they are, or cut into regions, whichever is shorter."""
    outputs = len(form.atoms)
    by_monomial: dict[tuple[str, ...], list[Term]] = defaultdict(list)
    for term in form.terms:
        by_monomial[term.monomial].append(term)
    found: list[Term] = []
    for monomial, terms in sorted(by_monomial.items(), key=lambda item: (len(item[0]), item[0])):
        collected = collect(world, outputs, terms)
        cells = regions(world, outputs, monomial, collected)
        symmetric = collect(world, outputs, symmetrise(world, outputs, monomial, collected))
        if cells and regions(world, outputs, monomial, symmetric):
            found += min(collected, cells, key=lambda ts: sum(t.points.n_basic_set() for t in ts))
    return tuple(found)
