"""Index tensors and conditions: forms without inputs, read as sets.

The graph of an index tensor is the set of (o, v) with v its value at o; a condition is the set of o where it holds.
"""

from collections.abc import Sequence

import islpy as isl

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.equality import collect, regions
from jaxiom.polyhedra.form import Form, Sizes, Term, join
from jaxiom.polyhedra.polynomial import Polynomial, isl_text, lift
from jaxiom.polyhedra.settle import SET, settle
from jaxiom.polyhedra.world import World


def everywhere(world: World, axes: Sequence[Sizes]) -> isl.Set:
    """All indices of a tensor with these axes."""
    atoms = [size for axis in axes for size in axis]
    return world.set(len(atoms), world.box(atoms)).intersect_params(world.domain)


def graph(world: World, form: Form) -> isl.Set:
    """The set of (o, v) with v the form's value at o.

    Raises:
        Undecidable: the form depends on inputs, or its value is not affine in the index and the sizes.
    """
    if any(t.monomial for t in form.terms):
        raise Undecidable("an index or a comparison that depends on the inputs' values")
    count = len(form.atoms)
    zero = everywhere(world, form.axes)
    found = world.set(count + 1, ["false"])
    for cell in regions(world, count, (), collect(world, count, form.terms)):
        size = cell.points.dim(SET)
        divisor = lift(1)
        for d in cell.divisors:
            divisor = divisor * d
        if not divisor.is_constant:
            raise Undecidable("an index or a comparison of a quotient of sizes")
        scale = cell.weight.denominator
        weight = cell.weight * scale
        if not weight.is_affine:
            raise Undecidable(f"an index or a comparison of {cell.weight}, which is not affine")
        value = world.embed(cell.points, size + 1, range(size)).intersect(
            world.set(size + 1, [f"{scale * divisor.value}*_{size} = {isl_text(weight)}"])
        )
        found = found.union(value.project_out(SET, count, size - count))
        zero = zero.subtract(cell.points.project_out(SET, count, size - count))
    rest = world.embed(zero, count + 1, range(count)).intersect(world.set(count + 1, [f"_{count} = 0"]))
    return found.union(rest).coalesce()


def from_graph(world: World, axes: Sequence[Sizes], points: isl.Set, kind: str = "int") -> Form:
    """The form whose value at o is the v with (o, v) in the set, 0 where there is none."""
    count = points.dim(SET) - 1
    return Form(tuple(axes), tuple(settle(world, count, Term((), points, Polynomial.variable(count)))), kind)


def from_condition(axes: Sequence[Sizes], points: isl.Set) -> Form:
    """1 on a set, 0 elsewhere."""
    terms = () if points.is_empty() else (Term((), points.coalesce(), lift(1)),)
    return Form(tuple(axes), terms, "bool")


def condition(form: Form) -> isl.Set | None:
    """The set on which a condition holds; None where it never does."""
    held = None
    for term in form.terms:
        points = term.points.project_out(SET, len(form.atoms), term.points.dim(SET) - len(form.atoms))
        held = points if held is None else held.union(points)
    return held


def compute(world: World, forms: Sequence[Form], relation: str) -> isl.Set:
    """The set of (o, v) with v tied by `relation` to the values a0, a1, ... of index tensors of the same axes."""
    count = len(forms[0].atoms)
    total = count + len(forms)
    points = world.set(total, [])
    for i, form in enumerate(forms):
        points = points.intersect(world.embed(graph(world, form), total, [*range(count), count + i]))
    inner = ", ".join([*(f"_{i}" for i in range(count)), *(f"_a{i}" for i in range(len(forms)))])
    outer = ", ".join([*(f"_{i}" for i in range(count)), "_v"])
    return points.apply(isl.Map(f"{world.prefix}{{ [{inner}] -> [{outer}] : {relation} }}"))


def restrict(world: World, form: Form, to: isl.Set | None) -> Form:
    """A form on a set of its indices, 0 elsewhere."""
    if to is None:
        return Form(form.axes, (), form.kind)
    return join(
        world,
        form.axes,
        [form],
        lambda g: [f"{a} = {b}" for a, b in zip(g[0], g[1], strict=True)],
        ties=lambda g: [(to, g[0])],
    )
