"""exp, sqrt, division and choices by inputs: what congruence proves, what it must not, and what is false."""

import jax
import jax.numpy as jnp
from jax import lax

from jaxiom.errors import Unsupported

from .case import PROVED, REFUTED, UNDECIDED, Case

N, NM, NN, XY = {"x": "n"}, {"x": "n m"}, {"x": "n n"}, {"x": "n", "y": "n"}


def same(x):
    return x


def two_pass(x):
    return ((x - x.mean()) ** 2).mean()


def norm(x, scale):
    return scale * (x - x.mean(1, keepdims=True)) * lax.rsqrt(x.var(1, keepdims=True) + 0.5)


def windows(x):
    return lax.reduce_window(x, 0.0, lax.add, (3,), (1,), "VALID")


def attention(q, k, v):
    weights = jnp.exp(q @ k.T / jnp.sqrt(q.shape[1]))
    return (weights / weights.sum(1, keepdims=True)) @ v


CASES = [
    Case("exp of the transpose", lambda x: jnp.exp(x.T), lambda x: jnp.exp(x).T, PROVED, NM),
    Case("exp and its transpose", lambda x: jnp.exp(x).T, jnp.exp, REFUTED, NN, says="exp(x[q, p]) - exp(x[p, q])"),
    Case("axes exchanged inside", lambda x: jnp.exp(x.sum(0)), lambda x: jnp.exp(x.sum(1)), REFUTED, NN, at={"n": 2}),
    Case("exp of a slice", lambda x: jnp.exp(x[1:]), lambda x: jnp.exp(x)[1:], PROVED, N, "n >= 2"),
    Case("the whole before the slice", lambda x: jnp.exp(x)[1:], lambda x: jnp.exp(x[1:]), PROVED, N, "n >= 2"),
    Case(
        "off by one slice",
        lambda x: jnp.exp(x[1:])[:-1],
        lambda x: jnp.exp(x)[:-2],
        REFUTED,
        N,
        "n >= 3",
        says="exp(x[p+1])",
    ),
    Case("of running sums", lambda x: jnp.exp(jnp.cumsum(2 * x)), lambda x: jnp.exp(2 * jnp.cumsum(x)), PROVED, N),
    Case(
        "of running sums from the other end",
        lambda x: jnp.exp(jnp.cumsum(x)),
        lambda x: jnp.exp(lax.cumsum(x, reverse=True)),
        REFUTED,
        N,
        at={"n": 2},
    ),
    Case(
        "of windows that overlap",
        lambda x: jnp.tanh(windows(3 * x))[::-1],
        lambda x: jnp.tanh(3 * windows(x[::-1])),
        PROVED,
        N,
        "n >= 3",
    ),
    Case(
        "of windows one apart",
        lambda x: jnp.tanh(windows(x))[1:],
        lambda x: jnp.tanh(windows(x))[:-1],
        REFUTED,
        N,
        "n >= 4",
    ),
    Case("reversed inside", lambda x: jnp.sin(jnp.flip(x)), lambda x: jnp.flip(jnp.sin(x)), PROVED, N),
    Case("reversed", lambda x: jnp.sin(jnp.flip(x)), jnp.sin, REFUTED, N, at={"n": 2}),
    Case("exp of a padded", lambda x: jnp.exp(jnp.pad(x, 1)), lambda x: jnp.pad(jnp.exp(x), 1), REFUTED, N),
    Case(
        "padded with exp(0)",
        lambda x: jnp.exp(jnp.pad(x, 1)),
        lambda x: jnp.pad(jnp.exp(x), 1, constant_values=1),
        PROVED,
        N,
    ),
    Case(
        "exp of two ends",
        lambda x, y: jnp.exp(jnp.concatenate([x, 2 * y])),
        lambda x, y: jnp.concatenate([jnp.exp(x), jnp.exp(y + y)]),
        PROVED,
        XY,
    ),
    Case(
        "ends exchanged",
        lambda x, y: jnp.exp(jnp.concatenate([x, y])),
        lambda x, y: jnp.concatenate([jnp.exp(y), jnp.exp(x)]),
        REFUTED,
        XY,
    ),
    Case(
        "constant along an axis",
        lambda x: jnp.exp(jnp.broadcast_to(x[:, None], (x.shape[0], 3))),
        lambda x: jnp.broadcast_to(jnp.exp(x)[:, None], (x.shape[0], 3)),
        PROVED,
        N,
    ),
    Case(
        "not constant along an axis",
        lambda x: jnp.exp(x[:, None] + jnp.arange(3.0)),
        lambda x: jnp.broadcast_to(jnp.exp(x)[:, None], (x.shape[0], 3)),
        REFUTED,
        N,
    ),
    Case("of a symmetric matrix", lambda x: jnp.exp(x @ x.T), lambda x: jnp.exp(x @ x.T).T, PROVED, NM),
    Case("of one that is not", lambda x: jnp.exp(x @ x), lambda x: jnp.exp(x @ x).T, REFUTED, NN),
    Case("two functions", jnp.sin, jnp.tan, REFUTED, N),
    Case("tanh of a shift", lambda x: jnp.tanh(x + 1), lambda x: jnp.tanh(x) + 1, REFUTED, N),
    Case("odd", lambda x: jnp.tanh(-x), lambda x: -jnp.tanh(x), PROVED, N),
    Case("not odd", lambda x: jnp.exp(-x), lambda x: -jnp.exp(x), REFUTED, N),
    Case("sum of exponents", lambda x, y: jnp.exp(x + y), lambda x, y: jnp.exp(x) * jnp.exp(y), UNDECIDED, XY),
    Case(
        "log of a product",
        lambda x, y: jnp.log(x * y),
        lambda x, y: jnp.log(x) + jnp.log(y),
        UNDECIDED,
        XY,
        says="hangs on log, of which only f(A) = f(B) where A = B is used",
    ),
    Case("exp of log", lambda x: jnp.exp(jnp.log(x)), same, UNDECIDED, N),
    Case("squared root", lambda x: jnp.sqrt(x) ** 2, same, UNDECIDED, N, says="needs x to be at least 0"),
    Case("root of the square", lambda x: jnp.sqrt(x * x), same, REFUTED, N),
    Case("x over x", lambda x: x / x, jnp.ones_like, UNDECIDED, N, says="needs x to be other than 0"),
    Case(
        "sum of two quotients",
        lambda x, y: x / (1 + x * x) + y / (1 + x**2),
        lambda x, y: (x + y) / (x * x + 1),
        PROVED,
        XY,
    ),
    Case("reciprocal of a sum", lambda x, y: 1 / (x + y), lambda x, y: 1 / x + 1 / y, REFUTED, XY),
    Case("quotient upside down", lambda x, y: x / y, lambda x, y: y / x, REFUTED, XY),
    Case("over a product", lambda x, y: 3 / (2 * x * y), lambda x, y: 1.5 / y / x, PROVED, XY),
    Case("over the mean", lambda x: x / x.mean(), lambda x: x.shape[0] * x / x.sum(), PROVED, N),
    Case("rsqrt", lambda x: x * lax.rsqrt(x * x + 1), lambda x: x / jnp.sqrt(1 + x**2), PROVED, N),
    Case("power of a half", lambda x: x**1.5, lambda x: jnp.sqrt(x) * jnp.sqrt(x) * jnp.sqrt(x), PROVED, N),
    Case("powers exchanged", lambda x, y: jnp.pow(x, y), lambda x, y: jnp.pow(y, x), REFUTED, XY),
    Case("silu", jax.nn.silu, lambda x: x / (1 + jnp.exp(-x)), PROVED, N),
    Case("sigmoid of the negative", jax.nn.sigmoid, lambda x: jax.nn.sigmoid(-x), REFUTED, N),
    Case(
        "sigmoid by tanh",
        jax.nn.sigmoid,
        lambda x: (jnp.tanh(x / 2) + 1) / 2,
        UNDECIDED,
        N,
        says="hangs on 1/x, tanh",
    ),
    Case("softplus", jax.nn.softplus, lambda x: jnp.logaddexp(0.0, x), PROVED, N),
    Case("gelu, two ways", lambda x: jax.nn.gelu(x), lambda x: jax.nn.gelu(x, approximate=False), REFUTED, N),
    Case("variance, two-pass", jnp.var, two_pass, PROVED, NM),
    Case("variance by squares", jnp.var, lambda x: (x * x).mean() - x.mean() ** 2, PROVED, N),
    Case("variance and squares", jnp.var, lambda x: (x * x).mean(), REFUTED, N),
    Case("ddof mixed up", lambda x: jnp.var(x, ddof=1), jnp.var, REFUTED, N, "n >= 2"),
    Case(
        "ddof of 1",
        lambda x: jnp.var(x, ddof=1),
        lambda x: ((x - x.mean()) ** 2).sum() / (x.shape[0] - 1),
        PROVED,
        N,
        says="n != 1",
    ),
    Case("standard deviation", jnp.std, lambda x: jnp.sqrt(two_pass(x)), PROVED, N),
    Case("deviation and variance", jnp.std, jnp.var, REFUTED, N, at={"n": 3}),
    Case("norm", jnp.linalg.norm, lambda x: jnp.sqrt((x * x).sum()), PROVED, N),
    Case(
        "a layer's norm shifted",
        lambda x, s: norm(x + 3, s),
        norm,
        PROVED,
        {"x": "n m", "s": "m"},
    ),
    Case("a layer's norm doubled", lambda x, s: norm(2 * x, s), norm, REFUTED, {"x": "n 2", "s": "2"}),
    Case(
        "attention, keys in another order",
        lambda q, k, v: attention(q, jnp.flip(k, 0), jnp.flip(v, 0)),
        attention,
        PROVED,
        {"q": "n d", "k": "m d", "v": "m c"},
    ),
    Case(
        "attention, keys alone in another order",
        lambda q, k, v: attention(q, jnp.flip(k, 0), v),
        attention,
        REFUTED,
        {"q": "1 1", "k": "2 1", "v": "2 1"},
    ),
    Case("maximum either way", jnp.maximum, lambda x, y: y + jax.nn.relu(x - y), PROVED, XY),
    Case("maximum and minimum", lambda x, y: jnp.maximum(x, y) + jnp.minimum(y, x), lambda x, y: x + y, PROVED, XY),
    Case("maximum and sum", jnp.maximum, lambda x, y: x + y, REFUTED, XY),
    Case("relu of the negative", lambda x: jax.nn.relu(-x), jax.nn.relu, REFUTED, N),
    Case("choice by an input", lambda x, y: jnp.where(x > y, x, y), lambda x, y: jnp.where(y < x, x, y), PROVED, XY),
    Case("choice the other way", lambda x, y: jnp.where(x > y, x, y), lambda x, y: jnp.where(x > y, y, x), REFUTED, XY),
    Case("opaque of an opaque", lambda x: jnp.exp(jnp.sin(x.T)), lambda x: jnp.exp(jnp.sin(x)).T, PROVED, NM),
    Case("in the other order", lambda x: jnp.exp(jnp.sin(x)), lambda x: jnp.sin(jnp.exp(x)), REFUTED, N),
    Case(
        "equal for one size only",
        lambda x: jnp.exp(x.sum()),
        lambda x: jnp.exp(x.mean()),
        REFUTED,
        N,
        at={"n": 2},
    ),
    Case(
        "equal for the size that is given",
        lambda x: jnp.exp(x.sum()),
        lambda x: jnp.exp(x.mean()),
        PROVED,
        N,
        "n <= 1",
    ),
    Case(
        "scores over the root of the size",
        lambda q, k: jnp.tanh((q / jnp.sqrt(q.shape[1])) @ k.T),
        lambda q, k: jnp.tanh(q @ k.T / jnp.sqrt(k.shape[1])),
        PROVED,
        {"q": "n d", "k": "m d"},
    ),
    Case(
        "scores over the root of the other size",
        lambda q, k: jnp.tanh(q @ k.T / jnp.sqrt(q.shape[0])),
        lambda q, k: jnp.tanh(q @ k.T / jnp.sqrt(k.shape[1])),
        REFUTED,
        {"q": "n d", "k": "m d"},
        at={"n": 2, "d": 1, "m": 1},
    ),
    Case("over nothing", lambda x: x / (x - x), same, Unsupported, N, says="zero somewhere"),
]
