"""Exact rules for what combines many entries into one: sums, products, maxima, contractions, windows, scatters.

Contractions leave out what is zero on one side: a witness is zero nearly everywhere, and so is exact at real sizes.
"""

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from jax.lax import GatherScatterMode

from jaxiom.interpret import Rule, Step
from jaxiom.rules.balls import larger, smaller
from jaxiom.rules.effort import spend
from jaxiom.rules.explicit_entries import Missing, array, elementwise, finite, is_bool, is_float, value
from jaxiom.rules.explicit_moves import box, clamped, inside, outside, padded, window_start

Combine = Callable[[Any, Any], Any]


def reduce_sum(step: Step, operand: np.ndarray, *, axes: Sequence[int], out_sharding: Any) -> np.ndarray:
    step.expect(out_sharding=(out_sharding, None))
    finite(step, operand)
    return array(np.add.reduce(operand, axis=tuple(axes)))


def reduce_prod(step: Step, operand: np.ndarray, *, axes: Sequence[int]) -> np.ndarray:
    finite(step, operand)
    return array(np.multiply.reduce(operand, axis=tuple(axes)))


def fold(step: Step, entries: Sequence[Any], combine: Combine) -> Any:
    """The entries' maximum (minimum, conjunction, ...). Of no entries it is what JAX says with an infinity."""
    result: Any = Missing(f"the {step.primitive} of nothing")
    for at, entry in enumerate(entries):
        result = combine(result, value(step, entry)) if at else value(step, entry)
    return result


def along(operand: np.ndarray, axes: Sequence[int], combine: Callable[[Sequence[Any]], Any]) -> np.ndarray:
    """`combine` of all entries that differ only in their indices along `axes`."""
    kept = operand.ndim - len(axes)
    last = np.moveaxis(operand, tuple(axes), range(kept, operand.ndim))
    result = np.empty(last.shape[:kept], dtype=object)
    for at in np.ndindex(*result.shape):
        result[at] = combine(list(array(last[at]).flat))
    return result


def reduction(combine: Combine) -> Rule:
    """A rule for the reductions that need to know values."""

    def rule(step: Step, operand: np.ndarray, *, axes: Sequence[int], out_sharding: Any = None) -> np.ndarray:
        step.expect(out_sharding=(out_sharding, None))
        return along(operand, axes, lambda entries: fold(step, entries, combine))

    return rule


reduce_max, reduce_min = reduction(larger), reduction(smaller)


def arg(combine: Combine) -> Rule:
    """A rule for the first position at which an extreme value stands."""

    def rule(step: Step, operand: np.ndarray, *, axes: Sequence[int], index_dtype: Any) -> np.ndarray:
        def position(entries: Sequence[Any]) -> int:
            values = [value(step, entry) for entry in entries]
            return values.index(fold(step, values, combine))

        return along(operand, axes, position)

    return rule


argmax, argmin = arg(max), arg(min)


def logical(of_all: Callable[[Sequence[bool]], bool]) -> Rule:
    """A rule for the reductions of truth values."""

    def rule(step: Step, operand: np.ndarray, *, axes: Sequence[int]) -> np.ndarray:
        if not is_bool(step.ins[0]):
            raise step.refuse("of integers, bit by bit, has no rule")
        return along(operand, axes, of_all)

    return rule


reduce_and, reduce_or = logical(all), logical(any)


def cumulative(combine: Callable[[Step], Combine]) -> Rule:
    """A rule for running sums, products, maxima and minima along an axis, from its end if `reverse`."""

    def rule(step: Step, operand: np.ndarray, *, axis: int, reverse: bool) -> np.ndarray:
        finite(step, operand)
        result = np.moveaxis(operand.copy(), axis, 0)
        if reverse:
            result = result[::-1]
        for at in range(1, len(result)):
            result[at, ...] = elementwise(combine(step), array(result[at - 1]), array(result[at]))
        return np.moveaxis(result[::-1] if reverse else result, 0, axis)

    return rule


cumsum = cumulative(lambda step: lambda a, b: a + b)
cumprod = cumulative(lambda step: lambda a, b: a * b)
cummax = cumulative(lambda step: lambda a, b: larger(value(step, a), value(step, b)))
cummin = cumulative(lambda step: lambda a, b: smaller(value(step, a), value(step, b)))


def check_contraction(step: Step, preferred_element_type: Any) -> None:
    """Refuse a contraction that is not one over the reals or the integers: of truth values, or of reals accumulated in
    an integer type (which truncates)."""
    if any(is_bool(aval) for aval in step.ins):
        raise step.refuse("of truth values has no rule")
    if any(is_float(aval) for aval in step.ins) and not is_float(step.outs[0]):
        raise step.refuse(f"parameter preferred_element_type={preferred_element_type} rounds real numbers to integers")


def dot_general(
    step: Step,
    left: np.ndarray,
    right: np.ndarray,
    *,
    dimension_numbers: Any,
    precision: Any,
    preferred_element_type: Any,
    out_sharding: Any,
) -> np.ndarray:
    """precision is ignored: it says how products are rounded, and the meaning is over the reals."""
    step.expect(out_sharding=(out_sharding, None))
    check_contraction(step, preferred_element_type)
    finite(step, left, right)
    (left_summed, right_summed), (left_batch, right_batch) = dimension_numbers
    left_free = [a for a in range(left.ndim) if a not in (*left_summed, *left_batch)]
    right_free = [a for a in range(right.ndim) if a not in (*right_summed, *right_batch)]
    batch = [left.shape[a] for a in left_batch]
    rows, columns = [left.shape[a] for a in left_free], [right.shape[a] for a in right_free]
    summed = prod(left.shape[a] for a in left_summed)
    lhs = left.transpose((*left_batch, *left_free, *left_summed)).reshape((prod(batch), prod(rows), summed))
    rhs = right.transpose((*right_batch, *right_summed, *right_free)).reshape((prod(batch), summed, prod(columns)))
    result = np.empty((prod(batch), prod(rows), prod(columns)), dtype=object)
    for at in range(prod(batch)):
        result[at] = matrix_product(lhs[at], rhs[at])
    return result.reshape((*batch, *rows, *columns))


def matrix_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ right, over the rows, products and columns that are not zero as a whole."""
    rows, columns = nonzero(left, 0), nonzero(right, 1)
    inner = np.intersect1d(nonzero(left, 1), nonzero(right, 0))
    spend(products=len(rows) * len(inner) * len(columns))
    result = np.zeros((len(left), right.shape[1]), dtype=object)
    if len(inner):
        result[np.ix_(rows, columns)] = np.dot(left[np.ix_(rows, inner)], right[np.ix_(inner, columns)])
    return result


def nonzero(operand: np.ndarray, axis: int) -> np.ndarray:
    """The indices along an axis at which not every entry is zero."""
    others = tuple(a for a in range(operand.ndim) if a != axis)
    return np.flatnonzero(operand.astype(bool).any(axis=others))


def correlate(image: np.ndarray, kernel: np.ndarray, strides: Sequence[int], dilation: Sequence[int]) -> np.ndarray:
    """out[n, o, y...] = sum of image[n, i, stride*y + dilation*t ...] * kernel[o, i, t...] over i and t.

    The image is [n, i, ...], the kernel [o, i, ...]; the kernel is not flipped, and nothing is padded.
    """
    taps = kernel.shape[2:]
    sizes = [
        max(0, (n - (max(k - 1, -1) * d + 1)) // s + 1)
        for n, k, s, d in zip(image.shape[2:], taps, strides, dilation, strict=True)
    ]
    result = np.zeros((image.shape[0], *sizes, kernel.shape[0]), dtype=object)
    images, filters = nonzero(image, 0), nonzero(kernel, 0)
    channels = np.intersect1d(nonzero(image, 1), nonzero(kernel, 1))
    image, kernel = image[np.ix_(images, channels)], kernel[np.ix_(filters, channels)]
    total = np.zeros((len(images), *sizes, len(filters)), dtype=object)
    spend(products=total.size * len(channels) * prod(taps))
    for tap in np.ndindex(*taps) if len(channels) else ():
        seen = [strided(t * d, size, s) for t, d, size, s in zip(tap, dilation, sizes, strides, strict=True)]
        total = total + np.tensordot(image[(slice(None), slice(None), *seen)], kernel[(..., *tap)], ([1], [1]))
    result[np.ix_(images, *map(np.arange, sizes), filters)] = total
    return np.moveaxis(result, -1, 1)


def strided(start: int, count: int, stride: int) -> slice:
    """The slice of `count` entries from `start` on, `stride` apart."""
    return slice(start, start + max(0, (count - 1) * stride + 1), stride)


def conv_general_dilated(
    step: Step,
    lhs: np.ndarray,
    rhs: np.ndarray,
    *,
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int],
    rhs_dilation: Sequence[int],
    dimension_numbers: Any,
    feature_group_count: int,
    batch_group_count: int,
    precision: Any,
    preferred_element_type: Any,
    out_sharding: Any,
) -> np.ndarray:
    """precision is ignored: it says how products are rounded, and the meaning is over the reals."""
    step.expect(out_sharding=(out_sharding, None))
    check_contraction(step, preferred_element_type)
    finite(step, lhs, rhs)
    image = lhs.transpose(dimension_numbers.lhs_spec)
    kernel = rhs.transpose(dimension_numbers.rhs_spec)
    spread = [(low, high, d - 1) for (low, high), d in zip(padding, lhs_dilation, strict=True)]
    image = padded(image, [(0, 0, 0), (0, 0, 0), *spread], 0)
    # One of the two counts is 1: groups of channels see their own filters, groups of images see their own filters.
    groups = max(feature_group_count, batch_group_count)
    images = np.split(image, groups, axis=1 if feature_group_count > 1 else 0)
    kernels = np.split(kernel, groups, axis=0)
    parts = [correlate(i, k, window_strides, rhs_dilation) for i, k in zip(images, kernels, strict=True)]
    return np.concatenate(parts, axis=1).transpose(np.argsort(dimension_numbers.out_spec))


def windows(
    operand: np.ndarray,
    dimensions: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    base_dilation: Sequence[int],
    window_dilation: Sequence[int],
    fill: Any,
) -> Iterator[np.ndarray]:
    """For each place in the window, what every window sees there."""
    config = [(low, high, d - 1) for (low, high), d in zip(padding, base_dilation, strict=True)]
    wide = padded(operand, config, fill)
    sizes = [
        max(0, (n - ((k - 1) * d + 1)) // s + 1)
        for n, k, s, d in zip(wide.shape, dimensions, strides, window_dilation, strict=True)
    ]
    for place in np.ndindex(*dimensions):
        seen = [strided(p * d, n, s) for p, d, n, s in zip(place, window_dilation, sizes, strides, strict=True)]
        yield wide[(*seen, ...)]


def reduce_window_sum(
    step: Step,
    operand: np.ndarray,
    *,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    base_dilation: Sequence[int],
    window_dilation: Sequence[int],
) -> np.ndarray:
    finite(step, operand)
    seen = windows(operand, window_dimensions, window_strides, padding, base_dilation, window_dilation, 0)
    return array(sum(seen, start=np.zeros(step.outs[0].shape, dtype=object)))


def window_extremum(combine: Combine) -> Rule:
    """A rule for maxima and minima over windows; what is padded does not count."""

    def rule(
        step: Step,
        operand: np.ndarray,
        *,
        window_dimensions: Sequence[int],
        window_strides: Sequence[int],
        padding: Sequence[tuple[int, int]],
        base_dilation: Sequence[int],
        window_dilation: Sequence[int],
    ) -> np.ndarray:
        finite(step, operand)
        beyond = Missing(f"the {step.primitive} of nothing")
        places = windows(operand, window_dimensions, window_strides, padding, base_dilation, window_dilation, beyond)
        seen = np.stack([array(place) for place in places], axis=-1)
        result = np.empty(seen.shape[:-1], dtype=object)
        for at in np.ndindex(*result.shape):
            result[at] = fold(step, [entry for entry in seen[at] if entry is not beyond], combine)
        return result

    return rule


reduce_window_max, reduce_window_min = window_extremum(larger), window_extremum(smaller)


def scattering(combine: Combine, overwrites: bool = False) -> Rule:
    """A rule for the scatters: each update is combined with what its place holds."""

    def rule(
        step: Step,
        operand: np.ndarray,
        indices: np.ndarray,
        updates: np.ndarray,
        *,
        dimension_numbers: Any,
        indices_are_sorted: bool,
        unique_indices: bool,
        mode: GatherScatterMode,
        update_jaxpr: Any,
        update_consts: Any,
    ) -> np.ndarray:
        """indices_are_sorted is a hint for speed. update_jaxpr repeats what the primitive's name says."""
        step.expect(update_consts=(update_consts, ()))
        result = operand.copy()
        touched = np.zeros(operand.shape, dtype=bool)
        for place, update in scattered(step, operand.shape, indices, updates, dimension_numbers, mode):
            # JAX leaves open which of two writes wins, and what happens where unique_indices is a false promise.
            if (overwrites or unique_indices) and touched[place].any():
                raise step.refuse("two updates meet at one place, and JAX does not say which comes first")
            touched[place] = True
            if not overwrites:
                finite(step, result[place], update)
            result[place] = elementwise(combine, result[place], update)
        return result

    return rule


def scattered(
    step: Step, shape: Sequence[int], indices: np.ndarray, updates: np.ndarray, numbers: Any, mode: GatherScatterMode
) -> Iterator[tuple[tuple[Any, ...], np.ndarray]]:
    """The places that a scatter writes to, and what comes there."""
    batching = list(zip(numbers.operand_batching_dims, numbers.scatter_indices_batching_dims, strict=True))
    thin = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    batch = indices.shape[:-1]
    last = np.moveaxis(updates, numbers.update_window_dims, range(len(batch), updates.ndim))
    sizes = iter(last.shape[len(batch) :])
    window = [1 if axis in thin else next(sizes) for axis in range(len(shape))]
    for at in np.ndindex(*batch):
        starts = window_start(indices, at, len(shape), numbers.scatter_dims_to_operand_dims, batching)
        if mode == GatherScatterMode.CLIP:
            starts = clamped(starts, window, shape)
        if inside(starts, window, shape):
            yield box(starts, window), array(last[at]).reshape(window)
        # XLA drops a whole window that sticks out, StableHLO's text only the entries outside: no meaning to go by.
        elif mode != GatherScatterMode.FILL_OR_DROP or overlaps(starts, window, shape):
            raise outside(step, starts, window, shape, mode)


def overlaps(starts: Sequence[int], window: Sequence[int], shape: Sequence[int]) -> bool:
    return all(at < n and at + size > 0 for at, size, n in zip(starts, window, shape, strict=True))


scatter = scattering(lambda old, new: new, overwrites=True)
scatter_add = scattering(lambda old, new: old + new)
scatter_sub = scattering(lambda old, new: old - new)
scatter_mul = scattering(lambda old, new: old * new)
