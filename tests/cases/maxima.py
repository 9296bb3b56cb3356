"""Maxima and minima along axes and over windows: softmax, attention, pooling."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxiom.errors import BadInput, Unsupported

from .case import PROVED, REFUTED, UNDECIDED, Case

N, NM, NN, NAB = {"x": "n"}, {"x": "n m"}, {"x": "n n"}, {"x": "n a b"}
IMAGE = {"x": "n h w c"}
ATTENTION = {"q": "n d", "k": "m d", "v": "m e"}


def pool(x, size=2, stride=2, padding: Any = "VALID", largest=True):
    start, fold = (-jnp.inf, lax.max) if largest else (jnp.inf, lax.min)
    return lax.reduce_window(x, start, fold, (1, size, size, 1), (1, stride, stride, 1), padding)


def line(x, size, padding=((0, 0),), stride=1, apart=1):
    return lax.reduce_window(x, -jnp.inf, lax.max, (size,), (stride,), padding, None, (apart,))


def attend(q, k, v):
    return jax.nn.softmax(q @ k.T) @ v


def blocks(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c)


CASES = [
    Case("of the transpose", lambda x: x.T.max(0), lambda x: x.max(1), PROVED, NM),
    Case("along the other axis", lambda x: x.max(0), lambda x: x.max(1), REFUTED, NN, at={"n": 2}),
    Case("of all, in another order", lambda x: x.T.max(), lambda x: x.max(), PROVED, NM),
    Case("reversed", lambda x: jnp.flip(x, 1).max(1), lambda x: x.max(1), PROVED, NM),
    Case("reversed along the axis that stays", lambda x: jnp.flip(x, 0).max(1), lambda x: x.max(1), REFUTED, NM),
    Case("without the first two", lambda x: x[2:].max(), lambda x: x.max(), REFUTED, N, "n >= 3", at={"n": 3}),
    Case(
        "without the first, said otherwise",
        lambda x: x[1:].max(),
        lambda x: jnp.flip(x)[:-1].max(),
        PROVED,
        N,
        "n >= 2",
    ),
    Case("with a zero more", lambda x: jnp.pad(x, (0, 1)).max(), lambda x: x.max(), REFUTED, N),
    Case("rolled", lambda x: jnp.roll(x, 1).max(), lambda x: x.max(), UNDECIDED, N, "n >= 3"),
    Case("minimum by maximum", lambda x: x.min(1), lambda x: -(-x).max(1), PROVED, NM),
    Case("minimum is no maximum", lambda x: x.min(1), lambda x: x.max(1), REFUTED, NM),
    Case("a positive factor", lambda x: (3 * x).max(1), lambda x: 3 * x.max(1), PROVED, NM),
    Case("a negative factor", lambda x: (-3 * x).max(1), lambda x: -3 * x.max(1), REFUTED, NM),
    Case("a negative factor turns it", lambda x: (-3 * x).max(1), lambda x: -3 * x.min(1), PROVED, NM),
    Case("a size as a factor", lambda x: (x * x.shape[0]).max(0), lambda x: x.max(0) * x.shape[0], PROVED, NM),
    Case("another size as a factor", lambda x: (x * x.shape[0]).max(0), lambda x: x.max(0) * x.shape[1], REFUTED, NM),
    Case("of means", lambda x: x.mean(1).max(), lambda x: x.sum(1).max() / x.shape[1], PROVED, NM),
    Case("of means by the wrong count", lambda x: x.mean(1).max(), lambda x: x.sum(1).max() / x.shape[0], REFUTED, NM),
    Case(
        "a size that may be negative as a factor",
        lambda x, p: (x * p).max(0),
        lambda x, p: x.max(0) * p,
        REFUTED,
        {"x": "n", "p": int},
    ),
    Case(
        "a size less 1 as a factor",
        lambda x: (x * (x.shape[0] - 1) + x).max(0),
        lambda x: x.max(0) * x.shape[0],
        PROVED,
        NM,
    ),
    Case("of what is one value", lambda x: jnp.stack([x, x, x], 1).max(1), lambda x: x, PROVED, N),
    Case("of an axis of size 1", lambda x: x[:, None].max(1), lambda x: x, PROVED, N),
    Case("of zeros", lambda x: (0 * x).max(1), lambda x: jnp.zeros(x.shape[0]), PROVED, NM),
    Case("axis by axis", lambda x: x.max(1).max(1), lambda x: x.max((1, 2)), PROVED, NAB),
    Case("axis by axis, the other first", lambda x: x.max(2).max(1), lambda x: x.max(1).max(1), PROVED, NAB),
    Case("a minimum between", lambda x: x.min(1).max(1), lambda x: x.max((1, 2)), REFUTED, NAB),
    Case("of a sum of maxima", lambda x: x.max(2).sum(1), lambda x: x.sum(1).max(1), REFUTED, NAB),
    Case("of a sum of maxima, then of all", lambda x: x.max(2).sum(1).max(), lambda x: x.sum(1).max(), REFUTED, NAB),
    Case("of maxima and zeros", lambda x: jnp.pad(x.max(1), (0, 1)).max(), lambda x: x.max(), REFUTED, NM),
    Case("of a merged axis", lambda x: x.reshape(x.shape[0], -1).max(1), lambda x: x.max((1, 2)), PROVED, NAB),
    Case("a mean is no maximum", lambda x: x.max(1), lambda x: x.mean(1), REFUTED, NM),
    Case("a bias comes out", lambda x: (x + 1).max(1), lambda x: x.max(1) + 1, UNDECIDED, NM),
    Case(
        "of a product with a matrix",
        lambda x, y: (x @ y).max(1),
        lambda x, y: (y.T @ x.T).max(0),
        PROVED,
        {"x": "n m", "y": "m k"},
    ),
    Case(
        "a matrix does not come out",
        lambda x, y: (x @ y).max(0),
        lambda x, y: x.max(0) @ y,
        REFUTED,
        {"x": "n m", "y": "m k"},
    ),
    Case("with -inf at hand", lambda x: jnp.maximum(-jnp.inf, x), lambda x: x, PROVED, N),
    Case("with inf at hand", lambda x: jnp.minimum(x, jnp.inf), lambda x: x, PROVED, N),
    Case("the wrong infinity", lambda x: jnp.maximum(x, jnp.inf), lambda x: x, UNDECIDED, N, alone=False),
    Case(
        "one infinity or the other, by a value",
        lambda x: jnp.maximum(x, jnp.where(x > 1000, jnp.inf, -jnp.inf)),
        lambda x: x,
        UNDECIDED,
        N,
        alone=False,
    ),
    Case(
        "one infinity or the other, by an index",
        lambda x: jnp.maximum(x, jnp.where(jnp.arange(x.shape[0]) >= 100, jnp.inf, -jnp.inf)),
        lambda x: x,
        UNDECIDED,
        N,
        alone=False,
    ),
    Case(
        "an infinity or NaN",
        lambda x: jnp.minimum(x, jnp.where(x == 3, jnp.nan, jnp.inf)),
        lambda x: x,
        UNDECIDED,
        N,
        alone=False,
    ),
    Case(
        "the same infinity twice",
        lambda x: jnp.minimum(x, jnp.where(x == 3, jnp.inf, jnp.inf)),
        lambda x: x,
        PROVED,
        N,
    ),
    Case(
        "an infinity as a truth value",
        lambda x: jnp.minimum(x, jnp.full(x.shape, jnp.inf).astype(bool).astype(x.dtype)),
        lambda x: x,
        Unsupported,
        N,
        "n >= 1000000",
        says="a conversion of inf to bool",
    ),
    Case(
        "an infinity as an integer",
        lambda x: jnp.maximum(x, jnp.full(x.shape, -jnp.inf).astype(jnp.uint8).astype(x.dtype)),
        lambda x: x,
        Unsupported,
        N,
        "n >= 1000000",
        says="a conversion of -inf to uint8",
    ),
    Case(
        "the gradient of logsumexp",
        lambda x: jax.grad(jax.nn.logsumexp)(x),
        lambda x: jax.nn.softmax(x),
        PROVED,
        N,
    ),
    Case(
        "the gradient of logsumexp, twice",
        lambda x: 2 * jax.grad(jax.nn.logsumexp)(x),
        lambda x: jax.nn.softmax(2 * x),
        REFUTED,
        N,
    ),
    Case(
        "of nothing, perhaps",
        lambda x: lax.reduce_max(x[1:], axes=(0,)),
        lambda x: x.sum(),
        UNDECIDED,
        N,
        says="may be taken of nothing",
        alone=False,
    ),
    Case(
        "of nothing, perhaps, as jnp asks", lambda x: x[1:].max(), lambda x: x.sum(), BadInput, N, says="'n - 1' >= '1'"
    ),
    # softmax and what is made of it
    Case("softmax of the transpose", lambda x: jax.nn.softmax(x.T, 0), lambda x: jax.nn.softmax(x, 1).T, PROVED, NM),
    Case(
        "softmax along the other axis",
        lambda x: jax.nn.softmax(x, 0),
        lambda x: jax.nn.softmax(x, 1),
        REFUTED,
        NN,
        at={"n": 2},
    ),
    Case("softmax and a temperature", lambda x: jax.nn.softmax(x / 2), lambda x: jax.nn.softmax(0.5 * x), PROVED, NM),
    Case("a temperature outside", lambda x: jax.nn.softmax(x / 2), lambda x: jax.nn.softmax(x) / 2, REFUTED, NM),
    Case(
        "softmax without its maximum",
        lambda x: jax.nn.softmax(x),
        lambda x: jnp.exp(x) / jnp.exp(x).sum(1, keepdims=True),
        UNDECIDED,
        NM,
        says="only f(A) = f(B) where A = B is used",
    ),
    Case(
        "log_softmax by logsumexp",
        lambda x: jax.nn.log_softmax(x),
        lambda x: x - jax.nn.logsumexp(x, 1, keepdims=True),
        PROVED,
        NM,
    ),
    Case(
        "logsumexp along the other axis",
        lambda x: jax.nn.logsumexp(x, 0),
        lambda x: jax.nn.logsumexp(x, 1),
        REFUTED,
        NN,
        at={"n": 2},
    ),
    Case(
        "the values' matrix after attention",
        lambda s, v, w: (jax.nn.softmax(s) @ v) @ w,
        lambda s, v, w: jax.nn.softmax(s) @ (v @ w),
        PROVED,
        {"s": "n m", "v": "m d", "w": "d e"},
    ),
    Case(
        "the values' matrix inside softmax",
        lambda s, w: jax.nn.softmax(s) @ w,
        lambda s, w: jax.nn.softmax(s @ w),
        REFUTED,
        {"s": "n m", "w": "m m"},
    ),
    Case(
        "attention's scale in the queries",
        lambda q, k, v: attend(q / 4, k, v),
        lambda q, k, v: attend(q, k / 4, v),
        PROVED,
        ATTENTION,
    ),
    Case(
        "attention's scale in the values",
        lambda q, k, v: attend(q / 4, k, v),
        lambda q, k, v: attend(q, k, v / 4),
        REFUTED,
        ATTENTION,
    ),
    Case(
        "queries' and keys' matrices in one",
        lambda x, a, b: jax.nn.softmax((x @ a) @ (x @ b).T),
        lambda x, a, b: jax.nn.softmax(x @ (a @ b.T) @ x.T),
        PROVED,
        {"x": "n d", "a": "d e", "b": "d e"},
    ),
    Case(
        "their matrices the wrong way round",
        lambda x, a, b: jax.nn.softmax((x @ a) @ (x @ b).T),
        lambda x, a, b: jax.nn.softmax(x @ (b @ a.T) @ x.T),
        REFUTED,
        {"x": "n d", "a": "d e", "b": "d e"},
        at={"n": 2, "d": 2, "e": 1},
    ),
    Case(
        "queries reversed",
        lambda q, k, v: attend(q[::-1], k, v),
        lambda q, k, v: attend(q, k, v)[::-1],
        PROVED,
        ATTENTION,
    ),
    Case("keys reversed with their values", lambda q, k, v: attend(q, k[::-1], v[::-1]), attend, PROVED, ATTENTION),
    Case("keys reversed without their values", lambda q, k, v: attend(q, k[::-1], v), attend, REFUTED, ATTENTION),
    # pooling
    Case("pooling by a reshape", pool, lambda x: blocks(x).max((2, 4)), PROVED, {"x": "n 2*h 2*w c"}),
    Case("pooling by the wrong reshape", pool, lambda x: blocks(x).max((1, 3)), REFUTED, {"x": "n 4 4 c"}),
    Case(
        "pooling by four slices",
        pool,
        lambda x: jnp.stack([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]).max(0),
        UNDECIDED,
        {"x": "n 2*h 2*w c"},
    ),
    Case("pooling and a factor", lambda x: pool(3 * x), lambda x: 3 * pool(x), PROVED, {"x": "n 2*h 2*w c"}),
    Case("pooling and a sign", lambda x: pool(-x), lambda x: -pool(x), REFUTED, {"x": "n 2*h 2*w c"}),
    Case(
        "pooling and its sign turned",
        lambda x: pool(-x, largest=False),
        lambda x: -pool(x),
        PROVED,
        {"x": "n 2*h 2*w c"},
    ),
    Case(
        "pooling of the image turned round",
        lambda x: pool(x[:, ::-1]),
        lambda x: pool(x)[:, ::-1],
        PROVED,
        {"x": "n 2*h 2*w c"},
    ),
    Case(
        "pooling of an odd image turned round",
        lambda x: pool(x[:, ::-1]),
        lambda x: pool(x)[:, ::-1],
        REFUTED,
        {"x": "n 5 4 c"},
    ),
    Case("pooling is no mean", pool, lambda x: blocks(x).mean((2, 4)), REFUTED, {"x": "n 2*h 2*w c"}),
    Case(
        "padding that does not count",
        lambda x: pool(x, 3, 1, "SAME"),
        lambda x: pool(x, 3, 1, ((0, 0), (1, 1), (1, 1), (0, 0))),
        PROVED,
        IMAGE,
    ),
    Case(
        "padding with zeros counts",
        lambda x: pool(x, 3, 1, "SAME"),
        lambda x: pool(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), 3, 1),
        REFUTED,
        IMAGE,
    ),
    Case(
        "channels mixed before pooling",
        lambda x, w: pool(x @ w),
        lambda x, w: pool(x) @ w,
        REFUTED,
        {"x": "n 2*h 2*w c", "w": "c d"},
    ),
    Case("a window of one", lambda x: line(x, 1), lambda x: x, PROVED, N),
    Case("a window of one, with a stride", lambda x: line(x, 1, stride=2), lambda x: x[::2], PROVED, {"x": "2*n"}),
    Case("a window over everything", lambda x: line(x, 4), lambda x: x.max(0, keepdims=True), PROVED, {"x": "4"}),
    Case(
        "a window wholly in the padding",
        lambda x: line(x, 2, ((2, 2),)),
        lambda x: line(x, 2, ((2, 2),)),
        UNDECIDED,
        N,
        says="may be taken of nothing",
        alone=False,
    ),
    Case(
        "padding on one side", lambda x: line(x, 2, ((1, 0),)), lambda x: line(x[::-1], 2, ((0, 1),))[::-1], PROVED, N
    ),
    Case("padding on the other side", lambda x: line(x, 2, ((1, 0),)), lambda x: line(x, 2, ((0, 1),)), REFUTED, N),
    Case("taps two apart", lambda x: line(x, 2, apart=2), lambda x: jnp.maximum(x[:-2], x[2:]), UNDECIDED, N, "n >= 3"),
    Case("cropped", lambda x: line(x, 2, ((-1, -1),)), lambda x: line(x[1:-1], 2), PROVED, N, "n >= 4"),
    Case(
        "cropped by one too few",
        lambda x: line(x, 2, ((-1, 0),)),
        lambda x: line(x[1:-1], 2, ((0, 1),)),
        REFUTED,
        N,
        "n >= 4",
    ),
]
