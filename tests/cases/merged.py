"""Axes that are merged and split, and sizes that are expressions."""

import jax.numpy as jnp
from jax import lax

from jaxiom.errors import BadShape

from .case import PROVED, REFUTED, UNDECIDED, Case

PATCHES = {"P": "m kh*kw*c", "W": "kh kw c f"}


def flat(W):
    return W.reshape(W.shape[0] * W.shape[1] * W.shape[2], W.shape[3])


def columns_first(W):
    return flat(W.transpose(1, 0, 2, 3))


def merged(A):
    return A.reshape(A.shape[0] * A.shape[1])


CASES = [
    Case("patches against filters", lambda P, W: P @ flat(W), lambda P, W: (flat(W).T @ P.T).T, PROVED, PATCHES),
    Case("patches in the other order", lambda P, W: P @ flat(W), lambda P, W: P @ columns_first(W), REFUTED, PATCHES),
    Case(
        "patches in the other order, square kernels",
        lambda P, W: P @ flat(W),
        lambda P, W: P @ columns_first(W),
        REFUTED,
        PATCHES,
        "kh == kw",
    ),
    Case(
        "patches in the other order, k by k",
        lambda P, W: P @ flat(W),
        lambda P, W: P @ columns_first(W),
        REFUTED,
        {"P": "m k*k*c", "W": "k k c f"},
    ),
    Case(
        "patches in the other order, kernels of one row",
        lambda P, W: P @ flat(W),
        lambda P, W: P @ columns_first(W),
        PROVED,
        PATCHES,
        "kh == 1",
    ),
    Case(
        "factors named in two orders",
        lambda A, B: A @ B.T,
        lambda A, B: (B @ A.T).T,
        PROVED,
        {"A": "m a*b", "B": "k b*a"},
    ),
    Case(
        "one input against both orders",
        lambda A, C: A @ merged(C),
        lambda A, C: A @ merged(C.T),
        REFUTED,
        {"A": "a*b", "C": "a b"},
    ),
    Case(
        "one input against both orders, on both sides",
        lambda A, C: A * merged(C) + A * merged(C.T),
        lambda A, C: A * merged(C.T) + A * merged(C),
        UNDECIDED,
        {"A": "a*b", "C": "a b"},
        says="not affine",
        alone=False,
    ),
    Case("merge and split back", lambda A: merged(A).reshape(A.shape), lambda A: A, PROVED, {"A": "a b"}),
    Case(
        "merge and split the other way",
        lambda A: merged(A).reshape(A.T.shape),
        lambda A: A.T,
        REFUTED,
        {"A": "a b"},
        alone=False,
    ),
    Case("merge and split a square", lambda A: merged(A).reshape(A.T.shape), lambda A: A, PROVED, {"A": "n n"}),
    Case(
        "merge and split a square, transposed",
        lambda A: merged(A).reshape(A.shape),
        lambda A: A.T,
        REFUTED,
        {"A": "n n"},
    ),
    Case(
        "pairs",
        lambda A: A.reshape(A.shape[0] // 2, 2).sum(1),
        lambda A: A[::2] + A[1::2],
        PROVED,
        {"A": "2*h"},
    ),
    Case(
        "halves for pairs",
        lambda A: A.reshape(2, A.shape[0] // 2).sum(0),
        lambda A: A[::2] + A[1::2],
        REFUTED,
        {"A": "2*h"},
    ),
    Case(
        "pairs of any number",
        lambda A: A.reshape(A.shape[0] // 2, 2).sum(),
        lambda A: A.sum(),
        BadShape,
        {"A": "h"},
        says='Say so in given=: "h % 2 == 0"',
    ),
    Case(
        "pairs of an even number",
        lambda A: A.reshape(A.shape[0] // 2, 2).sum(),
        lambda A: A.sum(),
        PROVED,
        {"A": "h"},
        "h % 2 == 0",
    ),
    Case(
        "sixes as threes", lambda A: A.reshape(-1, 6).reshape(-1, 3), lambda A: A.reshape(-1, 3), PROVED, {"A": "6*h"}
    ),
    Case("sixes transposed", lambda A: A.reshape(-1, 6).T.reshape(-1), lambda A: A, REFUTED, {"A": "6*h"}),
    Case(
        "reversed as one and as two axes",
        lambda A: jnp.flip(merged(A), 0),
        lambda A: merged(jnp.flip(A)),
        PROVED,
        {"A": "a b"},
    ),
    Case(
        "reversed along one of two axes",
        lambda A: merged(jnp.flip(A)),
        lambda A: merged(jnp.flip(A, 0)),
        REFUTED,
        {"A": "a b"},
    ),
    Case("a sum of sizes", lambda A: jnp.ones_like(A).sum(), lambda A: 1.0 * A.shape[0], PROVED, {"A": "h+p-1"}),
    Case(
        "a product of sums",
        lambda A, B: A @ merged(B),
        lambda A, B: merged(B) @ A,
        PROVED,
        {"A": "(h+1)*(w+1)", "B": "h+1 w+1"},
    ),
    Case(
        "a square's length", lambda A, B: A @ merged(B), lambda A, B: A @ merged(B.T), REFUTED, {"A": "n*n", "B": "n n"}
    ),
    Case("a mean of merged axes", lambda A: merged(A).mean(), lambda A: A.mean(0).mean(0), PROVED, {"A": "a b"}),
    Case(
        "Kronecker's mixed product",
        lambda A, B, C, D: jnp.kron(A, B) @ jnp.kron(C, D),
        lambda A, B, C, D: jnp.kron(A @ C, B @ D),
        PROVED,
        {"A": "a b", "B": "c d", "C": "b e", "D": "d g"},
    ),
    Case("Kronecker's product swapped", jnp.kron, lambda A, B: jnp.kron(B, A), REFUTED, {"A": "a a", "B": "b b"}),
    Case(
        "the vec trick",
        lambda A, X, B: merged(A @ X @ B),
        lambda A, X, B: jnp.kron(A, B.T) @ merged(X),
        PROVED,
        {"A": "a b", "X": "b c", "B": "c d"},
    ),
    Case(
        "the vec trick, column-major",
        lambda A, X, B: merged(A @ X @ B),
        lambda A, X, B: jnp.kron(B.T, A) @ merged(X),
        REFUTED,
        {"A": "a b", "X": "b c", "B": "c d"},
        alone=False,
    ),
    Case(
        "patches by JAX, channels outside",
        lambda X, W: (
            lax.conv_general_dilated_patches(X, (3,), (1,), "VALID", dimension_numbers=("NHC", "HIO", "NHC"))
            @ W.transpose(1, 0, 2).reshape(6, W.shape[2])
        ),
        lambda X, W: lax.conv_general_dilated(X, W, (1,), "VALID", dimension_numbers=("NHC", "HIO", "NHC")),
        PROVED,
        {"X": "n h 2", "W": "3 2 f"},
        "h >= 3",
    ),
    Case(
        "patches by JAX, channels inside",
        lambda X, W: (
            lax.conv_general_dilated_patches(X, (3,), (1,), "VALID", dimension_numbers=("NHC", "HIO", "NHC"))
            @ W.reshape(6, W.shape[2])
        ),
        lambda X, W: lax.conv_general_dilated(X, W, (1,), "VALID", dimension_numbers=("NHC", "HIO", "NHC")),
        REFUTED,
        {"X": "n h 2", "W": "3 2 f"},
        "h >= 3",
    ),
]
