"""What can be changed in one equation of a jaxpr: (kind, detail, change)."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxiom.jaxprs import Equation, Literal, all_primitives
from jaxiom.replay import Call
from jaxiom.trace import shape_of

Change = Callable[[Call], Any]
"""What a mutation makes of one equation: its results, given the equation where it is replayed."""
Found = Iterator[tuple[str, str, Change]]


def changes(equation: Equation, operands: Sequence[int | None], before: Sequence[Any]) -> Found:
    """Every change of one equation; `before` are the abstract values of all values before it, `operands` the numbers
    of its operands among them."""
    special = {
        "conv_general_dilated": conv_changes,
        "dot_general": dot_changes,
        "pad": pad_changes,
        "slice": slice_changes,
        "transpose": transpose_changes,
        "reduce_sum": reduce_changes,
        "rev": rev_changes,
        "broadcast_in_dim": broadcast_changes,
        "concatenate": concatenate_changes,
        "dim_as_value": count_changes,
        "cumsum": cumsum_changes,
        "reduce_window_sum": window_changes,
        "select_n": select_changes,
    }.get(equation.primitive.name)
    if special is not None:
        yield from special(equation)
    yield from sign_changes(equation)
    yield from literal_changes(equation)
    yield from dropped(equation)
    yield from index_changes(equation)
    yield from operand_changes(equation, operands, before)


def altered(**params: Callable[[Any], Any]) -> Change:
    """The equation with parameters changed."""
    return lambda call: call.bind(**{name: change(call.params[name]) for name, change in params.items()})


def at(position: int, change: Callable[[Any], Any]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """A change of one entry of a tuple."""
    return lambda values: tuple(change(v) if i == position else v for i, v in enumerate(values))


def swapped(i: int, j: int) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    def change(values: Sequence[Any]) -> tuple[Any, ...]:
        found = list(values)
        found[i], found[j] = found[j], found[i]
        return tuple(found)

    return change


def more(value: Any) -> Any:
    return value + 1


def conv_changes(equation: Equation) -> Found:
    rank = len(equation.params["window_strides"])
    for d in range(rank):
        for name, low, high in (("shift", 1, -1), ("shift back", -1, 1), ("low + 1", 1, 0), ("high - 1", 0, -1)):
            move = at(d, lambda pair, low=low, high=high: (pair[0] + low, pair[1] + high))
            yield "pad", f"padding of axis {d}: {name}", altered(padding=move)
        low, high = equation.params["padding"][d]
        if low is not high:
            yield "pad", f"padding of axis {d} the other way round", altered(padding=at(d, lambda pair: pair[::-1]))
        yield "stride", f"window_strides[{d}] + 1", altered(window_strides=at(d, more))
        yield "dilation", f"rhs_dilation[{d}] + 1", altered(rhs_dilation=at(d, more))
        yield "dilation", f"lhs_dilation[{d}] + 1", altered(lhs_dilation=at(d, more))
        yield "axis", f"kernel axis {d} reversed", flipped_kernel(d)
    for d in range(rank - 1):
        for spec in ("rhs_spec", "lhs_spec", "out_spec"):
            yield "permutation", f"axes {d} and {d + 1} of {spec} swapped", altered(dimension_numbers=respec(spec, d))


def respec(spec: str, d: int) -> Callable[[Any], Any]:
    return lambda numbers: numbers._replace(**{spec: swapped(2 + d, 3 + d)(getattr(numbers, spec))})


def flipped_kernel(d: int) -> Change:
    def change(call: Call) -> Any:
        axis = call.params["dimension_numbers"].rhs_spec[2 + d]
        return call.with_operand(1, lax.rev(call.operands[1], (axis,)))

    return change


def dot_changes(equation: Equation) -> Found:
    (left, right), (batch_left, batch_right) = equation.params["dimension_numbers"]
    shapes = [shape_of(v) for v in equation.invars]
    for side, contracted, batch, partner in ((0, left, batch_left, right), (1, right, batch_right, left)):
        free = [i for i in range(len(shapes[side])) if i not in (*contracted, *batch)]
        for i in range(len(contracted)):
            for j in (j for j in free if shapes[side][j] == shapes[1 - side][partner[i]]):
                over = contraction(side, at(i, lambda _, j=j: j))
                yield "axis", f"operand {side} contracted over axis {j}", altered(dimension_numbers=over)
        for i in range(len(contracted) - 1):
            over = contraction(side, swapped(i, i + 1))
            yield "permutation", f"contracted axes {i}, {i + 1} of operand {side}", altered(dimension_numbers=over)


def contraction(side: int, change: Callable[[Sequence[int]], tuple[int, ...]]) -> Callable[[Any], Any]:
    """A change of the contracted axes of one operand."""
    return lambda numbers: (tuple(change(a) if i == side else a for i, a in enumerate(numbers[0])), numbers[1])


def pad_changes(equation: Equation) -> Found:
    for d in range(len(equation.params["padding_config"])):
        for name, by in (("shift", (1, -1, 0)), ("shift back", (-1, 1, 0)), ("interior + 1", (0, 0, 1))):
            move = at(d, lambda entry, by=by: tuple(v + b for v, b in zip(entry, by, strict=True)))
            yield "pad", f"padding_config[{d}]: {name}", altered(padding_config=move)


def slice_changes(equation: Equation) -> Found:
    for d in range(len(equation.params["start_indices"])):
        yield "start", f"start_indices[{d}] + 1", altered(start_indices=at(d, more))
        yield "start", f"limit_indices[{d}] - 1", altered(limit_indices=at(d, lambda v: v - 1))

        def stride(call: Call, d: int = d) -> Any:
            steps = call.params["strides"] or (1,) * len(call.params["start_indices"])
            return call.bind(strides=at(d, more)(steps))

        yield "stride", f"strides[{d}] + 1", stride


def transpose_changes(equation: Equation) -> Found:
    for d in range(len(equation.params["permutation"]) - 1):
        yield "permutation", f"entries {d} and {d + 1} swapped", altered(permutation=swapped(d, d + 1))


def reduce_changes(equation: Equation) -> Found:
    axes, rank = equation.params["axes"], len(shape_of(equation.invars[0]))
    for i in range(len(axes)):
        for j in set(range(rank)) - set(axes):
            yield "axis", f"axes[{i}] = {j}", altered(axes=lambda a, i=i, j=j: tuple(sorted(at(i, lambda _: j)(a))))


def rev_changes(equation: Equation) -> Found:
    axes, rank = equation.params["dimensions"], len(shape_of(equation.invars[0]))
    for i in range(len(axes)):
        yield "axis", f"axis {axes[i]} not reversed", altered(dimensions=lambda a, i=i: a[:i] + a[i + 1 :])
    for j in set(range(rank)) - set(axes):
        yield "axis", f"axis {j} reversed too", altered(dimensions=lambda a, j=j: tuple(sorted((*a, j))))


def broadcast_changes(equation: Equation) -> Found:
    axes, shape = equation.params["broadcast_dimensions"], equation.params["shape"]
    for i, size in enumerate(shape_of(equation.invars[0])):
        for j in (j for j in set(range(len(shape))) - set(axes) if shape[j] == size):
            move = at(i, lambda _, j=j: j)
            yield "axis", f"broadcast_dimensions[{i}] = {j}", altered(broadcast_dimensions=move)


def concatenate_changes(equation: Equation) -> Found:
    if len(equation.invars) > 1:
        yield "permutation", "the parts the other way round", lambda call: call.bind(operands=call.operands[::-1])
    for d in set(range(len(shape_of(equation.outvars[0])))) - {equation.params["dimension"]}:
        yield "axis", f"dimension = {d}", altered(dimension=lambda _, d=d: d)


def count_changes(equation: Equation) -> Found:
    yield "count", "dim + 1", altered(dim=more)
    yield "count", "dim - 1", altered(dim=lambda v: v - 1)
    yield "count", "2 * dim", altered(dim=lambda v: 2 * v)


def cumsum_changes(equation: Equation) -> Found:
    yield "axis", "reverse the other way round", altered(reverse=lambda reverse: not reverse)
    for d in set(range(len(shape_of(equation.outvars[0])))) - {equation.params["axis"]}:
        yield "axis", f"axis = {d}", altered(axis=lambda _, d=d: d)


def window_changes(equation: Equation) -> Found:
    for d in range(len(equation.params["window_dimensions"])):
        yield "stride", f"window_strides[{d}] + 1", altered(window_strides=at(d, more))
        yield "dilation", f"window_dilation[{d}] + 1", altered(window_dilation=at(d, more))
        yield "pad", f"padding of axis {d}: shift", altered(padding=at(d, lambda pair: (pair[0] + 1, pair[1] - 1)))
        yield "pad", f"padding of axis {d}: low + 1", altered(padding=at(d, lambda pair: (pair[0] + 1, pair[1])))
        yield "count", f"window_dimensions[{d}] + 1", altered(window_dimensions=at(d, more))


def select_changes(equation: Equation) -> Found:
    if len(equation.invars) == 3:
        yield (
            "operand",
            "the cases the other way round",
            lambda call: call.bind(operands=[call.operands[0], call.operands[2], call.operands[1]]),
        )


def sign_changes(equation: Equation) -> Found:
    name = equation.primitive.name
    for one, other in (("add", "sub"), ("sub", "add"), ("neg", "copy")):
        if name == one:
            yield "sign", f"{other} in its place", lambda call, other=other: call.bind(all_primitives()[other])
    if is_real(equation.outvars[0].aval) and name != "neg":
        yield "sign", "its result negated", negated
    if name in ("sub", "div"):
        yield "operand", "the operands the other way round", lambda call: call.bind(operands=call.operands[::-1])


def negated(call: Call) -> Any:
    return lax.neg(call.bind())


def literal_changes(equation: Equation) -> Found:
    for i, atom in enumerate(equation.invars):
        if isinstance(atom, Literal) and is_real(atom.aval):
            yield "literal", f"{atom.val} + 1", lambda call, i=i: call.with_operand(i, call.operands[i] + 1)
            yield "literal", f"2 * {atom.val}", lambda call, i=i: call.with_operand(i, call.operands[i] * 2)
        elif isinstance(atom, Literal) and is_whole(atom.aval):
            yield (
                "start",
                f"index {atom.val} + 1",
                lambda call, i=i: call.with_operand(i, call.operands[i] + np.ones_like(call.operands[i])),
            )


def dropped(equation: Equation) -> Found:
    for i, atom in enumerate(equation.invars):
        if same_type(atom.aval, equation.outvars[0].aval) and equation.primitive.name not in ("copy", "stop_gradient"):
            yield "dropped", f"operand {i} in its place", lambda call, i=i: call.operands[i]


def index_changes(equation: Equation) -> Found:
    """An operand read one further along an axis, zero beyond it."""
    if equation.primitive.name not in ("conv_general_dilated", "dot_general", "add", "sub", "mul", "concatenate"):
        return
    for i, atom in enumerate(equation.invars):
        for d in range(len(shape_of(atom)) if is_real(atom.aval) else 0):
            yield (
                "index",
                f"operand {i} read one further along axis {d}",
                lambda call, i=i, d=d: call.with_operand(i, shifted(call.operands[i], d)),
            )


def shifted(value: Any, axis: int) -> Any:
    return lax.pad(
        value, np.zeros((), value.dtype), [(-1, 1, 0) if d == axis else (0, 0, 0) for d in range(value.ndim)]
    )


def operand_changes(equation: Equation, operands: Sequence[int | None], before: Sequence[Any]) -> Found:
    """An operand replaced by another value of the same type: the two last ones."""
    for i, (atom, mine) in enumerate(zip(equation.invars, operands, strict=True)):
        if isinstance(atom, Literal) or not is_real(atom.aval):
            continue
        others = [k for k, aval in enumerate(before) if k != mine and same_type(aval, atom.aval)]
        for k in others[-2:]:
            yield "operand", f"operand {i} is value {k}", lambda call, i=i, k=k: call.with_operand(i, call.values[k])


def is_real(aval: Any) -> bool:
    return jnp.issubdtype(aval.dtype, jnp.floating)


def is_whole(aval: Any) -> bool:
    return jnp.issubdtype(aval.dtype, jnp.integer)


def same_type(a: Any, b: Any) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape
