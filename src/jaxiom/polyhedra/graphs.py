"""Index tensors and conditions: forms without inputs, read as sets.

The graph of an index tensor is the set of (o, v) with v its value at o; a condition is the set of o where it holds.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm, prod

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


def graph(world: World, form: Form, scale: int = 1) -> isl.Set:
    """The set of (o, v) with v / scale the form's value at o.

    Raises:
        Undecidable: the form depends on inputs, its value is not affine in the index and the sizes, or v is not whole.
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
        weight = cell.weight * (scale / divisor.value)
        if not weight.is_affine:
            raise Undecidable(f"an index or a comparison of {cell.weight}, which is not affine")
        pin = f"{weight.denominator}*_{size} = {isl_text(weight * weight.denominator)}"
        value = world.embed(cell.points, size + 1, range(size)).intersect(world.set(size + 1, [pin]))
        if not cell.points.is_subset(value.project_out(SET, size, 1)):
            raise Undecidable(f"an index of {cell.weight}, which is not a whole number everywhere")
        found = found.union(value.project_out(SET, count, size - count))
        zero = zero.subtract(cell.points.project_out(SET, count, size - count))
    rest = world.embed(zero, count + 1, range(count)).intersect(world.set(count + 1, [f"_{count} = 0"]))
    return found.union(rest).coalesce()


def from_graph(world: World, axes: Sequence[Sizes], points: isl.Set) -> Form:
    """The form whose value at o is the v with (o, v) in the set, 0 where there is none."""
    count = points.dim(SET) - 1
    return Form(tuple(axes), tuple(settle(world, count, Term((), points, Polynomial.variable(count)))))


def from_condition(axes: Sequence[Sizes], points: isl.Set) -> Form:
    """1 on a set, 0 elsewhere."""
    terms = () if points.is_empty() else (Term((), points.coalesce(), lift(1)),)
    return Form(tuple(axes), terms)


def condition(form: Form) -> isl.Set | None:
    """The set on which a condition holds; None where it never does.

    Raises:
        Undecidable: the condition depends on inputs.
    """
    held = None
    if any(t.monomial or t.divisors or t.weight != 1 for t in form.terms):
        raise Undecidable("a choice by the inputs' values")
    for term in form.terms:
        points = term.points.project_out(SET, len(form.atoms), term.points.dim(SET) - len(form.atoms))
        held = points if held is None else held.union(points)
    return held


def common_scale(world: World, forms: Sequence[Form]) -> int:
    """A number that makes the values of tensors without inputs whole, as far as their coefficients go."""
    found = 1
    for form in forms:
        for cell in regions(world, len(form.atoms), (), collect(world, len(form.atoms), form.terms)):
            divisor = prod((d.value for d in cell.divisors if d.is_constant), start=Fraction(1))
            found = lcm(found, (cell.weight * (1 / divisor)).denominator)
    return found


def compute(world: World, forms: Sequence[Form], relation: str, scale: int = 1) -> isl.Set:
    """The set of (o, v) with v tied by `relation` to `scale` times the values a0, a1, ... of tensors without inputs, of
    the same axes."""
    count = len(forms[0].atoms)
    total = count + len(forms)
    points = world.set(total, [])
    for i, form in enumerate(forms):
        points = points.intersect(world.embed(graph(world, form, scale), total, [*range(count), count + i]))
    inner = ", ".join([*(f"_{i}" for i in range(count)), *(f"_a{i}" for i in range(len(forms)))])
    outer = ", ".join([*(f"_{i}" for i in range(count)), "_v"])
    return points.apply(isl.Map(f"{world.prefix}{{ [{inner}] -> [{outer}] : {relation} }}"))


def restrict(world: World, form: Form, to: isl.Set | None) -> Form:
    """A form on a set of its indices, 0 elsewhere."""
    if to is None:
        return Form(form.axes, ())
    return join(
        world,
        form.axes,
        [form],
        lambda g: [f"{a} = {b}" for a, b in zip(g[0], g[1], strict=True)],
        ties=lambda g: [(to, g[0])],
    )
