"""The polyhedral rules that read and write at computed indices: dynamic slices, gathers, scatters.

All of them tie the index of an array to that of a tensor of windows: start + offset in the window. A gather reads the
windows out of the array, a scatter writes them into it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import islpy as isl
import numpy as np
from jax.lax import GatherScatterMode as Mode

from jaxiom.errors import Undecidable
from jaxiom.interpret import Rule, Step
from jaxiom.polyhedra.axes import atomic, finer, links, plus, refactor
from jaxiom.polyhedra.form import Form, Sizes, join, scalar
from jaxiom.polyhedra.graphs import everywhere, from_condition, graph, restrict
from jaxiom.polyhedra.polynomial import Polynomial, isl_text
from jaxiom.polyhedra.settle import SET, pinned
from jaxiom.polyhedra.world import names
from jaxiom.rules.frame import Frame, Names, split
from jaxiom.rules.polyhedral_arithmetic import times


@dataclass(frozen=True)
class Windows:
    """How windows lie in an array.

    Attributes:
        shape: the array's sizes.
        extents: the window's size along each axis of the array.
        offset: axis of the array -> axis of the tensor of windows that runs along it in the window.
        where: axis of the array -> which of the computed starts is its own; the others start at 0.
        batching: axis of the array -> axis of the tensor of windows that has its very index.
        clip: a start is moved so that its window lies inside; else windows that do not are left out.
    """

    shape: Sequence[Polynomial]
    extents: Sequence[Polynomial]
    offset: Mapping[int, int]
    where: Mapping[int, int]
    batching: Mapping[int, int]
    clip: bool

    def whole(self, on: Frame, axis: int) -> bool:
        """Whether windows take the whole of an axis, which may then be a merged one."""
        return on.world.same(self.shape[axis], self.extents[axis])

    def last(self, on: Frame, axis: int) -> str:
        """The last start at which a window lies inside."""
        return f"{isl_text(on.affine(self.shape[axis]))} - ({isl_text(on.affine(self.extents[axis]))})"

    def link(
        self,
        on: Frame,
        step: Step,
        axes: tuple[Sequence[Sizes], Sequence[Sizes]],
        indices: tuple[Names, Names],
        starts: Names,
    ) -> list[str]:
        """The constraints between indices of the array and of the tensor of windows, given the axes of both."""
        array, windows = split(indices[0], axes[0]), split(indices[1], axes[1])
        found: list[str] = []
        for d, axis in enumerate(axes[0]):
            twin = self.batching.get(d, self.offset.get(d))
            start = starts[self.where[d]] if d in self.where else None
            if d in self.batching or d in self.offset and self.whole(on, d):
                assert twin is not None
                found += links(on.world, axis, axes[1][twin], array[d], windows[twin])
                found += [f"{start} = 0"] if start is not None and not self.clip else []
                continue
            inside = "0" if twin is None else on.position(axes[1][twin], windows[twin], step)
            found.append(f"{on.position(axis, array[d], step)} = {self.begin(on, d, start)} + {inside}")
            found += [f"0 <= {start} <= {self.last(on, d)}"] if start is not None and not self.clip else []
        return found

    def begin(self, on: Frame, axis: int, start: str | None) -> str:
        if start is None:
            return "0"
        return f"max(0, min({start}, {self.last(on, axis)}))" if self.clip else start


def split_positions(indices: Sequence[int], axes: Sequence[Sizes]) -> list[Sequence[int]]:
    found, at = [], 0
    for axis in axes:
        found.append(indices[at : at + len(axis)])
        at += len(axis)
    return found


def tied(
    on: Frame,
    starts: Sequence[Form],
    axes: Sequence[Sizes],
    batch: Sequence[int],
    at: Sequence[int],
    own: Sequence[int],
) -> list[tuple[isl.Set, Sequence[int]]]:
    """The graphs of the computed starts, at the positions of the windows' batch indices and of the starts' own."""
    places = split_positions(at, axes)
    outer = [p for d in batch for p in places[d]]
    return [(graph(on.world, s), [*outer, own[j]]) for j, s in enumerate(starts)]


def read(
    on: Frame, step: Step, x: Form, windows: Windows, axes: Sequence[Sizes], batch: Sequence[int], starts: Any
) -> Form:
    """The tensor of windows, read out of an array; 0 where a window is left out."""
    return join(
        on.world,
        axes,
        [x],
        lambda g: windows.link(on, step, (x.axes, axes), (g[1], g[0]), g[2]),
        extra=len(starts),
        ties=lambda g: tied(on, starts, axes, batch, g[0], g[2]),
    )


def dynamic_slice(on: Frame, step: Step, x: Form, *starts: Form, slice_sizes: Sequence[Any]) -> Form:
    """A slice at computed starts, which lax clamps so that it stays inside."""
    starts = starts[: len(x.axes)]  # with symbolic sizes JAX passes those as operands too
    windows = block(on, step, slice_sizes)
    axes = [x.axes[d] if windows.whole(on, d) else atomic_axis(on, s) for d, s in enumerate(slice_sizes)]
    return read(on, step, x, windows, axes, (), starts)


def block(on: Frame, step: Step, extents: Sequence[Any]) -> Windows:
    """One window of the array's own rank, kept inside."""
    every = {d: d for d in range(len(extents))}
    return Windows([on.size(d) for d in step.ins[0].shape], [on.size(d) for d in extents], every, every, {}, clip=True)


def atomic_axis(on: Frame, dim: Any) -> Sizes:
    return atomic(on.world, on.affine(on.size(dim)))


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
    rank = len(step.outs[0].shape)
    batch = [d for d in range(rank) if d not in numbers.offset_dims]
    removed = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    offset = dict(zip([d for d in range(len(x.axes)) if d not in removed], numbers.offset_dims, strict=True))
    windows = Windows(
        [on.size(d) for d in step.ins[0].shape],
        [on.size(d) for d in slice_sizes],
        offset,
        {d: j for j, d in enumerate(numbers.start_index_map)},
        {
            d: batch[at]
            for d, at in zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True)
        },
        clip=mode == Mode.CLIP,
    )
    starts = components(on, indices, len(numbers.start_index_map))
    axes: list[Sizes] = [()] * rank
    for d, axis in zip(batch, indices.axes[:-1], strict=True):
        axes[d] = axis
    for d, of in offset.items():
        axes[of] = x.axes[d] if windows.whole(on, d) else atomic_axis(on, slice_sizes[d])
    result = read(on, step, x, windows, axes, batch, starts)
    if windows.clip or all_inside(on, windows, starts):
        return result
    if mode != Mode.FILL_OR_DROP or fill_value is None or not np.isfinite(fill_value):
        raise Undecidable(
            f"gather at {step.line} may read outside the array, which mode {mode} leaves undefined or fills with "
            f"{'NaN' if fill_value is None or np.isnan(fill_value) else fill_value}; say in given= what keeps it inside"
        )
    return (
        plus(on.world, result, filled(on, step, windows, (axes, batch), starts, fill_value)) if fill_value else result
    )


def filled(
    on: Frame, step: Step, windows: Windows, layout: tuple[Sequence[Sizes], Sequence[int]], starts: Any, value: Any
) -> Form:
    """The fill value, wherever a window is not inside."""
    axes, batch = layout
    outside = everywhere(on.world, axes)
    count = outside.dim(SET)
    own = range(count, count + len(starts))
    bounds = [f"0 <= _{own[j]} <= {windows.last(on, d)}" for d, j in windows.where.items()]
    inside = on.world.set(count + len(starts), bounds)
    for graph_, where in tied(on, starts, axes, batch, range(count), own):
        inside = inside.intersect(on.world.embed(graph_, count + len(starts), where))
    outside = outside.subtract(inside.project_out(SET, count, len(starts)))
    number = scalar(on.world, on.number(value, step.outs[0]))
    return join(on.world, axes, [number], lambda g: [], ties=lambda g: [(outside, g[0])])


def components(on: Frame, indices: Form, count: int) -> list[Form]:
    """The components of the index vectors, which lie along the last axis."""
    axes = indices.axes[:-1]
    outer = sum(map(len, axes))

    def pick(j: int) -> Form:
        pin = [f"{j}"] * len(indices.axes[-1])
        return join(
            on.world,
            axes,
            [indices],
            lambda g: [f"{a} = {b}" for a, b in zip(g[1], [*g[0][:outer], *pin], strict=True)],
        )

    return [pick(j) for j in range(count)]


def all_inside(on: Frame, windows: Windows, starts: Sequence[Form], dropped: bool = False) -> bool:
    """Whether every start is provably between 0 and its last allowed value (or, if `dropped`, so far outside that its
    window misses the array)."""
    for d, j in windows.where.items():
        points = graph(on.world, starts[j])
        at = points.dim(SET) - 1
        allowed = f"0 <= _{at} <= {windows.last(on, d)}"
        if dropped:
            size, extent = isl_text(on.affine(windows.shape[d])), isl_text(on.affine(windows.extents[d]))
            allowed = f"(({allowed}) or _{at} + {extent} <= 0 or _{at} >= {size})"
        if not points.is_subset(on.world.set(at + 1, [allowed])):
            return False
    return True


@dataclass(frozen=True)
class Writing:
    """The windows of a scatter: `updates` and `starts` over the same batch axes, and which entries they meet.

    `meets` is the set of (index of the array, index of the updates).
    """

    windows: Windows
    updates: Form
    batch: Sequence[int]
    starts: Sequence[Form]
    meets: isl.Set

    def place(self, on: Frame, step: Step, x: Form) -> Form:
        """What is written at each entry; the sum, where several updates meet there."""
        return join(on.world, x.axes, [self.updates], lambda g: [], ties=lambda g: [(self.meets, [*g[0], *g[1]])])

    def landed(self, x: Form) -> isl.Set:
        """Where something is written."""
        count = len(x.atoms)
        return self.meets.project_out(SET, count, self.meets.dim(SET) - count)

    def untouched(self, on: Frame, x: Form) -> isl.Set:
        return everywhere(on.world, x.axes).subtract(self.landed(x))

    def once(self, x: Form) -> bool:
        """Whether no two updates meet."""
        return pinned(self.meets, len(x.atoms))


def writing(
    on: Frame, step: Step, x: Form, windows: Windows, updates: Form, batch: Sequence[int], starts: Any
) -> Writing:
    inner, outer = len(x.atoms), len(updates.atoms)
    total = inner + outer + len(starts)
    texts = names(total)
    at, own = range(inner, inner + outer), range(inner + outer, total)
    constraints = on.world.box(x.atoms) + on.world.box(updates.atoms, inner)
    constraints += windows.link(
        on, step, (x.axes, updates.axes), (texts[:inner], texts[inner : inner + outer]), texts[inner + outer :]
    )
    points = on.world.set(total, constraints).intersect_params(on.world.domain)
    for graph_, where in tied(on, starts, updates.axes, batch, at, own):
        points = points.intersect(on.world.embed(graph_, total, where))
    meets = points.project_out(SET, inner + outer, len(starts)).coalesce()
    return Writing(windows, updates, batch, starts, meets)


def dynamic_update_slice(on: Frame, step: Step, x: Form, update: Form, *starts: Form) -> Form:
    """A block written over an array at computed starts, which lax clamps so that it stays inside."""
    windows = block(on, step, step.ins[1].shape)
    return overwritten(on, step, x, writing(on, step, x, windows, update, (), starts))


def overwritten(on: Frame, step: Step, x: Form, written: Writing) -> Form:
    return plus(on.world, restrict(on.world, x, written.untouched(on, x)), written.place(on, step, x))


def added(on: Frame, step: Step, x: Form, written: Writing) -> Form:
    return plus(on.world, x, written.place(on, step, x))


def subtracted(on: Frame, step: Step, x: Form, written: Writing) -> Form:
    return plus(on.world, x, written.place(on, step, x).scale(-1))


def multiplied(on: Frame, step: Step, x: Form, written: Writing) -> Form:
    elsewhere = from_condition(x.axes, written.untouched(on, x))
    return times(on, x, plus(on.world, written.place(on, step, x), elsewhere))


def scattering(combine: Any, *, repeats: bool) -> Rule:
    """A rule for a scatter; `repeats` says that it has a meaning (a form) where several updates meet at one entry."""

    def rule(
        on: Frame,
        step: Step,
        x: Form,
        indices: Form,
        updates: Form,
        *,
        dimension_numbers: Any,
        indices_are_sorted: bool,
        unique_indices: bool,
        mode: Any,
        update_jaxpr: Any,
        update_consts: Any,
    ) -> Form:
        # indices_are_sorted is a promise that changes nothing; update_jaxpr repeats what the primitive's name says.
        step.expect(update_consts=(update_consts, ()))
        written = scattered(on, step, x, indices, updates, dimension_numbers, mode)
        if not written.once(x) and (unique_indices or not repeats):
            raise Undecidable(
                f"{step.primitive} at {step.line}: two updates may meet at one entry, "
                + ("against the promise unique_indices" if unique_indices else "and JAX does not say which comes first")
            )
        return combine(on, step, x, written)

    return rule


def scattered(on: Frame, step: Step, x: Form, indices: Form, updates: Form, numbers: Any, mode: Any) -> Writing:
    """Where the windows of a scatter land."""
    of = step.ins[2].shape
    batch = [d for d in range(len(of)) if d not in numbers.update_window_dims]
    thin = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    offset = dict(zip([d for d in range(len(x.axes)) if d not in thin], numbers.update_window_dims, strict=True))
    windows = Windows(
        [on.size(d) for d in step.ins[0].shape],
        [on.size(of[offset[d]] if d in offset else 1) for d in range(len(x.axes))],
        offset,
        {d: j for j, d in enumerate(numbers.scatter_dims_to_operand_dims)},
        {
            d: batch[at]
            for d, at in zip(numbers.operand_batching_dims, numbers.scatter_indices_batching_dims, strict=True)
        },
        clip=mode == Mode.CLIP,
    )
    axes = list(updates.axes)
    for d, axis in zip(batch, indices.axes[:-1], strict=True):
        axes[d] = finer(on.world, axes[d], axis)
    updates = refactor(on.world, updates, axes)
    indices = refactor(on.world, indices, [*(axes[d] for d in batch), indices.axes[-1]])
    starts = components(on, indices, len(numbers.scatter_dims_to_operand_dims))
    # XLA drops a whole window that sticks out, StableHLO's text only the entries outside: no meaning to go by.
    if not windows.clip and not all_inside(on, windows, starts, dropped=mode == Mode.FILL_OR_DROP):
        raise Undecidable(
            f"{step.primitive} at {step.line} may write outside the array, which mode {mode} leaves undefined for "
            "these windows; say in given= what keeps it inside"
        )
    return writing(on, step, x, windows, updates, batch, starts)


scatter = scattering(overwritten, repeats=False)
scatter_add = scattering(added, repeats=True)
scatter_sub = scattering(subtracted, repeats=True)
scatter_mul = scattering(multiplied, repeats=False)
