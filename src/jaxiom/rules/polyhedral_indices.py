"""The polyhedral rules of index tensors, and of their maxima."""

from collections.abc import Callable, Sequence
from typing import Any

import islpy as isl

from jaxiom.interpret import Rule, Step
from jaxiom.polyhedra.axes import finer, refactor
from jaxiom.polyhedra.form import Form, join, scalar
from jaxiom.polyhedra.graphs import (
    compute,
    from_graph,
    graph,
)
from jaxiom.polyhedra.polynomial import Polynomial
from jaxiom.polyhedra.settle import SET, as_map
from jaxiom.polyhedra.world import names
from jaxiom.rules import polyhedral_division as division
from jaxiom.rules import polyhedral_functions as functions
from jaxiom.rules.frame import Frame, Names, equal, kind_of, split
from jaxiom.rules.polyhedral_arithmetic import match


def refuse_unless(step: Step, kind: str) -> None:
    """Refuse operands that are not index tensors ("int") or conditions ("bool")."""
    if any(kind_of(aval.dtype) != kind for aval in step.ins):
        words = {"int": "of tensors that are not indices", "bool": "of integers, bit by bit,"}[kind]
        raise step.refuse(f"{words} it has no rule")


def iota(
    on: Frame, step: Step, *dynamic: Form, dtype: Any, shape: Sequence[Any], dimension: int, sharding: Any
) -> Form:
    step.expect(sharding=(sharding, None))
    axes = on.new_axes(step.outs[0].shape)
    one = scalar(on.world, 1)
    if not axes[dimension]:
        return Form(tuple(axes), ())
    at = sum(len(a) for a in axes[:dimension])
    return join(on.world, axes, [one], lambda g: [], weight=lambda g: Polynomial.variable(g[0][at]))


def common(on: Frame, step: Step, a: Form, b: Form) -> tuple[Form, Form]:
    """Both operands over the same factors."""
    a, b = match(on, step, a, b)
    axes = [finer(on.world, x, y) for x, y in zip(a.axes, b.axes, strict=True)]
    return refactor(on.world, a, axes), refactor(on.world, b, axes)


def extremum(relation: str, of_reals: Rule) -> Rule:
    """A maximum or minimum of two index tensors, or of two real ones."""

    def rule(on: Frame, step: Step, a: Form, b: Form) -> Form:
        a, b = common(on, step, a, b)
        if kind_of(step.ins[0].dtype) == "real":
            return of_reals(on, step, a, b)
        refuse_unless(step, "int")
        return from_graph(on.world, a.axes, compute(on.world, [a, b], relation))

    return rule


def by_number(relation: Callable[[int], str]) -> Rule:
    """A function of an index tensor and a positive number: division and remainder, rounding towards zero as lax."""

    def rule(on: Frame, step: Step, a: Form, b: Form) -> Form:
        a, b = common(on, step, a, b)
        values = graph(on.world, b).project_out(SET, 0, len(b.atoms))
        low, high = values.dim_min_val(0), values.dim_max_val(0)
        if not (low.is_int() and low.eq(high) and low.is_pos()):
            raise step.refuse("of integers it has a rule only for a positive number as divisor")
        return from_graph(on.world, a.axes, compute(on.world, [a, b], relation(int(low.to_python()))))

    return rule


def quotient(d: int) -> str:
    return f"(_a0 >= 0 and _v = floor(_a0/{d})) or (_a0 < 0 and _v = -floor(-_a0/{d}))"


def remainder(d: int) -> str:
    return f"(_a0 >= 0 and _v = _a0 - {d}*floor(_a0/{d})) or (_a0 < 0 and _v = _a0 + {d}*floor(-_a0/{d}))"


def div(on: Frame, step: Step, a: Form, b: Form) -> Form:
    """Division: of reals exact, of index tensors rounding towards zero."""
    return by_number(quotient)(on, step, a, b) if kind_of(step.ins[0].dtype) == "int" else division.div(on, step, a, b)


def sign(on: Frame, step: Step, a: Form) -> Form:
    if kind_of(step.ins[0].dtype) == "real":
        return functions.sign(on, step, a)
    refuse_unless(step, "int")
    relation = "(_a0 > 0 and _v = 1) or (_a0 = 0 and _v = 0) or (_a0 < 0 and _v = -1)"
    return from_graph(on.world, a.axes, compute(on.world, [a], relation))


def clamp(on: Frame, step: Step, low: Form, a: Form, high: Form) -> Form:
    low, high = (match_scalar(on, f, a) for f in (low, high))
    if kind_of(step.ins[0].dtype) == "real":
        return functions.smaller(on, step, functions.larger(on, step, a, low), high)
    refuse_unless(step, "int")
    relation = "_v = min(max(_a1, _a0), _a2)"  # in this order: the upper bound wins where the bounds cross
    return from_graph(on.world, a.axes, compute(on.world, [low, a, high], relation))


def match_scalar(on: Frame, bound: Form, like: Form) -> Form:
    return bound if bound.axes else join(on.world, like.axes, [bound], lambda g: [])


def extreme_along(on: Frame, x: Form, axes: Sequence[int], largest: bool) -> isl.Set:
    """The set of (kept indices, value, reduced indices) at which an index tensor or condition is extreme."""
    kept = [p for i in range(len(x.axes)) if i not in axes for p in x.positions(i)]
    reduced = [p for i in axes for p in x.positions(i)]
    points = on.world.rearrange(graph(on.world, x), [*kept, len(x.atoms), *reduced])
    relation = as_map(points.project_out(SET, len(kept) + 1, len(reduced)), len(kept))
    best = (relation.lexmax() if largest else relation.lexmin()).wrap().flatten()
    return points.intersect(on.world.embed(best, points.dim(SET), range(len(kept) + 1)))


def reduce_extreme(largest: bool) -> Rule:
    """The largest or smallest value of an index tensor along axes."""

    def rule(on: Frame, step: Step, x: Form, *, axes: Sequence[int], out_sharding: Any = None) -> Form:
        step.expect(out_sharding=(out_sharding, None))
        refuse_unless(step, "int")
        outer = [x.axes[i] for i in range(len(x.axes)) if i not in axes]
        points = extreme_along(on, x, axes, largest)
        count = sum(map(len, outer)) + 1
        return from_graph(on.world, outer, points.project_out(SET, count, points.dim(SET) - count))

    return rule


reduce_max, reduce_min = reduce_extreme(True), reduce_extreme(False)


def arg_extreme(largest: bool) -> Rule:
    """The first position along an axis at which an index tensor or condition is largest or smallest."""

    def rule(on: Frame, step: Step, x: Form, *, axes: Sequence[int], index_dtype: Any) -> Form:
        if kind_of(step.ins[0].dtype) == "real":
            raise step.refuse("of real numbers it has no rule")
        (axis,) = axes
        outer = [a for i, a in enumerate(x.axes) if i != axis]
        count = sum(map(len, outer))
        points = extreme_along(on, x, axes, largest).project_out(SET, count, 1)
        first = as_map(points, count).lexmin().wrap().flatten()
        found = names(len(x.axes[axis]), count)
        position = on.position(x.axes[axis], found, step)
        inner = ", ".join([*names(count), *found])
        outs = ", ".join([*names(count), "_v"])
        moved = first.apply(isl.Map(f"{on.world.prefix}{{ [{inner}] -> [{outs}] : _v = {position} }}"))
        return from_graph(on.world, outer, moved)

    return rule


argmax, argmin = arg_extreme(True), arg_extreme(False)


def cumsum(on: Frame, step: Step, x: Form, *, axis: int, reverse: bool) -> Form:
    def link(g: Sequence[Names]) -> list[str]:
        out, inner = split(g[0], x.axes), split(g[1], x.axes)
        found = [line for i in range(len(x.axes)) if i != axis for line in equal(out[i], inner[i])]
        return [*found, before(out[axis], inner[axis]) if reverse else before(inner[axis], out[axis])]

    return join(on.world, x.axes, [x], link)


def before(left: Names, right: Names) -> str:
    """That a position in an axis is at most another; a merged axis is in the lexical order of its factors."""
    if not left:
        return "true"
    first, *rest = zip(left, right, strict=True)
    if not rest:
        return f"{first[0]} <= {first[1]}"
    return f"({first[0]} < {first[1]} or {first[0]} = {first[1]} and {before(left[1:], right[1:])})"
