"""Contractions of residues, exact whatever their length: summed in blocks that the accumulator holds.

A convolution is a sum over the kernel's taps of products of matrices, with as many taps side by side as fit a block.
XLA's own convolutions in float64 and int8 are slow or missing on some devices; its products of matrices are not.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxiom.rules.accumulators import Accumulator

# Channels of all taps that are laid side by side: longer products are no faster, and copies of the image cost memory.
SIDE_BY_SIDE = 8192
Multiply = Callable[[Array, Array], Array]
"""Residues (g, m, k) and (g, k, n), as operands, to those of their products (g, m, n) in storage, for any k."""


def in_blocks(kind: Accumulator, settle: Callable[[Array], Array], join: Callable[[Array], Array]) -> Multiply:
    """Products of stacks of matrices. `settle` reduces what a block sums to; `join` a sum of two residues."""

    def block(x: Array, w: Array) -> Array:
        numbers = (((2,), (1,)), ((0,), (0,)))
        precision = lax.Precision.HIGHEST if kind.operand == "float64" else None
        return settle(lax.dot_general(x, w, numbers, precision, np.dtype(kind.result)))

    def multiply(x: Array, w: Array) -> Array:
        size = x.shape[2]
        whole = size // kind.terms

        def add(at: Any, total: Array) -> Array:
            part = [lax.dynamic_slice_in_dim(o, at * kind.terms, kind.terms, a) for o, a in ((x, 2), (w, 1))]
            return join(total + block(*part))

        total = jnp.zeros((x.shape[0], x.shape[1], w.shape[2]), kind.storage)
        if size <= kind.terms:
            return block(x, w) if size else total
        total = lax.fori_loop(0, whole, add, total)
        rest = block(x[:, :, whole * kind.terms :], w[:, whole * kind.terms :]) if size % kind.terms else None
        return total if rest is None else join(total + rest)

    return multiply


def dot(multiply: Multiply, x: Array, w: Array, dimension_numbers: Any) -> Array:
    """dot_general."""
    (left, right), (left_batch, right_batch) = dimension_numbers
    left_free = [a for a in range(x.ndim) if a not in (*left, *left_batch)]
    right_free = [a for a in range(w.ndim) if a not in (*right, *right_batch)]
    batch, rows, columns = ([a.shape[i] for i in at] for a, at in ((x, left_batch), (x, left_free), (w, right_free)))
    summed = math.prod(x.shape[i] for i in left)
    x = x.transpose([*left_batch, *left_free, *left]).reshape(math.prod(batch), math.prod(rows), summed)
    w = w.transpose([*right_batch, *right, *right_free]).reshape(math.prod(batch), summed, math.prod(columns))
    return multiply(x, w).reshape(*batch, *rows, *columns)


def convolve(
    kind: Accumulator,
    join: Callable[[Array], Array],
    multiply: Multiply,
    x: Array,
    w: Array,
    *,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    image_dilation: Sequence[int],
    dilation: Sequence[int],
    names: Any,
    groups: int,
    batch_groups: int,
    shape: Sequence[int],
) -> Array:
    """conv_general_dilated; `shape` is that of the result, in its own layout."""
    x, w = x.transpose(names.lhs_spec), w.transpose(names.rhs_spec)  # (n, c, *space) and (f, c, *window)
    if batch_groups > 1:  # groups of images instead of channels: the same products
        n, c, *space = x.shape
        x = jnp.moveaxis(x.reshape(batch_groups, n // batch_groups, c, *space), 0, 1)
        x, groups = x.reshape(n // batch_groups, batch_groups * c, *space), batch_groups
    config = [(int(a), int(b), d - 1) for (a, b), d in zip(padding, image_dilation, strict=True)]
    x = lax.pad(x, np.zeros((), x.dtype), [(0, 0, 0), (0, 0, 0), *config])
    out = [shape[i] for i in names.out_spec[2:]]
    found = sum_of_taps(kind, join, multiply, x, w, out, strides, dilation, groups)
    return found.transpose([names.out_spec.index(i) for i in range(len(shape))])


def sum_of_taps(
    kind: Accumulator,
    join: Callable[[Array], Array],
    multiply: Multiply,
    x: Array,
    w: Array,
    out: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Array:
    """(n, f, *out), of a padded image (n, c, *space) and a kernel (f, c / groups, *window)."""
    n, c, f, window = x.shape[0], x.shape[1] // groups, w.shape[0], w.shape[2:]
    taps, positions = math.prod(window), n * math.prod(out)
    kernel = jnp.moveaxis(w.reshape(groups, f // groups, c, taps), 1, 3).swapaxes(1, 2)  # (g, taps, c, f / g)
    image = jnp.moveaxis(x, 1, -1).reshape(n, *x.shape[2:], groups, c)

    def patch(tap: Array) -> Array:
        """The image as one tap sees it, (g, positions, c)."""
        at = jnp.unravel_index(tap, window)
        starts = [jnp.int32(s) for s in (0, *(i * d for i, d in zip(at, dilation, strict=True)), 0, 0)]
        span = [(o - 1) * s + 1 for o, s in zip(out, strides, strict=True)]
        seen = lax.dynamic_slice(image, starts, [n, *span, groups, c])
        seen = lax.slice(seen, [0] * seen.ndim, seen.shape, [1, *strides, 1, 1])
        return jnp.moveaxis(seen.reshape(positions, groups, c), 1, 0)

    def product(first: Any, count: int) -> Array:
        """Over `count` taps from `first` on."""
        seen = jnp.stack([patch(first + i) for i in range(count)], 2) if count > 1 else patch(first)[:, :, None]
        weights = lax.dynamic_slice_in_dim(kernel, first, count, 1)
        return multiply(seen.reshape(groups, positions, count * c), weights.reshape(groups, count * c, f // groups))

    together = max(1, min(taps, min(kind.terms, SIDE_BY_SIDE) // max(c, 1)))
    total = jnp.zeros((groups, positions, f // groups), kind.storage)
    if positions and f and c and taps:
        whole = taps // together
        if whole:
            total = product(0, together)
            total = lax.fori_loop(1, whole, lambda i, t: join(t + product(i * together, together)), total)
        if taps % together:
            total = join(total + product(whole * together, taps % together))
    found = total.reshape(groups, n, *out, f // groups)
    return jnp.moveaxis(jnp.moveaxis(found, 0, -2).reshape(n, *out, f), -1, 1)
