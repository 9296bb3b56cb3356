"""Claims under hypotheses on the inputs: what follows, what does not, and hypotheses that nothing satisfies."""

from typing import Any

import jax.numpy as jnp

from jaxiom.errors import BadInput, BadShape
from jaxiom.layers import conv

from .case import PROVED, REFUTED, UNDECIDED, Case

NONE_FOUND = "no input was found that satisfies assume"
NO_CERTIFICATE = "no certificate was found that assume makes the difference zero"
POINTS, SQUARE = {"x": "n m", "Q": "m k"}, {"A": "n n", "x": "n"}
LAYER = {"X": "n h w c", "W": "kh kw c f", "s": ""}
FITS = "h >= kh, w >= kw"


def orthonormal(Q: Any) -> Any:
    return [(Q.T @ Q, jnp.eye(Q.shape[1]))]


def orthonormal_rows(Q: Any) -> Any:
    return [(Q @ Q.T, jnp.eye(Q.shape[0]))]


def unit_columns(Q: Any) -> Any:
    return [((Q * Q).sum(0), jnp.ones(Q.shape[1]))]


def symmetric(A: Any) -> Any:
    return [(A, A.T)]


def idempotent(A: Any) -> Any:
    return [(A @ A, A)]


def zero_sums(W: Any) -> Any:
    return [(W.sum((0, 1, 2)), jnp.zeros(W.shape[3]))]


def nothing(Q: Any) -> Any:
    return [(Q.T @ Q, jnp.eye(Q.shape[1])), (Q, jnp.zeros_like(Q))]


def by_size(x: Any) -> Any:
    return [(x, jnp.zeros_like(x))] if x.shape[0] == 3 else [(x, x[::-1])]


CASES = [
    # -- orthonormal columns
    Case(
        "project, back, project", lambda x, Q: x @ Q @ Q.T @ Q, lambda x, Q: x @ Q, PROVED, POINTS, assume=orthonormal
    ),
    Case(
        "back, project", lambda y, Q: y @ Q.T @ Q, lambda y, Q: y, PROVED, {"y": "n k", "Q": "m k"}, assume=orthonormal
    ),
    Case("project, back", lambda x, Q: x @ Q @ Q.T, lambda x, Q: x, REFUTED, POINTS, assume=orthonormal),
    Case(
        "the wrong side",
        lambda y, Q: y @ Q.T @ Q,
        lambda y, Q: y,
        REFUTED,
        {"y": "n k", "Q": "m k"},
        assume=orthonormal_rows,
    ),
    Case("the other side", lambda x, Q: x @ Q @ Q.T, lambda x, Q: x, PROVED, POINTS, assume=orthonormal_rows),
    Case(
        "either side will do", lambda x, Q: x @ Q @ Q.T @ Q, lambda x, Q: x @ Q, PROVED, POINTS, assume=orthonormal_rows
    ),
    Case(
        "twice there and back",
        lambda x, Q: x @ (Q @ Q.T) @ (Q @ Q.T),
        lambda x, Q: x @ Q @ Q.T,
        PROVED,
        POINTS,
        assume=orthonormal,
    ),
    Case(
        "lengths are kept",
        lambda x, Q: ((x @ Q.T) ** 2).sum(),
        lambda x, Q: (x**2).sum(),
        PROVED,
        {"x": "n k", "Q": "m k"},
        assume=orthonormal,
    ),
    Case(
        "lengths are not kept on the way there",
        lambda x, Q: ((x @ Q) ** 2).sum(),
        lambda x, Q: (x**2).sum(),
        REFUTED,
        POINTS,
        assume=orthonormal,
    ),
    Case(
        "the sum of squares is the rank",
        lambda Q: (Q**2).sum(),
        lambda Q: jnp.ones(Q.shape[1]).sum(),
        PROVED,
        {"Q": "m k"},
        assume=orthonormal,
    ),
    Case(
        "it is not the other size",
        lambda Q: (Q**2).sum(),
        lambda Q: jnp.ones(Q.shape[0]).sum(),
        REFUTED,
        {"Q": "m k"},
        assume=orthonormal,
    ),
    Case(
        "columns of length one",
        lambda Q: Q.T @ Q,
        lambda Q: jnp.eye(Q.shape[1]),
        REFUTED,
        {"Q": "m k"},
        assume=unit_columns,
    ),
    Case(
        "a single column of length one",
        lambda Q: Q.T @ Q,
        lambda Q: jnp.eye(1),
        PROVED,
        {"Q": "m 1"},
        assume=unit_columns,
    ),
    # True, but it follows by no identity that is the same for all sizes.
    Case(
        "a square matrix",
        lambda Q: Q @ Q.T,
        lambda Q: jnp.eye(Q.shape[0]),
        UNDECIDED,
        {"Q": "n n"},
        says=NO_CERTIFICATE,
        assume=orthonormal,
    ),
    Case(
        "orthonormal up to a factor",
        lambda x, Q, s: x @ Q @ Q.T @ Q,
        lambda x, Q, s: s * (x @ Q),
        PROVED,
        POINTS | {"s": ""},
        assume=lambda Q, s: [(Q.T @ Q, s * jnp.eye(Q.shape[1]))],
    ),
    Case(
        "two matrices",
        lambda x, P, Q: x @ P @ Q @ Q.T @ P.T @ P,
        lambda x, P, Q: x @ P @ Q @ Q.T,
        PROVED,
        {"x": "n l", "P": "l m", "Q": "m k"},
        assume=lambda P: [(P.T @ P, jnp.eye(P.shape[1]))],
    ),
    Case(
        "a product of two",
        lambda P, Q: (P @ Q).T @ (P @ Q),
        lambda P, Q: jnp.eye(Q.shape[1]),
        PROVED,
        {"P": "l m", "Q": "m k"},
        assume=lambda P, Q: [(P.T @ P, jnp.eye(P.shape[1])), (Q.T @ Q, jnp.eye(Q.shape[1]))],
    ),
    Case(
        "a product of two, one of them orthonormal",
        lambda P, Q: (P @ Q).T @ (P @ Q),
        lambda P, Q: jnp.eye(Q.shape[1]),
        REFUTED,
        {"P": "l m", "Q": "m k"},
        assume=lambda P: [(P.T @ P, jnp.eye(P.shape[1]))],
    ),
    # -- equations between entries
    Case(
        "a symmetric matrix from either side", lambda A, x: A @ x, lambda A, x: x @ A, PROVED, SQUARE, assume=symmetric
    ),
    Case("any matrix from either side", lambda A, x: A @ x, lambda A, x: x @ A, REFUTED, SQUARE, assume=idempotent),
    Case("its square is symmetric", lambda A: (A @ A).T, lambda A: A @ A, PROVED, {"A": "n n"}, assume=symmetric),
    Case(
        "a product of symmetric ones is not",
        lambda A, B: (A @ B).T,
        lambda A, B: A @ B,
        REFUTED,
        {"A": "n n", "B": "n n"},
        assume=lambda A, B: [(A, A.T), (B, B.T)],
    ),
    Case(
        "it is if they commute",
        lambda A, B: (A @ B).T,
        lambda A, B: A @ B,
        PROVED,
        {"A": "n n", "B": "n n"},
        assume=lambda A, B: [(A, A.T), (B, B.T), (A @ B, B @ A)],
    ),
    Case(
        "a skew form is zero",
        lambda A, x: x @ A @ x,
        lambda A, x: 0 * x[0],
        PROVED,
        SQUARE,
        assume=lambda A: [(A, -A.T)],
    ),
    Case("a skew matrix is not", lambda A, x: A @ x, lambda A, x: 0 * x, REFUTED, SQUARE, assume=lambda A: [(A, -A.T)]),
    Case(
        "a palindrome",
        lambda x, w: conv(x[None, :, None], w[:, None, None]),
        lambda x, w: conv(x[None, :, None], w[::-1, None, None]),
        PROVED,
        {"x": "n", "w": "k"},
        "n >= k",
        assume=lambda w: [(w, w[::-1])],
    ),
    Case(
        "constant along an axis",
        lambda A: A.sum(0),
        lambda A: A.shape[0] * A[0],
        PROVED,
        {"A": "n m"},
        assume=lambda A: [(A, A[:1] * jnp.ones((A.shape[0], 1)))],
    ),
    Case(
        "constant along the other axis",
        lambda A: A.sum(1),
        lambda A: A.shape[1] * A[0],
        REFUTED,
        {"A": "n n"},
        assume=lambda A: [(A, A[:1] * jnp.ones((A.shape[0], 1)))],
    ),
    Case("ones", lambda A, x: A @ x, lambda A, x: A.sum(1), PROVED, SQUARE, assume=lambda x: [(x, jnp.ones_like(x))]),
    Case(
        "a name for a product",
        lambda S, X: jnp.trace(S),
        lambda S, X: (X**2).sum(),
        PROVED,
        {"S": "k k", "X": "n k"},
        assume=lambda S, X: [(S, X.T @ X)],
    ),
    # -- sums
    Case(
        "a constant and filters of zero sum",
        lambda X, W, s: conv(X + s, W),
        lambda X, W, s: conv(X, W),
        PROVED,
        LAYER,
        FITS,
        assume=zero_sums,
    ),
    Case(
        "with zero padding",
        lambda X, W, s: conv(X + s, W, padding="SAME"),
        lambda X, W, s: conv(X, W, padding="SAME"),
        REFUTED,
        LAYER,
        FITS,
        assume=zero_sums,
    ),
    Case(
        "sums along the wrong axis",
        lambda X, W, s: conv(X + s, W),
        lambda X, W, s: conv(X, W),
        REFUTED,
        LAYER,
        FITS,
        assume=lambda W: [(W.sum(3), jnp.zeros(W.shape[:3]))],
    ),
    Case(
        "rows of a stochastic matrix",
        lambda A: (A @ A).sum(1),
        lambda A: jnp.ones(A.shape[0]),
        PROVED,
        {"A": "n n"},
        assume=lambda A: [(A.sum(1), jnp.ones(A.shape[0]))],
    ),
    Case(
        "its columns",
        lambda A: (A @ A).sum(0),
        lambda A: jnp.ones(A.shape[0]),
        REFUTED,
        {"A": "n n"},
        assume=lambda A: [(A.sum(1), jnp.ones(A.shape[0]))],
    ),
    Case(
        "a centred square",
        lambda x: ((x - x.mean()) ** 2).sum(),
        lambda x: (x**2).sum(),
        PROVED,
        {"x": "n"},
        assume=lambda x: [(x.mean(), jnp.zeros(()))],
    ),
    Case(
        "an uncentred one",
        lambda x: ((x - x.mean()) ** 2).sum(),
        lambda x: (x**2).sum(),
        REFUTED,
        {"x": "n"},
        assume=lambda x: [(x[0], jnp.zeros(()))],
    ),
    Case(
        "the sums of patches",
        lambda X, W, s: conv(X, W + s),
        lambda X, W, s: conv(X, W),
        PROVED,
        LAYER,
        FITS,
        assume=lambda X, W: [(conv(X, jnp.ones_like(W)), conv(X, jnp.zeros_like(W)))],
    ),
    # -- projectors
    Case(
        "a reflection twice",
        lambda A, x: (x - 2 * A @ x) - 2 * A @ (x - 2 * A @ x),
        lambda A, x: x,
        PROVED,
        SQUARE,
        assume=idempotent,
    ),
    Case("a projector need not be symmetric", lambda A: A.T, lambda A: A, REFUTED, {"A": "n n"}, assume=idempotent),
    Case("nor the identity", lambda A: A, lambda A: jnp.eye(A.shape[0]), REFUTED, {"A": "n n"}, assume=idempotent),
    # -- integer variables and branches on sizes
    Case(
        "zero or no factor",
        lambda x, p: x,
        lambda x, p: 0 * x,
        REFUTED,
        {"x": "n", "p": int},
        assume=lambda p, x: [(p * x, jnp.zeros_like(x))],
    ),
    Case(
        "a factor that is not zero",
        lambda x, p: x,
        lambda x, p: 0 * x,
        PROVED,
        {"x": "n", "p": int},
        "p >= 2",
        assume=lambda p, x: [(p * x, jnp.zeros_like(x))],
    ),
    Case("a hypothesis by size", lambda x: x, lambda x: x[::-1], PROVED, {"x": "n"}, assume=by_size),
    Case("a hypothesis by size, one of them too weak", lambda x: x, lambda x: -x, REFUTED, {"x": "n"}, assume=by_size),
    # -- nothing satisfies them, or they say nothing
    Case(
        "a contradiction",
        lambda x, Q: x @ Q,
        lambda x, Q: 2 * x @ Q,
        UNDECIDED,
        POINTS,
        says=NONE_FOUND,
        assume=nothing,
    ),
    Case(
        "a contradiction about another input",
        lambda x, Q: x,
        lambda x, Q: 2 * x,
        UNDECIDED,
        POINTS,
        says=NONE_FOUND,
        assume=nothing,
    ),
    Case(
        "a square that is negative",
        lambda x: x,
        lambda x: 0 * x,
        UNDECIDED,
        {"x": "n"},
        says=NONE_FOUND,
        assume=lambda x: [(x * x, -jnp.ones_like(x))],
    ),
    Case(
        "a root that is no fraction",
        lambda x: x**4,
        lambda x: 4 + 0 * x,
        UNDECIDED,
        {"x": ""},
        says=NONE_FOUND,
        assume=lambda x: [(x * x, 2 + 0 * x)],
    ),
    Case(
        "more columns than rows",
        lambda x, Q: x @ Q,
        lambda x, Q: 2 * x @ Q,
        UNDECIDED,
        POINTS,
        "k > m",
        says=NONE_FOUND,
        assume=orthonormal,
    ),
    Case(
        "what holds of every input",
        lambda A: A.T.T,
        lambda A: A,
        PROVED,
        {"A": "n n"},
        notes="not needed: A[",
        assume=symmetric,
    ),
    Case(
        "a hypothesis that holds of every input",
        lambda A: A.T,
        lambda A: A,
        REFUTED,
        {"A": "n n"},
        assume=lambda A: [(A.T.T, A)],
    ),
    Case(
        "false at every size",
        lambda x: x,
        lambda x: x,
        BadInput,
        {"x": "n"},
        says="pair 1 is false for every input and every size",
        assume=lambda x: [(0 * x, jnp.ones_like(x))],
    ),
    Case(
        "about sizes",
        lambda x: x,
        lambda x: x,
        BadInput,
        {"x": "n"},
        says="say it in given=",
        assume=lambda x: [(0 * x + x.shape[0], 3 + 0 * x)],
    ),
    Case(
        "pairs of two shapes",
        lambda x: x,
        lambda x: x,
        BadShape,
        {"x": "n"},
        says="the sides of pair 1 have shapes (n) and ()",
        assume=lambda x: [(x, jnp.zeros(()))],
    ),
    Case(
        "a root squared",
        lambda v: jnp.sqrt(v) ** 2,
        lambda v: v,
        PROVED,
        {"v": "n"},
        assume=lambda v: [(jnp.sqrt(v) ** 2, v)],
        notes="sqrt(v[p])·sqrt(v[p]) = 0",
    ),
    Case(
        "a root squared and negated",
        lambda v: jnp.sqrt(v) ** 2,
        lambda v: -v,
        REFUTED,
        {"v": "n"},
        assume=lambda v: [(jnp.sqrt(v) ** 2, v)],
    ),
    Case(
        "over itself",
        lambda x: x / x,
        lambda x: jnp.ones_like(x),
        PROVED,
        {"x": "n"},
        assume=lambda x: [(x * (1 / x), jnp.ones_like(x))],
    ),
    Case(
        "an exponential of one",
        lambda x, y: jnp.exp(x) * y,
        lambda x, y: 2 * y,
        REFUTED,
        {"x": "n", "y": "n"},
        assume=lambda x: [(jnp.exp(x), jnp.ones_like(x))],
    ),
]
