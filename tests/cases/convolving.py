"""Convolutions in every layout and group, their gradients, patches and pools; loops and branches written out."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .case import PROVED, REFUTED, Case

LINE = ("NWC", "WIO", "NWC")
XW = {"x": "n h c", "w": "k c f"}
XWG = {"x": "n h c", "w": "3 c f", "g": "n h-2 f"}


def conv(x, w, stride=1, padding: Any = "VALID", numbers=LINE, **how):
    return lax.conv_general_dilated(x, w, (stride,), padding, dimension_numbers=numbers, **how)


def by_image(x, w, g):
    return jax.vjp(lambda x: conv(x, w), x)[1](g)[0]


def by_kernel(x, w, g):
    return jax.vjp(lambda w: conv(x, w), w)[1](g)[0]


def halves(x, axis=-1):
    return jnp.split(x, 2, axis)


def grouped(x, w, order=(0, 1)):
    """Two groups of channels, each convolved with its own filters."""
    parts = [halves(x)[i] for i in order]
    return jnp.concatenate([conv(a, b) for a, b in zip(parts, halves(w), strict=True)], -1)


def by_images(x, w, first=slice(0, 1), second=slice(1, 2)):
    """Two groups of images."""
    return jnp.concatenate([conv(x[first], halves(w)[0]), conv(x[second], halves(w)[1])], -1)


def patches(x):
    return lax.conv_general_dilated_patches(x, (2,), (1,), "VALID", dimension_numbers=LINE)


def shifted(x):
    return jnp.stack([x[:, :-1], x[:, 1:]], -1).reshape(x.shape[0], x.shape[1] - 1, 2 * x.shape[2])


def pooled(x, padding="VALID"):
    return lax.reduce_window(x, 0.0, lax.add, (1, 2, 1), (1, 2, 1), padding) / 2


def averaged(x, by):
    """A mean over three neighbours, divided by how many there are, or always by three."""
    ones = jnp.ones_like(x)
    sums, counts = (lax.reduce_window(v, 0.0, lax.add, (3,), (1,), "SAME") for v in (x, ones))
    return sums / (counts if by is None else by)


def running(x, reverse=False):
    return lax.scan(lambda c, a: (c + a, c + a), jnp.zeros(x.shape[1]), x, reverse=reverse)[1]


def horner(c, x):
    return lax.fori_loop(0, 4, lambda k, a: a * x + c[k], jnp.zeros_like(x))


def powers(c, x, turned=False):
    return sum(c[3 - k if not turned else k] * x**k for k in range(4))


CASES = [
    # layouts, paddings, gaps
    Case(
        "another layout",
        conv,
        lambda x, w: conv(x.transpose(2, 1, 0), w.transpose(1, 2, 0), numbers=("CWN", "IOW", "WNC")).transpose(1, 0, 2),
        PROVED,
        XW,
        "h >= k",
    ),
    Case(
        "another layout, the kernel reversed",
        conv,
        lambda x, w: conv(x.transpose(2, 1, 0), w[::-1].transpose(1, 2, 0), numbers=("CWN", "IOW", "WNC")).transpose(
            1, 0, 2
        ),
        REFUTED,
        XW,
        "h >= k",
        "x[",
    ),
    Case(
        "a negative padding is a crop",
        lambda x, w: conv(x, w, 2, [(-1, -2)]),
        lambda x, w: conv(x[:, 1:-2], w, 2),
        PROVED,
        XW,
        "h >= k + 3",
    ),
    Case(
        "a negative padding crops its own side",
        lambda x, w: conv(x, w, 1, [(-1, -2)]),
        lambda x, w: conv(x[:, 2:-1], w),
        REFUTED,
        XW,
        "h >= k + 3",
    ),
    Case(
        "a spread image, cropped",
        lambda x, w: conv(x, w, 1, [(-1, -2)], lhs_dilation=(3,)),
        lambda x, w: conv(lax.pad(x, 0.0, [(0, 0, 0), (-1, -2, 2), (0, 0, 0)]), w),
        PROVED,
        XW,
        "h > k",
    ),
    Case(
        "a spread kernel",
        lambda x, w: conv(x, w, rhs_dilation=(2,)),
        lambda x, w: conv(x, lax.pad(w, 0.0, [(0, 0, 1), (0, 0, 0), (0, 0, 0)])),
        PROVED,
        XW,
        "h >= 2*k",
    ),
    Case(
        "a transposed convolution",
        lambda x, w: lax.conv_transpose(x, w, (2,), "VALID", dimension_numbers=LINE),
        lambda x, w: conv(lax.pad(x, 0.0, [(0, 0, 0), (2, 2, 1), (0, 0, 0)]), w),
        PROVED,
        {"x": "n h c", "w": "3 c f"},
    ),
    Case(
        "a transposed convolution, one pad off",
        lambda x, w: lax.conv_transpose(x, w, (2,), "VALID", dimension_numbers=LINE),
        lambda x, w: conv(lax.pad(x, 0.0, [(0, 0, 0), (3, 1, 1), (0, 0, 0)]), w),
        REFUTED,
        {"x": "n h c", "w": "3 c f"},
    ),
    # groups
    Case(
        "two groups",
        lambda x, w: conv(x, w, feature_group_count=2),
        grouped,
        PROVED,
        {"x": "n h 2*c", "w": "k c 2*f"},
        "h >= k",
    ),
    Case(
        "two groups, exchanged",
        lambda x, w: conv(x, w, feature_group_count=2),
        lambda x, w: grouped(x, w, (1, 0)),
        REFUTED,
        {"x": "n h 2*c", "w": "k c 2*f"},
        "h >= k",
    ),
    Case(
        "one channel a group, of any number",
        lambda x, w: conv(x, w, feature_group_count=x.shape[2]),
        lambda x, w: conv(x, w * jnp.repeat(jnp.eye(x.shape[2]), 2, axis=1)),
        PROVED,
        {"x": "n h c", "w": "k 1 2*c"},
        "h >= k",
    ),
    Case(
        "one channel a group, tiled",
        lambda x, w: conv(x, w, feature_group_count=x.shape[2]),
        lambda x, w: conv(x, w * jnp.tile(jnp.eye(x.shape[2]), 2)),
        REFUTED,
        {"x": "n h c", "w": "k 1 2*c"},
        "h >= k, c >= 2",
    ),
    Case(
        "two groups of images",
        lambda x, w: conv(x, w, batch_group_count=2),
        by_images,
        PROVED,
        {"x": "2 h c", "w": "k c 2*f"},
        "h >= k",
    ),
    Case(
        "two groups of images, exchanged",
        lambda x, w: conv(x, w, batch_group_count=2),
        lambda x, w: by_images(x, w, slice(1, 2), slice(0, 1)),
        REFUTED,
        {"x": "2 h c", "w": "k c 2*f"},
        "h >= k",
    ),
    Case(
        "groups of images are runs of them",
        lambda x, w: conv(x, w, batch_group_count=2),
        lambda x, w: by_images(x, w, slice(0, None, 2), slice(1, None, 2)),
        REFUTED,
        {"x": "4 h c", "w": "k c 2*f"},
        "h >= k",
    ),
    # gradients
    Case(
        "the gradient by the image",
        by_image,
        lambda x, w, g: conv(g, w[::-1].transpose(0, 2, 1), 1, [(2, 2)]),
        PROVED,
        XWG,
        "h >= 3",
    ),
    Case(
        "the gradient by the image, the kernel not reversed",
        by_image,
        lambda x, w, g: conv(g, w.transpose(0, 2, 1), 1, [(2, 2)]),
        REFUTED,
        XWG,
        "h >= 3",
    ),
    Case(
        "the gradient by the kernel",
        by_kernel,
        lambda x, w, g: conv(x.transpose(2, 1, 0), g.transpose(1, 0, 2)).transpose(1, 0, 2),
        PROVED,
        XWG,
        "h >= 3",
    ),
    Case(
        "the gradient by the kernel, of a kernel of any size",
        by_kernel,
        lambda x, w, g: conv(x.transpose(2, 1, 0), g.transpose(1, 0, 2)).transpose(1, 0, 2),
        PROVED,
        {"x": "n h c", "w": "k c f", "g": "n h-k+1 f"},
        "h >= k",
    ),
    Case(
        "the gradient by the kernel, reversed",
        by_kernel,
        lambda x, w, g: conv(x.transpose(2, 1, 0), g.transpose(1, 0, 2)).transpose(1, 0, 2)[::-1],
        REFUTED,
        XWG,
        "h >= 3",
    ),
    # patches and pools
    Case("patches, the channels outside", patches, shifted, PROVED, {"x": "n h c"}, "h >= 2"),
    Case(
        "patches, the channels inside",
        patches,
        lambda x: jnp.concatenate([x[:, :-1], x[:, 1:]], -1),
        REFUTED,
        {"x": "n h c"},
        "h >= 2",
    ),
    Case(
        "a pool as a convolution",
        pooled,
        lambda x: conv(x, jnp.broadcast_to(jnp.eye(x.shape[2]) / 2, (2, x.shape[2], x.shape[2])), 2),
        PROVED,
        {"x": "n h c"},
        "h >= 2",
    ),
    Case(
        "a pool of the odd last entry",
        pooled,
        lambda x: pooled(x[:, : x.shape[1] // 2 * 2], "SAME"),
        PROVED,
        {"x": "n h c"},
        "h >= 2",
    ),
    Case(
        "the two divisors of a mean",
        lambda x: averaged(x, None),
        lambda x: averaged(x, 3),
        REFUTED,
        {"x": "n"},
        "n >= 3",
        at={"n": 3},
    ),
    Case(
        "the two divisors of a mean, inside",
        lambda x: averaged(x, None)[1:-1],
        lambda x: averaged(x, 3)[1:-1],
        PROVED,
        {"x": "n"},
        "n >= 3",
    ),
    # written out
    Case("a loop", horner, powers, PROVED, {"c": "4", "x": "n"}),
    Case("a loop from the other end", horner, lambda c, x: powers(c, x, turned=True), REFUTED, {"c": "4", "x": "n"}),
    Case("running sums in a loop", running, lambda x: jnp.cumsum(x, 0), PROVED, {"x": "4 m"}),
    Case("running sums in a loop, from the end", running, lambda x: running(x, reverse=True), REFUTED, {"x": "4 m"}),
    Case(
        "a branch that is known",
        lambda x: lax.switch(7, [lambda x: x, lambda x: -x], x),
        lambda x: -x,
        PROVED,
        {"x": "n"},
    ),
    Case(
        "a branch by the counter",
        lambda x: lax.fori_loop(0, 3, lambda k, a: lax.cond(k == 1, lambda a: a * x, lambda a: a + x, a), x),
        lambda x: 2 * x * x + x,
        PROVED,
        {"x": "n"},
    ),
    Case(
        "a fold that adds",
        lambda x: lax.reduce(x, np.float32(0), lambda a, b: b + a, (0,)),
        lambda x: x.sum(0),
        PROVED,
        {"x": "n m"},
    ),
]
