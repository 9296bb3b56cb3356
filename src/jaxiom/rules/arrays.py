"""What a primitive does to plain arrays: moves, integer arithmetic, and contractions with the number of their terms.

The rounding and the modular interpreter share it: both work on JAX's own arrays, at given sizes, under jit.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.extend.core import primitives as prims

from jaxiom.interpret import Step
from jaxiom.jaxprs import Primitive

Move = Callable[..., Any]  # of arrays: an array, or a tuple of them


def transpose(step: Step, x: Array, *, permutation: Any) -> Array:
    return lax.transpose(x, permutation)


def reshape(step: Step, x: Array, *, new_sizes: Any, dimensions: Any, sharding: Any) -> Array:
    step.expect(sharding=(sharding, None))
    return lax.reshape(x, new_sizes, dimensions)


def squeeze(step: Step, x: Array, *, dimensions: Any) -> Array:
    return lax.squeeze(x, dimensions)


def broadcast_in_dim(step: Step, x: Array, *, shape: Any, broadcast_dimensions: Any, sharding: Any) -> Array:
    step.expect(sharding=(sharding, None))
    return lax.broadcast_in_dim(x, shape, broadcast_dimensions)


def slice_(step: Step, x: Array, *, start_indices: Any, limit_indices: Any, strides: Any) -> Array:
    return lax.slice(x, start_indices, limit_indices, strides)


def rev(step: Step, x: Array, *, dimensions: Any) -> Array:
    return lax.rev(x, dimensions)


def concatenate(step: Step, *xs: Array, dimension: int) -> Array:
    return lax.concatenate(xs, dimension)


def split(step: Step, x: Array, *, sizes: Any, axis: int) -> tuple[Array, ...]:
    return tuple(lax.split(x, sizes, axis))


def stack(step: Step, *xs: Array, axis: int) -> Array:
    return jnp.stack(xs, axis)


def unstack(step: Step, x: Array, *, axis: int) -> tuple[Array, ...]:
    return jnp.unstack(x, axis=axis)


def tile(step: Step, x: Array, *, reps: Any) -> Array:
    return jnp.tile(x, reps)


def pad(step: Step, x: Array, fill: Array, *, padding_config: Any) -> Array:
    return lax.pad(x, fill, padding_config)


def copy(step: Step, x: Array) -> Array:
    return x


def name(step: Step, x: Array, *, name: str) -> Array:
    return x


def barrier(step: Step, *xs: Array) -> tuple[Array, ...]:
    return xs


def dynamic_slice(step: Step, x: Array, *starts: Array, slice_sizes: Any) -> Array:
    return lax.dynamic_slice(x, starts, slice_sizes)


def gather(
    step: Step,
    x: Array,
    indices: Array,
    *,
    dimension_numbers: Any,
    slice_sizes: Any,
    unique_indices: Any,
    indices_are_sorted: Any,
    mode: Any,
    fill_value: Any,
) -> Array:
    """An index outside fills with 0 or NaN where the program says so; NaN is no number, and shows in the result."""
    del unique_indices, indices_are_sorted  # promises to the compiler, without a meaning of their own
    if fill_value is not None and fill_value != 0 and not np.isnan(fill_value):
        raise step.refuse(f"parameter fill_value={fill_value} has no rule, only 0 and NaN")
    return lax.gather(x, indices, dimension_numbers, slice_sizes, mode=mode, fill_value=fill_value)


# Every entry of the result is an entry of an operand. A float moves with all that is known about it.
MOVES: dict[Primitive, Move] = {
    prims.transpose_p: transpose,
    prims.reshape_p: reshape,
    prims.squeeze_p: squeeze,
    prims.broadcast_in_dim_p: broadcast_in_dim,
    prims.slice_p: slice_,
    prims.rev_p: rev,
    prims.concatenate_p: concatenate,
    lax.split_p: split,
    lax.stack_p: stack,
    lax.unstack_p: unstack,
    lax.tile_p: tile,
    prims.pad_p: pad,
    prims.copy_p: copy,
    prims.stop_gradient_p: copy,
    prims.name_p: name,
    lax.optimization_barrier_p: barrier,
    prims.dynamic_slice_p: dynamic_slice,
    prims.gather_p: gather,
}

COMPARISONS: dict[Primitive, Callable[[Array, Array], Array]] = {
    prims.eq_p: lax.eq,
    prims.ne_p: lax.ne,
    prims.lt_p: lax.lt,
    prims.le_p: lax.le,
    prims.gt_p: lax.gt,
    prims.ge_p: lax.ge,
}

# On truth values and integers only; the float meaning, where there is one, is the interpreter's own.
WHOLE: dict[Primitive, Callable[..., Array]] = {
    prims.and_p: lax.bitwise_and,
    prims.or_p: lax.bitwise_or,
    prims.xor_p: lax.bitwise_xor,
    prims.not_p: lax.bitwise_not,
    prims.rem_p: lax.rem,
    prims.sign_p: lax.sign,
}


def iota(step: Step, *, dtype: Any, shape: Any, dimension: int, sharding: Any) -> Array:
    """0, 1, 2, ... along one axis."""
    step.expect(sharding=(sharding, None))
    return lax.broadcasted_iota(dtype, shape, dimension)


def is_float(aval: Any) -> bool:
    return bool(jnp.issubdtype(aval.dtype, jnp.floating))


@dataclass(frozen=True, eq=False)
class Contraction:
    """A bilinear primitive at given sizes: each entry of the result is a sum of products.

    Attributes:
        call: `call(x, w, precision, dtype)`, the same contraction of any two arrays of these shapes.
        terms: how many products an entry has, a number or an array that broadcasts against the result.
        precision, dtype: what the program itself asks for.
    """

    call: Callable[[Array, Array, Any, Any], Array]
    terms: int | np.ndarray
    precision: Any
    dtype: Any

    @property
    def longest(self) -> int:
        return int(np.max(self.terms, initial=1))


def convolution(
    step: Step,
    *,
    window_strides: Any,
    padding: Any,
    lhs_dilation: Any,
    rhs_dilation: Any,
    dimension_numbers: Any,
    feature_group_count: int,
    batch_group_count: int,
    precision: Any,
    preferred_element_type: Any,
    out_sharding: Any,
) -> Contraction:
    """conv_general_dilated: only the taps inside the image are terms, what falls on the padding is an exact zero.

    A negative padding is cut from the image here: XLA's own on the CPU reads beyond the row (openxla/xla issue 48713),
    and what is to judge a program must not be wrong with it.
    """
    step.expect(out_sharding=(out_sharding, None))
    spatial = dimension_numbers.lhs_spec[2:]
    image = [step.ins[0].shape[axis] for axis in spatial]
    cuts = [uncropped(*axis) for axis in zip(image, padding, lhs_dilation, strict=True)]

    def call(x: Array, w: Array, precision: Any, dtype: Any) -> Array:
        for axis, (start, stop, _) in zip(spatial, cuts, strict=True):
            x = lax.slice_in_dim(x, start, stop, axis=axis)
        return lax.conv_general_dilated(
            x,
            w,
            window_strides,
            [pads for _, _, pads in cuts],
            lhs_dilation,
            rhs_dilation,
            dimension_numbers,
            feature_group_count,
            batch_group_count,
            precision,
            preferred_element_type=dtype,
        )

    terms = taps_inside(step, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers)
    return Contraction(call, terms, precision, preferred_element_type)


def uncropped(image: int, pads: tuple[int, int], dilation: int) -> tuple[int, int, tuple[int, int]]:
    """Which part of an axis a convolution sees, from where to where, and the padding, not negative, around that part.

    >>> uncropped(6, (-5, 1), 1)
    (5, 6, (0, 1))
    >>> uncropped(4, (-1, 2), 3)  # x 0 0 x 0 0 x 0 0 x without its first
    (1, 4, (2, 2))
    """
    low, high = (-(min(int(pad), 0) // dilation) for pad in pads)
    if low + high >= image:  # nothing of it is left: zeros, as many as there are places
        dilated = (image - 1) * dilation + 1 if image else 0
        return 0, 0, (dilated + int(pads[0]) + int(pads[1]), 0)
    return low, image - high, (int(pads[0]) + low * dilation, int(pads[1]) + high * dilation)


def taps_inside(step: Step, strides: Any, padding: Any, lhs_dilation: Any, rhs_dilation: Any, names: Any) -> np.ndarray:
    """How many products with the image each entry of a convolution sums; broadcasts against the result."""
    x, w, out = step.ins[0].shape, step.ins[1].shape, step.outs[0].shape
    terms = np.full((1,) * len(out), w[names.rhs_spec[1]])
    axes = zip(names.lhs_spec[2:], names.rhs_spec[2:], names.out_spec[2:], strict=True)
    for at, (image, kernel, result) in enumerate(axes):
        taps = np.arange(out[result])[:, None] * strides[at] + np.arange(w[kernel]) * rhs_dilation[at]
        places = taps - int(padding[at][0])
        inside = (places >= 0) & (places <= (x[image] - 1) * lhs_dilation[at]) & (places % lhs_dilation[at] == 0)
        along = [1] * len(out)
        along[result] = out[result]
        terms = terms * inside.sum(axis=1).reshape(along)
    return terms


def dot(
    step: Step, *, dimension_numbers: Any, precision: Any, preferred_element_type: Any, out_sharding: Any
) -> Contraction:
    """dot_general."""
    step.expect(out_sharding=(out_sharding, None))

    def call(x: Array, w: Array, precision: Any, dtype: Any) -> Array:
        return lax.dot_general(x, w, dimension_numbers, precision, dtype)

    summed = dimension_numbers[0][0]
    terms = math.prod(step.ins[0].shape[axis] for axis in summed)
    return Contraction(call, terms, precision, preferred_element_type)


@dataclass(frozen=True, eq=False)
class Summation:
    """A linear primitive at given sizes: each entry of the result is a sum of at most `terms` entries."""

    call: Callable[[Array], Array]
    terms: int


def reduce_sum(step: Step, *, axes: Any, out_sharding: Any) -> Summation:
    """A sum over whole axes."""
    step.expect(out_sharding=(out_sharding, None))
    return Summation(lambda x: x.sum(axes, dtype=x.dtype), math.prod(step.ins[0].shape[a] for a in axes))


def reduce_window_sum(
    step: Step, *, window_dimensions: Any, window_strides: Any, padding: Any, base_dilation: Any, window_dilation: Any
) -> Summation:
    """A sum over each window."""

    def call(x: Array) -> Array:
        zero = np.zeros((), x.dtype)
        return lax.reduce_window(
            x, zero, lax.add, window_dimensions, window_strides, padding, base_dilation, window_dilation
        )

    return Summation(call, math.prod(window_dimensions))


def cumsum(step: Step, *, axis: int, reverse: bool) -> Summation:
    """Running sums."""
    return Summation(lambda x: lax.cumsum(x, axis, reverse), step.ins[0].shape[axis])


CONTRACTIONS: dict[Primitive, Callable[..., Contraction]] = {
    prims.conv_general_dilated_p: convolution,
    prims.dot_general_p: dot,
}

SUMMATIONS: dict[Primitive, Callable[..., Summation]] = {
    prims.reduce_sum_p: reduce_sum,
    prims.reduce_window_sum_p: reduce_window_sum,
    prims.cumsum_p: cumsum,
}
