"""What jnp and lax functions trace to: reads and writes at computed indices, paddings, merged axes, borders."""

import jax
import jax.numpy as jnp
from jax import lax

from jaxiom.errors import BadShape

from .case import PROVED, REFUTED, UNDECIDED, Case

N, NM, NN = {"x": "n"}, {"x": "n m"}, {"A": "n n"}


def at(x, axis=0):
    return jnp.arange(x.shape[axis])


def same(x):
    return x


def twice(x):
    """Each index twice, over a merged axis."""
    return (at(x)[:, None] + jnp.zeros((1, 2), int)).reshape(2 * x.shape[0])


def padded(**how):
    return lambda x: jnp.pad(x, 1, **how)


def adjoint(function):
    return lambda x, g: jax.vjp(function, x)[1](g)[0]


CASES = [
    # reads
    Case("a crop", lambda x: x[:, 1:-1], lambda x: x[:, at(x, 1)[1:-1]], PROVED, NM, "m >= 3"),
    Case("a crop of one less", lambda x: x[1:-1], lambda x: x[2:], REFUTED, N, "n >= 3"),
    Case(
        "take past the end, clipped",
        lambda x: jnp.take(x, at(x) + 1, mode="clip"),
        lambda x: jnp.concatenate([x[1:], x[-1:]]),
        PROVED,
        N,
        "n >= 2",
    ),
    Case(
        "take past the end, filled",
        lambda x: jnp.take(x, at(x) + 1, mode="fill", fill_value=7),
        lambda x: jnp.concatenate([x[1:], jnp.full(1, 7.0)]),
        PROVED,
        N,
        "n >= 2",
    ),
    Case(
        "clipped and filled",
        lambda x: jnp.take(x, at(x) + 1, mode="clip"),
        lambda x: jnp.take(x, at(x) + 1, mode="fill", fill_value=0),
        REFUTED,
        N,
    ),
    Case(
        "filled with NaN",
        lambda x: jnp.take(x, at(x) + 1, mode="fill"),
        same,
        UNDECIDED,
        N,
        says="fills with NaN",
        alone=False,
    ),
    Case(
        "take of a row",
        lambda x: jnp.take(x, jnp.array([0, 2]), axis=0),
        lambda x: jnp.stack([x[0], x[2]]),
        PROVED,
        NM,
        "n >= 3",
    ),
    Case(
        "take of a column for a row",
        lambda x: jnp.take(x, 1, axis=0),
        lambda x: jnp.take(x, 1, axis=1),
        REFUTED,
        {"x": "n n"},
        "n >= 2",
    ),
    Case(
        "rolled by a size that may be 1",
        lambda x: jnp.roll(x, (1, -1), (0, 1)),
        lambda x: jnp.roll(jnp.roll(x, -1, 1), 1, 0),
        PROVED,
        NM,
    ),
    Case("rolled the other way", lambda x: jnp.roll(x, 1, 0), lambda x: jnp.roll(x, -1, 0), REFUTED, N, at={"n": 3}),
    Case(
        "rolled the other way, of two", lambda x: jnp.roll(x, 1, 0), lambda x: jnp.roll(x, -1, 0), PROVED, N, "n <= 2"
    ),
    Case(
        "rolled by three, back by two",
        lambda x: jnp.roll(jnp.roll(x, 3, 0), -2, 0),
        lambda x: jnp.roll(x, 1, 0),
        PROVED,
        N,
    ),
    Case("an index over a merged axis", lambda x: x[twice(x)], lambda x: jnp.repeat(x, 2), PROVED, N),
    Case(
        "an index over a merged axis, tiled", lambda x: x[twice(x)], lambda x: jnp.tile(x, 2), REFUTED, N, at={"n": 2}
    ),
    # writes
    Case("an entry added", lambda x: x.at[1].add(3), lambda x: x + 3 * (at(x) == 1), PROVED, N),
    Case(
        "an entry set, which may not be there",
        lambda x, y: x.at[1].set(y),
        lambda x, y: jnp.where(at(x) == 1, y, x),
        PROVED,
        {"x": "n", "y": ""},
    ),
    Case(
        "the last entry set and added",
        lambda x, y: x.at[-1].set(y),
        lambda x, y: x.at[-1].add(y),
        REFUTED,
        {"x": "n", "y": ""},
    ),
    Case(
        "rows set",
        lambda x, y: x.at[1:3].set(y),
        lambda x, y: jnp.concatenate([x[:1], y, x[3:]]),
        PROVED,
        {"x": "n m", "y": "2 m"},
        "n >= 4",
    ),
    Case(
        "rows set one further",
        lambda x, y: x.at[1:3].set(y),
        lambda x, y: jnp.concatenate([x[:2], y, x[4:]]),
        REFUTED,
        {"x": "n m", "y": "2 m"},
        "n >= 5",
    ),
    Case(
        "every other entry scaled",
        lambda x: x.at[::2].multiply(3),
        lambda x: jnp.where(at(x) % 2 == 0, 3 * x, x),
        PROVED,
        N,
    ),
    Case(
        "every other entry scaled, from the second",
        lambda x: x.at[::2].multiply(3),
        lambda x: x.at[1::2].multiply(3),
        REFUTED,
        N,
        "n >= 2",
    ),
    Case(
        "an entry added twice",
        lambda x: x.at[jnp.array([1, 1])].add(x[0]),
        lambda x: x + 2 * x[0] * (at(x) == 1),
        PROVED,
        N,
        "n >= 2",
    ),
    Case(
        "an entry added twice, counted once",
        lambda x: x.at[jnp.array([1, 1])].add(x[0]),
        lambda x: x.at[1].add(x[0]),
        REFUTED,
        N,
        "n >= 2",
        "x[",
    ),
    Case(
        "an entry set twice",
        lambda x: x.at[jnp.array([1, 1])].set(x[0]),
        same,
        UNDECIDED,
        N,
        "n >= 2",
        "two updates may meet",
        alone=False,
    ),
    Case(
        "all added at one entry",
        lambda x: jnp.zeros(3).at[0 * at(x)].add(x),
        lambda x: jnp.stack([x.sum(), x[0] * 0, x[0] * 0]),
        PROVED,
        N,
    ),
    Case(
        "added by halves",
        lambda x: jnp.zeros_like(x).at[at(x) // 2].add(x),
        lambda x: jnp.pad(x.reshape(x.shape[0] // 2, 2).sum(1), (0, x.shape[0] // 2)),
        PROVED,
        N,
        "n % 2 == 0",
    ),
    Case(
        "a block past the end is moved inside",
        lambda x, y: lax.dynamic_update_slice(x, y, (x.shape[0],)),
        lambda x, y: jnp.concatenate([x[:-2], y]),
        PROVED,
        {"x": "n", "y": "2"},
        "n >= 3",
    ),
    Case(
        "a block past the end is not dropped",
        lambda x, y: lax.dynamic_update_slice(x, y, (x.shape[0],)),
        lambda x, y: x + 0 * y[0],
        REFUTED,
        {"x": "n", "y": "2"},
        "n >= 3",
    ),
    # adjoints
    Case(
        "the adjoint of a crop",
        adjoint(lambda x: x[1:-1]),
        lambda x, g: jnp.pad(g, 1),
        PROVED,
        {"x": "n", "g": "n-2"},
        "n >= 3",
    ),
    Case(
        "the adjoint of a crop, on one side",
        adjoint(lambda x: x[1:-1]),
        lambda x, g: jnp.pad(g, (2, 0)),
        REFUTED,
        {"x": "n", "g": "n-2"},
        "n >= 3",
    ),
    Case(
        "the adjoint of a stride",
        adjoint(lambda x: x[::2]),
        lambda x, g: lax.pad(g, 0.0, [(0, 1, 1)])[: x.shape[0]],
        PROVED,
        {"x": "n", "g": "(n+1)//2"},
    ),
    Case(
        "the adjoint of a roll",
        adjoint(lambda x: jnp.roll(x, 1)),
        lambda x, g: jnp.roll(g, -1),
        PROVED,
        {"x": "n", "g": "n"},
    ),
    Case(
        "the adjoint of a roll is no roll",
        adjoint(lambda x: jnp.roll(x, 1)),
        lambda x, g: jnp.roll(g, 1),
        REFUTED,
        {"x": "n", "g": "n"},
        at={"n": 3},
    ),
    Case(
        "the adjoint of an edge padding",
        adjoint(padded(mode="edge")),
        lambda x, g: g[1:-1].at[0].add(g[0]).at[-1].add(g[-1]),
        PROVED,
        {"x": "n", "g": "n+2"},
    ),
    # paddings
    Case("reflected", padded(mode="reflect"), lambda x: jnp.concatenate([x[1:2], x, x[-2:-1]]), PROVED, N, "n >= 2"),
    Case("reflected and symmetric", padded(mode="reflect"), padded(mode="symmetric"), REFUTED, N, "n >= 2"),
    Case("symmetric by one is the edge", padded(mode="symmetric"), padded(mode="edge"), PROVED, N, "n >= 2"),
    Case("wrapped, at numbers", padded(mode="wrap"), lambda x: jnp.concatenate([x[-1:], x, x[:1]]), PROVED, {"x": "5"}),
    Case("a constant", padded(constant_values=3), lambda x: jnp.pad(x - 3, 1) + 3, PROVED, NM),
    Case(
        "a constant on the wrong side",
        lambda x: jnp.pad(x, (1, 0), constant_values=3),
        lambda x: jnp.pad(x, (0, 1), constant_values=3),
        REFUTED,
        N,
    ),
    # conditions and choices
    Case(
        "all and any",
        lambda x: jnp.where(jnp.all(at(x) > 0) | ~jnp.any(at(x) == 0), x, 2 * x),
        lambda x: 2 * x,
        PROVED,
        N,
    ),
    Case(
        "any is not all",
        lambda x: jnp.where(jnp.any(at(x) > 0), x, 2 * x),
        lambda x: jnp.where(jnp.all(at(x) >= 0), x, 2 * x),
        REFUTED,
        N,
    ),
    Case(
        "a choice among three",
        lambda x: jnp.select([at(x) < 1, at(x) < 2], [x, 2 * x], 3 * x),
        lambda x: x * jnp.minimum(at(x) + 1, 3),
        PROVED,
        N,
    ),
    Case(
        "a choice among three takes the first",
        lambda x: jnp.select([at(x) < 2, at(x) < 1], [x, 2 * x], 3 * x),
        lambda x: x * jnp.minimum(at(x) + 1, 3),
        REFUTED,
        N,
    ),
    Case(
        "the largest index",
        lambda x: x * at(x).max() + jnp.argmax(at(x) % 3),
        lambda x: x * (x.shape[0] - 1) + jnp.minimum(x.shape[0] - 1, 2),
        PROVED,
        N,
    ),
    # merged axes
    Case(
        "running sums over a merged axis",
        lambda x: jnp.cumsum(x).reshape(x.shape),
        lambda x: jnp.cumsum(x, 1) + (jnp.cumsum(x.sum(1)) - x.sum(1))[:, None],
        PROVED,
        NM,
    ),
    Case(
        "running sums over a merged axis, with its own row",
        lambda x: jnp.cumsum(x).reshape(x.shape),
        lambda x: jnp.cumsum(x, 1) + jnp.cumsum(x.sum(1))[:, None],
        REFUTED,
        NM,
    ),
    Case(
        "a split that may not fit",
        lambda x: x.reshape(x.shape[0] * x.shape[1] // 2, 2),
        same,
        BadShape,
        NM,
        says="which is not affine in the sizes",
    ),
]
