"""Building isl's sets and maps from numbers: its parser takes a tenth of a millisecond for each constraint."""

from collections.abc import Iterable, Mapping, Sequence

import islpy as isl

SET, PARAM, IN, OUT = isl.dim_type.set, isl.dim_type.param, isl.dim_type.in_, isl.dim_type.out

Coefficients = Mapping[tuple[isl.dim_type, int], int]
"""An affine function without its constant: (SET, i) is the i-th index, (PARAM, i) the i-th parameter."""


def set_space(parameters: Sequence[str], dimensions: int) -> isl.Space:
    """The space of tuples of some length, with named parameters."""
    space = isl.Space.set_alloc(isl.DEFAULT_CONTEXT, len(parameters), dimensions)
    for i, name in enumerate(parameters):
        space = space.set_dim_name(PARAM, i, name)
    return space


def basic_set(space: isl.Space, constraints: Iterable[tuple[bool, int, Coefficients]]) -> isl.BasicSet:
    """The points at which each affine function is 0, or at least 0: (is it an equality, constant, coefficients)."""
    local = isl.LocalSpace.from_space(space)
    rows = []
    for equality, constant, coefficients in constraints:
        row = isl.Constraint.alloc_equality(local) if equality else isl.Constraint.alloc_inequality(local)
        for (kind, position), coefficient in coefficients.items():
            row = row.set_coefficient_val(kind, position, coefficient)
        rows.append(row.set_constant_val(constant))
    return isl.BasicSet.universe(space).add_constraints(rows)


def pairing(source: isl.Space, target: isl.Space, pairs: Iterable[tuple[int, int]]) -> isl.Map:
    """The relation between tuples that agree at each pair (position in the source, position in the target)."""
    relation = isl.Map.universe(isl.Space.map_from_domain_and_range(source, target))
    for here, there in pairs:
        relation = relation.equate(IN, here, OUT, there)
    return relation
