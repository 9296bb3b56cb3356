"""Padding, stride, dilation, and axes that are short or empty."""

import jax.numpy as jnp
from jax import lax

from jaxiom.errors import BadInput, BadShape
from jaxiom.layers import conv

from .case import PROVED, REFUTED, Case

VECTOR, MATRIX, LAYER = {"x": "n"}, {"x": "n m"}, {"X": "n h c", "W": "k c f"}
LAYER_3 = {"X": "n h c", "W": "3 c f"}


def part(x, start, limit=None, stride=1):
    return lax.slice_in_dim(x, start, x.shape[0] if limit is None else limit, stride)


CASES = [
    Case("an empty slice beside x", lambda x: jnp.concatenate([part(x, 0, 0), x]), lambda x: x, PROVED, MATRIX),
    Case("all but the first, of one", lambda x: part(x, 1).sum(0), lambda x: (x - x).sum(0), PROVED, MATRIX, "n == 1"),
    Case("all but the first", lambda x: part(x, 1).sum(0), lambda x: x.sum(0) - part(x, 0, 1).sum(0), PROVED, MATRIX),
    Case("all but the first or the last", lambda x: part(x, 1), lambda x: part(x, 0, x.shape[0] - 1), REFUTED, MATRIX),
    Case(
        "all but two, without n >= 2",
        lambda x: part(x, 2).sum(0),
        lambda x: x.sum(0) - part(x, 0, 2).sum(0),
        BadInput,
        MATRIX,
        says='given="h >= 2"',
    ),
    Case(
        "evens and odds",
        lambda x: part(x, 0, stride=2).sum() + part(x, 1, stride=2).sum(),
        lambda x: x.sum(),
        PROVED,
        VECTOR,
    ),
    Case(
        "evens and odds, one too few",
        lambda x: part(x, 0, x.shape[0] - 1, 2).sum() + part(x, 1, stride=2).sum(),
        lambda x: x.sum(),
        REFUTED,
        VECTOR,
        "n >= 2",
        says="x[n-1]",
    ),
    Case(
        "evens and odds, one too few of an even number",
        lambda x: part(x, 0, x.shape[0] - 1, 2).sum() + part(x, 1, stride=2).sum(),
        lambda x: x.sum(),
        PROVED,
        VECTOR,
        "n % 2 == 0",
    ),
    Case("a flipped kernel", lambda X, W: conv(X, jnp.flip(W, 0)), conv, REFUTED, LAYER, "h >= k"),
    Case("a flipped kernel, no given", lambda X, W: conv(X, jnp.flip(W, 0)), conv, REFUTED, LAYER),
    Case("a flipped kernel of size 1", lambda X, W: conv(X, jnp.flip(W, 0)), conv, PROVED, LAYER, "k == 1"),
    Case("an output that is always empty", conv, conv, BadInput, LAYER, "h < k", says="vacuous"),
    Case("an output that is mostly empty", conv, lambda X, W: 2 * conv(X, W), REFUTED, LAYER, "h <= k", says="-["),
    Case(
        "a pad outside or inside",
        lambda X, W: conv(X, W, padding=[(1, 2)]),
        lambda X, W: conv(lax.pad(X, 0.0, [(0, 0, 0), (1, 2, 0), (0, 0, 0)]), W),
        PROVED,
        LAYER_3,
    ),
    Case(
        "a pad the other way round",
        lambda X, W: conv(X, W, padding=[(2, 1)]),
        lambda X, W: conv(X, W, padding=[(1, 2)]),
        REFUTED,
        LAYER_3,
    ),
    Case(
        "SAME with stride 2 of an even size",
        lambda X, W: conv(X, W, 2, "SAME"),
        lambda X, W: conv(X, W, 2, [(0, 1)]),
        PROVED,
        LAYER_3,
        "h % 2 == 0",
    ),
    Case(
        "SAME with stride 2 of an odd size",
        lambda X, W: conv(X, W, 2, "SAME"),
        lambda X, W: conv(X, W, 2, [(1, 1)]),
        PROVED,
        LAYER_3,
        "h % 2 == 1",
    ),
    Case(
        "SAME with stride 2 as if the size were odd",
        lambda X, W: conv(X, W, 2, "SAME"),
        lambda X, W: conv(X, W, 2, [(1, 1)]),
        REFUTED,
        LAYER_3,
    ),
    Case(
        "a stride is a slice of the result",
        lambda X, W: conv(X, W, 2),
        lambda X, W: lax.slice_in_dim(conv(X, W), 0, X.shape[1] - W.shape[0] + 1, 2, 1),
        PROVED,
        LAYER,
        "h >= k",
    ),
    Case(
        "a stride from the wrong start",
        lambda X, W: conv(X, W, 3),
        lambda X, W: lax.slice_in_dim(conv(X, W), 1, X.shape[1] - W.shape[0] + 1, 3, 1),
        BadShape,
        LAYER,
        "h >= k",
        says="must agree for every allowed size",
    ),
    Case(
        "a dilated kernel",
        lambda X, W: conv(X, W, dilation=2),
        lambda X, W: conv(X, lax.pad(W, 0.0, [(0, 0, 1), (0, 0, 0), (0, 0, 0)])),
        PROVED,
        LAYER,
        "h >= 2*k - 1",
    ),
    Case(
        "a dilated image",
        lambda X, W: conv(X, W, image_dilation=3),
        lambda X, W: conv(lax.pad(X, 0.0, [(0, 0, 0), (0, 0, 2), (0, 0, 0)]), W),
        PROVED,
        LAYER,
        "3*h - 2 >= k",
    ),
    Case(
        "a dilated image with one zero too many",
        lambda X, W: conv(X, W, image_dilation=2, padding=[(0, 1)]),
        lambda X, W: conv(lax.pad(X, 0.0, [(0, 0, 0), (1, 0, 1), (0, 0, 0)]), W),
        REFUTED,
        LAYER,
        "2*h - 1 >= k",
    ),
    Case(
        "a negative pad",
        lambda x: lax.pad(x, 0.0, [(-1, 1, 0)]),
        lambda x: jnp.concatenate([part(x, 1), jnp.zeros(1)]),
        PROVED,
        VECTOR,
    ),
    Case(
        "a negative pad of a spread axis",
        lambda x: lax.pad(x, 0.0, [(-1, -1, 1)]),
        lambda x: part(lax.pad(x, 0.0, [(0, 0, 1)]), 1, 2 * x.shape[0] - 2),
        PROVED,
        VECTOR,
        "n >= 2",
    ),
    Case(
        "the value that is padded with",
        lambda x, v: lax.pad(x, v, [(1, 1, 1)]).sum(),
        lambda x, v: x.sum() + (x.shape[0] + 1) * v,
        PROVED,
        {"x": "n", "v": ""},
    ),
    Case(
        "the value that is padded with, miscounted",
        lambda x, v: lax.pad(x, v, [(1, 1, 1)]).sum(),
        lambda x, v: x.sum() + (x.shape[0] + 2) * v,
        REFUTED,
        {"x": "n", "v": ""},
        says="-v",
    ),
    Case(
        "a pad that crops everything but what it adds",
        lambda x, v: lax.pad(x, v, [(-3, 2, 0)]).sum(),
        lambda x, v: 2 * v,
        REFUTED,
        {"x": "n", "v": ""},
        "n >= 2",
    ),
    Case(
        "feature groups",
        lambda X, W: conv(X, W, groups=2),
        lambda X, W: jnp.concatenate([conv(X[..., :2], W[..., :3]), conv(X[..., 2:], W[..., 3:])], 2),
        PROVED,
        {"X": "n h 4", "W": "3 2 6"},
        "h >= 3",
    ),
    Case(
        "feature groups that see each other's channels",
        lambda X, W: conv(X, W, groups=2),
        lambda X, W: jnp.concatenate([conv(X[..., 2:], W[..., :3]), conv(X[..., :2], W[..., 3:])], 2),
        REFUTED,
        {"X": "n h 4", "W": "3 2 6"},
        "h >= 3",
    ),
    Case(
        "average pooling as SAME with the whole window's divisor",
        lambda x: lax.reduce_window(x, 0.0, lax.add, (3,), (1,), "SAME") / 3,
        lambda x: (
            lax.reduce_window(x, 0.0, lax.add, (3,), (1,), "SAME")
            / lax.reduce_window(jnp.ones_like(x), 0.0, lax.add, (3,), (1,), "SAME")
        ),
        REFUTED,
        VECTOR,
        "n >= 3",
        says="[p = 0]",
    ),
    Case("one of the shapes is longer", lambda x: x, lambda x: part(x, 1), BadShape, VECTOR, says="must agree"),
]
