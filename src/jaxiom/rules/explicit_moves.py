"""Exact rules for what moves entries about and computes nothing. What is no real number may be moved too."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.lax import GatherScatterMode

from jaxiom.errors import KEPT, Undecidable
from jaxiom.interpret import Step
from jaxiom.rules.explicit_entries import array, literal


def identity(step: Step, operand: np.ndarray) -> np.ndarray:
    return operand


def name(step: Step, operand: np.ndarray, *, name: str) -> np.ndarray:
    """A label for rematerialisation."""
    return operand


def device_put(
    step: Step, *operands: np.ndarray, devices: Any, srcs: Any, copy_semantics: Any
) -> tuple[np.ndarray, ...]:
    """Where a value is kept does not change it."""
    return operands


def optimization_barrier(step: Step, *operands: np.ndarray) -> tuple[np.ndarray, ...]:
    return operands


def dim_as_value(step: Step, *, dim: Any) -> np.ndarray:
    if not isinstance(dim, int | np.integer):  # all sizes are numbers here but those of another trace
        raise Undecidable(KEPT)
    return array(int(dim))


def broadcast_in_dim(
    step: Step, operand: np.ndarray, *, shape: Sequence[int], broadcast_dimensions: Sequence[int], sharding: Any
) -> np.ndarray:
    step.expect(sharding=(sharding, None))
    aligned = [1] * len(shape)
    for size, axis in zip(operand.shape, broadcast_dimensions, strict=True):
        aligned[axis] = size
    return np.broadcast_to(operand.reshape(aligned), tuple(shape)).copy()


def transpose(step: Step, operand: np.ndarray, *, permutation: Sequence[int]) -> np.ndarray:
    return np.transpose(operand, permutation)


def reshape(step: Step, operand: np.ndarray, *, new_sizes: Sequence[int], dimensions: Any, sharding: Any) -> np.ndarray:
    """`dimensions` is the order in which the axes are read (the gradient of a grouped convolution has one)."""
    step.expect(sharding=(sharding, None))
    return (operand if dimensions is None else np.transpose(operand, dimensions)).reshape(tuple(new_sizes))


def squeeze(step: Step, operand: np.ndarray, *, dimensions: Sequence[int]) -> np.ndarray:
    return np.squeeze(operand, axis=tuple(dimensions))


def padded(operand: np.ndarray, config: Sequence[tuple[int, int, int]], fill: Any) -> np.ndarray:
    """XLA's pad, (low, high, interior) an axis: spread by `interior`, then pad; a negative low or high crops."""
    spread = np.empty(
        [max(0, n + (n - 1) * interior) for n, (_, _, interior) in axes_of(operand, config)], dtype=object
    )
    spread[...] = array(fill)
    spread[(*(slice(None, None, interior + 1) for _, _, interior in config), ...)] = operand
    sizes = [n + max(low, 0) + max(high, 0) for n, (low, high, _) in axes_of(spread, config)]
    wide = np.empty(sizes, dtype=object)
    wide[...] = array(fill)
    wide[(*(slice(max(low, 0), max(low, 0) + n) for n, (low, _, _) in axes_of(spread, config)), ...)] = spread
    crop = [slice(max(-low, 0), n - max(-high, 0)) for n, (low, high, _) in axes_of(wide, config)]
    return wide[(*crop, ...)]


def axes_of(operand: np.ndarray, config: Sequence[tuple[int, int, int]]) -> list[tuple[int, tuple[int, int, int]]]:
    return list(zip(operand.shape, config, strict=True))


def pad(
    step: Step, operand: np.ndarray, fill: np.ndarray, *, padding_config: Sequence[tuple[int, int, int]]
) -> np.ndarray:
    return padded(operand, [(int(low), int(high), int(interior)) for low, high, interior in padding_config], fill[()])


def slice_(
    step: Step,
    operand: np.ndarray,
    *,
    start_indices: Sequence[int],
    limit_indices: Sequence[int],
    strides: Sequence[int] | None,
) -> np.ndarray:
    steps = strides or (1,) * operand.ndim
    return operand[(*(slice(a, b, s) for a, b, s in zip(start_indices, limit_indices, steps, strict=True)), ...)]


def rev(step: Step, operand: np.ndarray, *, dimensions: Sequence[int]) -> np.ndarray:
    return array(np.flip(operand, axis=tuple(dimensions)))


def concatenate(step: Step, *operands: np.ndarray, dimension: int) -> np.ndarray:
    return np.concatenate(operands, axis=dimension)


def stack(step: Step, *operands: np.ndarray, axis: int) -> np.ndarray:
    return np.stack(operands, axis=axis)


def unstack(step: Step, operand: np.ndarray, *, axis: int) -> tuple[np.ndarray, ...]:
    return tuple(array(part) for part in np.moveaxis(operand, axis, 0))


def tile(step: Step, operand: np.ndarray, *, reps: Sequence[int]) -> np.ndarray:
    return np.tile(operand, tuple(reps))


def split(step: Step, operand: np.ndarray, *, sizes: Sequence[int], axis: int) -> tuple[np.ndarray, ...]:
    return tuple(np.split(operand, np.cumsum(sizes)[:-1], axis=axis))


def iota(step: Step, *, dtype: Any, shape: Sequence[int], dimension: int, sharding: Any) -> np.ndarray:
    step.expect(sharding=(sharding, None))
    counted = np.empty(tuple(shape), dtype=object)
    for index in np.ndindex(*shape):
        counted[index] = index[dimension]
    return counted


def clamped(starts: Sequence[int], window: Sequence[int], shape: Sequence[int]) -> list[int]:
    """The nearest starts at which the window lies inside."""
    return [min(max(at, 0), n - size) for at, size, n in zip(starts, window, shape, strict=True)]


def inside(starts: Sequence[int], window: Sequence[int], shape: Sequence[int]) -> bool:
    return all(at >= 0 and at + size <= n for at, size, n in zip(starts, window, shape, strict=True))


def box(starts: Sequence[int], window: Sequence[int]) -> tuple[Any, ...]:
    """The place of a window, as an index; the ellipsis keeps an array of rank 0 an array."""
    return (*(slice(at, at + size) for at, size in zip(starts, window, strict=True)), ...)


def scalars(operands: Sequence[np.ndarray]) -> list[int]:
    return [operand.item() for operand in operands]


def dynamic_slice(step: Step, operand: np.ndarray, *starts: np.ndarray, slice_sizes: Sequence[int]) -> np.ndarray:
    return operand[box(clamped(scalars(starts), slice_sizes, operand.shape), slice_sizes)]


def dynamic_update_slice(step: Step, operand: np.ndarray, update: np.ndarray, *starts: np.ndarray) -> np.ndarray:
    result = operand.copy()
    result[box(clamped(scalars(starts), update.shape, operand.shape), update.shape)] = update
    return result


def window_start(
    indices: np.ndarray, at: tuple[int, ...], rank: int, axes: Sequence[int], batching: Sequence[tuple[int, int]]
) -> list[int]:
    """Where one window of a gather or scatter starts: `axes` by the index vector, `batching` (an axis of the operand,
    an axis of the indices) by the position itself, the rest at 0."""
    starts = [0] * rank
    for axis, index in zip(axes, indices[at], strict=True):
        starts[axis] = index
    for axis, of_indices in batching:
        starts[axis] = at[of_indices]
    return starts


def gather(
    step: Step,
    operand: np.ndarray,
    indices: np.ndarray,
    *,
    dimension_numbers: Any,
    slice_sizes: Sequence[int],
    unique_indices: bool,
    indices_are_sorted: bool,
    mode: GatherScatterMode,
    fill_value: Any,
) -> np.ndarray:
    """unique_indices and indices_are_sorted are hints for speed, and ignored: reading has one meaning without them."""
    numbers = dimension_numbers
    batching = list(zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True))
    dropped = tuple(numbers.collapsed_slice_dims) + tuple(numbers.operand_batching_dims)
    window = [n for axis, n in enumerate(slice_sizes) if axis not in dropped]
    batch = indices.shape[:-1]
    result = np.empty(batch + tuple(window), dtype=object)
    for at in np.ndindex(*batch):
        starts = window_start(indices, at, operand.ndim, numbers.start_index_map, batching)
        if mode == GatherScatterMode.CLIP:
            starts = clamped(starts, slice_sizes, operand.shape)
        if inside(starts, slice_sizes, operand.shape):
            result[(*at, ...)] = np.squeeze(operand[box(starts, slice_sizes)], axis=dropped)
        elif mode == GatherScatterMode.FILL_OR_DROP and fill_value is not None:
            result[(*at, ...)] = literal(fill_value, step.outs[0])
        else:
            raise outside(step, starts, slice_sizes, operand.shape, mode)
    return np.moveaxis(result, range(len(batch), result.ndim), numbers.offset_dims)


def outside(step: Step, starts: Any, window: Any, shape: Any, mode: Any) -> Exception:
    return step.refuse(
        f"a window of {tuple(window)} at {tuple(starts)} is not inside {tuple(shape)}, which mode={mode} does not allow"
    )
