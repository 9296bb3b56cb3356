"""Removing the summed indices of a term: projected where the others pin them, counted where they are free.

Summing a polynomial over an interval or an arithmetic progression is Faulhaber's formula. What is neither stays as it
is: the term is still right, and the decision says that it could not be counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING

import islpy as isl

from jaxiom.polyhedra.polynomial import Polynomial, lift

if TYPE_CHECKING:
    from jaxiom.polyhedra.form import Term
    from jaxiom.polyhedra.world import World

SET, PARAM, OUT, IN = isl.dim_type.set, isl.dim_type.param, isl.dim_type.out, isl.dim_type.in_


DEEPEST = 48
"""Counting one index can bring in two more; a chain of this length will not end."""


def settle(world: World, outputs: int, term: Term, depth: int = 0) -> list[Term]:
    """Remove what can be removed of the summed indices of a term. Returns the terms that take its place (none where
    its set is empty or its weight 0)."""
    if depth > DEEPEST:
        return [term]
    if not term.weight or term.points.is_empty():
        return []
    extra = term.extra(world, outputs)
    keep = term.points.dim(SET) - extra
    if not extra:
        return [replace(term, points=term.points.coalesce())]
    mentioned = mentions(term)
    free = [p for p in range(keep, keep + extra) if p not in mentioned]
    if len(free) == extra and pinned(term.points, keep):
        return [replace(term, points=term.points.project_out(SET, keep, extra).coalesce())]
    return one_by_one(world, outputs, term, keep, depth + 1)


def one_by_one(world: World, outputs: int, term: Term, keep: int, depth: int) -> list[Term]:
    """Remove the last index that can be removed, and go on with what comes of it."""
    size = term.points.dim(SET)
    for position in reversed(range(keep, size)):
        rest = last(world, term, position)
        replaced = eliminate(rest, size - 1)
        if replaced is not None:
            return [done for t in replaced for done in settle(world, outputs, t, depth)]
    for position in reversed(range(keep, size)):
        counted = count(world, last(world, term, position), size - 1)
        if counted is not None:
            return [done for t in counted for done in settle(world, outputs, t, depth)]
    return [replace(term, points=term.points.coalesce())]


def mentions(term: Term) -> set[int]:
    """The positions that the weight and the divisors depend on."""
    found = {v for v in term.weight.variables if isinstance(v, int)}
    return found.union(*({v for v in d.variables if isinstance(v, int)} for d in term.divisors))


def last(world: World, term: Term, position: int) -> Term:
    """The same term with one index moved to the end of the tuple."""
    size = term.points.dim(SET)
    order = [p for p in range(size) if p != position] + [position]
    moved = {p: i for i, p in enumerate(order)}
    return replace(
        term,
        points=term.points if position == size - 1 else world.rearrange(term.points, order),
        weight=term.weight.renumber(moved),
        divisors=tuple(d.renumber(moved) for d in term.divisors),
    )


def as_map(points: isl.Set, inputs: int) -> isl.Map:
    """The set as a relation from its first indices to the others."""
    return isl.Map.from_range(points).move_dims(IN, 0, OUT, 0, inputs)


def pinned(points: isl.Set, keep: int) -> bool:
    """Whether the indices from `keep` on are functions of those before."""
    return as_map(points, keep).is_single_valued()


def eliminate(term: Term, position: int) -> list[Term] | None:
    """Remove the last index where the others pin it: project it out, or substitute it where the weight depends on it.

    None where it is not pinned, or pinned by an expression with floors that the weight needs.
    """
    if not pinned(term.points, position):
        return None
    if position not in mentions(term):
        return [replace(term, points=term.points.project_out(SET, position, 1))]
    pieces = []
    for domain, value in affine_pieces(as_map(term.points, position)):
        if value is None:
            return None
        swap = {position: value}
        pieces.append(
            replace(
                term,
                points=domain,
                weight=term.weight.substitute(swap),
                divisors=tuple(d.substitute(swap) for d in term.divisors),
            )
        )
    return pieces


def affine_pieces(relation: isl.Map) -> Iterator[tuple[isl.Set, Polynomial | None]]:
    """A single-valued relation to one index, as pieces (domain, value); None for a value with floors."""
    found: list[tuple[isl.Set, isl.MultiAff]] = []
    isl.PwMultiAff.from_map(relation).foreach_piece(lambda domain, value: found.append((domain, value)))
    for domain, value in found:
        yield domain, read_affine(value.get_at(0))


def read_affine(affine: isl.Aff) -> Polynomial | None:
    """An isl affine expression as a polynomial in parameters and positions; None where it has floors."""
    if any(not affine.get_coefficient_val(isl.dim_type.div, i).is_zero() for i in range(affine.dim(isl.dim_type.div))):
        return None
    total = lift(fraction(affine.get_constant_val()))
    for i in range(affine.dim(PARAM)):
        total = total + Polynomial.variable(str(affine.get_dim_name(PARAM, i))) * fraction(
            affine.get_coefficient_val(PARAM, i)
        )
    for i in range(affine.dim(IN)):
        total = total + Polynomial.variable(i) * fraction(affine.get_coefficient_val(IN, i))
    return total


def fraction(value: isl.Val) -> Fraction:
    return Fraction(value.get_num_si(), value.get_den_val().to_python())


def count(world: World, term: Term, position: int) -> list[Term] | None:
    """Sum over the last index, which is not pinned. None where its values are no arithmetic progression, or a
    divisor depends on it."""
    if any(position in d.variables for d in term.divisors) or pinned(term.points, position):
        return None
    found = []
    for piece in term.points.make_disjoint().get_basic_sets():
        summed = sum_progression(world, replace(term, points=isl.Set.from_basic_set(piece)), position)
        if summed is None:
            return None
        found.append(summed)
    return found


def sum_progression(world: World, term: Term, position: int) -> Term | None:
    """The sum over the last index of a convex piece: indices L (first value) and T (steps) take its place."""
    relation = as_map(term.points, position)
    low, high = relation.lexmin(), relation.lexmax()
    if not (low.is_single_valued() and high.is_single_valued()):
        return None
    step = int(term.points.get_stride(position).to_python())
    head = [f"_{i}" for i in range(position)]
    ends = low.flat_range_product(high).wrap().flatten()
    ends_, steps_, values_ = (", ".join([*head, *tail]) for tail in (("_l", "_h"), ("_l", "_t"), ("_x",)))
    counted = ends.apply(isl.Map(f"{world.prefix}{{ [{ends_}] -> [{steps_}] : {step}*_t = _h - _l }}"))
    back = isl.Map(
        f"{world.prefix}{{ [{steps_}] -> [{values_}] : exists (_s : 0 <= _s <= _t and _x = _l + {step}*_s) }}"
    )
    if not counted.apply(back).is_equal(term.points):
        return None
    weight = progression_sum(term.weight, position, step)
    return replace(term, points=counted, weight=weight)


def progression_sum(weight: Polynomial, position: int, step: int) -> Polynomial:
    """Sum of weight(x) over x = L, L + step, ..., L + step T, with L at `position` and T at `position` + 1."""
    first, steps = Polynomial.variable(position), Polynomial.variable(position + 1)
    running = weight.substitute({position: first + Polynomial.variable(position + 1) * step})
    total = Polynomial()
    for power, coefficient in enumerate(running.by_powers_of(position + 1)):
        total = total + coefficient * faulhaber(power).substitute({0: steps})
    return total


@lru_cache(maxsize=64)
def faulhaber(power: int) -> Polynomial:
    """0^p + 1^p + ... + t^p as a polynomial in t (position 0), with 0^0 = 1.

    >>> str(faulhaber(1).substitute({0: Polynomial.variable("t")}))
    '1/2*t^2 + 1/2*t'
    """
    t = Polynomial.variable(0)
    if power == 0:
        return t + 1
    # sum over s of (s+1)^(p+1) - s^(p+1) telescopes to (t+1)^(p+1).
    total = (t + 1) ** (power + 1)
    for lower in range(power):
        total = total - comb(power + 1, lower) * faulhaber(lower)
    return total * Fraction(1, power + 1)
