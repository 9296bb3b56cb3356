"""The zero test: is a polynomial 0 on every integer point of a Presburger set, for all sizes?

isl's own `PwQPolynomial.is_zero` looks at each piece's text: it says no to x(x-1) on 0 <= x <= 1. This test decides.
Sizes, indices and existential variables become coordinates; equalities are solved over the integers; what is left is
a polynomial on the integer points of a polyhedron that is full-dimensional in its coordinates. If its recession cone
is full-dimensional too, the points are Zariski dense (they contain cubes of every size) and only the zero polynomial
vanishes on them. Otherwise some direction is of bounded width: take its values one by one.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import floor

import islpy as isl

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.building import SET, Coefficients, basic_set, set_space
from jaxiom.polyhedra.polynomial import Polynomial, Variable, lift

Row = list[int]
"""An affine function: the constant, then a coefficient for each coordinate."""

MOST_SLICES = 4000


def vanishes(points: isl.Set, weight: Polynomial) -> bool:
    """Whether `weight` (in the set's positions and parameters) is 0 on every point of the set, for all parameters.

    Raises:
        Undecidable: too many slices of bounded width would have to be looked at.

    >>> x = Polynomial.variable(0)
    >>> vanishes(isl.Set("{ [x] : 0 <= x <= 1 }"), x * (x - 1)), vanishes(isl.Set("{ [x] : 0 <= x <= 2 }"), x * (x - 1))
    (True, False)
    """
    if not weight:
        return True
    if weight.is_constant:
        return points.is_empty()
    coordinates, weight = parameters_as_coordinates(points, weight)
    left = [MOST_SLICES]
    return all(vanishes_on(piece, weight, left) for piece in polyhedra(coordinates))


def parameters_as_coordinates(points: isl.Set, weight: Polynomial) -> tuple[isl.Set, Polynomial]:
    """The same question with the parameters as the first coordinates."""
    count = points.dim(isl.dim_type.param)
    values: dict[Variable, Polynomial] = {}
    for i in range(count):
        values[str(points.get_dim_name(isl.dim_type.param, i))] = Polynomial.variable(i)
    for i in range(points.dim(isl.dim_type.set)):
        values[i] = Polynomial.variable(count + i)
    moved = points.move_dims(isl.dim_type.set, 0, isl.dim_type.param, 0, count)
    return moved, weight.substitute(values)


def polyhedra(points: isl.Set) -> Iterator[isl.BasicSet]:
    """The set's pieces, existential variables made coordinates (at the end)."""
    for piece in points.get_basic_sets():
        yield piece.lift().flatten()


def rows(piece: isl.BasicSet) -> tuple[list[Row], list[Row]]:
    """Equalities and inequalities (>= 0)."""
    size = piece.dim(isl.dim_type.set)
    equal: list[Row] = []
    least: list[Row] = []
    for constraint in piece.get_constraints():
        row = [int(constraint.get_constant_val().to_python())]
        row += [int(constraint.get_coefficient_val(isl.dim_type.set, i).to_python()) for i in range(size)]
        (equal if constraint.is_equality() else least).append(row)
    return equal, least


def dot(row: Sequence[int], vector: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(row, vector, strict=True))


def lattice(equalities: Sequence[Row], size: int) -> tuple[list[int], list[list[int]]] | None:
    """All integer solutions of a system, as origin + integer combinations of a basis; None where there are none."""
    origin = [0] * size
    basis = [[int(i == j) for j in range(size)] for i in range(size)]
    for constant, *normal in equalities:
        active = [v for v in basis if dot(normal, v)]
        passive = [v for v in basis if not dot(normal, v)]
        while len(active) > 1:  # Euclid on the products with the normal: unimodular steps
            active.sort(key=lambda v: abs(dot(normal, v)))
            pivot = active[0]
            by = dot(normal, pivot)
            reduced = [[a - dot(normal, v) // by * b for a, b in zip(v, pivot, strict=True)] for v in active[1:]]
            active = [pivot] + [v for v in reduced if dot(normal, v)]
            passive += [v for v in reduced if not dot(normal, v)]
        rest = constant + dot(normal, origin)
        if active:
            by = dot(normal, active[0])
            if rest % by:
                return None
            origin = [a - rest // by * b for a, b in zip(origin, active[0], strict=True)]
        elif rest:
            return None
        basis = passive
    return origin, basis


def vanishes_on(piece: isl.BasicSet, weight: Polynomial, left: list[int]) -> bool:
    """The test on one convex piece; `left` counts the slices that may still be looked at."""
    if piece.is_empty():
        return True
    size = piece.dim(isl.dim_type.set)
    equal, _ = rows(piece.affine_hull())
    _, least = rows(piece)
    solved = lattice(equal, size)
    if solved is None:
        return True
    origin, basis = solved
    weight = weight.substitute(
        {
            i: lift(origin[i]) + sum((Polynomial.variable(j) * v[i] for j, v in enumerate(basis)), Polynomial())
            for i in range(size)
        }
    )
    if not weight:
        return True
    if weight.is_constant:
        return False
    reduced = [[row[0] + dot(row[1:], origin)] + [dot(row[1:], v) for v in basis] for row in least]
    return vanishes_full(reduced, len(basis), weight, left)


def polyhedron(inequalities: Sequence[Row], size: int) -> isl.BasicSet:
    return basic_set(set_space((), size), [(False, row[0], coefficients(row)) for row in inequalities])


def coefficients(row: Row) -> Coefficients:
    return {(SET, i): a for i, a in enumerate(row[1:]) if a}


def vanishes_full(inequalities: list[Row], size: int, weight: Polynomial, left: list[int]) -> bool:
    """The test where the piece is full-dimensional in its coordinates and the polynomial is not zero."""
    cone = polyhedron([[0, *row[1:]] for row in inequalities], size)
    flat, _ = rows(cone.affine_hull())
    if not flat:
        return False
    piece = polyhedron(inequalities, size)
    if nonzero_at_sample(piece, weight):
        return False
    narrow = min((width(piece, row) for row in flat), key=lambda found: found[1] - found[0])
    low, high, row = narrow
    for value in range(low, high + 1):
        left[0] -= 1
        if left[0] < 0:
            raise Undecidable(f"the zero test of {weight} would take more than {MOST_SLICES} slices")
        slice_ = piece.intersect(plane(row, value, size))
        if not vanishes_on(slice_, weight, left):
            return False
    return True


def nonzero_at_sample(piece: isl.BasicSet, weight: Polynomial) -> bool:
    """A point that isl picks, where the polynomial is not zero: that settles it at once."""
    point = piece.sample_point()
    size = piece.dim(isl.dim_type.set)
    values = {i: Fraction(point.get_coordinate_val(isl.dim_type.set, i).to_python()) for i in range(size)}
    return weight.evaluate(values) != 0


def plane(row: Row, value: int, size: int) -> isl.BasicSet:
    return basic_set(set_space((), size), [(True, -value, coefficients(row))])


def width(piece: isl.BasicSet, row: Row) -> tuple[int, int, Row]:
    """The least and greatest value of a linear function that is bounded on the piece."""
    size = piece.dim(isl.dim_type.set)
    variables = [f"t{i}" for i in range(size)]
    function = " + ".join(f"{a}*{v}" for a, v in zip(row[1:], variables, strict=True) if a)
    image = isl.Set.from_basic_set(piece).apply(isl.Map(f"{{ [{', '.join(variables)}] -> [{function}] }}"))
    return floor(image.dim_min_val(0).to_python()), floor(image.dim_max_val(0).to_python()), row
