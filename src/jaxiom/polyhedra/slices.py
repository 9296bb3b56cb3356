"""An operator as a sum of Kronecker products, for all sizes, from the levels that were proved.

Where T is unchanged along the step (r, s) of a level, it depends on the level's two indices only through
d = r·x - s·o (modulo the size, where it wraps). So T is the sum over all d of the matrix with ones where r·x - s·o = d,
Kronecker times T at one representative of each d.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd

import islpy as isl

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.form import Form, Sizes, Term
from jaxiom.polyhedra.polynomial import Polynomial, isl_text, lift
from jaxiom.polyhedra.reading import affine_rows
from jaxiom.polyhedra.settle import SET, as_map
from jaxiom.polyhedra.structure import Entries, Level

FACTORS = ("identity", "diagonal", "toeplitz", "circulant", "hankel")


@dataclass(frozen=True)
class Layout:
    """Which levels become factors of the product, and which indices are left to the slices.

    Attributes:
        factors: in the order of the product.
        place: the slice comes before factor number `place`.
        rows, columns: the indices of the output and of the input that the slices have.
    """

    factors: tuple[Level, ...]
    place: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def moving(self) -> tuple[Level, ...]:
        """The factors that are summed over; the identity is not."""
        return tuple(level for level in self.factors if level.kind != "identity")


def layout(of: Entries, levels: Sequence[Level]) -> Layout:
    """The factors in their order.

    Raises:
        Undecidable: the output's axes and the input's are not in the same order.
    """
    chosen: list[Level] = []
    for level in levels:
        usable = level.kind in FACTORS and level.step is not None and gcd(*level.step) == 1
        if usable and all(level.output != c.output and level.input != c.input for c in chosen):
            chosen.append(level)
    taken = {p for level in chosen for p in (level.output, level.input)}
    rows = tuple(p for p in range(of.outputs) if p not in taken)
    columns = tuple(p for p in range(of.outputs, of.size) if p not in taken)
    outer = [level.input for level in chosen]
    places = {place_among([c.output for c in chosen], rows), place_among(outer, columns)} - {None}
    if outer != sorted(p for p in outer if p is not None) or len(places) > 1 or -1 in places:
        raise Undecidable(
            "the axes of the output and those of the input are not paired in the same order; transpose one first"
        )
    place = next((p for p in places if p is not None), len(chosen))
    return Layout(tuple(chosen), place, rows, columns)


def place_among(factors: Sequence[int | None], rest: Sequence[int]) -> int | None:
    """Before which factor the remaining indices stand, all together; None where there are none, -1 where they are
    apart."""
    found = {sum(f is not None and f < p for f in factors) for p in rest}
    return None if not found else found.pop() if len(found) == 1 else -1


@dataclass(frozen=True)
class Part:
    """Terms of the sum, over indices u: the product of the factors' matrices at d(u), and a slice.

    Attributes:
        shifts: d for each factor that is summed over, in terms of the sizes and of u (position i is u_i).
        slices: the form of the slice; its axes are u, then the rows, then the columns.
    """

    shifts: tuple[Polynomial, ...]
    slices: Form


def parts(of: Entries, chosen: Layout) -> list[Part]:
    """The sum, a part for each way to write d by the indices of the other tensors.

    Raises:
        Undecidable: a coefficient depends on more than d.
    """
    found: dict[tuple[tuple[Polynomial, ...], tuple[Sizes, ...]], list[Term]] = {}
    for term in of.form.terms:
        sliced = at_representatives(of, chosen, term)
        if not sliced.points.is_empty():
            shifts, axes, indexed = indexed_by(of, chosen, sliced)
            found.setdefault((shifts, axes), []).append(indexed)
    return [Part(shifts, Form(axes, tuple(terms))) for (shifts, axes), terms in found.items()]


def at_representatives(of: Entries, chosen: Layout, term: Term) -> Term:
    """A term at one representative of each d: its indices are d, the rows, the columns, then the tensors'."""
    count, size = len(chosen.moving), term.points.dim(SET)
    points = of.world.embed(term.points, count + size, range(count, count + size))
    for i, level in enumerate(chosen.moving):
        assert level.output is not None
        assert level.input is not None
        points = points.intersect(
            of.world.embed(representative(of, level), count + size, (i, count + level.output, count + level.input))
        )
    for level in chosen.factors:
        if level.kind == "identity":
            points = points.intersect(
                of.world.set(
                    count + size, [f"_{count + (level.output or 0)} = 0", f"_{count + (level.input or 0)} = 0"]
                )
            )
    kept = [*chosen.rows, *chosen.columns, *range(of.size, size)]
    order = [*range(count), *(count + p for p in kept)]
    moved = {p: count + i for i, p in enumerate(kept)}
    for i, level in enumerate(chosen.moving):
        if level.kind == "diagonal" and level.output is not None and level.input is not None:
            moved |= {level.output: i, level.input: i}
    used = {v for v in (*term.weight.variables, *(v for d in term.divisors for v in d.variables)) if isinstance(v, int)}
    if not used <= set(moved):
        raise Undecidable("a coefficient depends on the place and not on d alone")
    points = of.world.rearrange(points, order).coalesce()
    for i, level in enumerate(chosen.moving):  # where no pair has d, its matrix is zero: the slice may be anything
        some = representative(of, level).project_out(SET, 1, 2)
        points = points.gist(of.world.embed(some, len(order), (i,)))
    return replace(
        term,
        points=points.coalesce(),
        weight=term.weight.renumber(moved),
        divisors=tuple(d.renumber(moved) for d in term.divisors),
    )


def representative(of: Entries, level: Level) -> isl.Set:
    """[d, o, x]: one pair of indices for each d that a level's pairs have."""
    assert level.output is not None
    assert level.input is not None
    assert level.step is not None
    rows, columns = of.form.atoms[level.output], of.form.atoms[level.input]
    r, s = level.step
    if level.kind == "diagonal":
        return of.world.set(3, [f"0 <= _0 < {isl_text(rows)}", "_1 = _0", "_2 = _0"])
    if level.kind == "circulant" and r == 1:
        return of.world.set(3, [f"0 <= _0 < {isl_text(columns)}", "_1 = 0", "_2 = _0"])
    if level.kind == "circulant":
        return of.world.set(3, [f"0 <= _0 < {isl_text(rows)}", "_1 = _0", "_2 = 0"])
    inside = [f"0 <= _1 < {isl_text(rows)}", f"0 <= _2 < {isl_text(columns)}", f"_0 = {r}*_2 - {s}*_1"]
    pairs = of.world.set(3, inside).intersect_params(of.world.domain)
    return as_map(pairs, 1).lexmin().wrap().flatten()


def indexed_by(of: Entries, chosen: Layout, term: Term) -> tuple[tuple[Polynomial, ...], tuple[Sizes, ...], Term]:
    """A sliced term with u in place of d: where d is an affine function of one index of a tensor, u is that index (the
    kernel's own); else it counts the values that d can have."""
    count = len(chosen.moving)
    inner = count + len(chosen.rows) + len(chosen.columns)
    names = [str(term.points.get_dim_name(isl.dim_type.param, i)) for i in range(term.points.dim(isl.dim_type.param))]
    equal, _ = affine_rows(term.points.affine_hull(), names)
    shifts: list[Polynomial] = []
    axes: list[Sizes] = []
    links: list[str] = []
    taken: set[int] = set()
    for i, level in enumerate(chosen.moving):
        tap = tap_of(i, equal, inner, taken)
        constant = constant_at(i, equal)
        if constant is not None:
            shifts.append(constant)
            axes.append((lift(1),))
            links.append(f"_{i} = 0")
        elif tap is not None:
            position, shift = tap
            taken.add(position)
            shifts.append(shift.renumber({position: i}))
            axes.append((axis_of(of, term, position - inner),))
            links.append(f"_{i} = _x{position}")
        else:
            start, length = range_of(of, level)
            shifts.append(Polynomial.variable(i) + start)
            axes.append((length,))
            links.append(f"_{i} = _x{i} - ({isl_text(start)})")
    size = term.points.dim(SET)
    links += [f"_{p} = _x{p}" for p in range(count, size)]
    source, target = (", ".join(f"{name}{p}" for p in range(size)) for name in ("_x", "_"))
    points = term.points.apply(isl.Map(f"{of.world.prefix}{{ [{source}] -> [{target}] : {' and '.join(links)} }}"))
    axes += [(of.form.atoms[p],) for p in (*chosen.rows, *chosen.columns)]
    sizes = [size for axis in axes for size in axis] + [size for name in term.monomial for size in of.tensors[name]]
    points = points.intersect(of.world.set(size, of.world.box(sizes)))
    return tuple(shifts), tuple(axes), replace(term, points=points.coalesce())


def constant_at(index: int, equal: Sequence[Polynomial]) -> Polynomial | None:
    """d where an equation makes it a function of the sizes alone."""
    for equation in equal:
        coefficient = equation.terms.get(((index, 1),))
        if coefficient is not None and abs(coefficient) == 1:
            value = Polynomial.variable(index) - equation * coefficient
            if not any(isinstance(v, int) for v in value.variables):
                return value
    return None


def tap_of(index: int, equal: Sequence[Polynomial], inner: int, taken: set[int]) -> tuple[int, Polynomial] | None:
    """(position, d as an affine function of it) where an equation ties d to one index of a tensor alone."""
    for equation in equal:
        coefficient = equation.terms.get(((index, 1),))
        if coefficient is None or abs(coefficient) != 1:
            continue
        value = Polynomial.variable(index) - equation * coefficient
        positions = [v for v in value.variables if isinstance(v, int)]
        if len(positions) == 1 and positions[0] >= inner and positions[0] not in taken:
            return positions[0], value
    return None


def axis_of(of: Entries, term: Term, position: int) -> Polynomial:
    """The size of the axis that an index of a monomial's tensors runs over."""
    for name in term.monomial:
        if position < of.world.ranks[name]:
            return of.tensors[name][position]
        position -= of.world.ranks[name]
    raise Undecidable("an index that belongs to no tensor")


def range_of(of: Entries, level: Level) -> tuple[Polynomial, Polynomial]:
    """The least d of a level, and how many values it can have."""
    assert level.output is not None
    assert level.input is not None
    assert level.step is not None
    rows, columns = of.form.atoms[level.output], of.form.atoms[level.input]
    r, s = level.step
    if level.kind == "diagonal":
        return lift(0), rows
    if level.kind == "circulant":
        return lift(0), columns if r == 1 else rows
    low = -(rows - 1) * s if s > 0 else lift(0)
    return low, (rows - 1) * abs(s) + (columns - 1) * r + 1
