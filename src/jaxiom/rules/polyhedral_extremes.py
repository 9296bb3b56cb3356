"""The polyhedral rules of maxima and minima of reals: of two tensors, and along axes.

A maximum is opaque: what is known is that it does not change with the order of what it is taken of, that a positive
factor comes out of it, and that it is the value itself where that is the same along the axes. A minimum is minus the
maximum of what is negated.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from math import prod
from typing import Any

import islpy as isl

from jaxiom.errors import Undecidable
from jaxiom.interpret import Rule, Step
from jaxiom.polyhedra.axes import plus
from jaxiom.polyhedra.equality import nonzero_regions
from jaxiom.polyhedra.form import Form, Missing, join, region, spread
from jaxiom.polyhedra.polynomial import Polynomial, Variable, lift
from jaxiom.polyhedra.settle import SET, pinned
from jaxiom.rules import polyhedral_indices as indices
from jaxiom.rules.applications import Facts, footprint, take_out, trimmed
from jaxiom.rules.frame import Frame, equal, kind_of

MAX = "max"
SCALED = Facts(factor=lambda c: c)


def extreme(largest: bool, of_indices: Rule) -> Rule:
    """The largest or smallest value along axes."""

    def rule(on: Frame, step: Step, x: Form, *, axes: Sequence[int], out_sharding: Any = None) -> Form:
        if kind_of(step.ins[0].dtype) != "real":
            return of_indices(on, step, x, axes=axes, out_sharding=out_sharding)
        step.expect(out_sharding=(out_sharding, None))
        return signed(largest, lambda form: along(on, step, form, axes), x)

    return rule


def signed(largest: bool, maximum: Callable[[Form], Form], x: Form) -> Form:
    return maximum(x) if largest else maximum(x.scale(-1)).scale(-1)


def along(on: Frame, step: Step, x: Form, axes: Sequence[int]) -> Form:
    """The maximum along axes."""
    outer = [i for i in range(len(x.axes)) if i not in axes]
    order = [p for i in [*outer, *axes] for p in x.positions(i)]
    kept, over = [x.axes[i] for i in outer], [(size,) for i in axes for size in x.axes[i]]
    moved = join(
        on.world, [*kept, *over], [x], lambda g: [f"{out} = {g[1][p]}" for out, p in zip(g[0], order, strict=True)]
    )
    return maximum(on, step, [moved], len(over))


def maximum(on: Frame, step: Step, arguments: list[Form], over: int) -> Form:
    """The maximum along the last `over` axes, of one factor each; with a second argument of 0 and 1, where that is 1.

    Raises:
        Undecidable: at some index it may be a maximum of nothing.
    """
    value, *inside = arguments
    axes = value.axes[: len(value.axes) - over]
    world, count = on.world, sum(map(len, axes))
    # Of one argument the indices are all in the box; a window has some of them.
    present = region(world, value)
    if inside:
        places = [footprint(t, len(value.atoms)) for t in inside[0].terms]
        present = reduce(isl.Set.union, places, present.subtract(present))
    outer = region(world, Form(axes, ()))
    if not outer.is_subset(present.project_out(SET, count, over)):
        raise Undecidable(f"{step.primitive} at {step.line} may be taken of nothing")
    if inside and region(world, value).is_subset(present):
        return maximum(on, step, [value], over)
    if not over:
        return value
    if not inside and (fewer := without_an_axis(on, value, over)) is not None:
        return maximum(on, step, [fewer], over - 1)
    terms = tuple(trimmed(on, t) for t in nonzero_regions(world, value))
    value, outside = take_out(SCALED, replace(value, terms=terms))
    value, sizes, divisors = without_sizes(on, value)
    if not inside and (inner := whole_maximum(on, value)) is not None:
        found = maximum(on, step, [inner], len(inner.axes) - len(axes))
    else:
        found = on.opaques.apply(world, MAX, [value, *inside], over=over)
    scaled = [replace(t, weight=t.weight * sizes * outside, divisors=(*t.divisors, *divisors)) for t in found.terms]
    return replace(found, terms=tuple(scaled))


def without_sizes(on: Frame, value: Form) -> tuple[Form, Polynomial, tuple[Polynomial, ...]]:
    """A tensor without what is positive, of sizes alone and shared by all terms: a factor, and what divides them."""
    monomials = [dict(powers) for t in value.terms for powers in t.weight.terms]
    names = {v for powers in monomials[:1] for v in powers if isinstance(v, str)}
    shared: dict[Variable, int] = {
        v: min(powers.get(v, 0) for powers in monomials) for v in names if on.world.sign(Polynomial.variable(v)) == 1
    }
    divisors = value.terms[0].divisors if value.terms else ()
    if any(t.divisors != divisors for t in value.terms) or any(on.world.sign(d) != 1 for d in divisors):
        divisors = ()

    def divided(weight: Polynomial) -> Polynomial:
        lowered = ({v: e - shared.get(v, 0) for v, e in powers} for powers in weight.terms)
        keys = (tuple((v, e) for v, e in powers.items() if e) for powers in lowered)
        return Polynomial(dict(zip(keys, weight.terms.values(), strict=True)))

    terms = [replace(t, weight=divided(t.weight), divisors=t.divisors[len(divisors) :]) for t in value.terms]
    factor = prod((Polynomial.variable(v) ** e for v, e in shared.items()), start=lift(1))
    return replace(value, terms=tuple(terms)), factor, divisors


def without_an_axis(on: Frame, value: Form, over: int) -> Form | None:
    """A tensor without one of its last axes along which it is the same everywhere."""
    count = len(value.atoms)
    for at in range(count - over, count):
        others = [i for i in range(count) if i != at]
        axes = list(value.axes)
        axes.pop(at - count)  # the last axes have one factor each

        def first(g: Sequence[Sequence[str]], at: int = at, others: Sequence[int] = others) -> list[str]:
            return [f"{g[1][at]} = 0", *(f"{out} = {g[1][i]}" for out, i in zip(g[0], others, strict=True))]

        found = join(on.world, axes, [value], first)
        change = plus(on.world, value, spread(on.world, found, value.axes, others).scale(-1))
        if not nonzero_regions(on.world, change):
            return found
    return None


def whole_maximum(on: Frame, value: Form) -> Form | None:
    """What a tensor that is itself a maximum is taken of, with the axes that it runs over after its own."""
    terms = nonzero_regions(on.world, value)
    if len(terms) != 1 or len(terms[0].monomial) != 1 or terms[0].weight != 1 or terms[0].divisors:
        return None
    (term,) = terms
    found = on.opaques.by_name.get(term.monomial[0])
    count = len(value.atoms)
    if found is None or found.function != MAX or len(found.arguments) != 1 or term.extra(on.world, count):
        return None
    # One entry of it for each of the value's: not a sum of several, and no zeros between.
    if not (region(on.world, value).is_subset(footprint(term, count)) and pinned(term.points, count)):
        return None
    argument, own = found.arguments[0], found.points.dim(SET)
    return join(
        on.world,
        [*value.axes, *argument.axes[-found.over :]],
        [argument],
        lambda g: equal(g[0][count:], g[1][own:]),
        ties=lambda g: [(term.points, [*g[0][:count], *g[1][:own]])],
    )


def of_two(relation: str, of_reals: Rule, without: float) -> Rule:
    """A maximum or minimum of two tensors; `without` is the infinity that is never it."""
    plain = indices.extremum(relation, of_reals)

    def rule(on: Frame, step: Step, a: Form, b: Form) -> Form:
        for at, (one, other) in enumerate(((a, b), (b, a))):
            if isinstance(one, Missing) and one.value == without and step.ins[1 - at].shape == step.outs[0].shape:
                return other
        return plain(on, step, a, b)

    return rule
