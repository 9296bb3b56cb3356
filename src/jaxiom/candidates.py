"""Matrices of small fractions with a property that people assume: orthonormal columns, projectors, permutations.

Where the hypotheses of a claim are not linear, one of these may satisfy them; whether it does is computed, never
taken for granted.
"""

import random
from collections.abc import Callable
from fractions import Fraction
from math import prod

import numpy as np

Matrix = np.ndarray
"""Of fractions, with two axes."""
Kind = Callable[[int, int, random.Random], Matrix]


def matrix(entry: Callable[[int, int], int | Fraction], rows: int, columns: int) -> Matrix:
    made = np.empty((rows, columns), dtype=object)
    for i, j in np.ndindex(rows, columns):
        made[i, j] = Fraction(entry(i, j))
    return made


def eye(rows: int, columns: int, rng: random.Random | None = None) -> Matrix:
    """The identity, or its first rows or columns."""
    return matrix(lambda i, j: int(i == j), rows, columns)


def zeros(rows: int, columns: int, rng: random.Random) -> Matrix:
    return matrix(lambda i, j: 0, rows, columns)


def ones(rows: int, columns: int, rng: random.Random) -> Matrix:
    return matrix(lambda i, j: 1, rows, columns)


def whole(rows: int, columns: int, rng: random.Random) -> Matrix:
    """Small whole numbers."""
    return matrix(lambda i, j: rng.randint(-3, 3), rows, columns)


def signs(rows: int, columns: int, rng: random.Random) -> Matrix:
    return matrix(lambda i, j: rng.choice((-1, 1)), rows, columns)


def one_hot(rows: int, columns: int, rng: random.Random) -> Matrix:
    place = rng.randrange(rows), rng.randrange(columns)
    return matrix(lambda i, j: int((i, j) == place), rows, columns)


def permutation(rows: int, columns: int, rng: random.Random) -> Matrix:
    """The identity with its rows shuffled."""
    made = eye(rows, columns)
    order = list(range(rows))
    rng.shuffle(order)
    return made[order]


def diagonal(rows: int, columns: int, rng: random.Random) -> Matrix:
    return matrix(lambda i, j: rng.randint(-3, 3) if i == j else 0, rows, columns)


def nilpotent(rows: int, columns: int, rng: random.Random) -> Matrix:
    """Zero on and below the diagonal."""
    return matrix(lambda i, j: rng.randint(1, 3) if j > i else 0, rows, columns)


def symmetric(rows: int, columns: int, rng: random.Random) -> Matrix:
    made = whole(max(rows, columns), max(rows, columns), rng)
    return (made + made.T)[:rows, :columns]


def orthogonal(size: int, rng: random.Random) -> Matrix:
    """A product of two reflections in vectors of small whole numbers."""
    made = eye(size, size)
    for _ in range(2):
        normal = matrix(lambda i, j: rng.randint(-2, 2), size, 1)
        if normal.any():
            made = made - normal @ (normal.T @ made) * (Fraction(2) / (normal.T @ normal)[0, 0])
    return made


def orthonormal(rows: int, columns: int, rng: random.Random) -> Matrix:
    """Orthonormal columns, or rows where there are fewer of them."""
    return orthogonal(max(rows, columns), rng)[:rows, :columns]


def scaled(rows: int, columns: int, rng: random.Random) -> Matrix:
    """Orthogonal columns of any length."""
    return orthonormal(rows, columns, rng) * matrix(lambda i, j: rng.randint(1, 3), 1, columns)


def unit_columns(rows: int, columns: int, rng: random.Random) -> Matrix:
    """Columns of length one at any angle."""
    return np.hstack([orthogonal(rows, rng)[:, :1] for _ in range(columns)])


def unit_rows(rows: int, columns: int, rng: random.Random) -> Matrix:
    return unit_columns(columns, rows, rng).T


def projector(rows: int, columns: int, rng: random.Random) -> Matrix:
    """Onto a subspace, orthogonally."""
    size = max(rows, columns)
    basis = orthogonal(size, rng)[:, : rng.randint(1, size)]
    return (basis @ basis.T)[:rows, :columns]


def with_eigenvalues(size: int, values: Callable[[], int], rng: random.Random) -> Matrix:
    """T·D·T⁻¹, T a product of shears."""
    made = matrix(lambda i, j: values() if i == j else 0, size, size)
    for _ in range(2 * (size > 1)):
        i, j = rng.sample(range(size), 2)
        shear = eye(size, size)
        shear[i, j] = Fraction(rng.choice((-2, -1, 1, 2)))
        made = shear @ made @ (2 * eye(size, size) - shear)
    return made


def idempotent(rows: int, columns: int, rng: random.Random) -> Matrix:
    """A projector along any direction."""
    return with_eigenvalues(max(rows, columns), lambda: rng.randint(0, 1), rng)[:rows, :columns]


def involution(rows: int, columns: int, rng: random.Random) -> Matrix:
    """Its own inverse."""
    return with_eigenvalues(max(rows, columns), lambda: rng.choice((-1, 1)), rng)[:rows, :columns]


KINDS: tuple[Kind, ...] = (
    *(orthonormal, whole, zeros, ones, eye, permutation, one_hot, projector, unit_columns, unit_rows),
    *(idempotent, involution, signs, scaled, symmetric, diagonal, nilpotent),
)


def array_of(kind: Kind, shape: tuple[int, ...], rng: random.Random) -> np.ndarray:
    """An array whose axes, those before one of them and the others, are a matrix of a kind."""
    at = rng.choice([len(shape) - 1, len(shape) - 1, *range(1, len(shape))]) if len(shape) > 1 else len(shape)
    return kind(prod(shape[:at]), prod(shape[at:]), rng).reshape(shape)
