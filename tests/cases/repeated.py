"""Inputs that occur twice, axes of equal size, operands that change places."""

import jax
import jax.numpy as jnp

from jaxiom.layers import conv

from .case import PROVED, REFUTED, Case

SQUARE, VECTOR = {"A": "n n"}, {"x": "n"}

CASES = [
    Case("a transpose of a square", lambda A: A.T, lambda A: A, REFUTED, SQUARE, at={"n": 2}),
    Case("a transpose of a square of one", lambda A: A.T, lambda A: A, PROVED, SQUARE, "n == 1"),
    Case("a transpose of a square of at most one", lambda A: A.T, lambda A: A, PROVED, SQUARE, "n <= 1"),
    Case("a Gram matrix is symmetric", lambda A: (A @ A.T).T, lambda A: A @ A.T, PROVED, {"A": "n m"}),
    Case("the two Gram matrices", lambda A: A @ A.T, lambda A: A.T @ A, REFUTED, SQUARE),
    Case("the square's transpose", lambda A: (A @ A).T, lambda A: A.T @ A.T, PROVED, SQUARE),
    Case("a cube", lambda A: (A @ A) @ A, lambda A: A @ (A @ A), PROVED, SQUARE),
    Case("a cube and a square", lambda A: (A @ A) @ A, lambda A: A @ A.T @ A, REFUTED, SQUARE),
    Case("a product does not commute", lambda A, B: A @ B, lambda A, B: B @ A, REFUTED, {"A": "n n", "B": "n n"}),
    Case(
        "a trace does", lambda A, B: jnp.trace(A @ B), lambda A, B: jnp.trace(B @ A), PROVED, {"A": "n m", "B": "m n"}
    ),
    Case(
        "three matrices in a trace",
        lambda A, B, C: jnp.trace(A @ B @ C),
        lambda A, B, C: jnp.trace(A @ C @ B),
        REFUTED,
        {"A": "n n", "B": "n n", "C": "n n"},
    ),
    Case("a trace is no sum", jnp.trace, lambda A: A.sum(), REFUTED, SQUARE),
    Case("a sum squared", lambda x: x.sum() ** 2, lambda x: jnp.outer(x, x).sum(), PROVED, VECTOR),
    Case(
        "a sum squared and a sum of squares",
        lambda x: x.sum() ** 2,
        lambda x: (x * x).sum(),
        REFUTED,
        VECTOR,
        says="x[i]·x[j]",
    ),
    Case("a sum squared, of one", lambda x: x.sum() ** 2, lambda x: (x * x).sum(), PROVED, VECTOR, "n == 1"),
    Case("a sum cubed", lambda x: x.sum() ** 3, lambda x: jnp.einsum("i,j,k->", x, x, x), PROVED, VECTOR),
    Case("an outer square is symmetric", lambda x: jnp.outer(x, x), lambda x: jnp.outer(x, x).T, PROVED, VECTOR),
    Case("an outer product is not", jnp.outer, lambda x, y: jnp.outer(x, y).T, REFUTED, {"x": "n", "y": "n"}),
    Case(
        "a quadratic form sees the symmetric part",
        lambda x, A: x @ (A @ x),
        lambda x, A: x @ (A.T @ x),
        PROVED,
        {"x": "n", "A": "n n"},
    ),
    Case(
        "a bilinear form does not",
        lambda x, A, y: x @ (A @ y),
        lambda x, A, y: x @ (A.T @ y),
        REFUTED,
        {"x": "n", "A": "n n", "y": "n"},
    ),
    Case(
        "x convolved with itself",
        lambda x: conv(x[None, :, None], x[:, None, None]),
        lambda x: (x * x).sum()[None, None, None],
        PROVED,
        VECTOR,
    ),
    Case(
        "x convolved with itself in full is a palindrome",
        lambda x: conv(x[None, :, None], x[:, None, None], padding="FULL"),
        lambda x: jnp.flip(conv(x[None, :, None], x[:, None, None], padding="FULL"), 1),
        PROVED,
        VECTOR,
    ),
    Case(
        "x convolved with y in full is none",
        lambda x, y: conv(x[None, :, None], y[:, None, None], padding="FULL"),
        lambda x, y: jnp.flip(conv(x[None, :, None], y[:, None, None], padding="FULL"), 1),
        REFUTED,
        {"x": "n", "y": "n"},
    ),
    Case("the gradient of a square", lambda x: jax.grad(lambda y: (y * y).sum())(x), lambda x: 2 * x, PROVED, VECTOR),
    Case(
        "the gradient of a quadratic form",
        lambda A, x: jax.grad(lambda y: y @ (A @ y))(x),
        lambda A, x: (A + A.T) @ x,
        PROVED,
        {"A": "n n", "x": "n"},
    ),
    Case(
        "the gradient of a quadratic form, as if symmetric",
        lambda A, x: jax.grad(lambda y: y @ (A @ y))(x),
        lambda A, x: 2 * A @ x,
        REFUTED,
        {"A": "n n", "x": "n"},
    ),
    Case("the outputs swapped", lambda x, y: (x, y), lambda x, y: (y, x), REFUTED, {"x": "n", "y": "n"}),
    Case("the outputs swapped, of one input", lambda x: (x, x), lambda x: (x, 1 * x), PROVED, VECTOR),
    Case("rows and columns of one sum", lambda A: A.sum(0), lambda A: A.sum(1), REFUTED, SQUARE),
    Case("three quarter turns", jnp.rot90, lambda A: jnp.rot90(A, 3), REFUTED, SQUARE),
    Case("two quarter turns", lambda A: jnp.rot90(A, 2), jnp.flip, PROVED, {"A": "n m"}),
]
