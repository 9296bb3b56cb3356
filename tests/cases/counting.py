"""Sizes used as numbers: means, quotients, counts, and polynomials that vanish only on some sizes."""

import jax.numpy as jnp
from jax import lax

from .case import PROVED, REFUTED, UNDECIDED, Case

VECTOR, MATRIX = {"x": "n"}, {"x": "n m"}


def centred(x):
    return x - x.mean(0)


def places(x):
    return jnp.arange(x.shape[0])


CASES = [
    Case(
        "n - 1 cancels but at 1",
        lambda x: x * (x.shape[0] - 1) / (x.shape[0] - 1),
        lambda x: x,
        PROVED,
        VECTOR,
        says="n != 1",
    ),
    Case(
        "n - m cancels but where it is 0",
        lambda x: x / (x.shape[0] - x.shape[1]) * (x.shape[0] - x.shape[1]),
        lambda x: x,
        PROVED,
        MATRIX,
        says="n != m",
    ),
    Case(
        "n·m - 1 cancels but at 1",
        lambda x: x / (x.size - 1) * (x.size - 1),
        lambda x: x,
        PROVED,
        MATRIX,
        says="m*n != 1",
    ),
    Case(
        "n·m - 2, which isl cannot solve",
        lambda x: x / (x.size - 2) * (x.size - 2),
        lambda x: x,
        UNDECIDED,
        MATRIX,
        says="m*n - 2",
        alone=False,
    ),
    Case("n·m - n against n·m", lambda x: x / (x.size - x.shape[0]) * x.size, lambda x: x, REFUTED, MATRIX),
    Case(
        "a third binomial formula",
        lambda x: x * (x.shape[0] ** 2 - 1) / (x.shape[0] - 1),
        lambda x: x * (x.shape[0] + 1),
        PROVED,
        VECTOR,
    ),
    Case(
        "partial fractions",
        lambda x: x / x.shape[0] - x / (x.shape[0] + 1),
        lambda x: x / (x.shape[0] * (x.shape[0] + 1)),
        PROVED,
        VECTOR,
    ),
    Case(
        "partial fractions, wrong",
        lambda x: x / x.shape[0] - x / (x.shape[0] + 1),
        lambda x: x / (x.shape[0] * (x.shape[0] + 2)),
        REFUTED,
        VECTOR,
    ),
    Case(
        "half of an even size",
        lambda x: x / (x.shape[0] // 2),
        lambda x: 2 * x / x.shape[0],
        PROVED,
        VECTOR,
        "n % 2 == 0",
    ),
    Case("half of any size", lambda x: x / (x.shape[0] // 2), lambda x: 2 * x / x.shape[0], REFUTED, VECTOR, "n >= 2"),
    Case(
        "quotient and remainder",
        lambda x: x * (2 * (x.shape[0] // 2) + x.shape[0] % 2),
        lambda x: x * x.shape[0],
        PROVED,
        VECTOR,
    ),
    Case("a polynomial zero at n = 3", lambda x: x * (x.shape[0] ** 2 - 9), lambda x: 0 * x, PROVED, VECTOR, "n == 3"),
    Case(
        "a polynomial zero at 1 and 2",
        lambda x: x * ((x.shape[0] - 1) * (x.shape[0] - 2)),
        lambda x: 0 * x,
        PROVED,
        VECTOR,
        "n <= 2",
    ),
    Case(
        "a polynomial zero at 1 and 2, up to 3",
        lambda x: x * ((x.shape[0] - 1) * (x.shape[0] - 2)),
        lambda x: 0 * x,
        REFUTED,
        VECTOR,
        "n <= 3",
        at={"n": 3},
    ),
    Case(
        "zero on two diagonals",
        lambda x: x * ((x.shape[0] - x.shape[1]) * (x.shape[0] - x.shape[1] - 1)),
        lambda x: 0 * x,
        PROVED,
        MATRIX,
        "n >= m, n <= m + 1",
    ),
    Case(
        "zero on two of three diagonals",
        lambda x: x * ((x.shape[0] - x.shape[1]) * (x.shape[0] - x.shape[1] - 1)),
        lambda x: 0 * x,
        REFUTED,
        MATRIX,
        "n >= m, n <= m + 2",
        at={"n": 3, "m": 1},
    ),
    Case("a mean of means", lambda x: x.mean(0).mean(0), lambda x: x.mean(), PROVED, MATRIX),
    Case("a mean of means over the wrong axis", lambda x: x.mean(0), lambda x: x.mean(1), REFUTED, {"x": "n n"}),
    Case("centring twice", lambda x: centred(centred(x)), centred, PROVED, MATRIX),
    Case("centring is not nothing", centred, lambda x: x, REFUTED, MATRIX, says="Σ"),
    Case("centring one row", centred, lambda x: 0 * x, PROVED, MATRIX, "n == 1"),
    Case(
        "the variance two ways",
        lambda x: (centred(x) ** 2).mean(0),
        lambda x: (x**2).mean(0) - x.mean(0) ** 2,
        PROVED,
        MATRIX,
    ),
    Case(
        "the variance by n or n - 1",
        lambda x: (centred(x) ** 2).sum(0) / (x.shape[0] - 1),
        lambda x: (centred(x) ** 2).mean(0),
        REFUTED,
        MATRIX,
        "n >= 2",
    ),
    Case("jnp.var", jnp.var, lambda x: (x * x).mean() - x.mean() ** 2, PROVED, VECTOR),
    Case(
        "jnp.var with ddof",
        lambda x: jnp.var(x, ddof=1),
        lambda x: ((x - x.mean()) ** 2).sum() / (x.shape[0] - 1),
        PROVED,
        VECTOR,
        says="n != 1",
    ),
    Case(
        "the sum of places",
        lambda x: x * places(x).sum(),
        lambda x: x * x.shape[0] * (x.shape[0] - 1) / 2,
        PROVED,
        VECTOR,
    ),
    Case(
        "the sum of squared places",
        lambda x: x * (places(x) * places(x)).sum(),
        lambda x: x * x.shape[0] * (x.shape[0] - 1) * (2 * x.shape[0] - 1) / 6,
        PROVED,
        VECTOR,
    ),
    Case(
        "the sum of squared places, misremembered",
        lambda x: x * (places(x) * places(x)).sum(),
        lambda x: x * x.shape[0] * (x.shape[0] - 1) * (2 * x.shape[0] + 1) / 6,
        REFUTED,
        VECTOR,
    ),
    Case(
        "the multiples of 3",
        lambda x: x * (places(x) % 3 == 0).sum(),
        lambda x: x * ((x.shape[0] + 2) // 3),
        PROVED,
        VECTOR,
    ),
    Case(
        "the multiples of 3 but 0",
        lambda x: x * (places(x) % 3 == 0).sum(),
        lambda x: x * (x.shape[0] // 3),
        REFUTED,
        VECTOR,
    ),
    Case(
        "ordered pairs",
        lambda x: x * (places(x)[:, None] < places(x)).sum(),
        lambda x: x * x.shape[0] * (x.shape[0] - 1) / 2,
        PROVED,
        VECTOR,
    ),
    Case(
        "running sums of running sums",
        lambda x: jnp.cumsum(jnp.cumsum(x))[-1],
        lambda x: (x * (x.shape[0] - places(x))).sum(),
        PROVED,
        VECTOR,
    ),
    Case(
        "divided by places",
        lambda x: x / places(x) * places(x),
        lambda x: x,
        UNDECIDED,
        VECTOR,
        says="may be zero",
        alone=False,
    ),
    Case("divided by places from 1", lambda x: x / (places(x) + 1) * (places(x) + 1), lambda x: x, PROVED, VECTOR),
    Case(
        "a count that is a lattice",
        lambda x: x * ((2 * places(x)[:, None] + 3 * places(x)) == 7).sum(),
        lambda x: x,
        PROVED,
        VECTOR,
        "n >= 3",
    ),
    Case(
        "the whole divisor at the border",
        lambda x: (
            lax.reduce_window(x, 0.0, lax.add, (3,), (1,), "VALID")
            / lax.reduce_window(jnp.ones_like(x), 0.0, lax.add, (3,), (1,), "VALID")
        ),
        lambda x: lax.reduce_window(x, 0.0, lax.add, (3,), (1,), "VALID") / 3,
        PROVED,
        VECTOR,
        "n >= 3",
    ),
]
