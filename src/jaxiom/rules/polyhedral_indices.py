"""The polyhedral rules of index tensors and conditions, and of what moves by them: gather, select, windows of sums."""

from collections.abc import Callable, Sequence
from typing import Any

import islpy as isl
from jax import lax

from jaxiom.errors import Undecidable
from jaxiom.interpret import Rule, Step
from jaxiom.polyhedra.axes import finer, plus, refactor
from jaxiom.polyhedra.form import Form, Missing, Sizes, join, scalar
from jaxiom.polyhedra.graphs import (
    common_scale,
    compute,
    condition,
    everywhere,
    from_condition,
    from_graph,
    graph,
    restrict,
)
from jaxiom.polyhedra.polynomial import Polynomial, isl_text
from jaxiom.polyhedra.settle import SET
from jaxiom.rules import polyhedral_arithmetic as arithmetic
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


def comparison(relation: str) -> Rule:
    """A comparison of index tensors: the set on which it holds."""

    def rule(on: Frame, step: Step, a: Form, b: Form) -> Form:
        a, b = common(on, step, a, b)
        scale = common_scale(on.world, [a, b])
        held = compute(on.world, [a, b], f"_a0 {relation} _a1 and _v = 1", scale)
        return from_condition(a.axes, held.project_out(SET, len(a.atoms), 1))

    return rule


def whole_number(relation: str) -> Rule:
    """A function of index tensors of two arguments; of real ones it is refused."""

    def rule(on: Frame, step: Step, a: Form, b: Form) -> Form:
        refuse_unless(step, "int")
        a, b = common(on, step, a, b)
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
    return (
        by_number(quotient)(on, step, a, b) if kind_of(step.ins[0].dtype) == "int" else arithmetic.div(on, step, a, b)
    )


def sign(on: Frame, step: Step, a: Form) -> Form:
    refuse_unless(step, "int")
    relation = "(_a0 > 0 and _v = 1) or (_a0 = 0 and _v = 0) or (_a0 < 0 and _v = -1)"
    return from_graph(on.world, a.axes, compute(on.world, [a], relation))


def clamp(on: Frame, step: Step, low: Form, a: Form, high: Form) -> Form:
    refuse_unless(step, "int")
    low, high = (match_scalar(on, f, a) for f in (low, high))
    relation = "_v = min(max(_a1, _a0), _a2)"  # in this order: the upper bound wins where the bounds cross
    return from_graph(on.world, a.axes, compute(on.world, [low, a, high], relation))


def match_scalar(on: Frame, bound: Form, like: Form) -> Form:
    return bound if bound.axes else join(on.world, like.axes, [bound], lambda g: [])


def logic(combine: Callable[[isl.Set, isl.Set], isl.Set]) -> Rule:
    """Boolean logic of conditions."""

    def rule(on: Frame, step: Step, a: Form, b: Form) -> Form:
        refuse_unless(step, "bool")
        a, b = common(on, step, a, b)
        nowhere = everywhere(on.world, a.axes)
        nowhere = nowhere.subtract(nowhere)
        held = [condition(f) or nowhere for f in (a, b)]
        return from_condition(a.axes, combine(*held))

    return rule


def logical_not(on: Frame, step: Step, a: Form) -> Form:
    refuse_unless(step, "bool")
    held = condition(a)
    full = everywhere(on.world, a.axes)
    return from_condition(a.axes, full if held is None else full.subtract(held))


def select_n(on: Frame, step: Step, which: Form, *cases: Form) -> Form:
    """A choice by a condition on indices. NaN may stand in a case that is never chosen."""
    if kind_of(step.ins[0].dtype) != "bool" or len(cases) != 2:
        raise step.refuse("a choice among more than two, or by values of the inputs, has no rule")
    known = [case for case in cases if not isinstance(case, Missing)]
    if not known:
        return cases[0]
    axes = list(known[0].axes)
    for other in known:
        axes = [finer(on.world, x, y) for x, y in zip(axes, other.axes, strict=True)]
    full = everywhere(on.world, axes)
    if not which.axes and axes:
        which = join(on.world, axes, [which], lambda g: [])
    which = refactor(on.world, which, axes)
    held = condition(which)
    true = full.subtract(full) if held is None else held
    parts = []
    for case, where in zip(cases, (full.subtract(true), true), strict=True):
        if isinstance(case, Missing):
            if not where.is_empty():
                raise Undecidable(f"{step.primitive} at {step.line} may choose NaN or infinity")
            continue
        parts.append(restrict(on.world, refactor(on.world, case, axes), where))
    return parts[0] if len(parts) == 1 else plus(on.world, *parts)


def cumsum(on: Frame, step: Step, x: Form, *, axis: int, reverse: bool) -> Form:
    def link(g: Sequence[Names]) -> list[str]:
        out, inner = split(g[0], x.axes), split(g[1], x.axes)
        found = [line for i in range(len(x.axes)) if i != axis for line in equal(out[i], inner[i])]
        here, there = on.position(x.axes[axis], out[axis], step), on.position(x.axes[axis], inner[axis], step)
        return [*found, f"{there} >= {here}" if reverse else f"{there} <= {here}"]

    return join(on.world, x.axes, [x], link)


def reduce_window_sum(
    on: Frame,
    step: Step,
    x: Form,
    *,
    window_dimensions: Sequence[Any],
    window_strides: Sequence[int],
    padding: Sequence[tuple[Any, Any]],
    base_dilation: Sequence[int],
    window_dilation: Sequence[int],
) -> Form:
    axes = on.new_axes(step.outs[0].shape)
    window = [on.size(d) for d in window_dimensions]
    trivial = [
        size == 1 and not on.size(p[0]) and not on.size(p[1]) and s == b == 1
        for size, p, s, b in zip(window, padding, window_strides, base_dilation, strict=True)
    ]
    axes = [x.axes[i] if trivial[i] else axes[i] for i in range(len(axes))]

    def link(g: Sequence[Names]) -> list[str]:
        out, inner = split(g[0], axes), split(g[1], x.axes)
        found: list[str] = []
        for i, size in enumerate(window):
            if trivial[i]:
                found += equal(out[i], inner[i])
                continue
            here, there = on.position(axes[i], out[i], step), on.position(x.axes[i], inner[i], step)
            low = isl_text(on.affine(on.size(padding[i][0])))
            tap = g[2][i]
            found += [
                f"0 <= {tap} < {isl_text(on.affine(size))}",
                f"{base_dilation[i]}*({there}) = {window_strides[i]}*({here}) + {window_dilation[i]}*{tap} - ({low})",
            ]
        return [*found, *(f"{g[2][i]} = 0" for i in range(len(window)) if trivial[i])]

    return join(on.world, axes, [x], link, extra=len(window))


def dynamic_slice(on: Frame, step: Step, x: Form, *starts: Form, slice_sizes: Sequence[Any]) -> Form:
    """A slice at computed starts, which lax clamps so that it stays inside."""
    axes = on.new_axes(step.outs[0].shape)
    starts = starts[: len(x.axes)]  # with symbolic sizes JAX passes those as operands too

    def link(g: Sequence[Names]) -> list[str]:
        out, inner = split(g[0], axes), split(g[1], x.axes)
        found: list[str] = []
        for i in range(len(axes)):
            size, extent = (
                isl_text(on.affine(on.size(step.ins[0].shape[i]))),
                isl_text(on.affine(on.size(slice_sizes[i]))),
            )
            last = f"{size} - ({extent})"
            here, there = on.position(axes[i], out[i], step), on.position(x.axes[i], inner[i], step)
            found.append(f"{there} = {here} + max(0, min({g[2][i]}, {last}))")
        return found

    return join(
        on.world,
        axes,
        [x],
        link,
        extra=len(axes),
        ties=lambda g: [(graph(on.world, f), [g[2][i]]) for i, f in enumerate(starts)],
    )


def gather(
    on: Frame,
    step: Step,
    x: Form,
    indices: Form,
    *dynamic: Form,
    dimension_numbers: Any,
    slice_sizes: Sequence[Any],
    indices_are_sorted: bool,
    unique_indices: bool,
    mode: Any,
    fill_value: Any,
) -> Form:
    # indices_are_sorted and unique_indices are promises about the indices: where kept, they change nothing.
    numbers = dimension_numbers
    axes = on.new_axes(step.outs[0].shape)
    batch = [d for d in range(len(axes)) if d not in numbers.offset_dims]
    removed = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    offset = dict(zip([d for d in range(len(x.axes)) if d not in removed], numbers.offset_dims, strict=True))
    starts = [component(on, indices, j) for j in range(len(numbers.start_index_map))]
    last = [f"{text(on, d)} - ({text(on, s)})" for d, s in zip(step.ins[0].shape, slice_sizes, strict=True)]
    clip = mode == lax.GatherScatterMode.CLIP
    where = dict(zip(numbers.start_index_map, range(len(starts)), strict=True))
    if not clip:
        inside = all_inside(on, starts, [last[d] for d in numbers.start_index_map])
        if not inside and (mode != lax.GatherScatterMode.FILL_OR_DROP or fill_value != 0):
            raise Undecidable(
                f"gather at {step.line} may read outside the array, which mode {mode} leaves undefined or fills with "
                f"{fill_value}; say in given= what keeps it inside"
            )

    def link(g: Sequence[Names]) -> list[str]:
        out, inner = split(g[0], axes), split(g[1], x.axes)
        found: list[str] = []
        for d in range(len(x.axes)):
            parts = ["0"]
            if d in offset:
                parts.append(on.position(axes[offset[d]], out[offset[d]], step))
            if d in where:
                start = g[2][where[d]]
                parts.append(f"max(0, min({start}, {last[d]}))" if clip else start)
                found += [] if clip else [f"0 <= {start} <= {last[d]}"]
            if d in numbers.operand_batching_dims:
                at = numbers.start_indices_batching_dims[numbers.operand_batching_dims.index(d)]
                parts.append(on.position(axes[batch[at]], out[batch[at]], step))
            found.append(f"{on.position(x.axes[d], inner[d], step)} = {' + '.join(parts)}")
        return found

    def ties(g: Sequence[Sequence[int]]) -> list[tuple[isl.Set, Sequence[int]]]:
        places = split_positions(g[0], axes)
        outer = [p for d in batch for p in places[d]]
        return [(graph(on.world, s), [*outer, g[2][j]]) for j, s in enumerate(starts)]

    return join(on.world, axes, [x], link, extra=len(starts), ties=ties)


def text(on: Frame, dim: Any) -> str:
    return isl_text(on.affine(on.size(dim)))


def component(on: Frame, indices: Form, j: int) -> Form:
    """Component j of the index vectors, which lie along the last axis."""
    axes = indices.axes[:-1]
    count = sum(map(len, axes))
    pin = [f"{j}"] * len(indices.axes[-1])
    return join(on.world, axes, [indices], lambda g: equal(g[1], [*g[0][:count], *pin]))


def all_inside(on: Frame, starts: Sequence[Form], last: Sequence[str]) -> bool:
    """Whether every start is provably between 0 and its last allowed value."""
    for start, end in zip(starts, last, strict=True):
        points = graph(on.world, start)
        at = points.dim(SET) - 1
        inside = on.world.set(at + 1, [f"0 <= _{at} <= {end}"])
        if not points.is_subset(inside):
            return False
    return True


def split_positions(indices: Sequence[int], axes: Sequence[Sizes]) -> list[Sequence[int]]:
    found, at = [], 0
    for axis in axes:
        found.append(indices[at : at + len(axis)])
        at += len(axis)
    return found
