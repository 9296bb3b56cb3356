"""Integer variables: of either sign, as paddings, as factors, in shapes, in questions."""

import jax.numpy as jnp
from jax import lax

from jaxiom.errors import BadInput, BadShape
from jaxiom.layers import conv

from .case import PROVED, REFUTED, Case

X = {"x": "n", "p": int}
LAYER = {"X": "n h c", "W": "3 c f", "p": int}
FITS = "h + 2*p >= 3"


CASES = [
    Case(
        "p and p",
        lambda X, W, p: conv(X, W, padding=p),
        lambda X, W, p: conv(X, W, padding=[(p, p)]),
        PROVED,
        LAYER,
        FITS,
    ),
    Case(
        "p - 1 and p + 1",
        lambda X, W, p: conv(X, W, padding=p),
        lambda X, W, p: conv(X, W, padding=[(p - 1, p + 1)]),
        REFUTED,
        LAYER,
        FITS,
    ),
    Case(
        "a pad before, if nothing is cropped",
        lambda X, W, p: conv(X, W, padding=p),
        lambda X, W, p: conv(lax.pad(X, 0.0, [(0, 0, 0), (p, p, 0), (0, 0, 0)]), W),
        PROVED,
        LAYER,
        "p >= 0, h >= 3",
    ),
    Case("p as a factor", lambda x, p: p * x + x * p, lambda x, p: 2 * p * x, PROVED, X),
    Case("p squared is not p", lambda x, p: x * p * p, lambda x, p: x * p, REFUTED, X, says="p"),
    Case("p squared is p, of 0 and 1", lambda x, p: x * p * p, lambda x, p: x * p, PROVED, X, "p >= 0, p <= 1"),
    Case("p cubed is p, of -1, 0 and 1", lambda x, p: x * p * p * p, lambda x, p: x * p, PROVED, X, "p >= -1, p <= 1"),
    Case(
        "p cubed is p, of -1 to 2",
        lambda x, p: x * p * p * p,
        lambda x, p: x * p,
        REFUTED,
        X,
        "p >= -1, p <= 2",
        at={"n": 1, "p": 2},
    ),
    Case(
        "quotient and remainder of either sign", lambda x, p: x * (2 * (p // 2) + p % 2), lambda x, p: x * p, PROVED, X
    ),
    Case(
        "remainders of p and -p",
        lambda x, p: x * (p % 3 + (-p) % 3),
        lambda x, p: 3 * x,
        REFUTED,
        X,
        at={"n": 1, "p": 0},
    ),
    Case(
        "remainders of p and -p, given one",
        lambda x, p: x * (p % 3 + (-p) % 3),
        lambda x, p: 3 * x,
        PROVED,
        X,
        "p % 3 == 1",
    ),
    Case("p equal to 5", lambda x, p: 2 * x if p == 5 else x, lambda x, p: x, REFUTED, X, at={"n": 1, "p": 5}),
    Case("p equal to -5", lambda x, p: 2 * x if p == -5 else x, lambda x, p: x, REFUTED, X, at={"n": 1, "p": -5}),
    Case("p as a condition", lambda x, p: 2 * x if p else x, lambda x, p: 2 * x, REFUTED, X, at={"n": 1, "p": 0}),
    Case(
        "p of each sign",
        lambda x, p: x if p > 0 else 2 * x if p < 0 else 3 * x,
        lambda x, p: x,
        REFUTED,
        X,
        at={"n": 1, "p": 0},
    ),
    Case(
        "p of each sign, given one",
        lambda x, p: x if p > 0 else 2 * x if p < 0 else 3 * x,
        lambda x, p: 2 * x,
        PROVED,
        X,
        "p <= -1",
    ),
    Case("an open question about p", lambda x, p: x if p > 3 else 2 * x, lambda x, p: x, BadInput, X, says="given="),
    Case(
        "p in a shape",
        lambda x, y, p: x.sum() * y.shape[0],
        lambda x, y, p: x.sum() * (x.shape[0] + p),
        PROVED,
        {"x": "h", "y": "h+p", "p": int},
    ),
    Case(
        "p in a shape, miscounted",
        lambda x, y, p: x.sum() * y.shape[0],
        lambda x, y, p: x.sum() * (x.shape[0] + p + 1),
        REFUTED,
        {"x": "h", "y": "h+p", "p": int},
    ),
    Case(
        "a pad to a shape with p",
        lambda x, y, p: lax.pad(x, 0.0, [(p, 0, 0)]) + y,
        lambda x, y, p: y + lax.pad(x, 0.0, [(p, 0, 0)]),
        PROVED,
        {"x": "h", "y": "h+p", "p": int},
        "h + p >= 1",
    ),
    Case(
        "pads add up, of no crops",
        lambda x, p, q: lax.pad(lax.pad(x, 0.0, [(p, 0, 0)]), 0.0, [(q, 0, 0)]),
        lambda x, p, q: lax.pad(x, 0.0, [(p + q, 0, 0)]),
        PROVED,
        {"x": "n", "p": int, "q": int},
        "p >= 0, q >= 0",
    ),
    Case(
        "pads do not add up where one crops",
        lambda x, p, q: lax.pad(lax.pad(x, 0.0, [(p, 0, 0)]), 0.0, [(q, 0, 0)]),
        lambda x, p, q: lax.pad(x, 0.0, [(p + q, 0, 0)]),
        REFUTED,
        {"x": "n", "p": int, "q": int},
        "n + p >= 1, n + p + q >= 1",
        at={"n": 2, "p": -1, "q": 1},
    ),
    Case("p is a size too", lambda x, p: p * x, lambda x, p: x.shape[0] * x, PROVED, {"x": "p", "p": int}),
    Case("p is one number", lambda x, p: x * p, lambda x, p: 0 * x, PROVED, X, "p == 0"),
    Case("p far from 0", lambda x, p: x * p, lambda x, p: p * x, PROVED, X, "p % 100 == 50"),
    Case("1 / p", lambda x, p: x / p * p, lambda x, p: x, PROVED, X, "p >= 1"),
    Case(
        "1 / p, of any p",
        lambda x, p: x / p * p,
        lambda x, p: x,
        PROVED,
        X,
        says="p != 0",
    ),
    Case(
        "a computed start",
        lambda x, p: lax.dynamic_slice_in_dim(x, p, 1)[0],
        lambda x, p: x[0],
        REFUTED,
        X,
        at={"n": 2, "p": 1},
    ),
    Case(
        "a computed start is clamped",
        lambda x, p: lax.dynamic_slice_in_dim(x, p, 1)[0],
        lambda x, p: x[-1],
        PROVED,
        X,
        "p >= n",
    ),
    Case(
        "a variable in a pytree",
        lambda c, x: x * c["p"],
        lambda c, x: c["p"] * x,
        BadShape,
        {"c": {"p": int}, "x": "n"},
        says="stands by itself",
    ),
    Case("p by its places", lambda x, p: x * jnp.clip(jnp.arange(x.shape[0]), p, p), lambda x, p: p * x, PROVED, X),
]
