"""Finding the smallest point at which a difference shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import islpy as isl

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.form import Term
from jaxiom.polyhedra.polynomial import Variable
from jaxiom.polyhedra.settle import SET
from jaxiom.polyhedra.world import World, names

MOST_POINTS = 400


@dataclass(frozen=True)
class Point:
    """Values of the sizes and of a region's indices [o, m, e]."""

    sizes: Mapping[str, int]
    indices: tuple[int, ...]
    total: int


def least_point(world: World, region: Term, whole: frozenset[str]) -> Point:
    """The point of a region where its weight is not zero: least sum of sizes first, then lexicographic.

    `whole` are the parameters that are integer variables; they count by absolute value.

    Raises:
        Undecidable: none was found among the first few hundred points.
    """
    count = region.points.dim(SET)
    parameters = list(world.parameters)
    weights = [f"max({p}, -1*{p})" if p in whole else p for p in parameters]
    total = " + ".join(weights) or "0"
    coordinates = ["_s", *(f"_p{i}" for i in range(len(parameters))), *names(count)]
    pins = " and ".join([f"_s = {total}", *(f"_p{i} = {p}" for i, p in enumerate(parameters))])
    lifted = region.points.apply(
        isl.Map(f"{world.prefix}{{ [{', '.join(names(count))}] -> [{', '.join(coordinates)}] : {pins} }}")
    )
    lifted = lifted.project_out(isl.dim_type.param, 0, lifted.dim(isl.dim_type.param))
    for _ in range(MOST_POINTS):
        if lifted.is_empty():
            break
        least = lifted.lexmin()
        point = least.sample_point()
        values = [int(point.get_coordinate_val(SET, i).to_python()) for i in range(len(coordinates))]
        sizes = dict(zip(parameters, values[1:], strict=False))
        indices = tuple(values[1 + len(parameters) :])
        if region.weight.evaluate(environment(sizes, indices)):
            return Point(sizes, indices, values[0])
        lifted = lifted.subtract(isl.Set.from_point(point))
    raise Undecidable(f"the difference is not zero, but none of its {MOST_POINTS} smallest points shows it")


def environment(sizes: Mapping[str, int], indices: Sequence[int]) -> dict[Variable, int]:
    found: dict[Variable, int] = dict(enumerate(indices))
    found.update(sizes)
    return found


def points_at(points: isl.Set, sizes: Mapping[str, int]) -> list[tuple[int, ...]]:
    """The points of a set at given sizes."""
    for i in range(points.dim(isl.dim_type.param)):
        value = sizes[str(points.get_dim_name(isl.dim_type.param, i))]
        points = points.fix_val(isl.dim_type.param, i, isl.Val(value))
    found: list[tuple[int, ...]] = []

    def note(point: isl.Point) -> None:
        found.append(tuple(int(point.get_coordinate_val(SET, i).to_python()) for i in range(points.dim(SET))))

    points.foreach_point(note)
    return found
