"""Operators of every structure, and what is proved of each: shared by the tests of levels, sums and numbers."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax.numpy as jnp
from jax import lax

from jaxiom.affine_maps import Operator
from jaxiom.layers import conv
from jaxiom.operators import operator

Kinds = list[tuple[tuple[int | None, int | None], str, tuple[int, int] | None]]
FITS = "h >= kh, w >= kw"


def wrapped(X: Any, W: Any) -> Any:
    return conv(jnp.concatenate([X, X[:, : W.shape[0] - 1]], 1), W)


def reflected(X: Any, W: Any) -> Any:
    return conv(jnp.pad(X, ((0, 0), (1, 1), (0, 0)), mode="reflect"), W)


def dense(a: int, b: int) -> tuple[Any, str, Any]:
    return ((a, b), "dense", (1, 1))


# name -> (function, its shapes, wrt, what is proved)
STRUCTURES: dict[str, tuple[Callable[..., Any], dict[str, str], str, Kinds]] = {
    "VALID": (
        conv,
        {"X": "n h w c", "W": "kh kw c f", "given": FITS},
        "X",
        [((0, 0), "identity", (1, 1)), ((1, 1), "toeplitz", (1, 1)), ((2, 2), "toeplitz", (1, 1)), dense(3, 3)],
    ),
    "SAME, stride 2, dilation 2": (
        lambda X, W: conv(X, W, 2, "SAME", dilation=2),
        {"X": "n h c", "W": "3 c f"},
        "X",
        [((0, 0), "identity", (1, 1)), ((1, 1), "toeplitz", (1, 2)), dense(2, 2)],
    ),
    "3-D, groups, strides, dilations": (
        lambda X, W: conv(X, W, (1, 2, 3), "SAME", groups=2, dilation=(2, 1, 1)),
        {"X": "n d h w 4", "W": "3 3 3 2 6"},
        "X",
        [
            ((0, 0), "identity", (1, 1)),
            ((1, 1), "toeplitz", (1, 1)),
            ((2, 2), "toeplitz", (1, 2)),
            ((3, 3), "toeplitz", (1, 3)),
            ((4, 4), "block diagonal", (1, 1)),
        ],
    ),
    "groups of symbolic size": (
        lambda X, W: conv(X, W, groups=2),
        {"X": "1 h 2*c", "W": "3 c 2*f", "given": "h >= 3"},
        "X",
        [((1, 1), "toeplitz", (1, 1)), ((2, 2), "block diagonal", (1, 1))],
    ),
    "depthwise": (
        lambda X, W: conv(X, W, groups=X.shape[-1]),
        {"X": "1 h c", "W": "3 1 c", "given": "h >= 3"},
        "X",
        [((1, 1), "toeplitz", (1, 1)), ((2, 2), "diagonal", (1, 1))],
    ),
    "transposed": (
        lambda X, W: conv(X, W, 1, [(1, 1)], image_dilation=2),
        {"X": "1 h c", "W": "3 c f"},
        "X",
        [((1, 1), "toeplitz", (2, 1)), dense(2, 2)],
    ),
    "wrap": (
        wrapped,
        {"X": "n h c", "W": "k c f", "given": "h >= k"},
        "X",
        [((0, 0), "identity", (1, 1)), ((1, 1), "circulant", (1, 1)), dense(2, 2)],
    ),
    "wrap, stride 2": (
        lambda X, W: conv(jnp.concatenate([X, X[:, :1]], 1), W, 2),
        {"X": "1 2*h 1", "W": "3 1 1", "given": "h >= 2"},
        "X",
        [((1, 1), "circulant", (1, 2))],
    ),
    "reflect": (
        reflected,
        {"X": "1 h c", "W": "3 c f", "given": "h >= 3"},
        "X",
        [dense(1, 1), dense(2, 2)],
    ),
    "two SAME layers": (
        lambda X, U, V: conv(conv(X, U, padding="SAME"), V, padding="SAME"),
        {"X": "1 h 1", "U": "3 1 1", "V": "3 1 1"},
        "X",
        [dense(1, 1)],
    ),
    "im2col": (
        conv,
        {"X": "n h w c", "W": "kh kw c f", "given": FITS},
        "W",
        [dense(0, 2), ((1, 0), "hankel", (1, -1)), ((2, 1), "hankel", (1, -1)), ((3, 3), "identity", (1, 1))],
    ),
    "transpose": (
        lambda X: X.T,
        {"X": "m n"},
        "X",
        [((0, 1), "identity", (1, 1)), ((1, 0), "identity", (1, 1))],
    ),
    "nchw": (
        lambda X, W: jnp.transpose(conv(jnp.transpose(X, (0, 2, 3, 1)), W), (0, 3, 1, 2)),
        {"X": "n c h w", "W": "kh kw c f", "given": FITS},
        "X",
        [((0, 0), "identity", (1, 1)), dense(1, 1), ((2, 2), "toeplitz", (1, 1)), ((3, 3), "toeplitz", (1, 1))],
    ),
    "reversed": (lambda X: X[::-1], {"X": "n"}, "X", [((0, 0), "hankel", (1, -1))]),
    "cumsum": (lambda X: jnp.cumsum(X), {"X": "n"}, "X", [((0, 0), "toeplitz", (1, 1))]),
    "mean": (
        lambda X: X.mean(1),
        {"X": "b n c"},
        "X",
        [((0, 0), "identity", (1, 1)), ((1, 2), "identity", (1, 1)), ((None, 1), "constant", None)],
    ),
    "scale": (
        lambda X, a: a * X,
        {"X": "b n", "a": "n"},
        "X",
        [((0, 0), "identity", (1, 1)), ((1, 1), "diagonal", (1, 1))],
    ),
    "shift": (lambda X: X[1:], {"X": "n", "given": "n >= 2"}, "X", [((0, 0), "toeplitz", (1, 1))]),
    "roll": (lambda X: jnp.roll(X, 1), {"X": "n"}, "X", [((0, 0), "circulant", (1, 1))]),
    "pooled sums": (
        lambda X: lax.reduce_window(X, 0.0, lax.add, (2, 1), (2, 1), "VALID"),
        {"X": "h c", "given": "h >= 2"},
        "X",
        [((0, 0), "toeplitz", (1, 2)), ((1, 1), "identity", (1, 1))],
    ),
    "weighted by place": (
        lambda X: X * jnp.arange(X.shape[0]),
        {"X": "n"},
        "X",
        [((0, 0), "diagonal", (1, 1))],
    ),
}


@cache
def build(name: str) -> Operator:
    function, shapes, wrt, _ = STRUCTURES[name]
    named: dict[str, Any] = dict(shapes)
    return operator(function, wrt=wrt, **named)
