"""Conditions on indices, gathers, rolls and windows."""

import jax
import jax.numpy as jnp
from jax import lax

from jaxiom.layers import conv

from .case import PROVED, REFUTED, UNDECIDED, Case

N = {"x": "n"}


def at(x):
    return jnp.arange(x.shape[0])


def same(x):
    return x


CASES = [
    Case(
        "a Jacobian in reverse",
        lambda x: jax.jacrev(lambda a: a * 2)(x),
        lambda x: 2 * jnp.eye(x.shape[0]),
        PROVED,
        {"x": "n"},
    ),
    Case(
        "a Jacobian in reverse, of the square",
        lambda x: jax.jacrev(lambda a: a * a)(x),
        lambda x: 2 * jnp.eye(x.shape[0]),
        REFUTED,
        {"x": "n"},
    ),
    Case("the lower and the upper part", lambda A: jnp.tril(A) + jnp.triu(A, 1), lambda A: A, PROVED, {"A": "n m"}),
    Case(
        "the lower and the upper part, the diagonal twice",
        lambda A: jnp.tril(A) + jnp.triu(A),
        lambda A: A,
        REFUTED,
        {"A": "n m"},
    ),
    Case("the identity matrix", lambda x: jnp.eye(x.shape[0]) @ x, same, PROVED, N),
    Case(
        "a shift matrix",
        lambda x: jnp.eye(x.shape[0], k=1) @ x,
        lambda x: jnp.concatenate([x[1:], jnp.zeros(1)]),
        PROVED,
        N,
    ),
    Case("a diagonal matrix", lambda x: jnp.diag(x) @ x, lambda x: x * x, PROVED, N),
    Case("a roll", lambda x: jnp.roll(x, 1), lambda x: jnp.concatenate([x[-1:], x[:-1]]), PROVED, N),
    Case("a roll and no roll", lambda x: jnp.roll(x, 1), same, REFUTED, N, at={"n": 2}),
    Case("a roll of one", lambda x: jnp.roll(x, 1), same, PROVED, N, "n == 1"),
    Case("reversed with step 2", lambda x: x[::-2], lambda x: jnp.flip(x)[::2], PROVED, N),
    Case(
        "reversed with step 2, from the other end",
        lambda x: x[::-2],
        lambda x: jnp.flip(x[::2]),
        REFUTED,
        N,
        at={"n": 2},
    ),
    Case(
        "reversed with step 2, of an odd number", lambda x: x[::-2], lambda x: jnp.flip(x[::2]), PROVED, N, "n % 2 == 1"
    ),
    Case("an index past the end is clamped", lambda x: x[2], lambda x: x[-1], PROVED, N, "n <= 3"),
    Case("an index that may be past the end", lambda x: x[2], lambda x: x[-1], REFUTED, N, at={"n": 4}),
    Case(
        "a list of indices",
        lambda x: x[jnp.array([0, 2, 1])],
        lambda x: jnp.stack([x[0], x[2], x[1]]),
        PROVED,
        N,
        "n >= 3",
    ),
    Case(
        "a list of indices that may be past the end",
        lambda x: x[jnp.array([0, 2, 1])],
        lambda x: jnp.stack([x[0], x[2], x[1]]),
        UNDECIDED,
        N,
        says="outside",
        alone=False,
    ),
    Case(
        "negative indices", lambda x: x[jnp.array([-1, -2])], lambda x: jnp.stack([x[-1], x[-2]]), PROVED, N, "n >= 2"
    ),
    Case(
        "take, clipped",
        lambda x: jnp.take(x, at(x) + 1, mode="clip"),
        lambda x: jnp.concatenate([x[1:], x[-1:]]),
        PROVED,
        N,
    ),
    Case(
        "take, filled with 0",
        lambda x: jnp.take(x, at(x) + 1, mode="fill", fill_value=0),
        lambda x: jnp.concatenate([x[1:], jnp.zeros(1)]),
        PROVED,
        N,
    ),
    Case(
        "take, filled with NaN",
        lambda x: jnp.take(x, at(x) + 1),
        lambda x: jnp.concatenate([x[1:], jnp.zeros(1)]),
        UNDECIDED,
        N,
        says="fill",
        alone=False,
    ),
    Case(
        "windows by a gather",
        lambda x: jnp.take(x, at(x)[:-2, None] + jnp.arange(3), axis=0) @ jnp.array([1.0, 2.0, 3.0]),
        lambda x: conv(x[None, :, None], jnp.array([1.0, 2.0, 3.0])[:, None, None])[0, :, 0],
        PROVED,
        N,
        "n >= 3",
    ),
    Case(
        "the edges repeated",
        lambda x: jnp.pad(x, 1, mode="edge"),
        lambda x: jnp.concatenate([x[:1], x, x[-1:]]),
        PROVED,
        N,
    ),
    Case(
        "the edges reflected",
        lambda x: jnp.pad(x, 1, mode="reflect"),
        lambda x: jnp.pad(x, 1, mode="edge"),
        REFUTED,
        N,
        "n >= 2",
    ),
    Case(
        "running sums from both ends",
        lambda x: jnp.cumsum(x) + jnp.cumsum(x[::-1])[::-1],
        lambda x: x.sum() + x,
        PROVED,
        N,
    ),
    Case("running sums from one end or the other", jnp.cumsum, lambda x: jnp.cumsum(x[::-1])[::-1], REFUTED, N),
    Case(
        "remainders round towards zero in lax",
        lambda x: x * lax.rem(at(x) - 5, jnp.int32(3)),
        lambda x: x * ((at(x) - 5) - 3 * lax.div(at(x) - 5, jnp.int32(3))),
        PROVED,
        N,
    ),
    Case(
        "quotients round down in Python",
        lambda x: x * ((at(x) - 5) // 3),
        lambda x: x * lax.div(at(x) - 5, jnp.int32(3)),
        REFUTED,
        N,
    ),
    Case(
        "a clamp between bounds that cross",
        lambda x: x * lax.clamp(20, at(x) + 18, 30 - x.shape[0]).astype(jnp.float32),
        lambda x: x * jnp.where(at(x) < 2, 20, jnp.minimum(at(x) + 18, 30 - x.shape[0])),
        REFUTED,
        N,
        at={"n": 13},
    ),
    Case(
        "a clamp is a minimum of a maximum",
        lambda x: x * lax.clamp(3, at(x), x.shape[0] - 5).astype(jnp.float32),
        lambda x: x * jnp.minimum(jnp.maximum(at(x), 3), x.shape[0] - 5),
        PROVED,
        N,
    ),
    Case(
        "half of a size is no whole number",
        lambda x: jnp.where(1.0 * at(x) < x.shape[0] / 2 - 5, x, 0),
        lambda x: 0 * x,
        REFUTED,
        N,
        "n % 2 == 1",
        at={"n": 13},
    ),
    Case(
        "fractions below a number",
        lambda x: jnp.where(at(x) / 2 < 0.75, x, 0),
        lambda x: jnp.where(at(x) < 2, x, 0),
        PROVED,
        N,
    ),
    Case(
        "constants below a number",
        lambda x: jnp.where(jnp.array([0.5, 1.5, 2.0]) < 1.75, x, 0),
        lambda x: 0 * x,
        REFUTED,
        {"x": "3"},
    ),
    Case(
        "a quotient of powers of whole numbers",
        lambda x: lax.div(jnp.asarray(x.shape[0]) ** 3, jnp.int32(2)) * 2,
        lambda x: jnp.asarray(x.shape[0]) ** 3,
        REFUTED,
        N,
        alone=False,
        bug="n^3 is not affine: undecided, and no sample of sizes is tried",
    ),
    Case(
        "a quotient of powers of indices",
        lambda x: jnp.where(
            lax.div(lax.integer_pow(jnp.maximum(at(x) - 20, 0), 1) * 3, jnp.full_like(at(x), 2)) * 2
            == 3 * jnp.maximum(at(x) - 20, 0),
            x,
            0,
        ),
        same,
        REFUTED,
        N,
        at={"n": 22},
    ),
    Case(
        "the sum of squared indices by a power",
        lambda x: x * (at(x) ** 2).sum(),
        lambda x: x * x.shape[0] * (x.shape[0] - 1) * (2 * x.shape[0] - 1) / 6,
        PROVED,
        N,
    ),
    Case(
        "conditions along two axes",
        lambda x: jnp.where((at(x) < 2)[:, None] & (at(x) < 3), jnp.outer(x, x), 0).sum(),
        lambda x: x[:2].sum() * x[:3].sum(),
        PROVED,
        N,
        "n >= 3",
    ),
    Case(
        "a condition, padded",
        lambda x: x * lax.pad(at(x) < 2, True, [(1, -1, 0)]),
        lambda x: jnp.where(at(x) < 3, x, 0),
        PROVED,
        N,
    ),
    Case(
        "conditions, concatenated",
        lambda x: x * jnp.concatenate([(at(x) < 2)[1:], jnp.array([True])]),
        lambda x: x * ((at(x) < 1) | (at(x) == x.shape[0] - 1)),
        PROVED,
        N,
    ),
    Case("exclusive or", lambda x: x * ((at(x) < 2) ^ (at(x) < 3)), lambda x: jnp.where(at(x) == 2, x, 0), PROVED, N),
    Case(
        "exclusive or, for or",
        lambda x: x * ((at(x) < 2) ^ (at(x) < 3)),
        lambda x: jnp.where(at(x) < 3, x, 0),
        REFUTED,
        N,
    ),
    Case("a condition on a size", lambda x: jnp.where(jnp.asarray(x.shape[0]) > 3, x, 2 * x), same, REFUTED, N),
    Case(
        "a condition on a size, given",
        lambda x: jnp.where(jnp.asarray(x.shape[0]) > 3, x, 2 * x),
        same,
        PROVED,
        N,
        "n >= 4",
    ),
    Case("a condition on an input", lambda x: jnp.where(x > 0, x, 0), same, REFUTED, N),
    Case(
        "twice as long, tiled or repeated",
        lambda x: jnp.tile(x, 2),
        lambda x: jnp.repeat(x, 2),
        REFUTED,
        N,
        at={"n": 2},
    ),
    Case("tiled, its sum", lambda x: jnp.tile(x, 3).sum(), lambda x: 3 * x.sum(), PROVED, N),
]
