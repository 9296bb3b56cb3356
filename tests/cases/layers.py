"""Convolutions as people write them: layouts, groups, transposed, separable, as sums of shifts; and their gradients."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxiom.layers import conv

from .case import PROVED, REFUTED, Case

CHANNELS_LAST = ("NHC", "HIO", "NHC")
SOBEL: Any = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32)[:, :, None, None]
SMOOTH: Any = np.array([1, 2, 1], np.float32)
SLOPE: Any = np.array([1, 0, -1], np.float32)


def each_channel(x, w):
    """Depthwise, of any number of channels."""
    return lax.conv_general_dilated(
        x, w, (1,), "VALID", dimension_numbers=CHANNELS_LAST, feature_group_count=x.shape[2]
    )


def transposed(x, w):
    return lax.conv_transpose(x, w, (2,), "SAME", dimension_numbers=CHANNELS_LAST)


def strided(x, w):
    return conv(x, w, 2, [(1, 1)])


def pulled_back(x, w, y):
    return jax.vjp(lambda z: strided(z, w), x)[1](y)[0]


CASES = [
    Case(
        "channels first",
        lambda x, w: lax.conv_general_dilated(x, w, (1,), "VALID"),
        lambda x, w: conv(x.transpose(0, 2, 1), w.transpose(2, 1, 0)).transpose(0, 2, 1),
        PROVED,
        {"x": "n c h", "w": "f c k"},
        "h >= k",
    ),
    Case(
        "channels first, in and out exchanged",
        lambda x, w: lax.conv_general_dilated(x, w, (1,), "VALID"),
        lambda x, w: conv(x.transpose(0, 2, 1), w.transpose(2, 0, 1)).transpose(0, 2, 1),
        REFUTED,
        {"x": "n c h", "w": "c c k"},
        "h >= k",
        at={"n": 1, "c": 2, "h": 1, "k": 1},
    ),
    Case(
        "rows and columns exchanged on both",
        conv,
        lambda x, w: conv(x.transpose(0, 2, 1, 3), w.transpose(1, 0, 2, 3)).transpose(0, 2, 1, 3),
        PROVED,
        {"x": "n h w c", "w": "k l c f"},
        "h >= k, w >= l",
    ),
    Case(
        "rows and columns of the kernel exchanged",
        conv,
        lambda x, w: conv(x, w.transpose(1, 0, 2, 3)),
        REFUTED,
        {"x": "n h w c", "w": "k k c f"},
        "h >= k, w >= k",
        at={"n": 1, "h": 2, "w": 2, "c": 1, "k": 2, "f": 1},
    ),
    Case(
        "depthwise as sums of shifts",
        each_channel,
        lambda x, w: sum(x[:, i : x.shape[1] - 2 + i] * w[i, 0] for i in range(3)),
        PROVED,
        {"x": "n h c", "w": "3 1 c"},
        "h >= 3",
    ),
    Case(
        "depthwise as sums of shifts the other way",
        each_channel,
        lambda x, w: sum(x[:, i : x.shape[1] - 2 + i] * w[2 - i, 0] for i in range(3)),
        REFUTED,
        {"x": "n h c", "w": "3 1 c"},
        "h >= 3",
    ),
    Case(
        "two filters a channel",
        each_channel,
        lambda x, w: jnp.repeat(x, 2, 2) * w[0, 0],
        PROVED,
        {"x": "n h c", "w": "1 1 2*c"},
    ),
    Case(
        "two filters a channel, channels in turn",
        each_channel,
        lambda x, w: jnp.tile(x, (1, 1, 2)) * w[0, 0],
        REFUTED,
        {"x": "n h c", "w": "1 1 2*c"},
        at={"n": 1, "h": 1, "c": 2},
    ),
    Case(
        "transposed",
        transposed,
        lambda x, w: conv(x, w, 1, [(2, 1)], image_dilation=2),
        PROVED,
        {"x": "n h c", "w": "3 c f"},
    ),
    Case(
        "transposed, shifted by one",
        transposed,
        lambda x, w: conv(x, w, 1, [(1, 2)], image_dilation=2),
        REFUTED,
        {"x": "n h c", "w": "3 c f"},
    ),
    Case(
        "the adjoint of a strided convolution, even sizes",
        lambda x, w, y: (strided(x, w) * y).sum(),
        lambda x, w, y: (x * pulled_back(x, w, y)).sum(),
        PROVED,
        {"x": "n 2*h c", "w": "3 c f", "y": "n h f"},
    ),
    Case(
        "the adjoint of a strided convolution, odd sizes",
        lambda x, w, y: (strided(x, w) * y).sum(),
        lambda x, w, y: (x * pulled_back(x, w, y)).sum(),
        PROVED,
        {"x": "n 2*h-1 c", "w": "3 c f", "y": "n h f"},
    ),
    Case(
        "the gradient by the image is a convolution with the reversed kernel",
        lambda x, w: jax.grad(lambda z: conv(z, w).sum())(x),
        lambda x, w: conv(jnp.ones_like(conv(x, w)), jnp.flip(w, 0).transpose(0, 2, 1), padding="FULL"),
        PROVED,
        {"x": "n h c", "w": "3 c f"},
        "h >= 3",
    ),
    Case(
        "the gradient by the image with the kernel as it is",
        lambda x, w: jax.grad(lambda z: conv(z, w).sum())(x),
        lambda x, w: conv(jnp.ones_like(conv(x, w)), w.transpose(0, 2, 1), padding="FULL"),
        REFUTED,
        {"x": "n h c", "w": "3 c f"},
        "h >= 3",
    ),
    Case(
        "a separable kernel",
        lambda x: conv(x, SOBEL),
        lambda x: conv(conv(x, SMOOTH[:, None, None, None]), SLOPE[None, :, None, None]),
        PROVED,
        {"x": "n h w 1"},
        "h >= 3, w >= 3",
    ),
    Case(
        "a separable kernel along the wrong axes",
        lambda x: conv(x, SOBEL),
        lambda x: conv(conv(x, SMOOTH[None, :, None, None]), SLOPE[:, None, None, None]),
        REFUTED,
        {"x": "n h w 1"},
        "h >= 3, w >= 3",
    ),
    Case(
        "space to depth",
        lambda x, w: conv(x, w, 2),
        lambda x, w: conv(
            x.reshape(x.shape[0], x.shape[1] // 2, 2 * x.shape[2]), w.reshape(1, 2 * w.shape[1], w.shape[2])
        ),
        PROVED,
        {"x": "n 2*h 3", "w": "2 3 f"},
    ),
    Case(
        "a convolution is no Kronecker product of its sums",
        lambda x, w: conv(x, w).sum(),
        lambda x, w: x.sum((0, 1)) @ w.sum((0, 2)),
        REFUTED,
        {"x": "n h c", "w": "k c f"},
        "h >= k",
        at={"n": 1, "h": 2, "c": 1, "k": 2, "f": 1},
    ),
]
