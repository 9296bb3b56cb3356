"""Forms at a few sizes and output indices: their coefficients, monomial by monomial, as rows of numbers.

What a sample says is a guess about all sizes; the zero test decides.
"""

import random
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import islpy as isl

from jaxiom.polyhedra.echelon import Row
from jaxiom.polyhedra.form import Form, Sizes
from jaxiom.polyhedra.settle import SET
from jaxiom.polyhedra.world import World

MOST_POINTS = 4000
"""The most points of a form's sets at one sample."""
SAMPLES_A_SIZE = 3


@dataclass(frozen=True)
class Sample:
    """Values of the sizes, and an output index."""

    sizes: Mapping[str, int]
    index: tuple[int, ...]


class TooMany(Exception):
    """A form has too many points at a sample to write its coefficients down."""


def first_samples(world: World, atoms: Sizes) -> list[Sample]:
    """A few indices at a few sizes, at which no two sizes agree by chance where that can be."""
    rng = random.Random(0)
    different = " and ".join(f"{p} >= {2 + i % 2}" for i, p in enumerate(world.parameters)) or "true"
    alike = " and ".join(f"{p} >= 2" for p in world.parameters) or "true"
    domains = [world.domain.intersect(world.condition(text)) for text in (different, alike)]
    found: list[Sample] = []
    for domain in [d for d in domains if not d.is_empty()] or [world.domain]:
        sizes = world.sample(domain)
        limits = [int(size.evaluate(sizes)) for size in atoms]
        found += [Sample(sizes, tuple(rng.randrange(max(n, 1)) for n in limits)) for _ in range(SAMPLES_A_SIZE)]
    return found


def sample_of(world: World, points: isl.Set, outputs: int) -> Sample:
    """Some point of a set, its first indices being the output's."""
    point = points.sample_point()
    names = [str(points.get_dim_name(isl.dim_type.param, i)) for i in range(points.dim(isl.dim_type.param))]
    sizes = {n: int(point.get_coordinate_val(isl.dim_type.param, i).to_python()) for i, n in enumerate(names)}
    known = world.sample(world.domain)
    return Sample({**known, **sizes}, tuple(int(point.get_coordinate_val(SET, i).to_python()) for i in range(outputs)))


def coefficients_at(world: World, form: Form, sample: Sample) -> Row:
    """The polynomial that a form is at one index and size: each monomial, as sorted accesses, with its coefficient.

    Raises:
        TooMany: it has too many monomials.
    """
    found: Row = {}
    outputs = len(form.atoms)
    for term in form.terms:
        points = term.points
        for i in range(points.dim(isl.dim_type.param)):
            name = str(points.get_dim_name(isl.dim_type.param, i))
            points = points.fix_val(isl.dim_type.param, i, isl.Val(sample.sizes[name]))
        points = points.project_out(isl.dim_type.param, 0, points.dim(isl.dim_type.param))
        for i, value in enumerate(sample.index):
            points = points.fix_val(SET, i, isl.Val(value))
        if not points.is_bounded() or points.count_val().to_python() > MOST_POINTS:
            raise TooMany
        for row in rows_of(points):
            env = {**sample.sizes, **dict(enumerate(row))}
            value = term.weight.evaluate(env) / prod((d.evaluate(env) for d in term.divisors), start=Fraction(1))
            key = accesses(world, term.monomial, row[outputs:])
            found[key] = found.get(key, Fraction(0)) + value
    return {key: value for key, value in found.items() if value}


def rows_of(points: isl.Set) -> list[tuple[int, ...]]:
    """The points of a bounded set without parameters."""
    found: list[isl.Point] = []
    points.foreach_point(found.append)
    count = points.dim(SET)
    return [tuple(int(p.get_coordinate_val(SET, i).to_python()) for i in range(count)) for p in found]


def accesses(world: World, monomial: Sequence[str], indices: Sequence[int]) -> Hashable:
    """A monomial's accesses, in an order of their own: X[i]·X[j] is X[j]·X[i]."""
    found, at = [], 0
    for name in monomial:
        found.append((name, tuple(indices[at : at + world.ranks[name]])))
        at += world.ranks[name]
    return tuple(sorted(found))
